"""A list of lines to pick from, by cursor, digit or first letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.strip import Strip

from widgets.cells import Cut, LineBuilder, cut_end
from widgets.line_view import LineView


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One line: a key for the caller, a text, a note at the right. An item that is not `enabled` is only read."""

    key: str
    text: str
    note: str = ""
    style: str = ""
    enabled: bool = True


class Menu(LineView):
    """Items one below the other; the first nine that can be picked have digits. Takes no keys: see `pick`."""

    DEFAULT_CSS = "Menu { height: auto; max-height: 100%; }"

    class Picked(Message):
        """An item was clicked."""

        def __init__(self, menu: Menu, key: str) -> None:
            super().__init__()
            self.menu = menu
            self.key = key

        @property
        def control(self) -> Menu:
            return self.menu

    def __init__(
        self, items: Sequence[MenuItem] = (), *, title: str = "", cut: Cut = cut_end, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self._cut = cut
        self._title = title
        self.head_lines = 1 if title else 0
        self._items = tuple(items)
        self._cursor = self._first()

    def set_items(self, items: Sequence[MenuItem]) -> None:
        """Other items; the cursor stays on its key where there still is one."""
        key = self.cursor_key
        self._items = tuple(items)
        self._cursor = next((i for i, item in enumerate(self._items) if item.key == key and key), self._first())
        self.refresh(layout=True)

    @property
    def items(self) -> tuple[MenuItem, ...]:
        return self._items

    @property
    def cursor_key(self) -> str:
        """Key of the item under the cursor; empty where there is none."""
        return self._items[self._cursor].key if self._items else ""

    @cursor_key.setter
    def cursor_key(self, key: str) -> None:
        for index, item in enumerate(self._items):
            if item.key == key:
                self._go(index)

    def move(self, delta: int) -> None:
        """Moves the cursor by items that can be picked, around the ends."""
        places = [i for i, item in enumerate(self._items) if item.enabled]
        if places:
            now = places.index(self._cursor) if self._cursor in places else 0
            self._go(places[(now + delta) % len(places)])

    def pick(self, character: str) -> str | None:
        """The key of the item that a digit or a first letter stands for; None where there is none.

        A letter that several items begin with picks none: it moves the cursor to the next of them.
        """
        if character.isdecimal():
            places = [i for i, item in enumerate(self._items) if item.enabled]
            number = int(character) - 1
            return self._items[places[number]].key if 0 <= number < min(9, len(places)) else None
        low = character.casefold()
        found = [i for i, item in enumerate(self._items) if item.enabled and item.text.casefold().startswith(low)]
        if len(found) == 1:
            self._go(found[0])
            return self._items[found[0]].key
        if found:
            self._go(next((i for i in found if i > self._cursor), found[0]))
        return None

    def _first(self) -> int:
        return next((i for i, item in enumerate(self._items) if item.enabled), 0)

    def _go(self, index: int) -> None:
        self._cursor = index
        self.show_lines(index)
        self.sync()

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        return len(self._items) + self.head_lines

    def line_total(self) -> int:
        return len(self._items)

    def paint_head(self, y: int, width: int) -> Strip:
        line = LineBuilder()
        line.fitted(f" {self._title}", self.paint("strong"), width, cut=self._cut)
        return line.strip(width, self.paint(""))

    def paint_line(self, index: int, width: int) -> Strip:
        item = self._items[index]
        cursor = index == self._cursor and item.enabled and self.active
        plain = self.paint("" if item.enabled else "dim", cursor=cursor)
        style = self.paint(item.style, cursor=cursor) if item.style and not cursor else plain
        number = sum(1 for other in self._items[: index + 1] if other.enabled)
        line = LineBuilder()
        line.add(f" {number} " if item.enabled and number <= 9 else "   ", plain, 3)
        note = self._cut(item.note, max(0, width // 2)) if item.note else ""
        line.fitted(item.text, style, width - 4 - (len(note) + 1 if note else 0), cut=self._cut)
        if note:
            line.fitted(note, plain if cursor else self.paint("dim"), width - line.cells - 1, right=True)
        return line.strip(width, plain)

    def on_click(self, event: events.Click) -> None:
        index = self.line_at(event)
        if index is not None and self._items[index].enabled:
            event.stop()
            self._go(index)
            self.post_message(self.Picked(self, self._items[index].key))
