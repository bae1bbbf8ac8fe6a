"""Line charts in braille: one value a step, gaps where nothing is known; alone, or beside an earlier one."""

from __future__ import annotations

from collections.abc import Sequence

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The dot of a row and a column within a cell."""
HOLLOW = "○"
DOTTED = "·"
MARK = "│"


def line_chart(
    values: Sequence[float | None], cells: int, lines: int, *, low: float, high: float, hollow_last: bool = False
) -> list[str]:
    """`lines` lines of `cells` cells each, the top one first; the first value at the left edge, the last at the right.

    Values beside one another are joined; where one is None nothing is drawn and nothing joined. A value outside of
    `low` to `high` is drawn at the edge. With `hollow_last` the last value is a ring: it is not final yet.
    """
    if cells < 1 or lines < 1 or high <= low:
        return [" " * max(0, cells)] * max(0, lines)
    grid = [[0] * cells for _ in range(lines)]
    points = _points(values, cells * 2, lines * 4, low, high)
    before: tuple[int, int] | None = None
    for point in points:
        if point is not None:
            for x, y in _between(before or point, point):
                grid[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        before = point
    drawn = [[chr(_BRAILLE + dots) if dots else " " for dots in row] for row in grid]
    last = points[-1] if points else None
    if hollow_last and last is not None:
        drawn[last[1] // 4][last[0] // 2] = HOLLOW
    return ["".join(row) for row in drawn]


Run = tuple[str, str]
"""Cells that are painted alike, and what they are of: `line`, `before`, `mark`, or nothing."""


def compared_chart(
    values: Sequence[float | None],
    before: Sequence[float | None],
    cells: int,
    lines: int,
    *,
    low: float,
    high: float,
    mark: int | None = None,
) -> list[list[Run]]:
    """A line of `values` over the dotted one of `before`; both begin at the left edge, step by step.

    `mark`: the step whose column is marked through. Nothing is told by colour alone: what was before is dots.
    """
    cells, lines = max(1, cells), max(1, lines)
    steps = max(1, len(values) - 1, len(before) - 1)
    drawn = line_chart([*values, *[None] * (steps + 1 - len(values))], cells, lines, low=low, high=high)
    grid = [[(glyph, "line" if glyph != " " else "") for glyph in row] for row in drawn]
    last: tuple[int, int] | None = None
    for point in _points(before, cells, lines, low, high, steps):
        for x, y in _between(last or point, point) if point is not None else ():
            if grid[y][x][1] == "":
                grid[y][x] = (DOTTED, "before")
        last = point
    if mark is not None and 0 <= mark <= steps:
        column = step_column(mark, steps + 1, cells)
        for row in grid:
            if row[column][1] == "":
                row[column] = (MARK, "mark")
    return [_runs(row) for row in grid]


def step_column(step: int, steps: int, cells: int) -> int:
    """The column in which a step of so many is drawn."""
    return round(step * (cells * 2 - 1) / max(1, steps - 1)) // 2


def _runs(row: Sequence[Run]) -> list[Run]:
    runs: list[Run] = []
    for glyph, kind in row:
        if runs and runs[-1][1] == kind:
            runs[-1] = (runs[-1][0] + glyph, kind)
        else:
            runs.append((glyph, kind))
    return runs


def _points(
    values: Sequence[float | None], width: int, height: int, low: float, high: float, steps: int = 0
) -> list[tuple[int, int] | None]:
    steps = steps or max(1, len(values) - 1)
    found: list[tuple[int, int] | None] = []
    for place, value in enumerate(values):
        if value is None or value != value:
            found.append(None)
            continue
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        found.append((round(place * (width - 1) / steps), round((1 - share) * (height - 1))))
    return found


def _between(begin: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """The dots of a straight line, both ends included."""
    (x0, y0), (x1, y1) = begin, end
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    return [(round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps)) for step in range(steps + 1)]
