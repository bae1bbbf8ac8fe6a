"""One row, and the header, as lines: exact widths, styles by name, the cursor in reverse video."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from widgets.cells import Cut, LineBuilder, cut_end, fit_cells
from widgets.columns import GAP, Align, Cell, Row, Slot

Paint = Callable[[str, bool], Style]
"""Style for a style name; the flag is for the row of the cursor."""

_NOTHING = Cell("")
MARK = "*"


def cells_of(row: Row, slots: Sequence[Slot]) -> tuple[Cell, ...]:
    """The cells of a row that are shown."""
    cells = row.cells
    count = len(cells)
    return tuple(cells[slot.index] if slot.index < count else _NOTHING for slot in slots)


def paint_row(
    row: Row,
    cells: Sequence[Cell],
    slots: Sequence[Slot],
    width: int,
    paint: Paint,
    cut: Cut,
    *,
    cursor: bool = False,
    marked: bool = False,
) -> Strip:
    """The line of a row of which `cells` are shown.

    Only the glyph keeps its colour under the cursor, so that a fault still shows there.
    """
    line = LineBuilder()
    plain = paint("dim" if row.dim else "", cursor)
    if cursor:
        plain = paint("", True)
    for number, (cell, slot) in enumerate(zip(cells, slots, strict=True)):
        if number:
            line.add(MARK if marked and number == 1 else " " * GAP, plain, GAP)
        style = plain
        if cell.style and (slot.index == 0 or not (cursor or row.dim)):
            style = paint(cell.style, cursor)
        line.fitted(cell.text, style, slot.width, right=slot.column.align is Align.RIGHT, cut=cut)
    return line.strip(width, plain)


def paint_header(slots: Sequence[Slot], width: int, style: Style, *, sort: str = "", mark: str = "") -> Strip:
    """The line of titles, each aligned as its column; `mark` stands beside the title of the column `sort`."""
    line = LineBuilder()
    texts = [_title(slot, mark if slot.column.id == sort else "") for slot in slots]
    for number, (slot, text) in enumerate(zip(slots, texts, strict=True)):
        if number:
            # A title as wide as its column puts the mark into the gap beside it.
            before, own = texts[number - 1], text
            gap = mark if len(own) == 2 and slot.column.align is Align.RIGHT else " "
            if len(before) == 2 and slots[number - 1].column.align is Align.LEFT:
                gap = mark
            line.add(gap, style)
        line.add(text[0], style, slot.width)
    return line.strip(width, style)


def _title(slot: Slot, mark: str) -> tuple[str, ...]:
    """The title in the width of its column; a second element says that the mark is still to be placed."""
    right = slot.column.align is Align.RIGHT
    title = slot.column.title
    if not mark:
        return (fit_cells(title, slot.width, right=right, cut=cut_end),)
    marked = mark + title if right else title + mark
    if cell_len(marked) <= slot.width:
        return (fit_cells(marked, slot.width, right=right),)
    return fit_cells(title, slot.width, right=right, cut=cut_end), mark
