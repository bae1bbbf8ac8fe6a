"""The simulation as a whole: one connection, a fleet on it, its jobs, the shop beside it, and a scenario."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable
from typing import Any

from nats.aio.msg import Msg

from app.demo.beats import Registry
from app.demo.before import Before
from app.demo.control import controls
from app.demo.fleet import Host, hosts, with_durables
from app.demo.flood import Flood
from app.demo.jobs import Desk, handle
from app.demo.layout import BACK_OFF, BACK_OFF_SOON, VERBS, Config, Layout, agent_consumers, durable, streams
from app.demo.link import FAILURES, ApiError, Link
from app.demo.orders import Orders
from app.demo.pulls import Client
from app.demo.scenario import AMONG_OURSELVES, Cast, plan
from app.demo.server import DemoError
from app.demo.services import Services
from app.demo.shop import Shop
from app.demo.shop import configs as shop_streams
from app.demo.stage import Stage
from app.demo.telling import Telling
from app.demo.traffic import Traffic
from app.settings import NatsSettings

CARE_EVERY = 2.0
_DRAWN = ("clients", "orders", "before", "past", "traffic", "shop", "services", "flood", "stage")
"""What is drawn, each from a generator of its own: none disturbs another's sequence."""
EXPORT = "export"
"""Reads the audit entries."""
AT_ONCE = 40
"""API requests that are under way at the same time while all is prepared."""


