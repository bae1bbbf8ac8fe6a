"""Dead letters at once: jobs that a consumer has been given as often as it may, by real deliveries.

With OSAPI's back-off a job needs 52 minutes to die. Before its agent comes, one durable therefore has a short back-off
for a moment; after the server has told of the dead messages it is brought to what OSAPI gives it.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

from app.demo.fleet import Host
from app.demo.jobs import ALWAYS, Desk, Job
from app.demo.layout import BACK_OFF, MINUTE, SECOND, Config, Layout
from app.demo.link import Link, encode
from app.demo.operations import data_of
from app.demo.orders import identity

COUNT = 2
TRIES = 5
HURRY = SECOND // 20
"""The short back-off, in nanoseconds."""
WITHIN = 5.0
"""Seconds for all deliveries; what has not died by then does so in its own time."""
LIFE = sum(BACK_OFF[: TRIES - 1]) + MINUTE
"""Nanoseconds ago that the jobs were issued: their tries came at OSAPI's back-off."""


@dataclass(frozen=True, slots=True)
class Letters:
    """Makes `COUNT` dead letters of jobs for one host; `consumer` is the durable that gets them, as it shall be."""

    link: Link
    layout: Layout
    desk: Desk
    rng: random.Random

    async def write(self, host: Host, consumer: Config, now: int) -> None:
        """To be called before there are other messages for this consumer. Nothing if dead letters are kept already."""
        dead = self.layout.dead_letters
        if (await self.link.messages(dead))[0]:
            return
        hurried = consumer | {"backoff": [HURRY] * TRIES, "ack_wait": HURRY}
        await self.link.ensure_consumer(self.layout.jobs, hurried)
        try:
            for _ in range(COUNT):
                await self._job(host, str(consumer["filter_subject"]), now - LIFE)
            await self._deliver(str(consumer["name"]), dead)
        finally:
            await self.link.ensure_consumer(self.layout.jobs, consumer)

    async def _job(self, host: Host, subject: str, at: int) -> None:
        job = Job(identity(self.rng), subject, "file.deploy", fails=ALWAYS)
        await self.desk.issue(job, data_of(job.operation), now=at)
        for delivery, wait in enumerate((0, *BACK_OFF[: TRIES - 1]), 1):
            at += wait
            await self.desk.begin(job, host, now=at)
            took = int(self.rng.uniform(0.2, 2.0) * SECOND)
            await self.desk.end(job, host, self.desk.outcome(job, host, delivery), took // 1_000_000, now=at + took)

    async def _deliver(self, name: str, dead: str) -> None:
        """Takes every delivery and acknowledges none, until the server says that it has given up."""
        inbox = self.link.nc.new_inbox()
        taken = await self.link.nc.subscribe(inbox)
        subject = f"{self.link.prefix}.CONSUMER.MSG.NEXT.{self.layout.jobs}.{name}"
        until = asyncio.get_running_loop().time() + WITHIN
        try:
            while (await self.link.messages(dead))[0] < COUNT and asyncio.get_running_loop().time() < until:
                await self.link.nc.publish(subject, encode({"batch": COUNT, "no_wait": True}), reply=inbox)
                await asyncio.sleep(HURRY / SECOND)
        finally:
            await taken.unsubscribe()
