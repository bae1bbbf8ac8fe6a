"""A link and its sources on a server, as the collector holds them, and waiting for what must come."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import NoRespondersError

from app.model.broker import Connection, LinkState
from app.settings import NatsSettings
from app.sources.connection import NatsLink
from app.sources.jetstream import BrokerFacts, JetStreamSource
from app.sources.registry import FleetFacts, FleetSource


def utc() -> datetime:
    return datetime.now(UTC)


@contextlib.asynccontextmanager
async def running(work: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Something that goes on until its event is set: it is set at the end of the block, and waited for."""
    stopping = asyncio.Event()
    task = asyncio.create_task(work(stopping))
    try:
        yield
    finally:
        stopping.set()
        async with asyncio.timeout(30):
            await task


async def until(holds: Callable[[], object], what: str, within: float = 15.0) -> float:
    """Waits until `holds()`; returns the seconds it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within, f"not within {within:.0f} s: {what}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def down(link: NatsLink, within: float = 15.0) -> Connection:
    """Waits for the first failure of a link and returns what it says."""
    await until(lambda: link.connection.state is LinkState.DOWN, "the link is down", within)
    return link.connection


async def heard(connected: Client) -> None:
    """Waits until the server has seen all subscriptions: nats-py's flush may overtake them."""
    with contextlib.suppress(NoRespondersError):
        await connected.request("nobody.listens.here")


class Watch:
    """One site's sources. `turn()` is one collection of all."""

    def __init__(self, settings: NatsSettings, **fleet: Any) -> None:
        self.link = NatsLink(settings)
        self.broker = JetStreamSource(self.link, domain=settings.domain, api_prefix=settings.api_prefix)
        self.fleet = FleetSource(self.link, **fleet)

    async def look(self, *looking_at: str) -> BrokerFacts:
        return await self.broker.collect(utc(), frozenset(looking_at))

    async def turn(self) -> FleetFacts:
        return await self.fleet.collect(utc(), await self.look())

    async def turn_until(self, holds: Callable[[FleetFacts], object], what: str, within: float = 15.0) -> FleetFacts:
        """Collects, as often as a collector would at its fastest, until the facts are as wanted."""
        began = time.monotonic()
        while not holds(facts := await self.turn()):
            assert time.monotonic() - began < within, f"not within {within:.0f} s: {what}; {facts.states}"
            await asyncio.sleep(0.05)
        return facts

    async def look_until(
        self, holds: Callable[[BrokerFacts], object], what: str, within: float = 15.0, every: float = 0.05
    ) -> BrokerFacts:
        began = time.monotonic()
        while not holds(facts := await self.look()):
            assert time.monotonic() - began < within, f"not within {within:.0f} s: {what}; {facts.states}"
            await asyncio.sleep(every)
        return facts


@contextlib.asynccontextmanager
async def watching(
    url: str = "", *, wait: bool = True, fleet: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Watch]:
    """Sources on a server, connected unless `wait` is false; all closed at the end."""
    given = NatsSettings(**({"url": url} if url else {}), **settings)
    watch = Watch(given, **(fleet or {}))
    await watch.link.start()
    try:
        if wait:
            await until(lambda: watch.link.up, "connected")
        yield watch
    finally:
        await watch.fleet.close()
        await watch.broker.close()
        await watch.link.stop()


@contextlib.asynccontextmanager
async def client(url: str, **options: Any) -> AsyncIterator[Client]:
    """An ordinary client, to make things with."""

    async def quiet(error: Exception) -> None:
        """Servers are killed here: their clients' complaints are no news."""

    connected = await nats.connect(url, error_cb=quiet, **options)
    try:
        yield connected
    finally:
        await connected.close()
