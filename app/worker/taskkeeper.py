"""Taskkeeper: makes a task of every job that is seen in the queue, which stays when the job is gone, and keeps when
which host was seen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Protocol

from app.model.changes import Changes
from app.model.jobs import API_HOST, Job
from app.model.jobstatus import RANK
from app.model.taskhistory import TaskEvent, millis
from app.model.taskwords import TaskWord, job_word
from app.sources.jobkeys import status_key
from app.sources.slices import sliced
from app.sources.tasks import happened
from app.store.errors import StoreFailed
from app.store.metrics import AT_ONCE
from app.worker.board import Board

EVERY = 2.0
"""Seconds between two looks. A job goes through most of its events within that, and is written once."""
SEEN_EVERY = 300.0
"""Seconds between two times that it is kept when a host was seen that is known already."""
WAITING_MOST = 50_000
"""Jobs that wait for a store that cannot be written; what comes then is missed."""
_log = logging.getLogger(__name__)


class Book(Protocol):
    """What is needed of the store's metrics; both may raise StoreFailed."""

    async def take(self, words: Sequence[TaskWord]) -> int: ...
    async def see(self, hosts: Mapping[str, datetime]) -> None: ...


class Kept(Protocol):
    """What is needed of the store."""

    @property
    def trouble(self) -> str: ...
    @property
    def metrics(self) -> Book: ...


class Taskkeeper:
    """One per worker. `keys` gives the names of a job's events, by the key of its record; in them stands when each
    happened, so that nothing needs to be read for it."""

    def __init__(self, board: Board, store: Kept, keys: Callable[[str], Iterable[str]]) -> None:
        self._board = board
        self._store = store
        self._keys = keys
        self._changes: Changes[Job] = Changes()
        self._told: dict[str, tuple[str, ...]] = {}  # the names of events that were taken down, by job
        self._waiting: dict[str, TaskWord] = {}  # of jobs that are other than the store knows them, by key
        self._missed = 0
        self._beats: dict[str, datetime] = {}  # by host, as the store knows them
        self._seen_next = 0.0  # on the event loop's clock
        self._failing = False

    async def run(self) -> None:
        """Until the board is stopping; what is known is written then. Never raises."""
        stopping = self._board.stopping
        while not stopping.is_set():
            await self.look()
            await happened(stopping, EVERY)
        self._seen_next = 0.0
        await self.look()

    async def look(self) -> None:
        """Writes what is new. What cannot be written waits for the next look."""
        try:
            await self._gather()
            if not self._store.trouble:
                await self._write()
                await self._see()
            self._failing = False
        except StoreFailed:
            pass  # the store says why
        except Exception:
            if not self._failing:
                _log.exception("jobs could not be kept as tasks")
            self._failing = True

    async def _gather(self) -> None:
        """Takes down the jobs that changed. Their events go with them when they expire: this cannot wait."""
        jobs, before = self._board.snapshot.jobs, self._changes.before
        changed, gone = self._changes.of(jobs)
        async for key in sliced(changed):
            self._take_down(jobs[key], before.get(key))
        for key in gone:
            self._told.pop(key, None)

    def _take_down(self, job: Job, before: Job | None) -> None:
        """What is new of a job: all of it, if it is called otherwise than before."""
        names = tuple(self._keys(job.key))
        same = before is not None and _called(before) == _called(job)
        told = self._told.get(job.key, ()) if same else ()
        new = [name for name in names if name not in told]
        if told and not new:
            return
        events = _events(new)
        if job.agents and not events and not told:
            return  # told by somebody who does not say when what happened: NATS will
        known = self._waiting.get(job.key)
        if known is None and len(self._waiting) >= WAITING_MOST:
            self._miss()
            return
        word = job_word(job, events)
        self._waiting[job.key] = word if known is None else _both(known, word)
        self._told[job.key] = names

    def _miss(self) -> None:
        if not self._missed:
            _log.warning("the session store cannot be written: jobs from now on are missing among the tasks")
        self._missed += 1

    async def _write(self) -> None:
        while self._waiting:
            keys = list(self._waiting)[:AT_ONCE]
            words = [self._waiting[key] for key in keys]
            await self._store.metrics.take(words)
            for key, word in zip(keys, words, strict=True):
                if self._waiting.get(key) is word:
                    del self._waiting[key]
            await asyncio.sleep(0)
        if self._missed:
            _log.warning("%d jobs are missing among the tasks", self._missed)
            self._missed = 0

    async def _see(self) -> None:
        """Hosts that are new at once, the others from time to time."""
        vitals, clock = self._board.snapshot.vitals, asyncio.get_running_loop().time()
        if clock >= self._seen_next:
            hosts = {key: row.beat for key, row in vitals.items() if self._beats.get(key) != row.beat}
        else:
            hosts = {key: vitals[key].beat for key in vitals.keys() - self._beats.keys()}
        if hosts:
            await self._store.metrics.see(hosts)
        if clock >= self._seen_next:
            self._seen_next = clock + SEEN_EVERY
            self._beats = {key: row.beat for key, row in vitals.items()}
        else:
            self._beats |= hosts


def _called(job: Job) -> tuple[object, ...]:
    """What is said of it beside what happened to it."""
    return job.operation, job.target, job.verb, job.created


def _events(keys: Iterable[str]) -> list[TaskEvent]:
    """The events that a job's keys name. Those that OSAPI does not know are no activity of the job."""
    found = []
    for key in keys:
        parsed = status_key(key)
        if parsed is None or parsed.event not in RANK or (at := parsed.at) is None:
            continue
        who = "" if parsed.host == API_HOST else parsed.host
        mark = int.from_bytes(blake2b(key.encode("utf-8", "replace"), digest_size=6).digest())
        found.append(TaskEvent(millis(at), mark, parsed.event, who, parsed.event == "failed"))
    return found


def _both(one: TaskWord, other: TaskWord) -> TaskWord:
    """What was taken down of a job twice, as far as it may have lost events meanwhile."""
    better = other if other.rank >= one.rank else one
    events = {event.key: event for event in (*one.events, *other.events)}
    return TaskWord(
        better.id, tuple(events.values()), better.rank, better.title, better.board, better.group, better.job
    )
