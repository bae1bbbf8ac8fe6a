"""The job queue and its dead letters, held in memory from its keys."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.model.events import Advisory
from app.model.jobs import DeadLetter, Job, Queue
from app.model.jobstatus import aims_at_several, expected_agents
from app.model.snapshot import SourceState, SourceStatus
from app.model.text import clean
from app.sources import jsapi
from app.sources.connection import NatsLink
from app.sources.deadletters import DeadLetters
from app.sources.errors import ApiError, LinkDown, NotPermitted
from app.sources.jetstream import BrokerFacts
from app.sources.jobtable import JobTable
from app.sources.jsapi import JetStreamApi
from app.sources.keyvalue import Bucket
from app.sources.kvpoll import POLL_EVERY
from app.sources.registry import FleetFacts
from app.sources.slices import sliced
from app.sources.states import States
from app.sources.stored import StoredMessages
from app.sources.told import ToldEvents

JOB_SOURCES = ("jobs", "deadletters")
SETTLE = 2.0
"""Seconds that a collection waits for a listing that has just begun."""
_COUNT_AGAIN = 5.0
"""Seconds between two counts of the agents that open jobs wait for."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class JobFacts:
    """What one collection knows of the job queue. Records that did not change are the same objects as before."""

    jobs: Mapping[str, Job] = field(default_factory=dict)
    deadletters: Mapping[str, DeadLetter] = field(default_factory=dict)
    queue: Queue | None = None  # None: there is no job queue to read
    states: tuple[SourceState, ...] = tuple(map(SourceState, JOB_SOURCES))


