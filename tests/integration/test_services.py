"""Services of the NATS services API on a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.micro import add_service
from nats.micro.request import Request, ServiceError
from nats.micro.service import EndpointConfig, Service, ServiceConfig

from app.model.broker import LinkState
from app.model.snapshot import SourceStatus
from app.settings import NatsSettings
from app.sources.connection import NatsLink
from app.sources.services import ServiceFacts, ServiceSource
from tests.nats_server import NatsServer

WITHIN = 20.0


async def answer(request: Request) -> None:
    if request.data == b"bad":
        raise ServiceError("422", "no SKU")
    await request.respond(b"12.50")


async def service(client: Client, name: str = "pricing") -> Service:
    started = await add_service(client, ServiceConfig(name=name, version="1.4.0", description="Prices of articles"))
    await started.add_endpoint(EndpointConfig(name="quote", subject=f"{name}.quote", handler=answer))
    await client.flush()
    return started


@asynccontextmanager
async def source(server: NatsServer, **settings: str) -> AsyncIterator[tuple[ServiceSource, NatsLink]]:
    link = NatsLink(NatsSettings(url=server.url, **settings))  # type: ignore[arg-type]
    await link.start()
    deadline = time.monotonic() + WITHIN
    while link.connection.state is not LinkState.CONNECTED and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    try:
        yield ServiceSource(link, every=0.1), link
    finally:
        await link.stop()


async def until(source: ServiceSource, wanted: Callable[[ServiceFacts], bool]) -> ServiceFacts:
    deadline = time.monotonic() + WITHIN
    while True:
        facts = await source.collect(datetime.now(UTC))
        if wanted(facts):
            return facts
        assert time.monotonic() < deadline, facts
        await asyncio.sleep(0.05)


async def test_instances_figures_and_a_service_that_goes(server: NatsServer) -> None:
    async with source(server) as (services, _):
        facts = await until(services, lambda facts: facts.states[0].status is SourceStatus.ABSENT)
        assert facts.services == {}
        clients = [await nats.connect(server.url) for _ in range(3)]
        try:
            running = [await service(client) for client in clients[:2]]
            facts = await until(services, lambda facts: len(facts.services) == 1)
            facts = await until(services, lambda facts: len(facts.services["pricing"].instances) == 2)
            pricing = facts.services["pricing"]
            assert (pricing.version, pricing.description) == ("1.4.0", "Prices of articles")
            assert pricing.instances[0].endpoints[0].subject == "pricing.quote"
            assert facts.components["service:pricing"].state == "up 2"

            for payload in [b"good"] * 9 + [b"bad"]:
                await clients[2].request("pricing.quote", payload, timeout=WITHIN)
            facts = await until(services, lambda facts: bool(facts.services["pricing"].requests))
            pricing = facts.services["pricing"]
            assert pricing.errors is not None
            assert pricing.mean is not None
            assert sum(e.requests for one in pricing.instances for e in one.endpoints) == 10
            assert sum(e.errors for one in pricing.instances for e in one.endpoints) == 1
            assert "422" in pricing.last_error

            await running[0].stop()
            await until(services, lambda facts: facts.components["service:pricing"].state == "up 1")
            await running[1].stop()
            facts = await until(services, lambda facts: facts.services["pricing"].gone_since is not None)
            assert facts.components["service:pricing"].state == "gone"
            assert facts.states[0].status is SourceStatus.OK
        finally:
            for client in clients:
                await client.close()


async def test_nothing_is_asked_between_two_askings_and_nothing_while_down(server: NatsServer) -> None:
    async with source(server) as (services, link):
        slow = ServiceSource(link, every=600.0)
        first = await slow.collect(datetime.now(UTC))
        assert await slow.collect(datetime.now(UTC)) is first
        client = await nats.connect(server.url)
        await service(client)
        await until(services, lambda facts: bool(facts.services))
        await client.close()
        await asyncio.to_thread(server.stop)
        facts = await until(services, lambda facts: facts.states[0].status is SourceStatus.FAILED)
        assert set(facts.services) == {"pricing"}


async def test_switched_off_asks_nothing() -> None:
    link = NatsLink(NatsSettings(url="nats://127.0.0.1:1"))
    facts = await ServiceSource(link, enabled=False).collect(datetime.now(UTC))
    assert facts.states[0].status is SourceStatus.ABSENT
    assert "[services_api]" in facts.states[0].error


def accounts(publish: str) -> str:
    rights = f'publish: [{publish}], subscribe: ["_INBOX.>"]'
    return f"""authorization {{ users: [
        {{ user: all, password: pw }}, {{ user: some, password: pw, permissions: {{ {rights} }} }}
    ] }}"""


@pytest.mark.parametrize(
    ("publish", "status", "denied"),
    [
        ('"x"', SourceStatus.DENIED, ("publish on $SRV.PING",)),
        ('"$SRV.PING"', SourceStatus.PARTIAL, ("publish on $SRV.STATS",)),
        ('"$SRV.STATS"', SourceStatus.OK, ()),
    ],
)
async def test_what_is_not_permitted_is_named(
    tmp_path: Path, publish: str, status: SourceStatus, denied: tuple[str, ...]
) -> None:
    with NatsServer(tmp_path / "nats", accounts(publish)) as server:
        client = await nats.connect(server.url, user="all", password="pw")
        try:
            await service(client)
            link_url = server.url.replace("nats://", "nats://some:pw@")
            link = NatsLink(NatsSettings(url=link_url))
            await link.start()
            services = ServiceSource(link, every=0.1)
            facts = await until(services, lambda facts: facts.states[0].status is status)
            assert facts.states[0].denied == denied
            assert (set(facts.services) == {"pricing"}) is (status is not SourceStatus.DENIED)
            await link.stop()
        finally:
            await client.close()


async def test_answers_are_gathered_within_bounds(server: NatsServer) -> None:
    async with source(server) as (_, link):
        assert await link.gather("$SRV.PING") == []  # the server says at once that nobody listens
        client = await nats.connect(server.url)
        try:
            for _ in range(4):
                await service(client)
            assert len(await link.gather("$SRV.PING", longest=WITHIN)) == 4
            assert len(await link.gather("$SRV.PING", longest=WITHIN, quiet=WITHIN, most=3)) == 3
            began = time.monotonic()
            assert len(await link.gather("$SRV.PING", longest=0.5, quiet=WITHIN)) == 4
            assert time.monotonic() - began < WITHIN / 2
        finally:
            await client.close()
