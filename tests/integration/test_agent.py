"""This host as an agent on a real server: read back by the worker's own source, through outages, to its farewell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.agent.conditions import Limits
from app.agent.host import ThisHost
from app.agent.report import Agent
from app.agent.run import report
from app.demo.layout import Layout, streams
from app.demo.link import Link
from app.demo.server import DemoError
from app.model.fleet import Presence
from app.settings import NameSettings, NatsSettings
from tests.integration.watching import client, utc, watching
from tests.nats_server import NatsServer

SOON = 25.0
MACHINE = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("agent")) as running:
        yield running


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.agent.run.machine_id", lambda state_dir: (MACHINE, False))


def _report(server: NatsServer, stop: asyncio.Event, said: list[str], **more: Any) -> asyncio.Task[None]:
    given: dict[str, Any] = {"namespace": "auto", "state_dir": Path("/nowhere"), "labels": {}, "yes": False} | more
    return asyncio.create_task(
        report(
            NatsSettings(url=server.url),
            NameSettings(),
            limits=Limits(process_memory=1, process_cpu=90.0),
            note=said.append,
            stop=stop,
            **given,
        )
    )


@asynccontextmanager
async def _agent(server: NatsServer, namespace: str, said: list[str]) -> AsyncIterator[tuple[Agent, asyncio.Event]]:
    """An agent with a beat of 0.2 s."""
    link = Link(NatsSettings(url=server.url))
    await link.open("test")
    agent = Agent(link, Layout(namespace), ThisHost(), MACHINE, {}, Limits(), said.append, every=0.2)
    stop = asyncio.Event()
    task = asyncio.create_task(agent.run(stop))
    try:
        yield agent, stop
    finally:
        stop.set()
        async with asyncio.timeout(SOON):
            await task
        await link.close()


async def test_its_registration_is_read_back_as_any_agents_and_its_stop_is_a_farewell(shared: NatsServer) -> None:
    stop, said = asyncio.Event(), list[str]()
    task = _report(shared, stop, said, labels={"group": "web.eu"}, namespace="self")
    async with watching(shared.url, fleet={"namespace": "self"}) as watch:
        found = await watch.turn_until(lambda facts: facts.agents and facts.facts, "the agent is there", SOON)
        (agent,) = found.agents.values()
        assert (agent.key, agent.machine_id, agent.hostname) == (MACHINE, MACHINE, ThisHost().hostname)
        assert (agent.presence, agent.state) == (Presence.LIVE, "Ready")
        assert agent.labels == (("group", "web.eu"),)
        assert [part.name for part in agent.sub_components] == [
            "agent.facts", "agent.heartbeat", "agent.metrics", "agent.pki",
        ]  # fmt: skip
        assert {condition.type for condition in agent.active_conditions} >= {"ProcessMemoryPressure"}
        vitals = found.vitals[MACHINE]
        assert vitals.memory_used is not None
        assert 0 < vitals.memory_used < 1
        assert vitals.rss
        assert vitals.uptime is not None
        assert vitals.uptime > 0
        assert found.facts[MACHINE].cpus
        stop.set()
        async with asyncio.timeout(SOON):
            await task
        later = await watch.fleet.collect(utc() + timedelta(seconds=1), await watch.look())
        assert not any(one.presence is Presence.LIVE for one in later.agents.values())
        assert [one.presence for one in later.agents.values()] == [Presence.LEFT]
    assert said[0].endswith(f"reports in self-agent-registry on {shared.url} every 10 s; ctrl+c ends it")


async def test_it_refuses_a_real_controllers_registry_and_a_machine_that_reports_already(shared: NatsServer) -> None:
    async with client(shared.url) as nc:
        js = nc.jetstream()
        for config in streams(Layout("real"), 2.0):
            config["metadata"] = {}
            await nc.request(f"$JS.API.STREAM.CREATE.{config['name']}", json.dumps(config).encode(), timeout=5)
        await js.publish("$KV.real-agent-registry.controller.web_01", b'{"type":"controller"}')
        refused = _report(shared, asyncio.Event(), [], namespace="real")
        with pytest.raises(DemoError, match=r"real fleet: controller\.web_01 in real-agent-registry"):
            await asyncio.wait_for(refused, SOON)

        stop, said = asyncio.Event(), list[str]()
        task = _report(shared, stop, said, namespace="real", yes=True)
        registry = await js.key_value("real-agent-registry")
        async with asyncio.timeout(SOON):
            while f"agents.{MACHINE}" not in await registry.keys():
                await asyncio.sleep(0.05)
        stop.set()
        await asyncio.wait_for(task, SOON)
        assert "controller.web_01" in await registry.keys()

        await js.publish(f"$KV.real-agent-registry.agents.{MACHINE}", b'{"hostname":"web-01"}')
        with pytest.raises(DemoError, match="This machine reports already"):
            await asyncio.wait_for(_report(shared, asyncio.Event(), [], namespace="real", yes=True), SOON)


async def test_a_drain_cordons_it_and_its_end_makes_it_ready_again(shared: NatsServer) -> None:
    async with client(shared.url) as nc, _agent(shared, "drain", []) as (agent, _):
        async with asyncio.timeout(SOON):
            while not agent._prepared:
                await asyncio.sleep(0.05)
            state = await nc.jetstream().key_value("drain-agent-state")
            registry = await nc.jetstream().key_value("drain-agent-registry")

            async def reported(word: str) -> None:
                while json.loads((await registry.get(agent.key)).value or b"{}").get("state") != word:
                    await asyncio.sleep(0.05)

            await reported("Ready")
            await state.put(f"drain.{MACHINE}", b"1")
            await reported("Cordoned")
            await state.delete(f"drain.{MACHINE}")
            await reported("Ready")
            events = [key.split(".")[2] for key in await state.keys() if key.startswith("timeline.")]
        assert sorted(events) == ["cordoned", "drain", "undrain"]


async def test_an_outage_is_said_once_and_it_reports_again_in_buckets_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.demo.link.API_TIMEOUT", 2.0)
    said: list[str] = []
    with NatsServer(tmp_path / "nats") as server:
        async with _agent(server, "osapi", said) as (agent, _), asyncio.timeout(2 * SOON):
            while not agent._prepared:
                await asyncio.sleep(0.05)
            server.kill()
            while not said:
                await asyncio.sleep(0.05)
            server.wipe()
            server.start()
            while said[-1] != "reports again":
                await asyncio.sleep(0.05)
            async with client(server.url) as nc:
                for bucket, key in (("registry", agent.key), ("facts", f"facts.{MACHINE}")):
                    entry = await (await nc.jetstream().key_value(f"osapi-agent-{bucket}")).get(key)
                    assert entry.value
        assert said[0].startswith("cannot report: ")
        assert len(said) <= 4, said


async def test_it_waits_for_a_server_that_is_not_there_yet_and_stops_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.demo.link.CONNECT_WITHIN", 0.3)
    monkeypatch.setattr("app.agent.run.AGAIN", 0.1)
    stop, said = asyncio.Event(), list[str]()
    nowhere = NatsServer(Path("/nowhere"))
    nowhere.port = 1
    task = _report(nowhere, stop, said)
    async with asyncio.timeout(SOON):
        while not said:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.6)  # another attempt or two
        stop.set()
        await task
    assert len(said) == 1
    assert said[0].startswith("No NATS at nats://127.0.0.1:1: ")
    assert said[0].endswith("Trying again every 0 s.")
