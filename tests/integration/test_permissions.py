"""What is shown with less than all permissions, and that the documented minimum is enough."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, StreamConfig

from app.model.broker import LinkState
from app.model.snapshot import SourceStatus
from app.sources.advisories import AdvisorySource
from app.sources.errors import NotPermitted
from app.sources.services import ServiceSource
from tests.integration.fleet_values import make_fleet, registration
from tests.integration.watching import Watch, client, utc, watching
from tests.nats_server import NatsServer

FACTS = (
    *("$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.>", "$JS.API.CONSUMER.LIST.>"),
    *("$JS.API.CONSUMER.INFO.>", "$JS.API.STREAM.MSG.GET.>", "$JS.API.DIRECT.GET.>", "$SRV.>"),
)
FLEET = ("$JS.API.CONSUMER.CREATE.>", "$JS.API.CONSUMER.DELETE.>")
HEARS = ("_INBOX.>", "$JS.EVENT.ADVISORY.STREAM.>", "$JS.EVENT.ADVISORY.CONSUMER.>")


@asynccontextmanager
async def limited(
    folder: Path, publish: Sequence[str], hears: Sequence[str] = HEARS, **settings: str
) -> AsyncIterator[tuple[Client, Watch, NatsServer]]:
    """A server with an all-powerful client, and sources that may do only this; a fleet and a stream are there."""
    permissions = f"{{ publish: {json.dumps(list(publish))}, subscribe: {json.dumps(list(hears))} }}"
    users = f"[ {{user: root, password: r}}, {{user: w, password: w, permissions: {permissions} }} ]"
    with NatsServer(folder / "nats", f"authorization {{ users: {users} }}") as server:
        root, other = (f"nats://{user}@127.0.0.1:{server.port}" for user in ("root:r", "w:w"))
        async with client(root) as nc:
            js = nc.jetstream()
            await js.add_stream(StreamConfig(name="ORDERS", subjects=["orders.>"], allow_direct=True))
            await js.add_consumer(
                "ORDERS", ConsumerConfig(durable_name="c", ack_policy="explicit", filter_subject="orders.a")
            )
            await js.publish("orders.a", b"x")
            await (await make_fleet(js))["agent-registry"].put("agents.a", registration("web-a", "a"))
            async with watching(other, **settings) as watch:
                yield nc, watch, server


def violations(server: NatsServer) -> list[str]:
    """Subjects that the server has refused us, from its log."""
    lines = server.log.read_text().splitlines()
    return [line.rpartition("Violation - ")[2] for line in lines if "Violation" in line]


async def test_the_minimal_permissions_are_enough(tmp_path: Path) -> None:
    async with limited(tmp_path, FACTS + FLEET) as (_, watch, server):
        facts = await watch.turn()
        broker = watch.broker.facts
        assert {state.status for state in (*broker.states, *facts.states)} == {SourceStatus.OK}
        assert not [state.denied for state in (*broker.states, *facts.states) if state.denied]
        assert broker.consumers["ORDERS/c"].next_at is not None
        assert facts.agents["a"].hostname == "web-a"
        services, advisories = ServiceSource(watch.link), AdvisorySource(watch.link)
        assert (await services.collect(utc())).states[0].error == "nothing answers on $SRV"
        assert (await advisories.collect(utc())).status is SourceStatus.OK
        await watch.fleet.close()
        assert all("$SYS.REQ.USER.INFO" in line for line in violations(server))


async def test_without_the_right_to_make_consumers_the_fleet_is_listed(tmp_path: Path) -> None:
    async with limited(tmp_path, FACTS) as (_, watch, server):
        facts = await watch.turn()
        assert facts.agents["a"].hostname == "web-a"
        assert {state.status for state in facts.states} == {SourceStatus.OK}
        assert facts.states[0].interval == 10.0
        before = len(violations(server))
        for _ in range(3):
            await watch.turn()
        assert len(violations(server)) == before, "what was refused is not tried every second"


async def test_missing_consumer_list_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    publish = [subject for subject in FACTS + FLEET if "CONSUMER.LIST" not in subject]
    async with limited(tmp_path, publish) as (_, watch, server):
        began = asyncio.get_running_loop().time()
        facts = await watch.look()
        assert asyncio.get_running_loop().time() - began < 3, "a refusal is told at once, not by running out of time"
        account, streams, consumers = facts.states
        assert (account.status, streams.status) == (SourceStatus.OK, SourceStatus.OK)
        assert consumers.status is SourceStatus.DENIED
        assert consumers.denied == ("publish on $JS.API.CONSUMER.LIST.>",)
        assert facts.streams["ORDERS"].messages == 1
        before = len(violations(server))
        assert (await watch.look()).states[2].denied == consumers.denied
        assert len(violations(server)) == before


async def test_one_stream_of_several_may_not_be_looked_into(tmp_path: Path) -> None:
    publish = [*(one for one in FACTS if "CONSUMER.LIST" not in one), "$JS.API.CONSUMER.LIST.orders"]
    async with limited(tmp_path, publish) as (nc, watch, _):
        await nc.jetstream().add_stream(name="orders", subjects=["other.>"])
        await nc.jetstream().add_consumer("orders", ConsumerConfig(durable_name="c", ack_policy="explicit"))
        facts = await watch.look()
        # The server's text comes in lower case, and the two names differ in nothing else.
        assert set(facts.consumers) == {"orders/c"}
        assert facts.states[2].status is SourceStatus.PARTIAL
        assert facts.states[2].denied == ("publish on $JS.API.CONSUMER.LIST.ORDERS",)


async def test_nothing_permitted_names_each_subject(tmp_path: Path) -> None:
    async with limited(tmp_path, ["nothing"]) as (_, watch, _server):
        facts = await watch.look()
        account, streams, _ = facts.states
        assert (account.status, account.denied) == (SourceStatus.DENIED, ("publish on $JS.API.INFO",))
        assert (streams.status, streams.denied) == (SourceStatus.DENIED, ("publish on $JS.API.STREAM.LIST",))
        assert watch.link.connection.state is LinkState.CONNECTED


async def test_a_configured_fleet_needs_no_list_of_streams(tmp_path: Path) -> None:
    publish = [subject for subject in FACTS + FLEET if "STREAM.LIST" not in subject]
    async with limited(tmp_path, publish) as (_, watch, _server):
        await watch.fleet.choose("osapi")
        facts = await watch.turn()
        assert facts.agents["a"].hostname == "web-a"


async def test_no_right_to_the_inbox(tmp_path: Path) -> None:
    async with limited(tmp_path, FACTS, ["elsewhere.>"]) as (_, watch, _server):
        began = asyncio.get_running_loop().time()
        facts = await watch.look()
        assert asyncio.get_running_loop().time() - began < 3
        assert facts.states[1].denied == ("subscribe on _INBOX.>",)
        with pytest.raises(NotPermitted, match=r"subscribe on _INBOX\.>"):
            await watch.link.request("$JS.API.INFO")


async def test_an_inbox_prefix_of_its_own(tmp_path: Path) -> None:
    async with limited(tmp_path, FACTS + FLEET, ["_INBOX_w.>"], inbox_prefix="_INBOX_w") as (_, watch, _server):
        facts = await watch.fleet.collect(utc(), await watch.look())
        assert facts.agents["a"].hostname == "web-a"
        assert {state.status for state in watch.broker.facts.states} == {SourceStatus.OK}
