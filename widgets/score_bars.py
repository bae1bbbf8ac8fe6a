"""A bar for a number out of a hundred, in eighths of a cell."""

from __future__ import annotations

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(value: float, cells: int) -> str:
    """Exactly `cells` cells, full for 100; what is not nothing shows at least an eighth."""
    share = min(1.0, max(0.0, value / 100))
    eighths = round(share * cells * 8)
    if share > 0 and not eighths:
        eighths = 1
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(cells)[:cells]
