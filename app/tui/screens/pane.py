"""A pane of the overview: a view's worst rows, as many as fit, under a title with the counts."""

from __future__ import annotations

from collections.abc import Collection

from textual.app import ComposeResult
from textual.containers import Vertical

from app.tui import sentences
from app.tui.lines import Line, Span
from app.tui.picture import Changes
from app.tui.screens.document import Document
from app.tui.screens.page import Deck
from app.tui.screens.rows import Rows, perform_on_table, table_for
from app.tui.views.view import View


class Pane(Vertical, can_focus=False):
    """Title and table of one view."""

    def __init__(self, deck: Deck, view: View, *, id: str = "", without: Collection[str] = ()) -> None:
        super().__init__(id=id or f"pane-{view.id}", classes="pane")
        self._deck = deck
        self.view = view
        self._title = Document(selectable=False, classes="title")
        self.table = table_for(deck, view)
        self.table.more_line = True
        self._rows = Rows(deck, view, self.table, without=without)

    def compose(self) -> ComposeResult:
        yield self._title
        yield self.table

    @property
    def active(self) -> bool:
        return self.table.active

    @active.setter
    def active(self, on: bool) -> None:
        self.table.active = on
        self._write_title()

    def rebuild(self) -> None:
        self._rows.rebuild()
        self._write_title()

    def update(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        self._rows.update(changes, dirty)
        self._write_title()

    def tick(self) -> None:
        self._rows.tick(seen_only=True)
        self._write_title()

    def _write_title(self) -> None:
        picture = self._deck.picture
        known = sentences.tally(picture, self.view)
        tally: tuple[Span, ...] = ((" ", ""), *known) if known else ()
        notes = [
            note
            for note, on in (
                ("faults only", self.table.faults_only),
                (f"+{self.table.hidden_count} hidden", bool(self.table.hidden_count) and not self.table.show_hidden),
                ("order held", self.table.order_held),
            )
            if on
        ]
        name = (f"{self.view.number} {self.view.title}", "strong" if self.active else "header")
        self._title.show([Line((name, *tally), title=True, right=((", ".join(notes), "dim"),) if notes else ())])
        self.table.empty = sentences.empty(picture, self.view)

    def perform(self, action: str) -> bool:
        table = self.table
        if action == "faults":
            table.faults_only = not table.faults_only
        elif action == "wide":
            table.wide = not table.wide
        elif action == "hidden":
            table.show_hidden = not table.show_hidden
        elif action in ("fault.next", "fault.previous"):
            table.next_fault(1 if action == "fault.next" else -1)
        elif not perform_on_table(table, action):
            return False
        self._write_title()
        return True

    @property
    def looking_at(self) -> list[str]:
        return self._rows.refs_seen()

    @property
    def ref(self) -> str:
        key = self.table.cursor_key
        return self.view.about(key, self._deck.picture) if key else ""

    @property
    def leads_to(self) -> str:
        """The ref that Enter opens."""
        key = self.table.cursor_key
        return self.view.leads_to(key, self._deck.picture) if key else ""

    @property
    def name_to_copy(self) -> str:
        record = self.view.records(self._deck.picture).get(self.table.cursor_key)
        return "" if record is None else self.view.copy(record)
