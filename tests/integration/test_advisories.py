"""Advisories of a real server, and what is an event of them and of changed configurations."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import nats
import pytest
from nats.js.api import ConsumerConfig

from app.model.events import Advisory
from app.model.snapshot import Snapshot, SourceStatus
from app.settings import NatsSettings, Settings
from app.sources.advisories import SUBJECTS, AdvisorySource, read
from app.sources.connection import NatsLink
from app.worker.board import Board
from app.worker.collector import Collector
from tests.nats_server import NatsServer

WITHIN = 20.0
NOW = datetime.now(UTC)


async def listening(source: AdvisorySource, *statuses: SourceStatus) -> None:
    """Until the source says that it stands so."""
    deadline = time.monotonic() + WITHIN
    while (state := await source.collect(datetime.now(UTC))).status not in statuses:
        assert time.monotonic() < deadline, state
        await asyncio.sleep(0.05)


async def heard(source: AdvisorySource, *types: str) -> list[Advisory]:
    """What came until all of these types did."""
    found: list[Advisory] = []
    deadline = time.monotonic() + WITHIN
    while not set(types) <= {one.type for one in found}:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)
        found += source.take()
    return found


async def test_what_the_server_says_is_heard_also_after_a_reconnect(server: NatsServer) -> None:
    link = NatsLink(NatsSettings(url=server.url))
    source = AdvisorySource(link)
    await link.start()
    await listening(source, SourceStatus.OK)
    client = await nats.connect(server.url)
    js = client.jetstream()
    await js.add_stream(name="ORDERS", subjects=["orders.>"])
    config = ConsumerConfig(durable_name="billing", ack_wait=0.2, max_deliver=1)
    await js.add_consumer("ORDERS", config)
    await js.add_consumer("ORDERS", ConsumerConfig(durable_name="watchdeck-x"))
    await js.publish("orders.new", b"1")
    reader = await js.pull_subscribe_bind("billing", "ORDERS")
    await reader.fetch(1, timeout=WITHIN)
    with pytest.raises(nats.errors.TimeoutError):
        await reader.fetch(1, timeout=1.0)
    found = await heard(source, "stream_action", "consumer_action", "max_deliver")
    made = [one for one in found if one.type == "consumer_action"]
    assert [(one.consumer, one.action, one.own) for one in made] == [
        ("billing", "create", False),
        ("watchdeck-x", "create", True),
    ]
    given_up = next(one for one in found if one.type == "max_deliver")
    assert (given_up.stream, given_up.consumer, given_up.sequence, given_up.deliveries) == ("ORDERS", "billing", 1, 1)
    await client.close()

    await asyncio.to_thread(server.stop)
    await listening(source, SourceStatus.FAILED)
    await asyncio.to_thread(server.start)
    await listening(source, SourceStatus.OK)
    source.take()
    client = await nats.connect(server.url)
    await client.jetstream().delete_consumer("ORDERS", "billing")
    assert [one.action for one in await heard(source, "consumer_action")] == ["delete"]
    await client.close()
    await source.close()
    await link.stop()


@pytest.mark.parametrize(("allowed", "status"), [(SUBJECTS[0], SourceStatus.PARTIAL), ("x", SourceStatus.DENIED)])
async def test_what_may_not_be_heard_is_named(tmp_path: Path, allowed: str, status: SourceStatus) -> None:
    rights = f'publish: ["$JS.API.>"], subscribe: ["_INBOX.>", "{allowed}"]'
    config = f"authorization {{ users: [ {{ user: some, password: pw, permissions: {{ {rights} }} }} ] }}"
    with NatsServer(tmp_path / "nats", config) as server:
        link = NatsLink(NatsSettings(url=server.url.replace("nats://", "nats://some:pw@")))
        source = AdvisorySource(link)
        await link.start()
        await listening(source, status)
        state = await source.collect(NOW)
        denied = [f"subscribe on {subject}" for subject in SUBJECTS if subject != allowed]
        assert list(state.denied) == denied
        assert link.up
        await link.stop()


async def test_what_comes_too_fast_is_dropped_and_said(server: NatsServer) -> None:
    link = NatsLink(NatsSettings(url=server.url))
    source = AdvisorySource(link, most=3)
    await link.start()
    await listening(source, SourceStatus.OK)
    client = await nats.connect(server.url)
    payload = {"type": "io.nats.jetstream.advisory.v1.stream_action", "stream": "S", "action": "create"}
    for number in range(10):
        body = json.dumps({**payload, "stream": f"S{number}"}).encode()
        await client.publish("$JS.EVENT.ADVISORY.STREAM.CREATED.S", body)
    await client.flush()
    deadline = time.monotonic() + WITHIN
    while source.dropped < 7 and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    state = await source.collect(NOW)
    assert (state.status, state.error) == (SourceStatus.PARTIAL, "7 advisories came too fast and were dropped")
    assert [one.stream for one in source.take()] == ["S7", "S8", "S9"]
    assert (await source.collect(NOW)).status is SourceStatus.OK
    await client.close()
    await link.stop()


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"type":"x"}', b'{"type":1,"stream":"S"}', b"\xff", b"[" * 9000]
)
def test_what_is_no_advisory(payload: bytes) -> None:
    assert read(payload, NOW) is None


def test_hostile_advisories_are_cleaned() -> None:
    wire = {"type": "v1.a\x1b[2Jb", "stream": "S\x07", "reason": "\x1b]0;x\x07r", "stream_seq": -4, "timestamp": "soon"}
    advisory = read(json.dumps(wire).encode(), NOW)
    assert advisory is not None
    assert all(text.isprintable() for text in (advisory.type, advisory.stream, advisory.reason))
    assert (advisory.sequence, advisory.at) == (0, NOW)


async def test_a_changed_configuration_is_seen_without_the_advisory(server: NatsServer, tmp_path: Path) -> None:
    """The deck is told by comparison: an advisory is sent once, to whoever listens just then."""
    client = await nats.connect(server.url)
    js = client.jetstream()
    await js.add_stream(name="ORDERS", subjects=["orders.>"])
    await js.add_consumer("ORDERS", ConsumerConfig(durable_name="billing", max_ack_pending=1000))
    board = Board()
    collector = Collector(Settings(nats=NatsSettings(url=server.url), state_dir=tmp_path), board)
    collector._sources = replace(collector._sources, advisories=tuple)
    running = asyncio.create_task(collector.run())
    try:
        await until(board, lambda one: "ORDERS/billing" in one.consumers)
        await js.add_consumer("ORDERS", ConsumerConfig(durable_name="billing", max_ack_pending=100))
        await until(board, lambda one: "max_ack_pending 1000 → 100" in [row.what for row in one.events.values()])
        await js.delete_consumer("ORDERS", "billing")
        snapshot = await until(board, lambda one: "consumer deleted" in [row.what for row in one.events.values()])
        deleted = [row for row in snapshot.events.values() if row.what == "consumer deleted"]
        assert [(row.subject, row.minor) for row in deleted] == [("ORDERS › billing", False)]
        assert {"worker:nats", "worker:collection", "worker:host", "worker:process"} <= set(snapshot.components)
    finally:
        board.stop()
        await asyncio.wait_for(running, WITHIN)
        await client.close()


async def until(board: Board, wanted: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + WITHIN
    while not wanted(board.snapshot):
        assert time.monotonic() < deadline, list(board.snapshot.events.values())
        await asyncio.sleep(0.05)
    return board.snapshot
