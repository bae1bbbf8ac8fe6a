"""Fields and lines of a detail: sections of label and text, and rows in them that lead further."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from widgets.cells import Cut, LineBuilder, cut_end, wrap_cells
from widgets.line_view import LineView

_WIDEST_LABEL = 24
_LONGEST_TEXT = 100_000


@dataclass(frozen=True, slots=True)
class Field:
    """A label and its text, or a text alone. With a `key` it is a row that the cursor can be on, kept to one line.

    `glyph` stands before the text in the same style. Texts that are too long for the line go on below it.
    """

    label: str = ""
    text: str = ""
    style: str = ""
    key: str = ""
    glyph: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A title and what stands under it. Without fields it says `empty`."""

    title: str
    fields: tuple[Field, ...] = ()
    empty: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str = ""
    label: str = ""
    style: str = ""
    glyph: str = ""
    key: str = ""
    title: bool = False
    section: int = 0


class TextView(LineView):
    """Sections one below the other. The cursor moves over rows with a key, else the view scrolls. Takes no keys."""

    class CursorMoved(Message):
        """The cursor is on another row; `key` is empty where there is none."""

        def __init__(self, view: TextView, key: str) -> None:
            super().__init__()
            self.view = view
            self.key = key

        @property
        def control(self) -> TextView:
            return self.view

    class Opened(Message):
        """A row was clicked twice."""

        def __init__(self, view: TextView, key: str) -> None:
            super().__init__()
            self.view = view
            self.key = key

        @property
        def control(self) -> TextView:
            return self.view

    def __init__(self, *, cut: Cut = cut_end, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._cut = cut
        self._sections: tuple[Section, ...] = ()
        self._lines: list[_Line] = []
        self._label_cells = 0
        self._cursor = ""

    def set_sections(self, sections: Sequence[Section]) -> None:
        """Other sections. Cursor and view stay where they are; lines that are the same are not painted again."""
        if tuple(sections) == self._sections:
            return
        self._sections = tuple(sections)
        self._arrange()

    def set_text(self, text: str, title: str = "") -> None:
        """One section of plain text, a field a line."""
        lines = text[:_LONGEST_TEXT].splitlines()
        self.set_sections([Section(title, tuple(Field(text=line) for line in lines))])

    @property
    def sections(self) -> tuple[Section, ...]:
        return self._sections

    @property
    def cursor_key(self) -> str:
        """Key of the row under the cursor; empty where there is none."""
        return self._cursor

    @cursor_key.setter
    def cursor_key(self, key: str) -> None:
        if any(line.key == key for line in self._lines if line.key):
            self._set_cursor(key)

    @property
    def lines_wanted(self) -> int:
        """How many lines all of it takes at the present width."""
        return len(self._lines)

    @property
    def more_below(self) -> int:
        """How many lines are below the last one on the screen."""
        return max(0, len(self._lines) - self.top - self.page_lines)

    def move(self, delta: int) -> None:
        """Moves the cursor by rows that have a key; scrolls by lines where there is none further that way."""
        keys = self._keys()
        if not keys:
            self.scroll_lines(delta)
            return
        place = keys.index(self._cursor) if self._cursor in keys else -1
        new = max(0, min(len(keys) - 1, place + delta))
        if new == place:
            self.scroll_lines(delta)
        else:
            self._set_cursor(keys[new])

    def move_to_end(self, first: bool) -> None:
        """Goes to the first line and row, or to the last."""
        keys = self._keys()
        if keys:
            self._set_cursor(keys[0 if first else -1])
        self.set_top(0 if first else len(self._lines))

    def page(self, delta: int) -> None:
        """Scrolls by half pages; the cursor comes along where there are rows."""
        lines = delta * max(1, self.page_lines // 2)
        self.scroll_lines(lines)
        on_screen = [line.key for line in self._lines[self.top : self.top + self.page_lines] if line.key]
        if on_screen and self._cursor not in on_screen:
            self._set_cursor(on_screen[0 if delta > 0 else -1])

    def next_section(self, delta: int) -> None:
        """Puts the next section (or the one before) at the top, and the cursor on its first row."""
        starts = [number for number, line in enumerate(self._lines) if line.title]
        if not starts:
            return
        now = self._section_now()
        section = (now + delta) % len(self._sections)
        start = next((n for n in starts if self._lines[n].section == section), 0)
        key = next((line.key for line in self._lines if line.section == section and line.key), "")
        if key:
            self._set_cursor(key)
        self.set_top(start)

    def _section_now(self) -> int:
        line = next((line for line in self._lines if line.key and line.key == self._cursor), None)
        if line is not None:
            return line.section
        return self._lines[min(self.top, len(self._lines) - 1)].section

    def _keys(self) -> list[str]:
        return [line.key for line in self._lines if line.key]

    def _set_cursor(self, key: str) -> None:
        if key != self._cursor:
            self._cursor = key
            self.post_message(self.CursorMoved(self, key))
        if key:
            self.show_lines(next(number for number, line in enumerate(self._lines) if line.key == key))
        self.sync()

    def _arrange(self) -> None:
        """The sections as lines of the present width."""
        width = max(20, self.size.width)
        labels = [cell_len(field.label) for section in self._sections for field in section.fields]
        self._label_cells = min(_WIDEST_LABEL, max(labels, default=0), width // 3)
        before = self._keys()
        lines: list[_Line] = []
        for number, section in enumerate(self._sections):
            if lines:
                lines.append(_Line(section=number - 1))
            if section.title:
                lines.append(_Line(section.title, title=True, section=number))
            for field in section.fields:
                lines += self._field_lines(field, width, number)
            if not section.fields and section.empty:
                lines.append(_Line(section.empty, style="dim", section=number))
        self._lines = lines
        keys = self._keys()
        if self._cursor not in keys:
            place = before.index(self._cursor) if self._cursor in before else 0
            self._cursor = keys[min(place, len(keys) - 1)] if keys else ""
            self.post_message(self.CursorMoved(self, self._cursor))
        self.sync()

    def _field_lines(self, field: Field, width: int, section: int) -> list[_Line]:
        first = _Line(field.text, field.label, field.style, field.glyph, field.key, section=section)
        room = width - 2 - (self._label_cells + 2 if field.label else 0)
        if field.key or cell_len(field.text) <= room:
            return [first]
        texts = wrap_cells(field.text[:_LONGEST_TEXT], room)
        rest = " " if field.label else ""
        return [
            _Line(texts[0], field.label, field.style, field.glyph, section=section),
            *[_Line(text, rest, field.style, section=section) for text in texts[1:]],
        ]

    def resized(self) -> None:
        super().resized()
        self._arrange()

    def line_total(self) -> int:
        return len(self._lines)

    def paint_line(self, index: int, width: int) -> Strip:
        line = self._lines[index]
        cursor = bool(line.key) and line.key == self._cursor and self._active
        plain = self.paint("strong" if line.title else "", cursor=cursor)
        style = self.paint(line.style, cursor=cursor) if line.style and not cursor else plain
        builder = LineBuilder()
        builder.add(" ", plain, 1)
        if line.label:
            label = plain if cursor else self.paint("dim")
            builder.fitted(line.label, label, self._label_cells, cut=self._cut)
            builder.add("  ", plain, 2)
        if line.glyph:
            builder.fitted(line.glyph, self.paint(line.style, cursor=cursor), 1)
            builder.add(" ", plain, 1)
        room = max(0, width - builder.cells - 1)
        if cell_len(line.text) < room:
            builder.fitted(line.text, style, cell_len(line.text))
        else:
            builder.fitted(line.text, style, room, cut=self._cut)
        return builder.strip(width, plain)

    def on_click(self, event: events.Click) -> None:
        index = self.line_at(event)
        if index is not None and (key := self._lines[index].key):
            event.stop()
            self._set_cursor(key)
            if event.chain == 2:
                self.post_message(self.Opened(self, key))
