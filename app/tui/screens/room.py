"""Room: what of the overview finds place on a terminal of a size. Findings come first."""

from __future__ import annotations

from collections.abc import Collection

PANES_FROM = (120, 30)
"""Cells and lines from which there are panes instead of a line for each view."""
WIDE_FROM = (190, 40)
"""Cells and lines from which the panes stand in three columns."""
LINES_FROM = (60, 24)
"""Cells and lines of the terminal under which the lines of the views go."""
AROUND = 4
"""Lines of the terminal around the page: status, verdict, message, footer."""
NOW_LEAST = 7
"""Lines that Now has at least where there is something below it."""
SPARE_LEAST = 5
"""Lines that Now must leave for a pane of worst rows in them: title, header, three rows."""
SPARE = ("consumers", "agents", "streams")
"""Views whose worst rows take the room that Now leaves, two of them at most."""


def lines_height(views: Collection[str]) -> int:
    """Lines of the views' lines with their title."""
    return len(views) + 1


def spare_panes(views: Collection[str], height: int, wanted: int) -> dict[str, int]:
    """The panes that find room between Now, which wants so many lines, and the views' lines: their ids and lines."""
    room = height - AROUND - 1 - max(NOW_LEAST, wanted) - lines_height(views)
    if room < SPARE_LEAST:
        return {}
    names = [name for name in SPARE if name in views][: 2 if room >= 2 * SPARE_LEAST else 1]
    return {f"spare-{name}": (room + len(names) - 1 - at) // len(names) for at, name in enumerate(names)}
