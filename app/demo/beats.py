"""The registry's side of the simulation: heartbeats, facts, a drained host's story, and the farewell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from app.demo import layout as keys
from app.demo.fleet import Host
from app.demo.layout import HOUR, SECOND, Layout
from app.demo.link import Link
from app.demo.stamps import nano, now_ns
from app.model.fleet import HEARTBEAT, sanitise_key

FACTS_EVERY = 60.0
"""Seconds between two writings of an agent's facts (OSAPI)."""


class Registry:
    """Writes what the hosts, the controller and its NATS server say of themselves."""

    def __init__(self, link: Link, layout: Layout, hosts: Sequence[Host], components: Sequence[dict[str, Any]]) -> None:
        self._link = link
        self._layout = layout
        self._hosts = hosts
        self._components = components

    async def begin(self) -> None:
        """Registers all at once; returns when the broker has every registration."""
        now = now_ns()
        for host in self._hosts:
            host.begin(now)
            await self.register(host)
            await self._tell_facts(host)
            if host.state == "Cordoned":
                await self._drained(host, now)
        for component in self._components:
            component["started_at"] = nano(now - 30 * HOUR)
            await self._link.put_surely(self._layout.registry, component_key(component), _beat(component))

    async def register(self, host: Host) -> None:
        """One heartbeat; none of a dead host."""
        if host.alive:
            value = host.registration(now_ns())
            await self._link.put(self._layout.registry, keys.agent_key(host.machine_id), value)

    async def beats(self) -> None:
        """Everyone once in 10 s, evenly spread. For ever."""
        await in_turn((*self._components, *self._hosts), HEARTBEAT, self._one)

    async def facts(self) -> None:
        """Every host's facts once a minute. For ever."""
        await in_turn(self._hosts, FACTS_EVERY, self._tell_facts)

    async def farewell(self) -> None:
        """Deletes the registrations of all that live, as components that are stopped do."""
        for host in self._hosts:
            if host.alive:
                await self._link.delete(self._layout.registry, keys.agent_key(host.machine_id))
        for component in self._components:
            await self._link.delete(self._layout.registry, component_key(component))
        if self._link.nc.is_connected:
            await self._link.nc.flush()

    async def _one(self, who: Host | dict[str, Any]) -> None:
        if isinstance(who, Host):
            await self.register(who)
        else:
            await self._link.put(self._layout.registry, component_key(who), _beat(who))

    async def _tell_facts(self, host: Host) -> None:
        if host.alive:
            await self._link.put(self._layout.facts, keys.facts_key(host.machine_id), host.facts())

    async def _drained(self, host: Host, now: int) -> None:
        """What the drain of a host, two hours ago, has left in the state bucket."""
        await self._link.put(self._layout.state, keys.drain_key(host.machine_id), b"1")
        story = (
            ("drain", "Drain initiated via API", now - 2 * HOUR),
            ("drain", "Drain initiated", now - 2 * HOUR + 4 * SECOND),
            ("cordoned", "All jobs completed", now - 2 * HOUR + 9 * SECOND),
        )
        for event, message, at in story:
            value = {"timestamp": nano(at), "event": event, "hostname": host.hostname, "message": message}
            await self._link.put(self._layout.state, keys.timeline_key(host.hostname, event, at), value)


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


def component_key(component: dict[str, Any]) -> str:
    """`controller.<host>` or `nats.<host>`."""
    return f"{component['type']}.{sanitise_key(component['hostname'])}"


def _beat(component: dict[str, Any]) -> dict[str, Any]:
    return component | {"registered_at": nano(now_ns())}
