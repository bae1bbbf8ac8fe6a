"""The list of one resource: one page for all of them, driven by a View."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from app.model import text
from app.tui import sentences
from app.tui.lines import Line, Span
from app.tui.picture import Changes
from app.tui.screens.page import Deck, Page
from app.tui.screens.rows import Rows, perform_on_table, table_for
from app.tui.views.view import View
from widgets.record_table import RecordTable
from widgets.row_filter import parse

_STILL = frozenset({"follow", "refresh", "copy", "open", "wide", "hidden"})
"""Actions that leave a list at its newest row."""


class ResourcePage(Page):
    """A whole view as a list."""

    kind: ClassVar[str] = "list"

    def __init__(self, deck: Deck, view: View) -> None:
        super().__init__(deck, view.id)
        self.view = view
        self.table = table_for(deck, view)
        self.rows = Rows(deck, view, self.table)
        self._following = False

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def sections(self) -> frozenset[str]:
        return self.view.sections

    @property
    def looking_at(self) -> list[str]:
        looks = self.view.looks(self.picture)
        return [looks, *self.rows.refs_seen()] if looks else self.rows.refs_seen()

    @property
    def crumb(self) -> str:
        return self.view.title

    def head(self) -> Line:
        """Counts, and everything that makes the list other than whole: what is left out is always said."""
        spans: list[Span] = list(sentences.tally(self.picture, self.view))
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
        if self._following:
            told.append("following")
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
        if self._following:
            self.table.to_first()
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
        self._following = self._following and action in _STILL
        if action == "open":
            await self._open(table.cursor_key)
        elif action == "follow" and self.view.follows:
            self._following = True
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

    async def _open(self, key: str) -> None:
        ref = self.view.leads_to(key, self.picture) if key else ""
        if ref:
            await self.deck.open_ref(ref)
        elif key:
            self.deck.say("nothing further behind this row")

    def _names(self) -> list[str]:
        records = self.view.records(self.picture)
        keys = self.table.marked or (self.table.cursor_key,)
        return [self.view.copy(records[key]) for key in keys if key in records]

    @property
    def ref(self) -> str:
        """The row under the cursor; empty without one."""
        return self.view.about(self.table.cursor_key, self.picture) if self.table.cursor_key else ""

    @on(RecordTable.Opened)
    async def _clicked(self, message: RecordTable.Opened) -> None:
        message.stop()
        await self._open(message.key)

    @on(RecordTable.Changed)
    def _changed(self, message: RecordTable.Changed) -> None:
        message.stop()
        self._settle()
