"""Figures that tremble: held until they have really moved, so that rows which look the same stay the same."""

from __future__ import annotations

from typing import TypeVar

Number = TypeVar("Number", int, float)


def steady(before: Number | None, now: Number | None, *, share: float = 0.0, least: float = 0.0) -> Number | None:
    """The figure from before, unless that of now differs by more than a share of it and by more than `least`."""
    if before is None or now is None:
        return now
    return before if abs(now - before) <= max(before * share, least) else now
