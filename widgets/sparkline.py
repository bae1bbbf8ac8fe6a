"""A row of blocks for a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#@"


def sparkline(
    values: Sequence[float | None],
    cells: int,
    *,
    low: float | None = 0.0,
    high: float | None = None,
    ascii: bool = False,
) -> str:
    """Exactly `cells` cells, the newest value at the right. Where nothing is known (None) there is a blank.

    More values than cells: each cell shows the largest of its share, so that a peak never vanishes. `low` and `high`
    are the values of the lowest and the highest block; None takes them from the values.
    """
    if cells < 1:
        return ""
    blocks = _ASCII if ascii else _BLOCKS
    shares = _shares(values, cells)
    known = [value for value in shares if value is not None]
    if not known:
        return " " * cells
    least = min(known) if low is None else low
    most = max(known) if high is None else high
    steps = len(blocks) - 1
    drawn = "".join(" " if value is None else blocks[_level(value, least, most, steps)] for value in shares)
    return drawn.rjust(cells)


def _level(value: float, least: float, most: float, steps: int) -> int:
    if most <= least or value <= least:
        return 0
    # Rounded up: what is not nothing is drawn above what is nothing.
    share = min(1.0, (value - least) / (most - least))
    return min(steps, max(1, round(share * steps)))


def _shares(values: Sequence[float | None], cells: int) -> list[float | None]:
    count = len(values)
    clean = [value if value is not None and value == value else None for value in values]
    if count <= cells:
        return clean
    shares: list[float | None] = []
    for cell in range(cells):
        part = clean[cell * count // cells : (cell + 1) * count // cells]
        known = [value for value in part if value is not None]
        shares.append(max(known) if known else None)
    return shares
