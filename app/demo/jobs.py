"""Jobs as OSAPI's controller issues them and its agents handle them: keys, events and bodies."""

from __future__ import annotations

import asyncio
import json
import random
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.demo import layout as keys
from app.demo.fleet import Host
from app.demo.layout import Layout, verb_of
from app.demo.link import Link
from app.demo.stamps import nano, now_ns, seconds

REMEMBERED = 5_000
"""Jobs that are held in memory; an older one is read from the bucket."""
FAILING = 0.01
"""Share of the first tries that fail; the try after the first back-off (30 s) succeeds."""
HOUR = 3600.0
OPERATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("node.hostname.get", {}),
    ("node.disk.get", {}),
    ("node.memory.get", {}),
    ("node.load.get", {}),
    ("node.uptime.get", {}),
    ("node.os.get", {}),
    ("network.dns.get", {"interface": "eth0"}),
    ("network.ping.do", {"address": "10.20.0.1"}),
    ("service.status", {"name": "nginx"}),
    ("file.status", {"path": "/etc/nginx/nginx.conf"}),
    ("ntp.get", {}),
    ("file.deploy", {"object": "nginx.conf", "path": "/etc/nginx/nginx.conf"}),
    ("network.dns.update", {"servers": ["10.20.0.2"], "interface": "eth0"}),
    ("sysctl.update", {"key": "net.core.somaxconn", "value": "4096"}),
    ("cron.update", {"name": "rotate", "schedule": "0 3 * * *"}),
    ("docker.restart", {"name": "api"}),
)
_LINUX_ONLY = {"sysctl.update"}
_ERRORS = ("timeout", "connection refused", "exit status 1")


def draw(rng: random.Random) -> tuple[str, dict[str, Any]]:
    """An operation and its data: three of four are queries."""
    wanted = "query" if rng.random() < 0.75 else "modify"
    return rng.choice([entry for entry in OPERATIONS if verb_of(entry[0]) == wanted])


@dataclass(frozen=True, slots=True)
class Job:
    """What an agent needs to know of a job."""

    id: str
    subject: str
    operation: str
    seconds: float = 0.1  # how long the work takes


class Desk:
    """The controller's side: it writes jobs into the bucket and announces them on the stream."""

    def __init__(self, link: Link, layout: Layout, seed: int) -> None:
        self._link = link
        self._layout = layout
        self._seed = seed
        self._known: OrderedDict[str, Job] = OrderedDict()
        self.begun: set[str] = set()
        """Ids of jobs of an hour, which some agent has in hand: it will not live to end them."""
        self._skipped: str = ""  # the last skipped job: what people retry

    async def issue(self, job: Job, data: Mapping[str, Any]) -> None:
        """Writes `jobs.<id>`, then sends the id on the subject."""
        await self._write(job, data)

    async def retry(self, job: Job, target: str) -> bool:
        """Issues the job as a retry of the last skipped one, as OSAPI's API does; False when there is none."""
        old, self._skipped = self._skipped, ""
        known = self._known.get(old)
        if known is None:
            return False
        job = replace(job, operation=known.operation)
        now = now_ns()
        history = [{"status": "retried", "timestamp": nano(now), "retried_from": old}]
        await self.tell(
            job.id, "submitted", "_api", {"target_hostname": target, "operation_type": job.operation}, now=now
        )
        await self.tell(old, "retried", "_api", {"new_job_id": job.id, "target_hostname": target}, now=now)
        await self._write(job, {}, status_history=history)
        return True

    async def _write(self, job: Job, data: Mapping[str, Any], **more: object) -> None:
        self._known[job.id] = job
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        value = {
            "id": job.id,
            "status": "unprocessed",
            "created": seconds(now_ns()),
            "subject": job.subject,
            "operation": {"type": job.operation, "data": data},
        }
        await self._link.put(self._layout.job_queue, keys.job_key(job.id), value | more)
        await self._link.publish(job.subject, job.id.encode())

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

    async def respond(self, job_id: str, hostname: str, status: str, data: object, error: str, changed: bool) -> int:
        """Writes a response; its size in bytes."""
        now = now_ns()
        value: dict[str, Any] = {"job_id": "", "status": status, "hostname": hostname, "timestamp": nano(now)}
        if data is not None:
            value["data"] = data
        if error:
            value["error"] = error
        else:
            value["changed"] = changed
        await self._link.put(self._layout.job_queue, keys.response_key(job_id, hostname, now), value)
        return len(json.dumps(data))

    def note_skipped(self, job_id: str) -> None:
        self._skipped = job_id

    def dice(self, job: Job, host: Host) -> random.Random:
        """Decides how the job goes on this host: the same with the same seed, in whatever order things happen."""
        return random.Random(f"{self._seed}:{job.id}:{host.machine_id}")  # noqa: S311  a simulation


def category(operation: str) -> str:
    return operation.partition(".")[0]


def result_of(operation: str, host: Host) -> object:
    """What the operation found on this host."""
    if operation == "node.hostname.get":
        return {"hostname": host.hostname}
    if operation == "node.memory.get":
        return {"total": host.memory, "free": int(host.memory * (1 - host.memory_used))}
    if operation == "node.disk.get":
        return {"disks": [{"name": "/", "total": host.disk, "used": int(host.disk * host.disk_used)}]}
    if operation == "node.load.get":
        return {"1min": host.load[0], "5min": host.load[1], "15min": host.load[2]}
    if operation == "node.os.get":
        return {"distribution": host.system[0], "version": host.system[1]}
    return {"ok": True}


async def handle(desk: Desk, host: Host, job_id: str, deliveries: int) -> bool:
    """An agent's way with one delivery; False leaves it to the consumer's back-off.

    acknowledged → started → response → completed, failed or skipped. A failed job is not acknowledged to the broker.
    """
    job = await desk.find(job_id)
    if job is None:
        return False
    about = {"subject": job.subject, "category": category(job.operation), "operation": job.operation}
    await desk.tell(job_id, "acknowledged", host.hostname, about)
    await desk.tell(job_id, "started", host.hostname, {"agent_version": "", "pid": 1000 + host.cpus})
    began = now_ns()
    if job.seconds >= HOUR:
        desk.begun.add(job_id)
    await asyncio.sleep(job.seconds)
    took = {"duration_ms": (now_ns() - began) // 1_000_000}
    if job.operation in _LINUX_ONLY and host.system[0] == "Rocky Linux":
        error = "unsupported OS family"
        await desk.respond(job_id, host.hostname, "skipped", None, error, False)
        await desk.tell(job_id, "skipped", host.hostname, {"error": error} | took)
        desk.note_skipped(job_id)
        return True
    dice = desk.dice(job, host)
    if deliveries == 1 and dice.random() < FAILING:
        error = dice.choice(_ERRORS)
        await desk.respond(job_id, host.hostname, "failed", None, error, False)
        await desk.tell(job_id, "failed", host.hostname, {"error": error} | took)
        return False
    changed = verb_of(job.operation) == "modify" and dice.random() < 0.6
    size = await desk.respond(job_id, host.hostname, "completed", result_of(job.operation, host), "", changed)
    await desk.tell(job_id, "completed", host.hostname, took | {"result_size": size})
    return True
