"""Scores: how well each agent did, worked out from the store; their history; and the weights that they are by."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from typing import Protocol

from sqlalchemy.engine import Connection

from app.model.scoring import DailyScore, Mover, Score, ScoreDetail, Standards, Weights
from app.store import history
from app.store.access import Access
from app.store.movers import Dear, scored_with_movers
from app.store.overview import Asked, Overview, brought_up, numbers, scored
from app.store.sessionrows import instant, millis
from app.store.sessions import Sessions
from app.store.sums import DAY
from app.store.weights import KeptWeights

_KEPT_FOR = 300.0
"""Seconds that an overview nobody asks for is kept up."""
_RECENT = 50


class Changes(Protocol):
    """What tells of which agents something was stored: a count by agent id, and one of all that rises with any."""

    @property
    def touched(self) -> dict[str, int]: ...

    @property
    def generation(self) -> int: ...


class Scores:
    """The scores of one store. Windows are whole days of 24 hours that end now, both ends included; everything may
    raise StoreFailed."""

    def __init__(
        self,
        store: Access,
        clock: Callable[[], datetime],
        standards: Standards,
        sessions: Sessions,
        changes: Changes,
    ) -> None:
        self._store = store
        self._standards = standards
        self._sessions = sessions
        self._changes = changes
        self._weights = KeptWeights(store, clock, standards.weights)
        self._kept: dict[int, Overview] = {}  # by window
        self._used: dict[int, float] = {}  # by window: when it was asked for last
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._today: tuple[int, set[str]] = (-1, set())  # agents whose score of the day is known to be kept
        self._kept_days = 0  # rises when scores of days were kept
        self._histories: tuple[tuple[int, int], dict[str, tuple[float | None, ...]]] | None = None

    async def overview(self, window: int, now: datetime) -> list[Score]:
        """The scores of all agents with sessions in the window, by agent id. A score that did not change since it was
        asked for last is the same object."""
        async with self._locks[window]:
            asked = await self._asked(window, now)
            kept = self._kept.get(window)
            if kept is None or not kept.is_of(asked):
                kept = await self._store.read(lambda connection: brought_up(connection, asked, kept))
                self._kept[window] = kept
            self._used[window] = time.monotonic()
            self._forget_unused()
            return list(kept.rows)

    async def score(self, agent: str, window: int, now: datetime) -> Score | None:
        """The score of one agent (id); None if it has no sessions in the window, or is not known."""
        asked = await self._asked(window, now)
        return await self._store.read(lambda connection: _one(connection, asked, agent))

    async def detail(self, agent: str, window: int, now: datetime) -> ScoreDetail | None:
        """Everything of the score of one agent (id); None if it is not known."""
        found = await self._sessions.agent(agent, now)
        if found is None:
            return None
        asked = await self._asked(window, now)
        score, dearest = await self._store.read(lambda connection: scored_with_movers(connection, asked, agent))
        ends = instant(asked.now)
        begins = instant(asked.now - window * DAY)
        recent, _ = await self._sessions.listed(now, agent=agent, begins=begins, ends=ends, limit=_RECENT)
        kept = await self.history(agent, history.DAYS - 1, now)
        return ScoreDetail(
            agent=found,
            window=window,
            begins=begins,
            ends=ends,
            score=score,
            movers=tuple([mover for each in dearest if (mover := await self._mover(each, now)) is not None]),
            history=tuple(reversed(kept)),
            recent=tuple(recent),
            weights=asked.weights,
            weights_changed=await self._weights.changed(),
        )

    async def weights(self) -> Weights:
        """The weights in force."""
        return await self._weights.weights()

    async def weights_changed(self) -> datetime | None:
        """When the weights in force were set; None: they are the configured ones."""
        return await self._weights.changed()

    async def set_weights(self, weights: Weights, by: str) -> None:
        """Puts other weights in force at once; ValueError says why not, in AgentLens's words."""
        await self._weights.set(weights, by)

    async def reset_weights(self, by: str) -> None:
        """Puts the configured weights in force again."""
        await self._weights.reset(by)

    async def history(self, agent: str, days: int, now: datetime) -> list[DailyScore]:
        """The scores that are kept of an agent, from so many days before today on, newest first."""
        today = millis(now) // DAY
        return await self._store.read(lambda connection: history.of_agent(connection, agent, today - days, today))

    async def histories(self, now: datetime) -> dict[str, tuple[float | None, ...]]:
        """By agent id, the overall scores of 30 days, oldest first, today's last; None where none is kept."""
        today = millis(now) // DAY
        state = today, self._kept_days
        if self._histories is None or self._histories[0] != state:
            found = await self._store.read(lambda connection: history.of_all(connection, today))
            self._histories = state, found
        return self._histories[1]

    async def keep_today(self, now: datetime, agents: Collection[str] | None = None) -> None:
        """Keeps the scores of today, at the default window, of these agents or of all, where none is kept yet."""
        today = millis(now) // DAY
        if self._today[0] != today:
            self._today = today, await self._store.read(lambda connection: history.kept_on(connection, today))
        done = self._today[1]
        window = self._standards.window
        if agents is None:
            scores = [each for each in await self.overview(window, now) if each.agent not in done]
        else:
            found = [await self.score(agent, window, now) for agent in agents if agent not in done]
            scores = [each for each in found if each is not None]
        if scores:
            await self._keep(today, scores, now)
            done.update(each.agent for each in scores)

    async def fill(self, now: datetime) -> None:
        """Keeps the scores that are missing of the 30 days before today, each as of the end of its day. A day whose
        window has no sessions stays without."""
        weights = await self.weights()
        window, bands = self._standards.window, self._standards.bands
        today = millis(now) // DAY
        for day in range(today - history.DAYS, today):
            scores = await self._store.read(
                partial(history.missing, day=day, window=window, weights=weights, bands=bands)
            )
            if scores:
                await self._keep(day, scores, now)

    async def _mover(self, dear: Dear, now: datetime) -> Mover | None:
        """None if the session was removed meanwhile."""
        found = await self._sessions.timeline(dear.session, limit=0, now=now)
        return None if found is None else Mover(found.session, dear.points, dear.dimension, found.worst)

    async def _keep(self, day: int, scores: list[Score], now: datetime) -> None:
        at = millis(now)
        for first in range(0, len(scores), 200):  # events of agents are waiting to be written
            some = scores[first : first + 200]
            await self._store.write(partial(history.keep, day=day, scores=some, at=at))
        self._kept_days += 1

    async def _asked(self, window: int, now: datetime) -> Asked:
        weights = await self.weights()
        bands, changes = self._standards.bands, self._changes
        return Asked(window, millis(now), weights, bands, changes.generation, dict(changes.touched))

    def _forget_unused(self) -> None:
        before = time.monotonic() - _KEPT_FOR
        for window in [window for window, at in self._used.items() if at < before]:
            self._kept.pop(window, None)
            self._used.pop(window, None)


def _one(connection: Connection, asked: Asked, agent: str) -> Score | None:
    ids = numbers(connection, [agent])
    return next(iter(scored(connection, asked, ids, {}, list(ids)).values()), None)