class JobSource:
    """Collects the job queue. Never raises; keeps the last facts while the broker does not answer."""

    def __init__(
        self,
        link: NatsLink,
        *,
        job_queue: str = "job-queue",
        jobs_stream: str = "JOBS",
        dlq_stream: str = "JOBS-DLQ",
        dead_letters: Iterable[str] = (),
        domain: str = "",
        api_prefix: str = "",
    ) -> None:
        self._link = link
        self._api = JetStreamApi(link, domain=domain, api_prefix=api_prefix)
        self._stored = StoredMessages(self._api)
        self._job_queue = job_queue
        self._states = States(*JOB_SOURCES)
        self._letters = DeadLetters(self._stored, dead_letters, dlq_stream, jobs_stream)
        self._noted: list[Advisory] = []
        self._parts: dict[str, Bucket] = {}  # jobs and status: two parts of one bucket
        self._pending: dict[str, set[str]] = {"jobs": set(), "status": set()}  # keys to be taken in
        self._made: datetime | None = None  # when the bucket was created
        self._direct = True
        self._told = ToldEvents(self._stored)
        self._known = False  # the whole bucket was taken in at least once
        self._counted: dict[str, int | None] = {}  # target -> agents that should answer
        self._counted_at = 0.0
        self._generation = 0
        self._jobs: Mapping[str, Job] = {}
        self._queue: Queue | None = None
        self.table = JobTable()
        self.facts = JobFacts(states=self._states.all())

    @property
    def bucket(self) -> str:
        """Name of the bucket that is read, empty while there is none."""
        part = self._parts.get("jobs")
        return part.bucket if part is not None else ""

    def job_id(self, key: str) -> str | None:
        """The id as keys spell it, of a job by the key of its record; None: no such job."""
        return self.table.id_of(key)

    def status_keys(self, key: str) -> list[str]:
        """The names of a job's events."""
        return self.table.status_keys(key)

    def letters_of(self, key: str) -> tuple[DeadLetter, ...]:
        """The dead letters behind a job, newest first."""
        return tuple(letter for letter in self._letters.records.values() if letter.job == key)

    def note(self, advisories: Iterable[Advisory]) -> None:
        """Takes live advisories for the next collection."""
        self._noted.extend(advisories)

    async def collect(self, now: datetime, broker: BrokerFacts, fleet: FleetFacts) -> JobFacts:
        """One collection, after the fleet's. `now` is our clock."""
        try:
            if self._link.up:
                await self._collect(now, broker, fleet)
            else:
                self._down()
        except LinkDown:
            self._down()
        except Exception:
            _log.exception("the job queue could not be collected")
            self._states.failed(JOB_SOURCES, "internal error, see the log")
        self.facts = JobFacts(self._jobs, self._letters.records, self._queue, self._states.all())
        return self.facts

    async def close(self) -> None:
        """Lets go of the buckets."""
        parts, self._parts = self._parts, {}
        self._forget()
        for part in parts.values():
            await part.close()

    async def _collect(self, now: datetime, broker: BrokerFacts, fleet: FleetFacts) -> None:
        broker_now = now + timedelta(seconds=self._link.clock_offset)
        if self._generation != self._link.generation:
            self._generation = self._link.generation
            self._stored.forget()
        listed = {state.name: state for state in broker.states}["streams"]
        await self._find(now, broker, fleet, listed)
        await self._take_in(now, broker, fleet, listed, broker_now)
        await self._read_letters(now, broker, fleet, listed)
        if self._letters.show(self.table, fleet.agents):
            self.table.set_dead(self._letters.by_job())
        await self._make(fleet)
        if self.table.moved:
            self.table.moved = False
            self._jobs = dict(self.table.records)
        if self._known:
            queue = self.table.count.queue(broker_now, self._letters.dead)
            self._queue = queue if queue != self._queue else self._queue

    # --- which bucket

    async def _find(self, now: datetime, broker: BrokerFacts, fleet: FleetFacts, listed: SourceState) -> None:
        """Opens the parts of the bucket that is there, closes those of one that is not."""
        known = listed.fresh or listed.status is SourceStatus.ABSENT
        name = f"{fleet.namespace}-{self._job_queue}" if fleet.namespace else self._job_queue
        if not known and not fleet.present:
            return
        stream = broker.streams.get(f"KV_{name}")
        if not fleet.present or (known and stream is None):
            if self._parts:
                await self.close()
            self._states.absent(("jobs",), _missing(fleet, name), now)
            return
        if self.bucket != name:
            await self.close()
            self._parts = {
                "jobs": Bucket(self._link, name, "jobs.>", api=self._api, written_once=True),
                "status": Bucket(self._link, name, "status.>", api=self._api, headers_only=True, written_once=True),
            }
        if stream is not None:
            if self._made not in (None, stream.created):
                self._forget()
            self._made = stream.created
            self._direct = stream.allow_direct

    def _forget(self) -> None:
        """The bucket is gone or another one: nothing of it is there."""
        self._made = None
        self._known = False
        self._pending = {"jobs": set(), "status": set()}
        self.table = JobTable()
        self._jobs = {}
        self._queue = None

    # --- what is in it

    async def _take_in(
        self, now: datetime, broker: BrokerFacts, fleet: FleetFacts, listed: SourceState, broker_now: datetime
    ) -> None:
        if not self._parts:
            return
        for part in self._parts.values():
            part.check(broker.streams.get(part.stream) if listed.fresh else None, broker_now)
        await asyncio.gather(*(part.settle(SETTLE) for part in self._parts.values()))
        if all(part.loaded for part in self._parts.values()):  # half of it would show claimed jobs as unclaimed
            await self._take_keys()
            await self._told.read(self.table, self._parts["status"], self._direct)
            self._known = True
        self._judge(now)

    async def _take_keys(self) -> None:
        jobs, status, pending = self._parts["jobs"], self._parts["status"], self._pending
        pending["jobs"] |= jobs.changes()
        pending["status"] |= status.changes()
        async for key in sliced(_taken(pending["status"])):
            self.table.take_status(key, status.entries.get(key))
        async for key in sliced(_taken(pending["jobs"])):
            self.table.take_job(key, jobs.entries.get(key))
            jobs.release((key,))
        self._pending = {"jobs": set(), "status": set()}  # a set that was large stays large

    async def _make(self, fleet: FleetFacts) -> None:
        if not self._parts:
            return
        clock = time.monotonic()
        if clock - self._counted_at >= _COUNT_AGAIN:
            self._counted_at = clock
            self._counted.clear()
            self.table.set_expected(lambda target: self._expected(target, fleet))
        status = self._parts["status"]
        async for id_ in sliced(self.table.dirty()):
            self.table.make(id_, status.revision, lambda target: self._expected(target, fleet))

    def _expected(self, target: str, fleet: FleetFacts) -> int | None:
        if not aims_at_several(target):
            return expected_agents(target, ())
        if not fleet.agents:
            return None
        if target not in self._counted:
            self._counted[target] = expected_agents(target, fleet.agents.values())
        return self._counted[target]

    # --- dead letters

    async def _read_letters(self, now: datetime, broker: BrokerFacts, fleet: FleetFacts, listed: SourceState) -> None:
        noted, self._noted = self._noted, []
        if listed.fresh or listed.status is SourceStatus.ABSENT:
            self._letters.look(broker.streams, fleet.namespace, fleet.present)
        self._letters.note(noted)
        await self._letters.read()
        error = self._letters.error
        if not (listed.fresh or listed.status is SourceStatus.ABSENT):
            self._states.failed(("deadletters",), listed.error or "the streams are not known")
        elif not self._letters.any:
            self._states.absent(("deadletters",), "no stream keeps dead letters: only those seen live are shown", now)
        elif isinstance(error, NotPermitted):
            self._states.denied("deadletters", error.needs)
        elif error is not None:
            self._states.partial("deadletters", now, str(error))
        else:
            self._states.good("deadletters", now)

    # --- states

    def _down(self) -> None:
        for name in JOB_SOURCES:
            if self._states[name].good_at is not None:
                self._states.failed((name,), self._link.connection.error or "not connected")

    def _judge(self, now: datetime) -> None:
        parts = self._parts.values()
        if all(part.loaded for part in parts):
            polling = any(part.polling for part in parts)
            good_at = min((part.good_at for part in parts if part.polling and part.good_at), default=now)
            if self.table.unreadable:
                self._states.partial("jobs", good_at, f"{len(self.table.unreadable)} keys or values cannot be read")
            else:
                self._states.good("jobs", good_at)
            self._states.set("jobs", interval=POLL_EVERY if polling else 1.0)
            return
        error = next((part.error for part in parts if part.error is not None), None)
        if isinstance(error, NotPermitted):
            self._states.denied("jobs", error.needs)
        elif isinstance(error, ApiError) and error.number == jsapi.NO_STREAM:
            self._states.absent(("jobs",), f"no bucket {clean(self.bucket, 100)}", now)
        elif error is not None or self._states["jobs"].good_at is not None:
            self._states.failed(("jobs",), str(error) if error else "the listing is not complete")


def _missing(fleet: FleetFacts, bucket: str) -> str:
    """Why there is no job queue, in words."""
    why = next((state.error for state in fleet.states if state.name == "registry" and state.error), "")
    return why if not fleet.present and why else f"no bucket {clean(bucket, 100)}"


def _taken(keys: set[str]) -> Iterable[str]:
    """Takes the keys out one by one, so that none is lost if the taker is stopped."""
    while keys:
        yield keys.pop()
