"""The list of one resource: one page for all of them, driven by a View."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult

from app.model import text
from app.tui import sentences
from app.tui.lines import Line, Span
from app.tui.picture import Changes
from app.tui.screens.page import Deck, Page
from app.tui.views import cells
from app.tui.views.view import Field, View
from widgets.columns import Row
from widgets.record_table import RecordTable
from widgets.row_filter import parse

SLICE = 150
"""Rows off the screen whose ages go on each second, so that thousands of rows never cost a second's work at once."""

PART = 400
"""Rows that are made at one go."""


def table_for(deck: Deck, view: View, *, id: str | None = None) -> RecordTable:
    """A table as this deck draws them, still without rows."""
    table = RecordTable((), sort=view.sort, cut=cells.cut, clock=deck.options.monotonic, id=id)
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
        self._known: set[str] = set()
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
            self.table.set_columns(columns, sort=sort)
            self._known.clear()
        self.fields = fields
        records = self.view.records(picture)
        keys = list(records)
        if len(keys) > PART:
            keys.sort(key=lambda key: not picture.named(self.view.ref(key)))
        self._left = keys[PART:]
        self._put(keys[:PART], self._known - records.keys())
        self._go_on()

    def _put(self, keys: Iterable[str], gone: Iterable[str] = ()) -> None:
        records = self.view.records(self._deck.picture)
        present = [key for key in keys if key in records]
        self._known.difference_update(gone)
        self._known.update(present)
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
        if changes.whole & self.view.sections:
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
        return self.table.rows_shown()[top : top + self.table.page_lines + 1]

    def tick(self, *, seen_only: bool = False) -> None:
        """Ages go on: of what is on the screen, and of a slice of the rest in turn."""
        rows = self._seen()
        if not seen_only:
            shown = self.table.rows_shown()
            rows += shown[self._slice : self._slice + SLICE]
            self._slice = self._slice + SLICE if self._slice + SLICE < len(shown) else 0
        records = self.view.records(self._deck.picture)
        keys = dict.fromkeys(row.key for row in rows)
        made = [self._row(records[key]) for key in keys if key in records]
        self.table.update_rows([row for row in made if row != self.table.row(row.key)])

    def _row(self, record: Any) -> Row:
        return self.view.row(record, self.fields, self._deck.picture)


def perform_on_table(table: RecordTable, action: str) -> bool:
    """The actions that any table knows; False for others."""
    moves = {
        "move.down": lambda: table.move(1),
        "move.up": lambda: table.move(-1),
        "move.first": lambda: table.move_to_end(True),
        "move.last": lambda: table.move_to_end(False),
        "page.down": lambda: table.page(1),
        "page.up": lambda: table.page(-1),
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
    return False


class ResourcePage(Page):
    """A whole view as a list."""

    kind: ClassVar[str] = "list"

    def __init__(self, deck: Deck, view: View) -> None:
        super().__init__(deck, view.id)
        self.view = view
        self.table = table_for(deck, view)
        self.rows = Rows(deck, view, self.table)

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def sections(self) -> frozenset[str]:
        return self.view.sections

    @property
    def crumb(self) -> str:
        return self.view.title

    def head(self) -> Line:
        """Counts, and everything that makes the list other than whole: what is left out is always said."""
        count = self.picture.snapshot.counts.get(self.view.section)
        spans: list[Span] = list(sentences.counts(count)) if count else []
        table = self.table
        told = []
        if table.shown != table.total - table.hidden_count:
            told.append(f"{table.shown} of {table.total - (0 if table.show_hidden else table.hidden_count)}")
        if table.hidden_count and not table.show_hidden:
            told.append(f"+{table.hidden_count} hidden")
        if table.faults_only:
            told.append("faults only")
        if self.filter_text:
            told.append(f"/{text.cut(self.filter_text, 24)}")
        if table.marked:
            told.append(f"{len(table.marked)} marked")
        if not table.sorting.health:
            told.append(f"by {table.sorting.column}")
        if table.order_held:
            told.append("order held")
        return Line((*spans, *((note, "dim") for note in told)))

    def rebuild(self) -> None:
        self.rows.rebuild()
        self._settle()

    def refresh_facts(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        self.rows.update(changes, dirty)
        self._settle()

    def tick(self) -> None:
        self.rows.tick()
        self._settle()

    def _settle(self) -> None:
        self.table.empty = self._empty()
        self.deck.head_changed()

    def _empty(self) -> str:
        table = self.table
        if self.view.section not in self.picture.held:
            return "The first facts are coming."
        if self.filter_text and table.filtered_count:
            return f"Nothing matches /{text.cut(self.filter_text, 30)} ({table.filtered_count} hidden) — esc clears"
        if table.faults_only and table.filtered_count:
            return f"No faults — f shows all {table.filtered_count}"
        if table.hidden_count and not table.show_hidden:
            return f"Only hidden {self.view.nouns[1]} — e shows all {table.hidden_count}"
        return sentences.empty(self.picture, self.view)

    def set_filter(self, text: str) -> None:
        match = parse(text, self.table.columns) if text.strip() else None
        super().set_filter(text.strip())
        self.table.set_filter(match)
        self._settle()

    def leave(self) -> bool:
        if self.table.marked:
            self.table.clear_marks()
        elif self.filter_text:
            self.set_filter("")
        else:
            return False
        return True

    async def perform(self, action: str) -> bool:
        table = self.table
        if action == "open":
            if table.cursor_key:
                await self.deck.open_ref(self.view.ref(table.cursor_key))
        elif action in ("fault.next", "fault.previous"):
            if not table.next_fault(1 if action == "fault.next" else -1):
                self.deck.say("no row that is not OK")
        elif action == "faults":
            table.faults_only = not table.faults_only
        elif action == "wide":
            table.wide = not table.wide
        elif action == "hidden":
            table.show_hidden = not table.show_hidden
        elif action == "mark":
            table.toggle_mark()
        elif action == "copy":
            self.deck.copy("\n".join(self._names()))
        elif not perform_on_table(table, action):
            return False
        self._settle()
        return True

    def _names(self) -> list[str]:
        records = self.view.records(self.picture)
        keys = self.table.marked or (self.table.cursor_key,)
        return [self.view.copy(records[key]) for key in keys if key in records]

    @property
    def ref(self) -> str:
        """The row under the cursor; empty without one."""
        return self.view.ref(self.table.cursor_key) if self.table.cursor_key else ""

    @on(RecordTable.Opened)
    async def _clicked(self, message: RecordTable.Opened) -> None:
        message.stop()
        await self.deck.open_ref(self.view.ref(message.key))

    @on(RecordTable.Changed)
    def _changed(self, message: RecordTable.Changed) -> None:
        message.stop()
        self._settle()
