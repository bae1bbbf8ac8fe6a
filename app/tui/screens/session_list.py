"""View 8: the sessions last heard of, older ones as they are asked for, and what starts it where there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from textual.app import ComposeResult

from app.feed.questions import SessionsAfter, Unanswered
from app.model.sessions import IntakeState, Session, SessionList
from app.tui.explanations import Explanation
from app.tui.lines import BLANK, words
from app.tui.picture import Changes, Picture
from app.tui.screens.detail import perform_on_document
from app.tui.screens.document import Document
from app.tui.screens.explaining import paragraphs
from app.tui.screens.page import Deck
from app.tui.screens.raw import as_json
from app.tui.screens.resource import ResourcePage
from app.tui.views import sessions

MORE = 500
"""Older sessions that are brought at one go."""
_WHY = (IntakeState.REFUSED, IntakeState.DENIED, IntakeState.FAILED, IntakeState.OFF)


class SessionsPage(ResourcePage):
    """A list of which the worker keeps the newest up; the last line says how many there are besides."""

    def __init__(self, deck: Deck, told: Explanation) -> None:
        self._older: dict[str, Session] = {}  # those that are not among the newest, once older ones were asked for
        self._newest: datetime | None = None  # of the newest ones: when the last of them was heard of
        super().__init__(
            deck,
            replace(
                sessions.VIEW,
                listed=self._rows,
                tally=lambda picture: sessions.tally_of(self._rows(picture), picture),
            ),
        )
        self._told = told
        self._asking = False
        self._ended = False  # there are no older ones than those that are here
        self._foot = Document(selectable=False, classes="foot")
        self._text = Document(classes="told")
        self._text.when_resized(self._explain)

    def compose(self) -> ComposeResult:
        yield self._text
        yield self.table
        yield self._foot

    def _rows(self, picture: Picture) -> Mapping[str, Session]:
        now = picture.snapshot.sessions
        if not self._older:
            return now
        return picture.once(
            f"sessions and {len(self._older)} older",
            lambda: {key: sessions.as_of_now(row, picture) for key, row in self._older.items()} | dict(now),
        )

    # -- what came in ------------------------------------------------------------------------------------------------
    def rebuild(self) -> None:
        self._keep_older()
        super().rebuild()

    def refresh_facts(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        self._keep_older()
        super().refresh_facts(changes, dirty)

    def _keep_older(self) -> None:
        """Sessions that others pushed out of the newest ones stay, as long as nothing can be missing between."""
        if not self._older:
            return
        now = self.picture.snapshot.sessions
        own = {key: row for key, row in now.items() if not row.gateway}
        if own and self._newest is not None and min(row.last for row in own.values()) > self._newest:
            self._older, self._ended = {}, False
        self._older |= own
        self._newest = max((row.last for row in own.values()), default=self._newest)

    def _settle(self) -> None:
        picture = self.picture
        explained = sessions.needs_explaining(picture)
        if explained != self._text.display or self.table.display == explained:
            self._text.display, self.table.display = explained, not explained
        if explained:
            self._explain()
        older = "" if explained else self._left_out()
        self._foot.display = bool(older)
        self._foot.show([words((f"  {older}", "dim"))])
        super()._settle()

    def _left_out(self) -> str:
        """What the list does not have, and how to get at it."""
        here, kept = sessions.stored(self._rows(self.picture)), sessions.kept(self.picture)
        if not here or kept <= here or self._ended:
            return ""
        if self._asking:
            return f"+{kept - here:,} older: reading …"
        return f"+{kept - here:,} older, not listed: + adds {min(MORE, kept - here)} · :session ID opens any"

    def _explain(self) -> None:
        """What sessions are, and what stands between."""
        intake = self.picture.snapshot.site.intake
        text = self._told.text
        if intake.state in _WHY:
            why = sessions.lacks(self.picture).partition(": ")[2]
            text = f"{self._told.what}\n\nNone can come: {why}"
        width = max(20, self._text.size.width - 4)
        self._text.show([BLANK, *paragraphs(text, width)])

    # -- keys --------------------------------------------------------------------------------------------------------
    async def perform(self, action: str) -> bool:
        if self._text.display:
            if action == "copy":
                self.deck.copy(self._text.current.copy if self._text.current else "")
                return True
            return perform_on_document(self._text, action)
        if action == "more":
            self._ask()
            return True
        return await super().perform(action)

    def _ask(self) -> None:
        here = sessions.stored(self._rows(self.picture))
        if self._ended or sessions.kept(self.picture) <= here:
            self.deck.say("these are all sessions that are kept")
        elif not self._asking:
            self._asking = True
            self.run_worker(self._read(here), group="older", exit_on_error=False)
            self._settle()

    async def _read(self, offset: int) -> None:
        told: SessionList | Unanswered = Unanswered("no answer")
        try:
            told = await self.deck.ask(SessionsAfter(offset, MORE))
        finally:
            self._asking = False
            self._take(told)

    def _take(self, told: SessionList | Unanswered) -> None:
        if isinstance(told, Unanswered):
            self.deck.say(told.why, error=True)
            self._settle()
            return
        found = told.sessions
        now = {key: row for key, row in self.picture.snapshot.sessions.items() if not row.gateway}
        self._newest = self._newest or max((row.last for row in now.values()), default=None)
        self._older |= {row.key: row for row in found} | now
        self._ended = len(found) < MORE
        self.rebuild()
        self.deck.say(f"{len(found)} older sessions")

    def raw(self) -> str:
        """Of an older one: the newest are in the facts."""
        row = self._older.get(self.table.cursor_key)
        return as_json(row) if row is not None and row.key not in self.picture.snapshot.sessions else ""
