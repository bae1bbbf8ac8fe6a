"""The agent itself: registers, beats every 10 s, tells its facts every minute, and says goodbye at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.agent.conditions import Limits, Transitions, judge
from app.agent.host import ThisHost
from app.demo import layout as keys
from app.demo.fleet import MARK_FIELD, MARK_VALUE
from app.demo.layout import HOUR, MIB, MINUTE, SECOND, Layout, bucket
from app.demo.link import FAILURES, ApiError, Link
from app.demo.stamps import nano, now_ns
from app.model.fleet import HEARTBEAT

FACTS_EVERY = 60.0
"""Seconds between two writings of the facts (OSAPI)."""
PARTS = {
    "agent.facts": {"status": "ok"},
    "agent.heartbeat": {"status": "ok"},
    "agent.metrics": {"status": "disabled"},
    "agent.pki": {"status": "disabled"},
}
"""What of OSAPI's agent there is here."""


@dataclass(slots=True)
class Agent:
    """Reports this host on a link that is open. `note` takes a sentence whenever reporting begins to fail or works
    again."""

    link: Link
    layout: Layout
    host: ThisHost
    machine_id: str
    labels: Mapping[str, str]
    limits: Limits
    note: Callable[[str], None]
    every: float = HEARTBEAT
    started: int = field(default_factory=now_ns)
    state: str = "Ready"
    _transitions: Transitions = field(default_factory=Transitions)
    _prepared: bool = False
    _trouble: str = ""
    _facts_at: float = float("-inf")

    @property
    def key(self) -> str:
        return keys.agent_key(self.machine_id)

    async def run(self, stop: asyncio.Event) -> None:
        """Reports until `stop` is set, through any outage, then deletes its registration."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            began = loop.time()
            await self._try()
            await _either(stop, self.link.reconnected, max(0.1, began + self.every - loop.time()))
            if self.link.reconnected.is_set():
                self.link.reconnected.clear()
                self._prepared = False  # it may be another server, or an empty one
        await self.farewell()

    async def farewell(self) -> None:
        """Deletes the registration, as agents that are stopped do."""
        if self.link.nc.is_connected:
            await self.link.delete(self.layout.registry, self.key)
            await self.link.nc.flush()

    async def _try(self) -> None:
        try:
            await self.beat()
        except (*FAILURES, ApiError) as error:
            self._prepared = False
            trouble = str(error) or "no answer"
            if trouble != self._trouble:
                self.note(f"cannot report: {trouble}; trying again every {self.every:.0f} s")
            self._trouble = trouble
            return
        if self._trouble:
            self._trouble = ""
            self.note("reports again")

    async def beat(self) -> None:
        """One heartbeat, and the facts when it is time for them."""
        loop = asyncio.get_running_loop()
        if not self._prepared:
            await self._prepare()
            self._prepared, self._facts_at = True, float("-inf")
        await self._heed_drain()
        await self.link.put_surely(self.layout.registry, self.key, self.registration(now_ns()))
        if loop.time() - self._facts_at >= FACTS_EVERY:
            facts = await asyncio.to_thread(self.host.facts)
            await self.link.put_surely(self.layout.facts, keys.facts_key(self.machine_id), facts)
            self._facts_at = loop.time()

    def registration(self, now: int) -> dict[str, Any]:
        """The value of the registry key."""
        reading = self.host.reading()
        value: dict[str, Any] = {"machine_id": self.machine_id, "hostname": self.host.hostname}
        if self.labels:
            value["labels"] = dict(self.labels)
        value |= {"registered_at": nano(now), "started_at": nano(self.started)}
        value |= self.host.registration(reading, now)
        return value | {
            "conditions": self._transitions.values(judge(reading, self.limits), now),
            "state": self.state,
            "sub_components": PARTS,
            MARK_FIELD: MARK_VALUE,
        }

    async def _prepare(self) -> None:
        """Makes the buckets of a fleet where there are none, in OSAPI's sizes."""
        layout = self.layout
        for config in (
            bucket(layout.registry, ttl=30 * SECOND),
            bucket(layout.facts, ttl=5 * MINUTE),
            bucket(layout.state),
            bucket(layout.job_queue, ttl=HOUR, max_bytes=100 * MIB),
        ):
            await self.link.ensure_stream(config)

    async def _heed_drain(self) -> None:
        """Takes over what somebody has decided: drained hosts are cordoned, as there is never a job to wait for."""
        drained = await self.link.get(self.layout.state, keys.drain_key(self.machine_id)) is not None
        if drained == (self.state == "Cordoned"):
            return
        self.state = "Cordoned" if drained else "Ready"
        if drained:
            await self._event("drain", "Drain initiated")
            await self._event("cordoned", "All jobs completed")
        else:
            await self._event("undrain", "Resumed accepting jobs")

    async def _event(self, event: str, message: str) -> None:
        at = now_ns()
        value = {"timestamp": nano(at), "event": event, "hostname": self.host.hostname, "message": message}
        await self.link.put_surely(self.layout.state, keys.timeline_key(self.host.hostname, event, at), value)


async def _either(first: asyncio.Event, second: asyncio.Event, within: float) -> None:
    """Returns when one of them is set, or the time is up."""
    waiting = [asyncio.create_task(event.wait()) for event in (first, second)]
    try:
        await asyncio.wait(waiting, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