class Simulation:
    """A fleet and its surroundings. `open`, then `run` until told to stop, then perhaps `farewell`, then `close`.

    Everything that can be drawn is drawn from the seed; only time stamps come from the clock. `direct_only` is for
    a registry that is really used: jobs go to hosts of this simulation alone, never to a label or to all, and nothing
    is written that people would take for their own (audit entries, files, old jobs, dead letters, services).
    `sessions`: the stream of session events may be made; where there is one, AI agents publish on it in any case, but
    never beside a fleet that is really used.
    """

    def __init__(
        self,
        settings: NatsSettings,
        *,
        namespace: str = "osapi",
        agents: int = 10,
        rate: float = 2.0,
        scenario: str = "calm",
        seed: int = 7,
        speed: float = 1.0,
        direct_only: bool = False,
        sessions: bool = True,
    ) -> None:
        self.layout = Layout(namespace)
        self.link = Link(settings)
        self.hosts = hosts(agents, seed)
        self.workers = with_durables(self.hosts)
        self._rate = rate
        self._direct_only = direct_only
        self._back_off = BACK_OFF if scenario == "calm" else BACK_OFF_SOON
        self._registry = Registry(self.link, self.layout, self.hosts, controls(seed))
        self._desk = Desk(self.link, self.layout, seed)
        rngs = {name: random.Random(f"{seed}:{name}") for name in _DRAWN}  # noqa: S311  a simulation
        self._rng = rngs["clients"]
        self._orders = Orders(self.layout, self.workers, rate, rngs["orders"], direct_only=direct_only)
        past = Orders(self.layout, self.workers, rate, rngs["past"])
        self._before = Before(self.link, self.layout, self._desk, past, rate, rngs["before"])
        self._traffic = Traffic(
            self.link, self.layout, self._desk, self._orders, rate, rngs["traffic"], audited=not direct_only
        )
        self._shop = Shop(self.link, rngs["shop"], speed)
        self._services = Services(self.link, rngs["services"], speed)
        self._telling = Telling(self.link, self.layout, scenario, seed, create=sessions, speed=speed)
        self._clients: dict[str, Client] = {}
        self._audit_client: Client | None = None
        flood = Flood(self.link, self.layout, self.workers, rngs["flood"])
        self._stage = Stage(
            self.hosts, self._clients, self._registry, self._desk, self._traffic, self._shop, self._services, flood,
            rngs["stage"], speed,
        )  # fmt: skip
        self._orders.reachable = self._stage.reachable
        cast = Cast(
            [host.hostname for host in self.workers],
            [host.labels["group"] for host in self.workers],
            [host.hostname for host in self.hosts if host.state == "Ready"],
        )
        steps = plan(scenario, cast, seed, speed)
        self.steps = tuple(step for step in steps if not direct_only or step.act not in AMONG_OURSELVES)

    # beginning and end

    async def open(self) -> None:
        """Connects, makes the layout, registers the whole fleet and lets its clients in. DemoError if NATS refuses."""
        if not self.link.nc.is_connected:
            await self.link.open("watchdeck-simulation")
        try:
            await self._prepare()
            await self._first_words()
            await self._clients_in()
            await self._shop.open()
            if not self._direct_only:
                await self._services.open()
        except ApiError as error:
            raise DemoError(f"JetStream refuses the simulated fleet: {error}.") from error
        except FAILURES as error:
            raise DemoError(f"NATS does not answer the simulated fleet: {error or type(error).__name__}.") from error

    async def run(self, stop: asyncio.Event) -> None:
        """Plays until `stop` is set. Lost connections are waited for."""
        loops = [
            self._registry.beats,
            self._registry.facts,
            self._care,
            self._traffic.run,
            self._shop.trade,
            self._shop.measure,
            self._play,
        ]
        if not self._direct_only:
            loops += [self._services.ask, self._telling.tell]
        tasks = asyncio.gather(*(self._for_ever(loop) for loop in loops))
        ended = asyncio.create_task(stop.wait())
        try:
            either: list[asyncio.Future[Any]] = [tasks, ended]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if tasks.done():
                tasks.result()  # raises what broke
        finally:
            for task in (tasks, ended):
                task.cancel()
            await asyncio.gather(tasks, ended, return_exceptions=True)

    async def farewell(self) -> None:
        """Says goodbye as agents that are stopped do: the registry keys are deleted, nothing else is."""
        await self._services.close()
        for client in self._all_clients():
            await client.leave()
        await self._registry.farewell()

    async def clean(self) -> None:
        """Removes the streams and buckets that a simulation made; of others' streams its consumers and state keys."""
        foreign = set()
        for config in (*streams(self.layout, self._rate), *shop_streams(), self._telling.config):
            if await self.link.remove_stream(config["name"]) is False:
                foreign.add(config["name"])
        if self.layout.jobs in foreign:
            for config in (one for host in self.workers for one in self._durables(host)):
                await self.link.remove_consumer(self.layout.jobs, config["name"])
        if f"KV_{self.layout.state}" in foreign:
            await self._registry.forget()

    async def close(self) -> None:
        for client in self._all_clients():
            await client.leave()
        await self.link.close()

    async def _for_ever(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Begins a loop again when the broker was away."""
        while True:
            try:
                await loop()
                return
            except (*FAILURES, ApiError):
                await asyncio.sleep(1.0)

    # preparing

    async def _prepare(self) -> None:
        """Creates what is missing, and nothing twice: after a reconnect to an empty server all is made anew."""
        for config in streams(self.layout, self._rate):
            await self.link.ensure_stream(config)
        wanted = [(self.layout.jobs, config) for host in self.workers for config in self._durables(host)]
        if not self._direct_only:
            wanted.append((self.layout.audit, durable(EXPORT, max_ack_pending=100)))
        turn = asyncio.Semaphore(AT_ONCE)

        async def make(stream: str, config: Config) -> None:
            async with turn:
                await self.link.ensure_consumer(stream, config)

        await asyncio.gather(*(make(stream, config) for stream, config in wanted))
        await self._shop.prepare()
        if not self._direct_only:
            await self._telling.prepare()

    def _durables(self, host: Host) -> list[Config]:
        """An agent's consumers; only those for jobs to it alone where real jobs may come by."""
        configs = agent_consumers(self.layout, host.machine_id, host.labels, self._back_off)
        own = [self.layout.host_subject(verb, host.machine_id) for verb in VERBS]
        return [config for config in configs if not self._direct_only or config["filter_subject"] in own]

    async def _first_words(self) -> None:
        """What was before, among ourselves; then every registration and the facts."""
        if not self._direct_only:
            await self._before.write(self.workers, self._durables(self.workers[-1]) if self.workers else ())
        await self._registry.begin()

    async def _clients_in(self) -> None:
        for host in self.workers:
            client = Client(self.link, functools.partial(self._work, host), _split(self._rng))
            for config in self._durables(host):
                client.add(self.layout.jobs, config["name"])
            self._clients[host.hostname] = client
            await client.join()
        if self._direct_only:
            return
        self._audit_client = Client(self.link, _export, _split(self._rng))
        self._audit_client.add(self.layout.audit, EXPORT, 10)
        await self._audit_client.join()

    async def _work(self, host: Host, consumer: str, message: Msg) -> bool:
        return await handle(self._desk, host, message.data.decode(errors="replace"), message.metadata.num_delivered)

    def _all_clients(self) -> list[Client]:
        audit = [self._audit_client] if self._audit_client else []
        return [*self._clients.values(), *self._shop.clients.values(), *audit]

    # loops

    async def _care(self) -> None:
        """Sees to lost pulls, and after a reconnect to everything that may be lost."""
        while True:
            await asyncio.sleep(CARE_EVERY)
            if self.link.reconnected.is_set():
                await self._prepare()
                for client in self._all_clients():
                    await client.pull_again()
                self.link.reconnected.clear()
            for client in self._all_clients():
                await client.look_after()

    # the scenario

    async def _play(self) -> None:
        """Each step at its time; steps that take a while go on beside the others."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as under_way:
            for step in self.steps:
                await asyncio.sleep(max(0.0, began + step.at - loop.time()))
                under_way.create_task(self._for_ever(functools.partial(self._stage.do, step)))


def _split(rng: random.Random) -> random.Random:
    return random.Random(rng.getrandbits(64))  # noqa: S311  a simulation


async def _export(consumer: str, message: Msg) -> bool:
    await asyncio.sleep(0.002)
    return True
