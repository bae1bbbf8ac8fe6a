"""The simulated fleet on any NATS: its care for a real one, its farewell, and its way back after an outage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from app.demo.fleet import hosts
from app.demo.layout import Layout, streams
from app.demo.link import Link
from app.demo.server import DemoError
from app.demo.simulate import simulate
from app.settings import NatsSettings, Secret
from tests.buckets import live_keys_of
from tests.nats_server import NatsServer

SOON = 30.0
REGISTRY = "osapi-agent-registry"


async def _api(nc: Client, subject: str, **body: object) -> dict[str, Any]:
    reply = await nc.request(f"$JS.API.{subject}", json.dumps(body).encode() if body else b"", timeout=5)
    found: dict[str, Any] = json.loads(reply.data)
    return found


async def _names(nc: Client) -> set[str]:
    return set((await _api(nc, "STREAM.NAMES"))["streams"] or [])


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[Client]:
    nc = await nats.connect(url)
    try:
        yield nc
    finally:
        await nc.close()


@asynccontextmanager
async def _playing(server: NatsServer, **more: Any) -> AsyncIterator[asyncio.Task[None]]:
    """The simulation as a task, ready; stopped in good order at the end."""
    stop, ready = asyncio.Event(), asyncio.Event()
    arguments: dict[str, Any] = {"agents": 3, "rate": 10.0} | more
    task = asyncio.create_task(simulate(NatsSettings(url=server.url), stop=stop, ready=ready.set, **arguments))
    waiting = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait([task, waiting], timeout=SOON, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        assert ready.is_set()
        yield task
    finally:
        waiting.cancel()
        stop.set()
        async with asyncio.timeout(SOON):
            await asyncio.gather(task, waiting, return_exceptions=True)
    task.result()


async def test_it_says_goodbye_and_removes_nothing_else(server: NatsServer) -> None:
    async with _client(server.url) as nc:
        async with _playing(server):
            assert len(await live_keys_of(nc, REGISTRY)) == 5
            before = await _names(nc)
        assert await live_keys_of(nc, REGISTRY) == set()
        assert await _names(nc) == before
        assert (await _api(nc, "STREAM.INFO.osapi-JOBS"))["state"]["consumer_count"] == 30
        async with _playing(server):  # its own registry is no reason to refuse
            assert len(await live_keys_of(nc, REGISTRY)) == 5


async def test_it_removes_what_it_made_when_it_is_told_to(server: NatsServer) -> None:
    async with _client(server.url) as nc:
        await nc.jetstream().add_stream(name="ORDERS", subjects=["theirs.>"])
        async with _playing(server, clean=True):
            assert len(await _names(nc)) > 10
        assert await _names(nc) == {"ORDERS"}


async def _make_real(nc: Client, namespace: str = "osapi") -> None:
    """OSAPI's buckets as OSAPI makes them, and its controller."""
    layout = Layout(namespace)
    for config in streams(layout, 2.0):
        config["metadata"] = {}
        answer = await _api(nc, f"STREAM.CREATE.{config['name']}", **config)
        assert "error" not in answer
    value = {"type": "controller", "hostname": "web-01"}
    await nc.jetstream().publish(f"$KV.{layout.registry}.controller.web_01", json.dumps(value).encode())


async def test_it_refuses_the_registry_of_a_real_controller(server: NatsServer) -> None:
    async with _client(server.url) as nc:
        await _make_real(nc)
        before = await _names(nc)
        with pytest.raises(DemoError, match=r"real fleet: controller\.web_01 in osapi-agent-registry is alive"):
            await simulate(NatsSettings(url=server.url), agents=2)
        assert await _names(nc) == before
        assert await live_keys_of(nc, REGISTRY) == {"controller.web_01"}


