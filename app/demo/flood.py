"""Fills the job queue with large responses, as jobs do that send whole logs home, and empties it again."""

from __future__ import annotations

import asyncio
import random

from app.demo import layout as keys
from app.demo.fleet import Host
from app.demo.jobs import Desk, Outcome
from app.demo.layout import Layout
from app.demo.link import Link
from app.demo.orders import identity
from app.demo.stamps import now_ns

LARGEST = 700_000
"""Bytes of a response at most; less where the server takes smaller messages only."""


class Flood:
    """The responses it wrote, and their keys."""

    def __init__(self, link: Link, layout: Layout, hosts: tuple[Host, ...], rng: random.Random) -> None:
        self._link = link
        self._layout = layout
        self._hosts = hosts
        self._rng = rng
        self._written: list[str] = []

    async def fill(self, level: float, within: float) -> None:
        """The bucket grows evenly to that share of its bytes. Nothing where it has no limit."""
        info = await self._link.api(f"STREAM.INFO.KV_{self._layout.job_queue}")
        limit, first = int(info["config"].get("max_bytes", -1)), int(info["state"]["bytes"])
        missing = limit * level - first
        size = min(LARGEST, int(self._link.nc.max_payload * 0.7))
        if limit <= 0 or missing <= 0 or not self._hosts:
            return
        count = max(1, int(missing / (size + 500)))
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + within * number / count - loop.time()))
            await self._respond(size)

    async def _respond(self, size: int) -> None:
        host, job_id, now = self._rng.choice(self._hosts), identity(self._rng), now_ns()
        key = keys.response_key(job_id, host.hostname, now)
        outcome = Outcome("completed", data={"stdout": _LINE * (size // len(_LINE))})
        self._written.append(key)
        await self._link.put_surely(self._layout.job_queue, key, Desk.response(host.hostname, outcome, now))

    async def empty(self) -> None:
        """Drops these responses again."""
        written, self._written = self._written, []
        for key in written:
            await self._link.delete(self._layout.job_queue, key, purge=True)


_LINE = "Nov 22 14:01:12 nginx[812]: upstream timed out (110: Connection timed out) while reading response header; "
