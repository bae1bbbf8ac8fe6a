"""What scores are measured by, checked as it comes from a file or the environment."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from app.model.scoring import Bands, Dimension, Weights
from app.settings.errors import SettingsError

LONGEST_WINDOW = 90
"""Days."""
SUM = (0.95, 1.05)
"""What weights must add up to, as AgentLens has it."""
_BANDS = {"healthy": Bands().healthy, "warning": Bands().warning}


def window(where: str, value: object) -> int:
    """A window in whole days, 1 to 90."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_WINDOW:
        raise SettingsError(f"{where} must be a number of days, 1 to {LONGEST_WINDOW}")
    return value


def weights(where: str, value: object) -> dict[str, float]:
    """How much each dimension counts: all five, or those that are not named keep their default."""
    given = _numbers(where, value, [each.value for each in Dimension], "a dimension", 0.0, 1.0)
    total = Weights(**given).total
    if not SUM[0] <= total <= SUM[1]:
        raise SettingsError(f"{where} must add up to 1 (0.95 to 1.05), and they are {total:g} together")
    return given


def bands(where: str, value: object) -> dict[str, float]:
    """Least overall scores of the bands."""
    given = _BANDS | _numbers(where, value, list(_BANDS), "a band", 0.0, 100.0)
    if given["warning"] >= given["healthy"]:
        raise SettingsError(f"{where}: warning must be less than healthy, {given['healthy']:g}")
    return given


def _numbers(where: str, value: object, names: list[str], kind: str, least: float, most: float) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} must be a table such as {{{names[0]} = {most * 0.75:g}}}")
    for name, number in value.items():
        if name not in names:
            close = difflib.get_close_matches(name, names, 1, 0.6)
            nearest = f", the nearest is {close[0]}" if close else f": they are {', '.join(names)}"
            raise SettingsError(f"{where}: {name} is not {kind}{nearest}")
        if isinstance(number, bool) or not isinstance(number, int | float) or not least <= number <= most:
            raise SettingsError(f"{where}.{name} must be a number from {least:g} to {most:g}")
    return {name: float(number) for name, number in value.items()}
