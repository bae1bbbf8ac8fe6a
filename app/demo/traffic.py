"""The controller's day: jobs for the fleet, and the audit entries that people's requests leave."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable, Sequence

from app.demo import layout as keys
from app.demo.fleet import Host
from app.demo.jobs import HOUR, Desk, Job, draw
from app.demo.layout import Layout, verb_of
from app.demo.link import Link, encode
from app.demo.stamps import nano, now_ns

KNOWN_FOR = 30.0
"""Seconds that the controller goes on sending jobs to a host that has died: the registry's time to live."""
RETRIES = 0.02
"""Share of the jobs that are retries of a skipped one."""
_USERS = (("ana", "admin"), ("ben", "write"), ("ci-deploy", "write"))


class Traffic:
    """Issues jobs at a rate. Every job is written and announced as OSAPI's controller does it."""

    def __init__(
        self,
        link: Link,
        layout: Layout,
        desk: Desk,
        workers: Sequence[Host],
        rate: float,
        rng: random.Random,
        *,
        direct_only: bool = False,
    ) -> None:
        self._link = link
        self._layout = layout
        self._desk = desk
        self._rng = rng
        self._workers = workers
        self._rate = rate
        self._direct_only = direct_only
        self.reachable: Callable[[Host], bool] = lambda host: host.alive
        """Whether the controller still knows of this host."""

    async def run(self) -> None:
        """For ever, at the rate; nothing to do for a fleet without workers or a rate of 0."""
        if self._rate <= 0 or not self._workers:
            return
        while True:
            await asyncio.sleep(self._rng.expovariate(self._rate))
            await self.one()

    async def one(self) -> None:
        """One job, by its request to the API."""
        operation, data = draw(self._rng)
        target, subject = self._aim(verb_of(operation))
        job = Job(self._uuid(), subject, operation, self._rng.lognormvariate(-2.0, 0.9))
        again = self._rng.random() < RETRIES
        await self._audit(operation)
        if target and not (again and await self._desk.retry(job, target)):
            await self._desk.issue(job, data)

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _aim(self, verb: str) -> tuple[str, str]:
        """A target and its subject: mostly one host. The larger the fleet, the rarer what reaches all of it."""
        known = [host for host in self._workers if self.reachable(host)]
        if not known:
            return "", ""
        host = self._rng.choice(known)
        dice, share = self._rng.random(), min(0.15, 1.5 / len(self._workers))
        if not self._direct_only:
            if dice < share:
                return "_any", self._layout.any_subject(verb)
            if dice < share * 1.4:
                return "_all", self._layout.all_subject(verb)
            if dice < share * 2.5:
                key, prefix = self._rng.choice(list(keys.levels(host.labels)))
                return f"{key}:{prefix}", self._layout.label_subject(verb, key, prefix)
        return host.machine_id, self._layout.host_subject(verb, host.machine_id)

    async def last_jobs(self, host: Host) -> None:
        """Two jobs of an hour for one host; returns when it has both in hand, or after 5 s."""
        wanted = set()
        for operation, data in (("node.disk.get", {}), ("file.deploy", {"object": "nginx.conf"})):
            subject = self._layout.host_subject(verb_of(operation), host.machine_id)
            job = Job(self._uuid(), subject, operation, seconds=HOUR)
            wanted.add(job.id)
            await self._desk.issue(job, data)
        for _ in range(50):
            if wanted <= self._desk.begun:
                return
            await asyncio.sleep(0.1)

    async def _audit(self, operation: str) -> None:
        entry = self._uuid()
        user, role = self._rng.choice(_USERS)
        value = {
            "id": entry,
            "timestamp": nano(now_ns()),
            "user": user,
            "roles": [role],
            "method": "GET" if verb_of(operation) == "query" else "POST",
            "path": "/api/" + operation.replace(".", "/"),
            "source_ip": f"10.20.9.{self._rng.randrange(2, 250)}",
            "response_code": 200 if verb_of(operation) == "query" else 202,
            "duration_ms": self._rng.randrange(3, 400),
        }
        await self._link.publish(self._layout.subject(f"audit.{entry}"), encode(value))
