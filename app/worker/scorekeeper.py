"""Scorekeeper: keeps what decks see of AI agents, scores and sessions as the store has it now."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import is_
from typing import Protocol, TypeVar

from app.model.scoring import Score, Weights
from app.model.sessions import AiAgent, Intake, IntakeState, Session
from app.model.snapshot import SourceState, SourceStatus
from app.model.text import clean
from app.model.triage.ingest import SOURCE
from app.sources.tasks import happened
from app.store.errors import StoreFailed
from app.store.pauses import Pauses
from app.worker.board import Board

EVERY = 1.0
"""Seconds between two looks at whether anything was stored, and between two readings at least."""
IDLE = 10.0
"""Seconds after which all is read again though nothing was stored: sessions grow idle, windows move on."""
REST = 5.0
"""Times that a reading took which pass until the next: where there is much to read, it is read less often."""
PATIENCE = 30.0
"""Seconds that the store may take."""
RECENT = 500
MOST_WINDOWS = 10
LONGEST_WINDOW = 90
"""Days."""
_REF = "scores:"
_STATUS = {
    IntakeState.OFF: SourceStatus.ABSENT,
    IntakeState.WAITING: SourceStatus.WAITING,
    IntakeState.ABSENT: SourceStatus.ABSENT,
    IntakeState.REFUSED: SourceStatus.ABSENT,
    IntakeState.DENIED: SourceStatus.DENIED,
    IntakeState.FAILED: SourceStatus.FAILED,
    IntakeState.READING: SourceStatus.OK,
}
_log = logging.getLogger(__name__)
Row = TypeVar("Row", AiAgent, Score, Session)


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What the store has, by key: every AI agent, the scores of each window that somebody looks at, and the sessions
    last heard of. `present`: there is any agent. A row or table that did not change is the same object as before."""

    ai: Mapping[str, AiAgent] = field(default_factory=dict)
    scores: Mapping[str, Score] = field(default_factory=dict)
    sessions: Mapping[str, Session] = field(default_factory=dict)
    present: bool = False


NO_SESSIONS = SessionFacts()


class Sessions(Protocol):
    async def recent(self, limit: int, now: datetime) -> list[Session]: ...
    async def agents(self, now: datetime) -> list[AiAgent]: ...


class Scores(Protocol):
    async def overview(self, window: int, now: datetime) -> list[Score]: ...
    async def histories(self, now: datetime) -> Mapping[str, tuple[float | None, ...]]: ...
    async def weights(self) -> Weights: ...


class Changes(Protocol):
    @property
    def generation(self) -> int: ...


class Kept(Protocol):
    """What is needed of the store; everything may raise StoreFailed."""

    @property
    def sessions(self) -> Sessions: ...
    @property
    def scores(self) -> Scores: ...
    @property
    def intake(self) -> Changes: ...


class Scorekeeper:
    """One per worker. `facts` are the last that could be read; `window` is that of the site, in days.

    `on_news` is called when they are others than before.
    """

    def __init__(self, board: Board, store: Kept, *, window: int, clock: Callable[[], datetime]) -> None:
        self._board = board
        self._store = store
        self._window = window
        self._clock = clock
        self._seen: tuple[object, ...] = ()
        self._read_at: datetime | None = None
        self._good_at: datetime | None = None  # when the facts were last those of now
        self._next_idle = 0.0  # on the monotonic clock
        self.trouble = ""  # why the store could not be read, in one sentence
        self.facts = NO_SESSIONS
        self.on_news: Callable[[], None] | None = None

    async def run(self) -> None:
        """Until the board is stopping. Never raises."""
        stopping = self._board.stopping
        while not stopping.is_set():
            began = time.monotonic()
            await self.look()
            await happened(stopping, max(EVERY, REST * (time.monotonic() - began)))

    async def look(self) -> None:
        """Reads the store if anything can have changed. What fails leaves the facts as they were."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._look()
        except StoreFailed as failed:
            self.trouble = str(failed)
        except TimeoutError:
            self.trouble = f"session store does not answer within {PATIENCE:g} s"
        except Exception as error:
            if not self.trouble:
                _log.exception("scores and sessions could not be read")
            self.trouble = clean(f"{type(error).__name__}: {error}", 200)
        else:
            self.trouble = ""

    async def _look(self) -> None:
        scores = self._store.scores
        seen = (self._store.intake.generation, self._windows(), await scores.weights())
        if seen == self._seen and not self.trouble and time.monotonic() < self._next_idle:
            return
        now, sessions = self._clock(), self._store.sessions
        overviews = [await scores.overview(window, now) for window in seen[1]]
        agents, histories = await sessions.agents(now), await scores.histories(now)
        recent = await sessions.recent(RECENT, now)
        facts = await asyncio.to_thread(_made, self.facts, agents, histories, overviews, recent)
        self._seen, self._read_at, self._next_idle = seen, now, time.monotonic() + IDLE
        if facts is not self.facts:
            self.facts = facts
            if self.on_news is not None:
                self.on_news()

    def _windows(self) -> tuple[int, ...]:
        """The site's window and those that a deck looks at, which it says by `scores:<days>`."""
        told = (ref.removeprefix(_REF) for ref in self._board.looking_at() if ref.startswith(_REF))
        asked = {int(days) for days in told if days.isascii() and days.isdigit() and len(days) <= 2}
        others = sorted(days for days in asked if 1 <= days <= LONGEST_WINDOW and days != self._window)
        return (self._window, *others[: MOST_WINDOWS - 1])

    def source(self, intake: Intake) -> SourceState:
        """How fresh the facts are, by how session events are taken in and whether the store can be read."""
        if self.trouble:
            return SourceState(SOURCE, SourceStatus.FAILED, self._good_at, self.trouble)
        status = SourceStatus.WAITING if self._read_at is None else _STATUS[intake.state]
        if status is SourceStatus.OK:
            self._good_at = self._read_at
        return SourceState(SOURCE, status, self._good_at, intake.why)


def _made(
    before: SessionFacts,
    agents: Sequence[AiAgent],
    histories: Mapping[str, tuple[float | None, ...]],
    overviews: Iterable[Sequence[Score]],
    recent: Sequence[Session],
) -> SessionFacts:
    """The facts of now; in a thread, for there may be tens of thousands of rows."""
    pauses = Pauses()
    listed = (_with_history(agent, histories.get(agent.key, ())) for agent in agents)
    ai = _kept(before.ai, pauses.over(listed))
    scores = _kept(before.scores, pauses.over(score for overview in overviews for score in overview))
    sessions = _kept(before.sessions, pauses.over(recent))
    if ai is before.ai and scores is before.scores and sessions is before.sessions:
        return before
    return SessionFacts(ai, scores, sessions, bool(ai))


def _with_history(agent: AiAgent, history: tuple[float | None, ...]) -> AiAgent:
    """Written out, because there may be ten thousand each second."""
    return AiAgent(
        agent.key, agent.state, agent.first_seen, agent.last_seen, agent.name, agent.sessions, agent.running, history
    )


def _kept(before: Mapping[str, Row], rows: Iterable[Row]) -> Mapping[str, Row]:
    """Rows by key, each that is equal to one of before as that very object; the table of before if all are."""
    made: dict[str, Row] = {}
    for row in rows:
        known = before.get(row.key)
        made[row.key] = known if known is not None and (known is row or known == row) else row
    same = len(made) == len(before) and all(map(is_, map(before.get, made), made.values()))
    return before if same else made
