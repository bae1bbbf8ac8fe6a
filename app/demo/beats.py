"""The registry's side of the simulation: heartbeats, facts, a drained host's story, and the farewell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from app.demo import layout as keys
from app.demo.control import Control
from app.demo.fleet import Host
from app.demo.layout import HOUR, SECOND, Layout
from app.demo.link import Link
from app.demo.stamps import nano, now_ns
from app.model.fleet import HEARTBEAT

FACTS_EVERY = 60.0
"""Seconds between two writings of an agent's facts (OSAPI)."""


class Registry:
    """Writes what the hosts, the controller and its NATS server say of themselves."""

    def __init__(self, link: Link, layout: Layout, hosts: Sequence[Host], controls: Sequence[Control]) -> None:
        self._link = link
        self._layout = layout
        self._hosts = hosts
        self._controls = controls
        self._told: list[str] = []  # keys in the state bucket, which has no time to live

    async def begin(self) -> None:
        """Registers all at once; returns when the broker has every registration."""
        now = now_ns()
        for host in self._hosts:
            host.begin(now)
            await self.register(host)
            await self._tell_facts(host)
            if host.state == "Cordoned":
                await self._drained(host, now)
        for control in self._controls:
            control.begin(now)
            await self._link.put_surely(self._layout.registry, control.key, control.registration(now))

    async def register(self, host: Host) -> None:
        """One heartbeat; none of a dead host."""
        if host.alive:
            value = host.registration(now_ns())
            await self._link.put(self._layout.registry, keys.agent_key(host.machine_id), value)

    async def beats(self) -> None:
        """Everyone once in 10 s, evenly spread. For ever."""
        await in_turn((*self._controls, *self._hosts), HEARTBEAT, self._one)

    async def facts(self) -> None:
        """Every host's facts once a minute. For ever."""
        await in_turn(self._hosts, FACTS_EVERY, self._tell_facts)

    async def farewell(self) -> None:
        """Deletes the registrations of all that live, as components that are stopped do."""
        for host in self._hosts:
            if host.alive:
                await self.leave(host)
        for control in self._controls:
            await self._link.delete(self._layout.registry, control.key)
        if self._link.nc.is_connected:
            await self._link.nc.flush()

    async def leave(self, host: Host) -> None:
        """The farewell of one agent."""
        await self._link.delete(self._layout.registry, keys.agent_key(host.machine_id))

    async def forget(self) -> None:
        """Removes what was written into the state bucket."""
        drained = [keys.drain_key(host.machine_id) for host in self._hosts]
        for key in (*self._told, *drained):
            await self._link.delete(self._layout.state, key, purge=True)
        if self._link.nc.is_connected:
            await self._link.nc.flush()

    async def drain(self, host: Host) -> None:
        """What the API writes when somebody drains a host."""
        await self._link.put(self._layout.state, keys.drain_key(host.machine_id), b"1")
        await self.note(host, "drain", "Drain initiated via API")

    async def undrain(self, host: Host) -> None:
        """What the API writes when somebody takes a drain back."""
        await self._link.delete(self._layout.state, keys.drain_key(host.machine_id))
        await self.note(host, "undrain", "Undrain initiated via API")

    async def note(self, host: Host, event: str, message: str, *, now: int = 0) -> None:
        """One event of a host's timeline."""
        at = now or now_ns()
        key = keys.timeline_key(host.hostname, event, at)
        value = {"timestamp": nano(at), "event": event, "hostname": host.hostname, "message": message}
        self._told.append(key)
        await self._link.put(self._layout.state, key, value)

    async def _one(self, who: Host | Control) -> None:
        if isinstance(who, Host):
            await self.register(who)
        else:
            await self._link.put(self._layout.registry, who.key, who.registration(now_ns()))

    async def _tell_facts(self, host: Host) -> None:
        if host.alive:
            await self._link.put(self._layout.facts, keys.facts_key(host.machine_id), host.facts())

    async def _drained(self, host: Host, now: int) -> None:
        """What the drain of a host, two hours ago, has left in the state bucket."""
        await self._link.put(self._layout.state, keys.drain_key(host.machine_id), b"1")
        await self.note(host, "drain", "Drain initiated via API", now=now - 2 * HOUR)
        await self.note(host, "drain", "Drain initiated", now=now - 2 * HOUR + 4 * SECOND)
        await self.note(host, "cordoned", "All jobs completed", now=now - 2 * HOUR + 9 * SECOND)


async def in_turn(items: Sequence[Any], period: float, do: Callable[[Any], Awaitable[None]]) -> None:
    """Each item once in a period, evenly spread, for ever. What was missed while the machine slept is left out."""
    if not items:
        return
    loop = asyncio.get_running_loop()
    pace = len(items) / period
    began, done = loop.time(), 0
    while True:
        await asyncio.sleep(max(0.1, (done + 1) / pace - (loop.time() - began)))
        due = int((loop.time() - began) * pace)
        for index in range(max(done, due - len(items)), due):
            await do(items[index % len(items)])
        done = due
