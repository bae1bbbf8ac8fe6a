"""What is wrong now: one line a finding, the one under the cursor opened in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from widgets.cells import Cut, LineBuilder, cut_end
from widgets.columns import Align, Slot, fit_columns
from widgets.line_view import LineView
from widgets.now_row import NowRow, now_columns, text_of

__all__ = ["NowList", "NowRow"]

WIDE_FROM = 76
"""Cells from which a finding is one line; below, what is wrong stands on a second one."""

COMPACT_BELOW = 50
"""Cells under which a finding is one line of glyph, subject and age."""

_INDENT = 5


@dataclass(frozen=True, slots=True)
class _Line:
    """One line on the screen: part 0 is the finding itself, 1 its sentence below it, 2 and 3 its details; -1 none."""

    row: int
    part: int


class NowList(LineView):
    """Findings in the order they are given, with the cursor on a key. Takes no keys."""

    class CursorMoved(Message):
        """The cursor is on another finding; `key` is empty where there is none."""

        def __init__(self, now: NowList, key: str) -> None:
            super().__init__()
            self.now = now
            self.key = key

        @property
        def control(self) -> NowList:
            return self.now

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, NowList.CursorMoved) and message.now is self.now

    class Opened(Message):
        """A finding was clicked twice."""

        def __init__(self, now: NowList, key: str) -> None:
            super().__init__()
            self.now = now
            self.key = key

        @property
        def control(self) -> NowList:
            return self.now

    def __init__(self, *, cut: Cut = cut_end, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._cut = cut
        self._rows: tuple[NowRow, ...] = ()
        self._more = ""
        self._headline = ""
        self._headline_style = ""
        self._cursor = ""
        self._place = 0
        self._opened = True
        self._unfolded = False
        self._lines: list[_Line] = []
        self._slots: tuple[Slot, ...] = ()

    def set_rows(
        self, rows: Sequence[NowRow], *, more: str = "", headline: str = "", headline_style: str = "ok"
    ) -> None:
        """The findings, worst first.

        `more` is a line below them (`1 acknowledged · e shows`); `headline` is said instead of them where there are
        none (`All clear. …`). The cursor stays on its finding; where that is gone, it is on the one in its place.
        """
        self._rows = tuple(rows)
        self._more = more
        self._headline = headline
        self._headline_style = headline_style
        place = next((i for i, row in enumerate(self._rows) if row.key == self._cursor), None)
        if place is None:
            place = max(0, min(self._place, len(self._rows) - 1))
        self._set_cursor(place)
        self._arrange()

    @property
    def rows(self) -> tuple[NowRow, ...]:
        return self._rows

    @property
    def cursor_key(self) -> str:
        """Key of the finding under the cursor; empty where there is none."""
        return self._cursor

    @cursor_key.setter
    def cursor_key(self, key: str) -> None:
        for place, row in enumerate(self._rows):
            if row.key == key:
                self._go(place)

    @property
    def cursor_row(self) -> NowRow | None:
        """The finding under the cursor."""
        return self._rows[self._place] if self._rows else None

    @property
    def opened(self) -> bool:
        """Whether the finding under the cursor is opened in place."""
        return self._opened

    @opened.setter
    def opened(self, on: bool) -> None:
        if on != self._opened:
            self._opened = on
            self._arrange()

    @property
    def unfolded(self) -> bool:
        """Whether every finding shows the first of its details below it, as long as all of them find room."""
        return self._unfolded

    @unfolded.setter
    def unfolded(self, on: bool) -> None:
        if on != self._unfolded:
            self._unfolded = on
            self._arrange()

    @property
    def lines_wanted(self) -> int:
        """How many lines all of it takes, opened evidence included."""
        return len(self._lines)

    def most_lines(self, width: int) -> int:
        """How many lines all of it takes in this width, whichever finding is opened."""
        each = 2 if COMPACT_BELOW <= width < WIDE_FROM else 1
        opened = 2 if self._rows and width >= COMPACT_BELOW else 0
        return max(1, len(self._rows) * each + opened + bool(self._more))

    @property
    def more_below(self) -> int:
        """How many findings are wholly below the last line on the screen."""
        return sum(1 for line in self._lines[self.top + self.page_lines :] if line.part == 0)

    def move(self, delta: int) -> None:
        """Moves the cursor by findings."""
        if self._rows:
            self._go(max(0, min(len(self._rows) - 1, self._place + delta)))

    def move_to_end(self, first: bool) -> None:
        """Moves the cursor to the first finding, or to the last."""
        self.move(-len(self._rows) if first else len(self._rows))

    def page(self, delta: int) -> None:
        """Moves the cursor by half pages."""
        self.move(delta * max(1, self.page_lines // 2))

    def _go(self, place: int) -> None:
        self._set_cursor(place)
        self._arrange()

    def _set_cursor(self, place: int) -> None:
        self._place = place
        key = self._rows[place].key if self._rows else ""
        if key != self._cursor:
            self._cursor = key
            self.post_message(self.CursorMoved(self, key))

    def _arrange(self) -> None:
        """Which line shows what, for the width and the cursor there are."""
        width = self.size.width
        lines: list[_Line] = []
        all_open = self._unfolded and 2 * len(self._rows) + 1 + bool(self._more) <= self.page_lines
        for index, row in enumerate(self._rows):
            lines.append(_Line(index, 0))
            if COMPACT_BELOW <= width < WIDE_FROM:
                lines.append(_Line(index, 1))
            if self._opened and self._active and index == self._place and width >= COMPACT_BELOW:
                lines += [_Line(index, 2 + number) for number in range(min(2, len(row.details)))]
            elif all_open and row.details:
                lines.append(_Line(index, 2))
        if self._more:
            lines.append(_Line(-1, 0))
        self._lines = lines
        own = [number for number, line in enumerate(lines) if line.row == self._place]
        if own:
            self.show_lines(own[0], own[-1])
        self.sync()

    def resized(self) -> None:
        super().resized()
        self._slots = ()
        self._arrange()

    def palette_changed(self) -> None:
        if self.is_attached:
            self._arrange()

    def line_total(self) -> int:
        return max(1, len(self._lines))

    def paint_line(self, index: int, width: int) -> Strip:
        builder = LineBuilder()
        if index >= len(self._lines) or not self._rows:
            style = self.paint(self._headline_style if not self._rows else "")
            if index == 0:
                builder.fitted(f" {self._headline}", style, width, cut=self._cut)
            elif self._more:
                builder.fitted(f"   {self._more}", self.paint("dim"), width, cut=self._cut)
            return builder.strip(width, self.paint(""))
        line = self._lines[index]
        if line.row < 0:
            builder.fitted(f"   {self._more}", self.paint("dim"), width, cut=self._cut)
            return builder.strip(width, self.paint("dim"))
        row = self._rows[line.row]
        if line.part == 0:
            return self._finding(row, width, cursor=self._active and line.row == self._place)
        text = row.what if line.part == 1 else row.details[line.part - 2]
        style = self.paint("dim" if row.dim or line.part > 1 else "")
        builder.fitted(" " * _INDENT + text, style, width, cut=self._cut)
        return builder.strip(width, style)

    def _finding(self, row: NowRow, width: int, *, cursor: bool) -> Strip:
        plain = self.paint("" if cursor or not row.dim else "dim", cursor=cursor)
        severity = self.paint(row.style, cursor=cursor)
        builder = LineBuilder()
        builder.add(" ", plain, 1)
        if width < COMPACT_BELOW:
            builder.fitted(row.glyph, severity, 1)
            builder.add(" ", plain, 1)
            age = min(5, cell_len(row.age))
            builder.fitted(row.subject, plain, max(1, width - 4 - age), cut=self._cut)
            builder.add(" ", plain, 1)
            builder.fitted(row.age, plain, age, right=True)
            return builder.strip(width, plain)
        for number, slot in enumerate(self._layout_slots(width)):
            if number:
                builder.add(" ", plain, 1)
            style = severity if slot.column.id == "severity" else plain
            right = slot.column.align is Align.RIGHT
            builder.fitted(text_of(row, slot.column.id), style, slot.width, right=right, cut=self._cut)
        return builder.strip(width, plain)

    def _layout_slots(self, width: int) -> tuple[Slot, ...]:
        columns = now_columns(self._rows, what=width >= WIDE_FROM)
        if not self._slots or tuple(slot.column for slot in self._slots) != columns:
            self._slots = fit_columns(columns, width - 1)
        return self._slots

    def on_click(self, event: events.Click) -> None:
        index = self.line_at(event)
        if index is not None and index < len(self._lines) and self._lines[index].row >= 0:
            event.stop()
            self._go(self._lines[index].row)
            if event.chain == 2:
                self.post_message(self.Opened(self, self._cursor))
