"""Metrics: tasks written down, from jobs and from task events, and read as key figures, series and lists."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.model.metrics import Dashboard, Range, Series
from app.model.tasks import TaskList
from app.model.taskwords import TaskWord
from app.store import taskbatch, tasksums
from app.store.access import Access
from app.store.dashboards import dashboard
from app.store.sessionrows import millis
from app.store.sightings import see_hosts
from app.store.tasklists import agents_on, tasks_behind

REST = 10.0
"""Times that a dashboard took to work out which pass until it is worked out again, if nothing changed."""
DEAR = 0.1
"""Seconds. One that takes longer rests as well while something changes all the time."""
_KEPT_MOST = 200
AT_ONCE = 200
"""Tasks of one transaction: others that want to write wait no longer than that."""


class Changes(Protocol):
    """Who else changes tasks: a count that rises with it."""

    @property
    def tasks(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which tasks: of a board, of a group of boards, of what is both; by id, empty: of all."""

    range: Range
    board: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class _Made:
    dashboard: Dashboard
    state: tuple[int, int]
    rests_until: datetime
    dear: bool

    def serves(self, state: tuple[int, int], now: datetime) -> bool:
        """Whether it is still good enough."""
        return self.dashboard.at <= now < self.rests_until and (self.dear or self.state == state)


class Metrics:
    """The tasks of one store. Everything may raise StoreFailed. `generation` rises with what is written here."""

    def __init__(self, store: Access, changes: Changes) -> None:
        self._store = store
        self._changes = changes
        self._made: dict[Asked, _Made] = {}
        self._locks: defaultdict[Asked, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.generation = 0

    async def take(self, words: Sequence[TaskWord]) -> int:
        """Takes in what is said of tasks, each thing once however often it is said; gives how many tasks it changed."""
        changed = 0
        for first in range(0, len(words), AT_ONCE):
            some = words[first : first + AT_ONCE]
            changed += (more := await self._store.write(lambda connection, some=some: taskbatch.take(connection, some)))  # type: ignore[misc]
            self.generation += bool(more)
        return changed

    async def see(self, hosts: Mapping[str, datetime]) -> None:
        """Keeps when hosts, by their keys in the registry, were last seen."""
        seen = [(key, millis(at)) for key, at in hosts.items()]
        for first in range(0, len(seen), AT_ONCE):
            some = dict(seen[first : first + AT_ONCE])
            await self._store.write(lambda connection, some=some: see_hosts(connection, some))  # type: ignore[misc]
            self.generation += 1

    async def dashboard(self, asked: Asked, now: datetime) -> Dashboard:
        """Everything of a range that ends now. One that was just made is given again if nothing changed since; one that
        was dear to make is given again for a while, with the instant that it is of."""
        async with self._locks[asked]:
            state, clock = (self.generation, self._changes.tasks), time.monotonic()
            kept = self._made.get(asked)
            if kept is not None and kept.serves(state, now):
                return kept.dashboard
            found = await self._store.read(
                lambda connection: dashboard(connection, asked.range, now, asked.board, asked.group)
            )
            took = time.monotonic() - clock
            self._forget_old(now)
            self._made[asked] = _Made(found, state, now + timedelta(seconds=(1 + REST) * took), took > DEAR)
        return found

    async def tasks(
        self, asked: Asked, now: datetime, series: Series | None, period: datetime | None, limit: int
    ) -> TaskList:
        """Tasks behind the point of a series of which the bucket begins at `period`, or behind all of the range."""
        return await self._store.read(
            lambda connection: tasks_behind(
                connection, asked.range, now, asked.board, asked.group, series, period, limit
            )
        )

    async def agents_on(self, board: str, now: datetime) -> frozenset[str]:
        """The agents that worked on a board (id) in the last 30 days, as tasks name them."""
        return await self._store.read(lambda connection: agents_on(connection, board, millis(now)))

    async def verify(self) -> list[str]:
        """What the kept sums are not what the tasks' events sum up to; empty: all is well."""
        return await self._store.read(tasksums.differences)

    def _forget_old(self, now: datetime) -> None:
        if len(self._made) >= _KEPT_MOST:
            self._made = {asked: made for asked, made in self._made.items() if made.rests_until > now}
        if len(self._locks) >= 10 * _KEPT_MOST:
            self._locks = defaultdict(asyncio.Lock, {a: lock for a, lock in self._locks.items() if lock.locked()})
