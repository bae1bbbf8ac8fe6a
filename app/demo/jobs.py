"""Jobs as OSAPI's controller issues them and its agents handle them: keys, events and bodies."""

from __future__ import annotations

import asyncio
import json
import random
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.demo import layout as keys
from app.demo.fleet import Host
from app.demo.layout import Layout, verb_of
from app.demo.link import Link
from app.demo.operations import UNSUPPORTED, category, error_of, result_of, supported
from app.demo.stamps import nano, now_ns, seconds

REMEMBERED = 5_000
"""Jobs that are held in memory; an older one is read from the bucket."""
HOUR = 3600.0
ALWAYS = 1_000
"""More deliveries than any consumer makes: the job never succeeds."""
ILL = 0.85
"""Share of the jobs of an operation that is ill which fail."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job, and how it will go: which of its deliveries fail, and where."""

    id: str
    subject: str
    operation: str
    seconds: float = 0.1  # how long the work takes
    fails: int = 0  # so many deliveries to a host fail before one succeeds
    fails_on: str = ""  # machine id of the only host that it fails on; empty: on every one
    skips: bool = False  # no host knows how to do it


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one delivery of a job went. `status`: completed, failed or skipped."""

    status: str
    error: str = ""
    data: object = None
    changed: bool = False


class Desk:
    """The controller's side of the job queue, and the writing of what agents report. Every write is OSAPI's.

    `now` of its methods is in nanoseconds; 0 means the clock.
    """

    def __init__(self, link: Link, layout: Layout, seed: int) -> None:
        self._link = link
        self._layout = layout
        self._seed = seed
        self._known: OrderedDict[str, Job] = OrderedDict()
        self.begun: set[str] = set()
        """Ids of jobs of an hour, which some agent has in hand: it will not live to end them."""
        self.settled: set[tuple[str, str]] = set()
        """Job id and machine id: that host had done the job before we began, and only acknowledges it to the broker."""
        self.unhappy: str = ""
        """Id of the last job that was skipped or will never succeed: what people retry."""
        self.done: deque[str] = deque(maxlen=50)
        """Ids of jobs that somebody has completed, newest last."""
        self.ill: dict[str, str] = {}
        """Operations that mostly fail at present, each with its error."""

    # what the controller writes

    async def issue(self, job: Job, data: Mapping[str, Any], *, now: int = 0, **more: object) -> None:
        """Writes `jobs.<id>`, then sends the id on the subject."""
        self._known[job.id] = job
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        value = {
            "id": job.id,
            "status": "unprocessed",
            "created": seconds(now or now_ns()),
            "subject": job.subject,
            "operation": {"type": job.operation, "data": data},
        }
        await self._link.put(self._layout.job_queue, keys.job_key(job.id), value | more)
        await self._link.publish(job.subject, job.id.encode())

    async def retry(self, old: str, job: Job, target: str, data: Mapping[str, Any], *, now: int = 0) -> None:
        """Issues the job as a retry of an older one, as OSAPI's API does."""
        now = now or now_ns()
        history = [{"status": "retried", "timestamp": nano(now), "retried_from": old}]
        asked = {"target_hostname": target, "operation_type": job.operation}
        await self.tell(job.id, "submitted", "_api", asked, now=now)
        await self.tell(old, "retried", "_api", {"new_job_id": job.id, "target_hostname": target}, now=now)
        await self.issue(job, data, now=now, status_history=history)

    async def delete(self, job_id: str) -> None:
        """Deletes `jobs.<id>` alone: OSAPI leaves the events and the responses to their time to live."""
        self._known.pop(job_id, None)
        await self._link.delete(self._layout.job_queue, keys.job_key(job_id))

    def known(self, job_id: str) -> Job | None:
        return self._known.get(job_id)

    async def find(self, job_id: str) -> Job | None:
        """The job behind a notification; None if its key has expired or was deleted."""
        if known := self._known.get(job_id):
            return known
        value = await self._link.get(self._layout.job_queue, keys.job_key(job_id))
        if value is None:
            return None
        try:
            body = json.loads(value)
            return Job(job_id, str(body["subject"]), str(body["operation"]["type"]))
        except (ValueError, KeyError, TypeError):
            return None

    # what agents write

    async def tell(
        self, job_id: str, event: str, hostname: str, data: Mapping[str, Any] | None = None, *, now: int = 0
    ) -> None:
        """Writes a status event."""
        now = now or now_ns()
        value: dict[str, Any] = {
            "job_id": job_id,
            "event": event,
            "hostname": hostname,
            "timestamp": nano(now),
            "unix_nano": now,
        }
        if data:
            value["data"] = data
        await self._link.put(self._layout.job_queue, keys.status_key(job_id, event, hostname, now), value)

    async def respond(self, job_id: str, hostname: str, outcome: Outcome, *, now: int = 0) -> int:
        """Writes a response; the size of its data in bytes."""
        now = now or now_ns()
        value = self.response(hostname, outcome, now)
        await self._link.put(self._layout.job_queue, keys.response_key(job_id, hostname, now), value)
        return len(json.dumps(outcome.data))

    @staticmethod
    def response(hostname: str, outcome: Outcome, now: int) -> dict[str, Any]:
        """The value of a response's key; OSAPI leaves the job's id empty in it."""
        value: dict[str, Any] = {
            "job_id": "",
            "status": outcome.status,
            "hostname": hostname,
            "timestamp": nano(now),
        }
        if outcome.data is not None:
            value["data"] = outcome.data
        if outcome.error:
            value["error"] = outcome.error
        else:
            value["changed"] = outcome.changed
        return value

    async def begin(self, job: Job, host: Host, *, now: int = 0) -> None:
        """acknowledged → started."""
        now = now or now_ns()
        about = {"subject": job.subject, "category": category(job.operation), "operation": job.operation}
        await self.tell(job.id, "acknowledged", host.hostname, about, now=now)
        pid = {"agent_version": "", "pid": 1000 + host.cpus}
        await self.tell(job.id, "started", host.hostname, pid, now=now + 2_000_000)

    async def end(self, job: Job, host: Host, outcome: Outcome, milliseconds: int, *, now: int = 0) -> None:
        """response → completed, failed or skipped."""
        now = now or now_ns()
        size = await self.respond(job.id, host.hostname, outcome, now=now)
        took: dict[str, Any] = {"duration_ms": milliseconds}
        about = took | {"result_size": size} if outcome.status == "completed" else {"error": outcome.error} | took
        await self.tell(job.id, outcome.status, host.hostname, about, now=now + 1_000_000)
        if outcome.status == "completed":
            self.done.append(job.id)
        elif outcome.status == "skipped" or job.fails >= ALWAYS:
            self.unhappy = job.id

    def outcome(self, job: Job, host: Host, deliveries: int) -> Outcome:
        """How this delivery goes: the same with the same seed, in whatever order things happen."""
        dice = random.Random(f"{self._seed}:{job.id}:{host.machine_id}")  # noqa: S311  a simulation
        if job.skips or not supported(job.operation, host):
            return Outcome("skipped", UNSUPPORTED)
        if deliveries <= job.fails and job.fails_on in ("", host.machine_id):
            return Outcome("failed", error_of(job.operation, dice))
        if (error := self.ill.get(job.operation)) and dice.random() < ILL:
            return Outcome("failed", error)
        changed = verb_of(job.operation) == "modify" and dice.random() < 0.6
        return Outcome("completed", data=result_of(job.operation, host), changed=changed)


async def handle(desk: Desk, host: Host, job_id: str, deliveries: int) -> bool:
    """An agent's way with one delivery; False leaves it to the consumer's back-off.

    acknowledged → started → response → completed, failed or skipped. A failed job is not acknowledged to the broker.
    """
    if (job_id, host.machine_id) in desk.settled:
        desk.settled.discard((job_id, host.machine_id))
        return True
    job = await desk.find(job_id)
    if job is None:
        return False
    await desk.begin(job, host)
    began = now_ns()
    if job.seconds >= HOUR:
        desk.begun.add(job_id)
    await asyncio.sleep(job.seconds)
    outcome = desk.outcome(job, host, deliveries)
    await desk.end(job, host, outcome, (now_ns() - began) // 1_000_000)
    return outcome.status != "failed"
