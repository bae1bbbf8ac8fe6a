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
from widgets.record_table import RecordTable


class Pane(Vertical, can_focus=False):
    """Title and table of one view; of one with several lists, one of those that are not empty."""

    def __init__(self, deck: Deck, view: View, *, id: str = "", without: Collection[str] = ()) -> None:
        super().__init__(id=id or f"pane-{view.id}", classes="pane")
        self._deck = deck
        self._first = view
        self._title = Document(selectable=False, classes="title")
        self._lists: list[Rows] = []
        for each in view.lists:
            table = table_for(deck, each)
            table.more_line = True
            self._lists.append(Rows(deck, each, table, without=without))
        self._rows = self._lists[0]
        self._active = False

    def compose(self) -> ComposeResult:
        yield self._title
        for rows in self._lists:
            rows.table.display = rows is self._rows
            yield rows.table

    @property
    def view(self) -> View:
        """The list that is shown."""
        return self._rows.view

    @property
    def table(self) -> RecordTable:
        return self._rows.table

    @property
    def active(self) -> bool:
        return self._active

    @active.setter
    def active(self, on: bool) -> None:
        self._active = on
        for rows in self._lists:
            rows.table.active = on and rows is self._rows
        self._write_title()

    # -- which list --------------------------------------------------------------------------------------------------
    def _offered(self) -> list[Rows]:
        offered = self._first.offered(self._deck.picture)
        return [rows for rows in self._lists if rows.view in offered]

    def turn(self, step: int) -> bool:
        """To the list beside the one that is shown; False if there is none on that side."""
        offered = self._offered()
        place = offered.index(self._rows) + step if self._rows in offered else -1
        if not 0 <= place < len(offered):
            return False
        self._show(offered[place])
        return True

    def enter(self, step: int) -> None:
        """The cursor comes in, on the side of the first list or of the last."""
        self._show(self._offered()[0 if step > 0 else -1])

    def _show(self, rows: Rows) -> None:
        if rows is not self._rows:
            self._rows = rows
            for each in self._lists:
                each.table.display = each is rows
            self.active = self._active
            rows.rebuild()
            self._write_title()

    def _settle(self) -> None:
        """Leaves a list that has nothing for one that has."""
        offered = self._offered()
        if self._rows not in offered:
            self._show(offered[0])

    def rebuild(self) -> None:
        self._settle()
        self._rows.rebuild()
        self._write_title()

    def update(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        self._settle()
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
        name = (f"{self._first.number} {self._first.title}", "strong" if self.active else "header")
        lists = sentences.names_of_lists(self._first, self.view, picture)
        if lists:
            tally = ((" ", ""), *lists, *((("  ", ""), *known) if known else ()))
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
        looks = self.view.looks(self._deck.picture)
        return [looks, *self._rows.refs_seen()] if looks else self._rows.refs_seen()

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
