"""The first minute: each way of having no facts is provoked on a real server, and the page says which it is."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import nats
import pytest

from app.feed.protocol import FeedState, Frame
from app.model.broker import LinkState
from app.model.snapshot import SECTIONS, Capability, Snapshot, SourceStatus
from app.settings import NatsSettings, Secret, Settings
from app.tui.opening import opening
from app.tui.picture import Changes, Picture
from app.worker.board import Board
from app.worker.collector import Collector
from tests.integration.fleet_values import make_fleet, registration
from tests.nats_jwt import Trust
from tests.nats_server import NatsServer

PATIENCE = 40.0


@asynccontextmanager
async def collecting(**given: object) -> AsyncIterator[Board]:
    """A collector on the NATS of these settings."""
    settings = given.pop("settings", {})
    assert isinstance(settings, dict)
    board = Board()
    nats_settings = NatsSettings(interval=0.2, **given)  # type: ignore[arg-type]
    running = asyncio.create_task(Collector(Settings(nats=nats_settings, **settings), board).run())
    try:
        yield board
    finally:
        board.stop()
        await asyncio.wait({running}, timeout=10)
        assert running.done()


async def until(board: Board, wanted: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + PATIENCE
    while not wanted(board.snapshot):
        assert time.monotonic() < deadline, board.snapshot.site
        await asyncio.sleep(0.05)
    return board.snapshot


def page(snapshot: Snapshot, *contexts: str) -> str:
    """The page that a deck shows for a snapshot."""
    picture = Picture(lambda: 0.0)
    frame = Frame(snapshot, FeedState.LIVE, whole=frozenset(SECTIONS))
    changes = Changes()
    changes.add(frame)
    picture.take(frame, changes)
    return "\n".join("".join(part for part, _ in line.spans) for line in opening(picture, 2.0, contexts=contexts))


def down(snapshot: Snapshot) -> bool:
    """The connection was tried, and its failure has a cause."""
    return snapshot.site.connection.state is not LinkState.CONNECTED and bool(snapshot.site.connection.cause)


def collected(*statuses: SourceStatus) -> Callable[[Snapshot], bool]:
    """The streams have said how they stand, one of these ways."""
    return lambda snapshot: "streams" in snapshot.sources and snapshot.sources["streams"].status in statuses


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def test_nothing_answers() -> None:
    port = closed_port()
    async with collecting(url=f"nats://127.0.0.1:{port}", origin="default") as board:
        told = page(await until(board, down), "prod", "staging", "dev")
    assert f"No NATS at nats://127.0.0.1:{port}: connection refused." in told
    assert "c  choose a context: prod, staging, dev" in told
    assert "d  start the demo here" in told
    assert "Trying again every 2 s." in told


async def test_a_name_that_nobody_knows() -> None:
    async with collecting(url="nats://nats-1.invalid:4222") as board:
        assert "nats-1.invalid is not a known host" in page(await until(board, down))


async def test_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        async with collecting(url=f"nats://127.0.0.1:{mute.getsockname()[1]}") as board:
            assert "no answer within 5 s: firewall? wrong port?" in page(await until(board, down))


async def test_wrong_credentials_say_which_were_used(tmp_path: Path) -> None:
    config = "authorization { user: ops, password: right }"
    with NatsServer(tmp_path / "nats", config) as server:
        given = {"url": server.url, "user": "ops", "password": Secret("wr0ng"), "origin": "context prod"}
        async with collecting(**given) as board:
            told = page(await until(board, down), "prod", "dev")
    assert "refuses these credentials: authorization violation." in told
    assert "Used: context prod, " in told
    assert "ops" in told
    assert "c  another context: prod, dev" in told
    assert "wr0ng" not in told


async def test_expired_credentials_say_since_when(tmp_path: Path) -> None:
    trust = Trust()
    with NatsServer(tmp_path / "nats", trust.config) as server:
        creds = tmp_path / "ana.creds"
        creds.write_text(trust.creds(expires=time.time() - 86400))
        creds.chmod(0o600)
        async with collecting(url=server.url, creds=str(creds), origin="NATS_URL") as board:
            told = page(await until(board, down))
    assert "refuses these credentials" in told
    assert "expired" in told
    assert str(creds) in told


async def test_an_account_without_jetstream(tmp_path: Path) -> None:
    config = "accounts { ORDERS { users: [ {user: o, password: o} ] }, JS { jetstream: enabled } }"
    with NatsServer(tmp_path / "nats", config) as server:
        async with collecting(url=server.url, user="o", password=Secret("o")) as board:
            told = page(await until(board, collected(SourceStatus.ABSENT, SourceStatus.FAILED)))
    assert "JetStream is not enabled" in told
    assert "10039" in told


async def test_a_server_without_jetstream(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "nats", jetstream=None) as server:
        async with collecting(url=server.url) as board:
            told = page(await until(board, collected(SourceStatus.ABSENT, SourceStatus.FAILED)))
    assert "JetStream" in told


async def test_a_leaf_node_without_its_domain_names_the_domain(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "hub", "leafnodes { listen: 127.0.0.1:-1 }", jetstream="domain: hub") as hub:
        leaf_port = await _leaf_port(hub)
        remote = f"leafnodes {{ remotes: [ {{ url: nats-leaf://127.0.0.1:{leaf_port} }} ] }}"
        with NatsServer(tmp_path / "leaf", remote, jetstream=None) as leaf:
            async with collecting(url=leaf.url) as board:
                snapshot = await until(board, collected(SourceStatus.ABSENT, SourceStatus.FAILED, SourceStatus.OK))
    if snapshot.sources["streams"].status is not SourceStatus.OK:  # through the leaf the hub's own API may answer
        assert "--domain" in page(snapshot)


async def test_jetstream_with_nothing_in_it(server: NatsServer) -> None:
    async with collecting(url=server.url) as board:
        told = page(await until(board, collected(SourceStatus.OK)))
    assert "JetStream is up (" in told
    assert "No streams yet." in told
    assert "watchdeck demo" in told


async def test_streams_without_a_fleet_are_shown_at_once(server: NatsServer) -> None:
    connection = await nats.connect(server.url)
    await connection.jetstream().add_stream(name="ORDERS", subjects=["orders.>"])
    async with collecting(url=server.url) as board:
        snapshot = await until(board, lambda snapshot: "ORDERS" in snapshot.streams)
    assert page(snapshot) == ""
    assert Capability.FLEET not in snapshot.site.capabilities
    await connection.close()


async def test_a_fleet_under_another_namespace_is_found_and_said(server: NatsServer) -> None:
    connection = await nats.connect(server.url)
    buckets = await make_fleet(connection.jetstream(), "blue")
    await buckets["agent-registry"].put("agents.a", registration("web-a", "a"))
    async with collecting(url=server.url) as board:
        snapshot = await until(board, lambda snapshot: bool(snapshot.agents))
    assert (snapshot.site.namespace, snapshot.site.namespace_found) == ("blue", True)
    assert page(snapshot) == ""
    await connection.close()


async def test_what_is_not_permitted_is_named_by_its_subject(tmp_path: Path) -> None:
    config = 'authorization { users: [ {user: w, password: w, permissions: {publish: ["$JS.API.INFO"]}} ] }'
    with NatsServer(tmp_path / "nats", config) as server:
        async with collecting(url=server.url, user="w", password=Secret("w")) as board:
            told = page(await until(board, collected(SourceStatus.DENIED)))
    assert "not permitted" in told
    assert "publish on $JS.API.STREAM.LIST" in told


async def _leaf_port(hub: NatsServer) -> int:
    """Where the hub takes leaf nodes: it writes it to its log."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for line in hub.log.read_text().splitlines():
            if "Listening for leafnode connections on" in line:
                with suppress(ValueError):
                    return int(line.rpartition(":")[2])
        await asyncio.sleep(0.05)
    pytest.fail("the hub takes no leaf nodes")
