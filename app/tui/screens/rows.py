"""Rows: keeps a table in step with the picture, a part at a time where there are thousands."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Collection, Iterable
from typing import Any

from app.tui.picture import Changes
from app.tui.screens.moves import perform_move
from app.tui.screens.page import Deck
from app.tui.views import cells
from app.tui.views.view import Field, View
from widgets.columns import Row
from widgets.record_table import RecordTable

SLICE = 150
"""Rows off the screen whose ages go on each second, so that thousands of rows never cost a second's work at once."""

PART = 400
"""Rows that are made at one go."""


def table_for(deck: Deck, view: View, *, id: str | None = None) -> RecordTable:
    """A table as this deck draws them, still without rows."""
    table = RecordTable((), sort=view.sort, reverse=view.reverse, cut=cells.cut, clock=deck.options.monotonic, id=id)
    return table


class Rows:
    """Keeps a table in step with the picture: which fields there are, and which rows are to be made anew."""

    def __init__(self, deck: Deck, view: View, table: RecordTable, *, without: Collection[str] = ()) -> None:
        self._deck = deck
        self.view = view
        self.table = table
        self._without = without
        self.fields: tuple[Field, ...] = ()
        self._slice = 0
        self._left: list[str] = []
        self._going = False

    def rebuild(self) -> None:
        """All rows anew, and the columns if there are others now. Thousands come in parts, faults first, so that no
        key waits for them."""
        picture = self._deck.picture
        options = self._deck.options.views.get(self.view.id, {})
        chosen = options.get("columns", ())
        names = [str(name).casefold() for name in chosen] if isinstance(chosen, (list, tuple)) else []
        fields = self.view.layout(picture, chosen=names, without=self._without)
        columns = tuple(field.column for field in fields)
        if columns != self.table.columns:
            sort = str(options.get("sort", self.view.sort)).casefold()
            self.table.set_columns(columns, sort=sort, reverse=self.view.reverse and sort == self.view.sort)
        self.fields = fields
        records = self.view.records(picture)
        keys = list(records)
        if len(keys) > PART:
            keys.sort(key=lambda key: not picture.named(self.view.ref(key)))
        self._left = keys[PART:]
        self._put(keys[:PART], self.table.keys - records.keys())
        self._go_on()

    def _put(self, keys: Iterable[str], gone: Iterable[str] = ()) -> None:
        records = self.view.records(self._deck.picture)
        present = [key for key in keys if key in records]
        self.table.update_rows([self._row(records[key]) for key in present], gone)

    def _go_on(self) -> None:
        """The next part, once the keys that wait have been heard."""
        if self._left and not self._going:
            self._going = True
            self.table.call_later(self._next_part)

    async def _next_part(self) -> None:
        part, self._left = self._left[:PART], self._left[PART:]
        self._put(part)
        await sleep(0)
        self._going = False
        self._go_on()

    def update(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        """What a frame changed."""
        if changes.whole & self.view.sections or not self.fields:
            self.rebuild()
            return
        keys = dirty.get(self.view.section, set())
        if not keys:
            return
        records = self.view.records(self._deck.picture)
        now = keys
        if len(keys) > PART:
            now = keys & {row.key for row in self._seen()}
            waiting = set(self._left)
            self._left += [key for key in keys if key not in now and key not in waiting]
        self._put(now, [key for key in keys if key not in records])
        self._go_on()

    def _seen(self) -> list[Row]:
        top = self.table.top
        return self.table.rows_shown(top, top + self.table.page_lines + 1)

    def refs_seen(self) -> list[str]:
        """Refs of the rows on the screen, the cursor's first."""
        keys = [self.table.cursor_key, *(row.key for row in self._seen())]
        return [self.view.ref(key) for key in dict.fromkeys(keys) if key]

    def tick(self, *, seen_only: bool = False) -> None:
        """Ages go on: of what is on the screen, and of a slice of the rest in turn."""
        if not self.fields:
            return
        rows = self._seen()
        if not seen_only:
            rows += self.table.rows_shown(self._slice, self._slice + SLICE)
            self._slice = self._slice + SLICE if self._slice + SLICE < self.table.shown else 0
        records = self.view.records(self._deck.picture)
        keys = dict.fromkeys(row.key for row in rows)
        self.table.update_rows([self._row(records[key]) for key in keys if key in records])

    def _row(self, record: Any) -> Row:
        return self.view.row(record, self.fields, self._deck.picture)


def perform_on_table(table: RecordTable, action: str) -> bool:
    """The actions that any table knows; False for others."""
    moves = {
        "columns.left": lambda: table.scroll_columns(-1),
        "columns.right": lambda: table.scroll_columns(1),
        "sort.left": lambda: table.sort_next(-1),
        "sort.right": lambda: table.sort_next(1),
        "sort.reverse": table.sort_reverse,
        "refresh": table.resort,
    }
    if action in moves:
        moves[action]()
        return True
    return perform_move(table, action)
