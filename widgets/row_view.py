"""How a table's rows look: which columns fit, one painted line a row, the header, the line that says how many more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from widgets.cells import Cut, LineBuilder
from widgets.columns import Cell, Column, Row, Slot, fit_columns, name_index, other_columns
from widgets.line_view import LineView
from widgets.row_order import RowOrder
from widgets.row_paint import cells_of, paint_header, paint_row
from widgets.sorting import Sorting

_LONGEST_NAME = 64
_LINES_KEPT = 512


@dataclass(frozen=True, slots=True)
class _Painted:
    """A line, and what it was painted from."""

    row: Row
    cursor: bool
    marked: bool
    cells: tuple[Cell, ...]
    strip: Strip


class RowView(LineView):
    """Paints the rows of a `RowOrder` as the width, the cursor and the marks ask for. `RecordTable` moves them."""

    head_lines = 1

    def __init__(
        self, columns: Sequence[Column], sorting: Sorting, *, cut: Cut, empty: str, id: str | None, classes: str | None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._order = RowOrder(columns, sorting)
        self._cut = cut
        self._empty = empty
        self._cursor = ""
        self._marked: dict[str, None] = {}
        self._slots: tuple[Slot, ...] | None = None
        self._lines: dict[str, _Painted] = {}
        self._header: Strip | None = None
        self._wide = False
        self._ascii = False
        self._more_line = False
        self._skip = 0
        self._name_width = 0
        self._laid_out = -1

    def look_changed(self) -> None:
        """Called after something was set that changes how the table looks."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, shown or not."""
        return self._order.columns

    @property
    def columns_shown(self) -> tuple[Column, ...]:
        """The columns that fit."""
        return tuple(slot.column for slot in self._layout_slots(self.size.width))

    @property
    def shown(self) -> int:
        """How many rows are shown (scrolled away ones counted)."""
        return len(self._order.keys)

    @property
    def wide(self) -> bool:
        """Whether all columns are there, to be scrolled through, with whole names."""
        return self._wide

    @wide.setter
    def wide(self, on: bool) -> None:
        if on != self._wide:
            self._wide = on
            self._skip = 0
            self._relayout()
            self.sync()
            self.look_changed()

    @property
    def ascii(self) -> bool:
        """Whether the table's own marks keep to ASCII (glyphs in cells are the caller's)."""
        return self._ascii

    @ascii.setter
    def ascii(self, on: bool) -> None:
        if on != self._ascii:
            self._ascii = on
            self._relayout()
            self.sync()

    @property
    def empty(self) -> str:
        """What is said in the middle when no row is shown."""
        return self._empty

    @empty.setter
    def empty(self, text: str) -> None:
        if text != self._empty:
            self._empty = text
            self.sync()

    @property
    def more_line(self) -> bool:
        """Whether the last line says how many rows are below it, for panes that show the worst first."""
        return self._more_line

    @more_line.setter
    def more_line(self, on: bool) -> None:
        if on != self._more_line:
            self._more_line = on
            self.look_changed()
            self.sync()

    def scroll_columns(self, delta: int) -> None:
        """Scrolls sideways by columns; glyph and name stay."""
        others = other_columns(self.columns, wide=self._wide)
        skip = max(0, min(self._last_skip(len(others)), self._skip + delta))
        if skip != self._skip:
            self._skip = skip
            self._relayout()
            self.sync()

    @property
    def more_below(self) -> int:
        """How many rows are below the last one on the screen."""
        return max(0, self.shown - self.top - self._room())

    # How it works

    def _room(self) -> int:
        """Lines for rows; the one that says how many more is not among them."""
        page = self.page_lines
        return page - 1 if self._more_line and self.top + page < self.shown else page

    def _last_skip(self, others: int) -> int:
        """The least skip that shows the last column; from there on, scrolling would only make room."""
        fixed = len({0, name_index(self.columns)})
        if others == 0 or (self._skip == 0 and len(self.columns_shown) == others + fixed):
            return 0
        last = other_columns(self.columns, wide=self._wide)[-1]
        fitting = (skip for skip in range(1, others) if any(slot.index == last for slot in self._fit(skip)))
        return next(fitting, others - 1)

    def _layout_slots(self, width: int) -> tuple[Slot, ...]:
        if self._slots is None or self._laid_out != width:
            self._relayout()
            self._laid_out = width
            self._name_width = self._longest_name() if self._wide else 0
            self._slots = self._fit(self._skip)
        return self._slots

    def _fit(self, skip: int) -> tuple[Slot, ...]:
        return fit_columns(self.columns, self.size.width, wide=self._wide, skip=skip, name_width=self._name_width)

    def _longest_name(self) -> int:
        name = name_index(self.columns)
        rows = self._order.rows
        names = (rows[key].cells[name].text for key in self._order.keys)
        longest = max((len(text) if text.isascii() else cell_len(text) for text in names), default=0)
        return min(longest, _LONGEST_NAME)

    def _relayout(self) -> None:
        self._slots = None
        self._header = None
        self._lines.clear()

    def palette_changed(self) -> None:
        self._relayout()

    def line_total(self) -> int:
        return max(1, self.shown)

    def paint_head(self, y: int, width: int) -> Strip:
        slots = self._layout_slots(width)
        if self._header is None:
            sorting, down = self._order.sorting, self._order.largest_first
            mark = ("v" if down else "^") if self._ascii else ("▾" if down else "▴")
            self._header = paint_header(slots, width, self.paint("header"), sort=sorting.column, mark=mark)
        return self._header

    def paint_line(self, index: int, width: int) -> Strip:
        if not self._order.keys:
            return Strip.blank(width, self.paint(""))
        if self._more_line and index == self.top + self.page_lines - 1 and index < self.shown - 1:
            line = LineBuilder()
            line.fitted(f" +{self.shown - index} more", self.paint("dim"), width)
            return line.strip(width, self.paint("dim"))
        slots = self._layout_slots(width)
        key = self._order.keys[index]
        row = self._order.rows[key]
        cursor = self._active and key == self._cursor
        marked = key in self._marked
        known = self._lines.get(key)
        if known is not None and known.row is row and known.cursor is cursor and known.marked is marked:
            return known.strip
        cells = cells_of(row, slots)
        if known is not None and known.cursor is cursor and known.marked is marked:
            if known.cells == cells and known.row.dim is row.dim:
                self._lines[key] = replace(known, row=row)
                return known.strip
        elif len(self._lines) > _LINES_KEPT:
            self._lines.clear()
        strip = paint_row(row, cells, slots, width, self._paint_style, self._cut, cursor=cursor, marked=marked)
        self._lines[key] = _Painted(row, cursor, marked, cells, strip)
        return strip

    def _line(self, y: int, width: int) -> Strip:
        if not self._order.keys and self._empty and y == max(1, self.size.height // 2):
            line = LineBuilder()
            text = self._cut(self._empty, max(1, width - 2))
            line.fitted(" " * max(0, (width - cell_len(text)) // 2) + text, self.paint("dim"), width)
            return line.strip(width, self.paint("dim"))
        return super()._line(y, width)

    def _paint_style(self, name: str, cursor: bool) -> Style:
        return self.paint(name, cursor=cursor)
