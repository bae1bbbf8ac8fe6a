"""The controller's day: jobs for the fleet, and the audit entries that people's requests leave."""

from __future__ import annotations

import asyncio
import random
from collections import deque

from app.demo.fleet import Host
from app.demo.jobs import ALWAYS, HOUR, Desk, Job
from app.demo.layout import Layout, verb_of
from app.demo.link import Link, encode
from app.demo.operations import data_of
from app.demo.orders import Order, Orders, Twist, identity
from app.demo.stamps import nano, now_ns

KNOWN_FOR = 30.0
"""Seconds that the controller goes on sending jobs to a host that has died: the registry's time to live."""
PATIENCE = 45.0
"""Seconds after which somebody takes back a job for a machine that is not there."""
OPENING = (
    Twist.SLOW,
    Twist.FAILS_ONCE,
    Twist.PARTIAL,
    Twist.FAILS,
    Twist.SKIPPED,
    Twist.ABSENT,
    Twist.ASTRAY,
)
"""The first jobs, so that there is something of each to see at once."""
_USERS = (("ana", "admin"), ("ben", "write"), ("ci-deploy", "write"))


class Traffic:
    """Issues jobs at a rate. Every job is written and announced as OSAPI's controller does it."""

    def __init__(
        self,
        link: Link,
        layout: Layout,
        desk: Desk,
        orders: Orders,
        rate: float,
        rng: random.Random,
        *,
        audited: bool = True,
    ) -> None:
        self._link = link
        self._layout = layout
        self._desk = desk
        self._orders = orders
        self._rate = rate
        self._rng = rng
        self._audited = audited
        self._astray: deque[tuple[float, str]] = deque()  # when each is taken back, and its id
        self._opened = False

    async def run(self) -> None:
        """For ever, at the rate; nothing at a rate of 0."""
        if self._rate <= 0:
            return
        if not self._opened:
            self._opened = True
            for twist in OPENING:
                await self.one(twist)
        while True:
            await asyncio.sleep(self._rng.expovariate(self._rate))
            await self.one(self._orders.twist())

    async def one(self, twist: Twist | None = None) -> None:
        """One request to the API."""
        await self._take_back()
        if twist is Twist.DELETED:
            await self._delete()
            return
        old = self._repeated(twist)
        order = self._orders.order(twist, old.operation if old else "")
        if order is None:
            return
        await self._audit(order.job.operation, "/api/" + order.job.operation.replace(".", "/"))
        if old is not None:
            self._desk.unhappy = ""
            await self._desk.retry(old.id, order.job, order.target, order.data)
        else:
            await self._desk.issue(order.job, order.data)
        self._note(order)

    def _repeated(self, twist: Twist | None) -> Job | None:
        """The job that this one is a retry of: one that did not go well, or else the newest."""
        if twist not in (Twist.RETRIED, Twist.ASTRAY):
            return None
        unhappy = self._desk.known(self._desk.unhappy)
        newest = self._desk.known(self._desk.done[-1]) if self._desk.done else None
        return unhappy or (newest if twist is Twist.ASTRAY else None)

    def _note(self, order: Order) -> None:
        if not order.hosts:
            self._astray.append((asyncio.get_running_loop().time() + PATIENCE, order.job.id))

    async def _take_back(self) -> None:
        """Deletes what has waited long enough for a machine that is not there."""
        while self._astray and self._astray[0][0] <= asyncio.get_running_loop().time():
            await self._desk.delete(self._astray.popleft()[1])

    async def _delete(self) -> None:
        """Deletes the newest job that is completed; what it wrote stays."""
        if self._desk.done:
            job_id = self._desk.done.pop()
            await self._audit("job.delete", f"/api/job/{job_id}", "DELETE", 204)
            await self._desk.delete(job_id)

    # what a scenario does

    def favour(self, operation: str) -> None:
        """Half of the jobs ask for this operation from now on; empty: for none in particular."""
        self._orders.favourite = operation

    async def last_jobs(self, host: Host) -> None:
        """Two jobs of an hour for one host; returns when it has both in hand, or after 5 s."""
        wanted = set()
        for operation in ("node.disk.get", "file.deploy"):
            wanted.add(await self.order_for(host, operation, seconds=HOUR))
        for _ in range(50):
            if wanted <= self._desk.begun:
                return
            await asyncio.sleep(0.1)

    async def hopeless(self, host: Host, count: int, within: float) -> None:
        """Jobs for one host that fail at each delivery."""
        for _ in range(count):
            await self.order_for(host, "file.deploy", fails=ALWAYS)
            await asyncio.sleep(within / count)

    async def order_for(self, host: Host, operation: str, *, seconds: float = 0.1, fails: int = 0) -> str:
        """One job for one host; its id."""
        subject = self._layout.host_subject(verb_of(operation), host.machine_id)
        job = Job(identity(self._rng), subject, operation, seconds, fails)
        await self._desk.issue(job, data_of(operation))
        return job.id

    async def _audit(self, operation: str, path: str, method: str = "", code: int = 0) -> None:
        if not self._audited:
            return
        query = verb_of(operation) == "query"
        entry = identity(self._rng)
        user, role = self._rng.choice(_USERS)
        value = {
            "id": entry,
            "timestamp": nano(now_ns()),
            "user": user,
            "roles": [role],
            "method": method or ("GET" if query else "POST"),
            "path": path,
            "source_ip": f"10.20.9.{self._rng.randrange(2, 250)}",
            "response_code": code or (200 if query else 202),
            "duration_ms": self._rng.randrange(3, 400),
        }
        await self._link.publish(self._layout.subject(f"audit.{entry}"), encode(value))