async def test_it_refuses_streams_of_a_controller_that_is_down(server: NatsServer) -> None:
    async with _client(server.url) as nc:
        await _make_real(nc)
        await nc.jetstream().purge_stream("KV_osapi-agent-registry")
        with pytest.raises(DemoError, match="the stream osapi-JOBS is there already and no simulation made it"):
            await simulate(NatsSettings(url=server.url), agents=2)
        async with _playing(server, namespace="play"):
            assert "play-JOBS" in await _names(nc)


async def test_with_consent_it_sends_no_job_to_a_real_agent(server: NatsServer) -> None:
    async with _client(server.url) as nc:
        await _make_real(nc)
        heard: list[str] = []

        async def note(message: Any) -> None:
            heard.append(message.subject)

        await nc.subscribe("osapi.jobs.>", cb=note)
        before = await _names(nc)
        async with _playing(server, agents=4, rate=50.0, yes=True, clean=True):
            async with asyncio.timeout(SOON):
                while not [subject for subject in heard if subject.endswith(_machines())]:
                    await asyncio.sleep(0.05)
            page = await _api(nc, "CONSUMER.LIST.osapi-JOBS")
            filters = {one["config"]["filter_subject"].split(".")[3] for one in page["consumers"]}
            assert (await _api(nc, "STREAM.INFO.osapi-JOBS-DLQ"))["state"]["messages"] == 0
            assert (await _api(nc, "STREAM.INFO.osapi-AUDIT"))["state"]["messages"] == 0
            assert (await _api(nc, "STREAM.INFO.OBJ_osapi-file-objects"))["state"]["messages"] == 0
        assert filters == {"host"}
        assert {subject.split(".")[3] for subject in heard} == {"host"}
        assert await live_keys_of(nc, REGISTRY) == {"controller.web_01"}
        assert await _names(nc) == before
        assert (await _api(nc, "STREAM.INFO.osapi-JOBS"))["state"]["consumer_count"] == 0
        assert await live_keys_of(nc, "osapi-agent-state") == set()


def _machines() -> tuple[str, ...]:
    return tuple(host.machine_id for host in hosts(4, 7))


async def test_anothers_stream_of_the_shops_name_is_left_alone(server: NatsServer) -> None:
    async with _client(server.url) as nc:
        await nc.jetstream().add_stream(name="ORDERS", subjects=["theirs.>"])
        async with _playing(server):
            info = await _api(nc, "STREAM.INFO.ORDERS")
            assert info["state"]["consumer_count"] == 0
            assert info["config"]["subjects"] == ["theirs.>"]


async def test_after_a_wiped_store_everything_is_made_anew_and_works_again(server: NatsServer) -> None:
    async with _playing(server, rate=20.0):
        server.kill()
        server.wipe()
        server.start()
        async with _client(server.url) as nc, asyncio.timeout(SOON):
            while True:
                info = await _api(nc, "STREAM.INFO.KV_osapi-job-queue", subjects_filter="$KV.*.status.>")
                found = (info.get("state") or {}).get("subjects") or {}
                if any(".completed." in subject for subject in found):
                    break
                await asyncio.sleep(0.1)


async def test_no_server_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.demo.link.CONNECT_WITHIN", 1.0)
    with pytest.raises(DemoError, match=r"^No NATS at nats://127\.0\.0\.1:1: .+\.$"):
        await simulate(NatsSettings(url="nats://127.0.0.1:1"))


async def test_a_wrong_password_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.demo.link.CONNECT_WITHIN", 2.0)
    with NatsServer(tmp_path / "nats", "authorization { user: ana, password: right }") as guarded:
        wrong = NatsSettings(url=guarded.url, user="ana", password=Secret("wrong"))
        with pytest.raises(DemoError, match=r"(?i)^No NATS at .*authorization violation.*\.$") as refused:
            await simulate(wrong)
        assert "wrong" not in str(refused.value)
        link = Link(NatsSettings(url=guarded.url, user="ana", password=Secret("right")))
        await link.open("test")
        await link.close()


async def test_a_server_without_jetstream_is_one_sentence(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "nats", jetstream=None) as plain, pytest.raises(DemoError, match="JetStream"):
        await simulate(NatsSettings(url=plain.url))
