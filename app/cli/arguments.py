"""Arguments: the options of every command may stand before or after its name."""

from __future__ import annotations

from collections.abc import Sequence

WITH_VALUE = frozenset(
    {
        "--config",
        "--profile",
        "--nats-url",
        "--context",
        "--domain",
        "--namespace",
        "--listen",
        "--state-dir",
        "--attach",
        "--theme",
        "--log-level",
    }
)
SWITCHES = frozenset({"--read-only", "--ascii"})


def options_first(arguments: Sequence[str]) -> list[str]:
    """The same arguments with the options of every command moved to the front, up to a `--`."""
    moved: list[str] = []
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            kept += [argument, *rest]
        elif argument in WITH_VALUE:
            value = next(rest, None)
            if value is None:
                kept.append(argument)  # without its value: refused where it stands
            else:
                moved += [argument, value]
        elif argument in SWITCHES or argument.partition("=")[0] in WITH_VALUE:
            moved.append(argument)
        else:
            kept.append(argument)
    return moved + kept
