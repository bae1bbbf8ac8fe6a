"""Carries out what a scenario says: each step done to the hosts, the jobs, the shop or the services."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence

from app.demo.beats import Registry
from app.demo.fleet import Host
from app.demo.flood import Flood
from app.demo.jobs import Desk
from app.demo.pulls import Client
from app.demo.scenario import Act, Step
from app.demo.services import Services
from app.demo.shop import Shop
from app.demo.stamps import now_ns
from app.demo.traffic import KNOWN_FOR, Traffic

ERROR = "object nginx.conf: checksum differs"
"""What an operation that ails says."""
NOTICED_WITHIN = 8.0
"""Seconds after which an agent has seen that it is drained or is no more: by its next heartbeat."""
RUNNING_WITHIN = 30.0
"""Seconds that a drained agent waits for its running jobs, at most."""


class Stage:
    """What the steps act on. `clients` are the agents' own, by hostname; a host without durables has none."""

    def __init__(
        self,
        hosts: Sequence[Host],
        clients: Mapping[str, Client],
        registry: Registry,
        desk: Desk,
        traffic: Traffic,
        shop: Shop,
        services: Services,
        flood: Flood,
        rng: random.Random,
        speed: float = 1.0,
    ) -> None:
        self._hosts = {host.hostname: host for host in hosts}
        self._clients = clients
        self._registry = registry
        self._desk = desk
        self._traffic = traffic
        self._shop = shop
        self._services = services
        self._flood = flood
        self._rng = rng
        self._speed = speed
        self._died: dict[str, float] = {}
        self._stubborn = False

    async def do(self, step: Step) -> None:
        """Returns when the step is done, which may take its time."""
        if step.who in self._hosts:
            await self._to_host(step, self._hosts[step.who])
        elif (act := self._elsewhere(step)) is not None:
            await act()
        else:
            self._at_once(step)

    def reachable(self, host: Host) -> bool:
        """Whether the controller still sends jobs to this host: it does until the registration has expired."""
        if host.alive:
            return host.state == "Ready"
        died = self._died.get(host.hostname)
        return died is not None and (self._stubborn or asyncio.get_running_loop().time() - died < KNOWN_FOR)

    def _elsewhere(self, step: Step) -> Callable[[], Awaitable[None]] | None:
        who, level, within = step.who, step.level, step.within
        return {
            Act.CLIENT_HANGS: lambda: self._shop.hang(who),
            Act.CLIENT_LEAVES: lambda: self._shop.dismiss(who),
            Act.CLIENT_RETURNS: lambda: self._shop.readmit(who),
            Act.FILL: lambda: self._shop.fill(level, within),
            Act.EMPTY: self._shop.empty,
            Act.FILL_QUEUE: lambda: self._flood.fill(level, within),
            Act.EMPTY_QUEUE: self._flood.empty,
            Act.SERVICE_STOPS: lambda: self._services.stop(who),
            Act.SERVICE_RETURNS: lambda: self._services.start(who),
        }.get(step.act)

    def _at_once(self, step: Step) -> None:
        if step.act is Act.CLIENT_SLOWS:
            self._shop.slow_down(step.who)
        elif step.act is Act.POISON:
            self._shop.poison(step.who)
        elif step.act is Act.CURE:
            self._shop.cure(step.who)
        elif step.act is Act.AILS:
            self._desk.ill[step.who] = ERROR
            self._traffic.favour(step.who)
        elif step.act is Act.AILS_NO_MORE:
            self._desk.ill.clear()
            self._traffic.favour("")
        elif step.act in (Act.STUBBORN, Act.SENSIBLE):
            self._stubborn = step.act is Act.STUBBORN
        elif step.act is Act.SERVICE_ERRS:
            self._services.failing[step.who] = step.level

    # hosts

    async def _to_host(self, step: Step, host: Host) -> None:
        if step.act is Act.STRAIN:
            host.strain[step.what] = step.level
        elif step.act is Act.RELIEF:
            host.strain.clear()
        elif step.act is Act.AGENT_DIES:
            await self._traffic.last_jobs(host)
            await self._dies(host)
        elif step.act is Act.POWER_FAILS:
            await self._dies(host)
        elif step.act is Act.AGENT_STOPS:
            await self._stops(host)
        elif step.act is Act.AGENT_RETURNS:
            await self._returns(host)
        elif step.act is Act.HOPELESS:
            await self._traffic.hopeless(host, int(step.level), step.within)
        elif step.act is Act.DRAIN:
            await self._drain(host)
        elif step.act is Act.UNDRAIN:
            await self._undrain(host)

    async def _dies(self, host: Host) -> None:
        host.alive = False
        self._died[host.hostname] = asyncio.get_running_loop().time()
        if client := self._clients.get(host.hostname):
            await client.leave()

    async def _stops(self, host: Host) -> None:
        """As on SIGTERM: what is in hand is finished, then the registration is deleted."""
        host.alive = False
        if client := self._clients.get(host.hostname):
            await self._finished(client)
        await self._registry.leave(host)

    async def _returns(self, host: Host) -> None:
        host.restart(now_ns())
        self._died.pop(host.hostname, None)
        await self._registry.register(host)
        if (client := self._clients.get(host.hostname)) and host.state == "Ready" and not client.joined:
            await client.join()

    async def _drain(self, host: Host) -> None:
        """The API's part at once, the agent's with its next heartbeat."""
        await self._registry.drain(host)
        await self._next_beat()
        if not host.alive or host.state != "Ready":
            return
        await self._registry.note(host, "drain", "Drain initiated")
        if client := self._clients.get(host.hostname):
            await self._finished(client)
        host.state = "Cordoned"
        await self._registry.note(host, "cordoned", "All jobs completed")
        await self._registry.register(host)

    async def _undrain(self, host: Host) -> None:
        await self._registry.undrain(host)
        await self._next_beat()
        if not host.alive:
            return
        host.state = "Ready"
        await self._registry.note(host, "undrain", "Resumed accepting jobs")
        await self._registry.register(host)
        if (client := self._clients.get(host.hostname)) and not client.joined:
            await client.join()

    async def _finished(self, client: Client) -> None:
        await client.finish()
        for _ in range(int(RUNNING_WITHIN / self._speed / 0.1)):
            if not client.busy:
                return
            await asyncio.sleep(0.1)

    async def _next_beat(self) -> None:
        await asyncio.sleep(self._rng.uniform(1.0, NOTICED_WITHIN) / self._speed)
