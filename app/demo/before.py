"""What a simulation finds when it begins: files to deploy, an old stream of jobs, the last minutes, dead letters."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from app.demo.fleet import Host
from app.demo.jobs import Desk
from app.demo.layout import Config, Layout
from app.demo.letters import Letters
from app.demo.link import Link
from app.demo.orders import Orders
from app.demo.past import Past, count_for
from app.demo.stamps import now_ns

OLD_JOBS = 9_950
"""What the jobs stream holds at the start: it reaches its 10,000 within a minute and drops old ones from then on."""


@dataclass(frozen=True, slots=True)
class Before:
    """`write` once, when the consumers are there and their clients are not."""

    link: Link
    layout: Layout
    desk: Desk
    orders: Orders
    rate: float
    rng: random.Random

    async def write(self, workers: Sequence[Host], consumers: Sequence[Config]) -> None:
        """`consumers` are those of the last of the workers, who has bad luck with its jobs. No jobs at a rate of 0."""
        await self._files()
        count = count_for(self.rate)
        if (await self.link.messages(self.layout.jobs))[0] == 0:
            await self._of_a_host_long_gone(OLD_JOBS - count)
        if self.rate > 0 and workers:
            now, own = now_ns(), self.layout.host_subject("modify", workers[-1].machine_id)
            consumer = next(config for config in consumers if config["filter_subject"] == own)
            await Letters(self.link, self.layout, self.desk, self.rng).write(workers[-1], consumer, now)
            await Past(self.desk, self.orders, self.rng).write(count, now)

    async def _of_a_host_long_gone(self, count: int) -> None:
        subject = self.layout.host_subject("query", f"{self.rng.getrandbits(128):032x}")
        for number in range(count):
            await self.link.publish(subject, f"{number:08x}-0000-4000-8000-{number:012x}".encode())

    async def _files(self) -> None:
        """A few files that jobs deploy, unless there are some."""
        if (await self.link.messages(f"OBJ_{self.layout.file_objects}"))[0]:
            return
        js = self.link.nc.jetstream(prefix=self.link.prefix)
        store = await js.object_store(self.layout.file_objects)
        for name, size in (("nginx.conf", 4_096), ("motd", 512), ("agent.tar.gz", 262_144)):
            await store.put(name, self.rng.randbytes(size))
