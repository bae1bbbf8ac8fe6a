"""What the fleet did before anybody looked: jobs of the last minutes, with the keys that OSAPI would have left.

The stamps in keys and values are of those minutes; the broker's own are of now, since it was told now.
"""

from __future__ import annotations

import random

from app.demo.fleet import Host
from app.demo.jobs import Desk
from app.demo.layout import BACK_OFF, SECOND
from app.demo.orders import Order, Orders, Twist

SPAN = 600.0
"""Seconds that the past reaches back."""
LATEST = 8.0
"""The newest job of the past was issued so many seconds ago, and is done."""
MOST = 500
"""Jobs of the past at most."""
STORY = (Twist.PARTIAL, Twist.SKIPPED, Twist.FAILS, Twist.FAILS_ONCE, Twist.SKIPPED, Twist.DELETED)
"""What the past has at least once, oldest first. Each skipped job is retried, and that retry again."""


def count_for(rate: float) -> int:
    """How many jobs the past has: a third of what the rate makes of its time, as after a quieter hour."""
    return min(MOST, int(rate * SPAN / 3))


class Past:
    """Writes the past: `write` once, before the consumers' clients come."""

    def __init__(self, desk: Desk, orders: Orders, rng: random.Random) -> None:
        self._desk = desk
        self._orders = orders
        self._rng = rng

    async def write(self, count: int, now: int) -> None:
        """So many orders, oldest first, of the time before `now` (nanoseconds)."""
        ages = sorted((self._rng.uniform(LATEST, SPAN) for _ in range(count)), reverse=True)
        story = dict(zip(range(count // 5, count), STORY, strict=False))
        for index, age in enumerate(ages):
            twist = story.get(index)
            order = self._orders.order(None if twist is Twist.DELETED else twist)
            if order is None:
                return
            await self._lived(order, now - int(age * SECOND), now)
            if twist is Twist.DELETED:
                await self._desk.delete(order.job.id)

    async def _lived(self, order: Order, at: int, now: int) -> None:
        await self._desk.issue(order.job, order.data, now=at)
        for host in order.hosts:
            await self._handled(order, host, at, now)
        await self._retried(order, at, now, 2)

    async def _retried(self, order: Order, at: int, now: int, retries: int) -> None:
        """A skipped job is asked for again: skipped once more, then done by somebody who can."""
        at += int(self._rng.uniform(2.0, 3.5) * SECOND)
        if order.twist is not Twist.SKIPPED or not retries or at > now:
            return
        again = self._orders.order(Twist.SKIPPED if retries > 1 else None, order.job.operation)
        if again is None:
            return
        self._desk.unhappy = ""
        await self._desk.retry(order.job.id, again.job, again.target, again.data, now=at)
        for host in again.hosts:
            await self._handled(again, host, at, now)
        await self._retried(again, at, now, retries - 1)

    async def _handled(self, order: Order, host: Host, at: int, now: int) -> None:
        """Every delivery of the job to this host, up to now. What is not settled goes on with the consumer's next."""
        job = order.job
        for delivery, wait in enumerate((0, *BACK_OFF), 1):
            at += wait + int(self._rng.uniform(0.01, 0.06) * SECOND)
            took = int(job.seconds * SECOND)
            if at + took > now:
                return
            await self._desk.begin(job, host, now=at)
            outcome = self._desk.outcome(job, host, delivery)
            await self._desk.end(job, host, outcome, took // 1_000_000, now=at + took)
            if outcome.status != "failed":
                self._desk.settled.add((job.id, host.machine_id))
                return
            at += took
