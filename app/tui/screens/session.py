"""The page of a session: opens at the event that matters, reads its events page by page, follows one that goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict

from app.feed.questions import SessionOf, Unanswered
from app.model import text
from app.model.chat import of_events
from app.model.sessions import Session, SessionDetail, TimelineEvent
from app.tui.lines import Line
from app.tui.picture import Changes, Times
from app.tui.screens.detail import DetailPage
from app.tui.screens.happened import ChatPage, EventPage
from app.tui.screens.page import Deck
from app.tui.screens.raw import plain_value
from app.tui.views import session_detail, sessions
from app.tui.views.gists import Gist, gist
from app.tui.views.session_detail import CHAT, EARLIER, LATER, end_of, event_key

PAGE = 500
"""Events that are asked for at one go."""
PAUSE = 1.0
"""Seconds between two questions about a session that goes on, at least."""
UNTOLD_PAUSE = 10.0
"""The same for one of which the worker tells no changes."""
FIRST_WORDS = 0.3
"""Seconds that keys which were typed ahead wait at most for the first events."""


class SessionPage(DetailPage):
    """What is known of the row stands there at once; the events come with the answer."""

    def __init__(self, deck: Deck, view_id: str, ref: str) -> None:
        key, self._wanted = sessions.parted(ref.partition(":")[2])
        super().__init__(
            deck, view_id, sessions.ref(key),
            name=session_detail.title, write=lambda key, picture, width: self._lines(width),
            needs=frozenset({"findings", "sessions", "scores"}),
        )  # fmt: skip
        self.told: SessionDetail | None = None
        self.trouble = ""
        self._gists: dict[TimelineEvent, Gist] = {}
        self._known = session_detail.Known()
        self._made: tuple[SessionDetail, Session, tuple[int, Times], list[Line]] | None = None
        self._events: dict[str, TimelineEvent] = {}
        self._places: dict[str, int] = {}
        self._then: Callable[[], None] | None = None  # what is to be done once what came stands there
        self._asking = False
        self._stale = False
        self._asked_at = -UNTOLD_PAUSE
        self._answered = asyncio.Event()

    @property
    def session(self) -> Session | None:
        """Its row; as it was when its events were read, if it is not among the newest any more."""
        row = self.picture.snapshot.sessions.get(self.key) or (self.told.session if self.told is not None else None)
        return None if row is None else sessions.as_of_now(row, self.picture)

    @property
    def looking_at(self) -> Iterator[str]:
        yield self.ref

    async def laid_out(self) -> None:
        await super().laid_out()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._answered.wait(), FIRST_WORDS)

    def head(self) -> Line | None:
        """Which of the events is under the cursor, of how many."""
        line = self.document.current
        place = self._places.get(line.key) if line is not None else None
        if self.filter_text or place is None or self.told is None:
            return super().head()
        session = self.session
        agent = text.cut(session.agent, 24) if session is not None else ""
        return Line(((agent, ""), (f"event {place:,} of {self.told.total:,}", "dim")))

    # -- asking ------------------------------------------------------------------------------------------------------
    def on_mount(self) -> None:
        session = self.session
        if session is not None and session.gateway:
            self._answered.set()  # it has no events here
            return
        self._ask(SessionOf(self.key, self._wanted, limit=PAGE), self._show_first)

    def refresh_facts(self, changes: Changes, dirty: dict[str, set[str]]) -> None:
        if self.key in dirty.get("sessions", set()) or "sessions" in changes.whole:
            self._stale = True
            self._follow()
        super().refresh_facts(changes, dirty)

    def tick(self) -> None:
        session = self.session
        if session is not None and session.running and self.key not in self.picture.snapshot.sessions:
            self._stale = self._stale or self.deck.options.monotonic() - self._asked_at >= UNTOLD_PAUSE
        self._follow()
        super().tick()

    def _follow(self) -> None:
        """Asks again about a session of which there is news, or that could not be read."""
        since = self.deck.options.monotonic() - self._asked_at
        session = self.session
        if self._asking or since < PAUSE or (session is not None and session.gateway):
            return
        if self.told is None:
            if self._stale or since >= UNTOLD_PAUSE:
                self._ask(SessionOf(self.key, self._wanted, limit=PAGE), self._show_first)
        elif self._stale:
            whole = end_of(self.told) >= self.told.total
            first = max(self.told.first, end_of(self.told) - 1) if whole else self.told.first
            self._ask(SessionOf(self.key, first=first, limit=PAGE if whole else 1))

    def _ask(self, question: SessionOf, then: Callable[[], None] | None = None) -> None:
        self._asking, self._stale, self._asked_at = True, False, self.deck.options.monotonic()
        self.run_worker(self._put(question, then), group="question", exit_on_error=False)

    async def _put(self, question: SessionOf, then: Callable[[], None] | None) -> None:
        told: SessionDetail | Unanswered = Unanswered("no answer")
        try:
            told = await self.deck.ask(question)
        finally:
            self._asking = False
            self._take(question, told, then)

    def _take(self, question: SessionOf, told: SessionDetail | Unanswered, then: Callable[[], None] | None) -> None:
        if isinstance(told, Unanswered):
            if self.told is None:
                self.trouble = told.why
                self.rebuild()
                self._answered.set()
            elif then is not None:
                self.deck.say(told.why, error=True)
            return
        self._then = None
        both = session_detail.joined(self.told, told)
        if both is None:  # events came in between: all anew, where the cursor is
            at = self._event_at_cursor
            self.told = None
            self._ask(SessionOf(self.key, at.id if at is not None else "", limit=PAGE), then)
            return
        self.told, self.trouble, self._then = both, "", then
        self.rebuild()

    def _show_first(self) -> None:
        """To the event that is named, else to the one to look at first."""
        if self.told is None:
            return
        wanted = self._wanted or self.told.worst
        event = next((each for each in self.told.events if each.id == wanted), None)
        if event is not None and not self.filter_text:
            self.document.go(event_key(event), middle=True)

    # -- what stands there -------------------------------------------------------------------------------------------
    def rebuild(self) -> None:
        width = self.document.size.width
        if width:
            lines = self._lines(width)
            self.document.show(self._matching(lines) if self.filter_text else lines, still=True)
        if width and self.told is not None:
            self._answered.set()
            then, self._then = self._then, None
            if then is not None:
                then()
                self.deck.head_changed()

    def _lines(self, width: int) -> list[Line]:
        session = self.session
        if self.told is None or session is None:
            return session_detail.without(self.key, session, self.trouble, self.picture, width)
        events = self._timeline(self.told, session, width)
        head = session_detail.head(session, self.picture, width)
        return [*head, *session_detail.chat_line(self.told), *events]

    def _timeline(self, told: SessionDetail, session: Session, width: int) -> list[Line]:
        """The events' lines, made once for each answer: time does not change them."""
        how = (width, self.picture.times)
        if self._made is None or self._made[0] is not told or self._made[1:3] != (session, how):
            self._gists = {event: self._gist(event) for event in told.events}
            self._events = {event_key(event): event for event in told.events}
            self._places = {key: place for place, key in enumerate(self._events, told.first + 1)}
            made = session_detail.timeline(told, session, self._gists.__getitem__, self.picture, width, self._known)
            self._made = (told, session, how, made)
        return self._made[3]

    def _gist(self, event: TimelineEvent) -> Gist:
        known = self._gists.get(event)
        return gist(event) if known is None else known

    @property
    def _event_at_cursor(self) -> TimelineEvent | None:
        line = self.document.current
        return self._events.get(line.key) if line is not None else None

    def raw(self) -> str:
        if self.told is None:
            return ""
        return json.dumps(asdict(self.told), default=plain_value, ensure_ascii=False)

    # -- keys --------------------------------------------------------------------------------------------------------
    async def perform(self, action: str) -> bool:
        known = await self._performed(action)
        self.deck.head_changed()
        return known

    async def _performed(self, action: str) -> bool:
        line = self.document.current
        if action == "open" and line is not None:
            if line.key in (EARLIER, LATER):
                self._read_on(1 if line.key == LATER else -1)
                return True
            if line.key == CHAT and self.told is not None:
                said = await asyncio.to_thread(of_events, self.told.events)
                await self.deck.open_page(ChatPage(self.deck, self, said))
                return True
            event = self._event_at_cursor
            if event is not None:
                await self.deck.open_page(EventPage(self.deck, self, event, self.session, self.told))
                return True
        if action in ("more", "less"):
            self._read_on(1 if action == "more" else -1, say=True)
        elif action in ("fault.next", "fault.previous"):
            self._next_fault(1 if action == "fault.next" else -1)
        elif action in ("move.first", "move.last"):
            await super().perform(action)
            self._to_end(action == "move.first")
        else:
            known = await super().perform(action)
            self._read_where_it_ends()
            return known
        return True

    def _read_where_it_ends(self) -> None:
        """Moving on to the line that stands for more brings more."""
        line = self.document.current
        if line is not None and line.key in (EARLIER, LATER):
            self._read_on(1 if line.key == LATER else -1)

    def _read_on(self, direction: int, then: Callable[[], None] | None = None, *, say: bool = False) -> None:
        """The next events after, or before, those that are here."""
        told = self.told
        if told is None or self._asking:
            return
        at = None if self._event_at_cursor is None else event_key(self._event_at_cursor)
        first = end_of(told) - 1 if direction > 0 else max(0, told.first - PAGE + 1)
        if (end_of(told) >= told.total) if direction > 0 else not told.first:
            if say:
                self.deck.say(f"no {'later' if direction > 0 else 'earlier'} events")
            return
        self._ask(SessionOf(self.key, first=first, limit=PAGE), then or (lambda: self._stay(at, told, direction)))

    def _stay(self, key: str | None, before: SessionDetail, direction: int) -> None:
        """On the event where the cursor was; from the line that stood for more to the next one that came."""
        told = self.told
        if key is not None or told is None or self.filter_text:
            return
        place = end_of(before) if direction > 0 else before.first - 1
        if 0 <= place - told.first < len(told.events):
            self.document.go(event_key(told.events[place - told.first]))

    def _to_end(self, first: bool) -> None:
        """Of a long session the end that is not here is read in place of what is."""
        told = self.told
        if told is None or self._asking or (not told.first if first else end_of(told) >= told.total):
            return
        place = 0 if first else max(0, told.total - PAGE)
        self._ask(SessionOf(self.key, first=place, limit=PAGE), lambda: self.document.move_to_end(first))

    def _next_fault(self, direction: int) -> None:
        """The next error, also among events that are not here yet; around the ends where all are."""
        document, told = self.document, self.told
        beyond = told is not None and ((end_of(told) < told.total) if direction > 0 else told.first > 0)
        if document.fault_ahead(direction) or not beyond or self.filter_text:
            if not document.next_fault(direction):
                self.deck.say("no event that is not OK")
            return
        self.deck.say("looking further …")
        self._read_on(direction, lambda: self._next_fault(direction))
