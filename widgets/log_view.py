"""Lines of a log: thousands of them, a cursor, a text that is looked for, and an end that can be followed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len, set_cell_size
from textual.strip import Strip

from widgets.cells import LineBuilder, printable
from widgets.line_view import LineView

_SIDE_STEP = 16
_KNOWN_MOST = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """How one row is written: what stands before its text and never moves, its text, and its style."""

    head: tuple[tuple[str, str], ...]
    text: str
    style: str = ""


class LogView(LineView):
    """Rows in the order of time, oldest first. `tell` says how one is written; it is asked for those on the screen."""

    def __init__(self, tell: Callable[[Any], Told], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tell = tell
        self._rows: list[Any] = []
        self._cursor = 0
        self._left = 0
        self._wanted: re.Pattern[str] | None = None
        self._known: dict[tuple[Told, int, int, bool], Strip] = {}

    # -- content -----------------------------------------------------------------------------------------------------
    @property
    def rows(self) -> Sequence[Any]:
        return self._rows

    @property
    def cursor(self) -> int:
        """The place of the row under the cursor; 0 without any row."""
        return self._cursor

    @property
    def current(self) -> Any | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._cursor < len(self._rows) else None

    @property
    def at_end(self) -> bool:
        """Whether the cursor is on the last row."""
        return self._cursor >= len(self._rows) - 1

    def show(self, rows: Sequence[Any], cursor: int) -> None:
        """Other rows; the one at `cursor` in the middle of the view, as far as there are others around it."""
        self._rows = list(rows)
        self._cursor = max(0, min(cursor, len(self._rows) - 1))
        self.set_top(self._cursor - self.page_lines // 2)

    def add_newer(self, rows: Sequence[Any], *, follow: bool, drop: int = 0) -> None:
        """Rows at the end, and as many taken from the beginning as `drop` says. `follow`: the cursor goes along."""
        top = self.top
        self._rows.extend(rows)
        del self._rows[:drop]
        last = len(self._rows) - 1
        self._cursor = last if follow else max(0, self._cursor - drop)
        if follow:
            self.set_top(last - max(1, self.page_lines) + 1)
        elif drop:
            self.set_top(max(0, top - drop))
        else:
            self.sync()

    def add_older(self, rows: Sequence[Any], *, drop: int = 0) -> None:
        """Rows at the beginning; what is on the screen stays where it is. `drop` are taken from the end."""
        top = self.top
        self._rows[:0] = rows
        if drop:
            del self._rows[-drop:]
        self._cursor = min(self._cursor + len(rows), max(0, len(self._rows) - 1))
        self.set_top(top + len(rows))

    def look_for(self, text: str) -> None:
        """Marks a text in the rows, case ignored; none with an empty one."""
        self._wanted = re.compile(re.escape(text), re.IGNORECASE) if text else None
        self._known.clear()
        self.sync()

    # -- moving ------------------------------------------------------------------------------------------------------
    def go(self, place: int) -> None:
        """The cursor to a row."""
        self._cursor = max(0, min(place, len(self._rows) - 1))
        self.show_lines(self._cursor)
        self.sync()

    def move(self, delta: int) -> None:
        """By rows."""
        self.go(self._cursor + delta)

    def move_to_end(self, first: bool) -> None:
        """To the first row, or to the last."""
        self.go(0 if first else len(self._rows) - 1)

    def page(self, delta: int) -> None:
        """By half pages."""
        self.move(delta * max(1, self.page_lines // 2))

    def scroll_columns(self, delta: int) -> None:
        """The texts sideways; what stands before them stays."""
        seen = self._rows[self.top : self.top + self.page_lines]
        longest = max((cell_len(self._tell(row).text) for row in seen), default=0)
        self._left = max(0, min(max(0, longest - _SIDE_STEP), self._left + delta * _SIDE_STEP))
        self.sync()

    # -- painting ----------------------------------------------------------------------------------------------------
    def line_total(self) -> int:
        return len(self._rows)

    def paint_line(self, index: int, width: int) -> Strip:
        told = self._tell(self._rows[index])
        cursor = self.active and index == self._cursor
        key = (told, width, self._left, cursor)
        known = self._known.get(key)
        if known is None:
            if len(self._known) > _KNOWN_MOST:
                self._known.clear()
            known = self._known[key] = self._paint(told, width, cursor)
        return known

    def _paint(self, told: Told, width: int, cursor: bool) -> Strip:
        builder = LineBuilder()
        for text, style in told.head:
            kept = style if not cursor or style != "dim" else ""  # grey in reverse video is hard to read
            builder.add(printable(text), self.paint(kept, cursor=cursor))
        room = width - builder.cells
        plain = self.paint(told.style, cursor=cursor)
        text = _from(printable(told.text[: 4 * (self._left + width)]), self._left)
        if room < 1:
            return builder.strip(width, self.paint("", cursor=cursor))
        if cell_len(text) > room:
            text = set_cell_size(text, room - 1).rstrip() + "…"
        at = 0
        for found in self._wanted.finditer(text) if self._wanted is not None else ():
            builder.add(text[at : found.start()], plain)
            builder.add(text[found.start() : found.end()], self.paint("accent", cursor=not cursor))
            at = found.end()
        builder.add(text[at:], plain)
        return builder.strip(width, self.paint("", cursor=cursor))

    def palette_changed(self) -> None:
        self._known.clear()


def _from(text: str, cells: int) -> str:
    """The text without its first cells; of a wide character that straddles the edge a blank is left."""
    used = 0
    for index, char in enumerate(text):
        if used >= cells:
            return " " * (used - cells) + text[index:]
        used += cell_len(char)
    return text if not cells else ""
