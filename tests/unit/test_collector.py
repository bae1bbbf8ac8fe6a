"""The collector with sources that fail, hang and lag, and a connection that comes and goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.model.broker import Account, Cause, Connection, LinkState, ServerInfo, Stream
from app.model.fleet import Agent
from app.model.snapshot import Capability, Snapshot, SourceState, SourceStatus
from app.settings import NatsSettings, Settings
from app.sources.jetstream import BrokerFacts
from app.sources.registry import FleetFacts
from app.worker.board import Board
from app.worker.collector import Collector, Sources, site_name

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


class FakeLink:
    """A connection that is what the test says."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] | None = None
        self.connection = Connection(LinkState.CONNECTED, url="h:4222", rtt=0.001)
        self.server: ServerInfo | None = ServerInfo("n1", "2.15.1", jetstream=True)
        self.generation = 1
        self.clock_offset = 0.0
        self.stopped = False
        self.retried = 0

    @property
    def up(self) -> bool:
        return self.connection.state is LinkState.CONNECTED

    async def start(self) -> None: ...

    async def stop(self) -> None:
        self.stopped = True

    def retry(self) -> None:
        self.retried += 1

    def change(self, state: LinkState, error: str = "") -> None:
        self.generation += state is LinkState.CONNECTED
        cause = Cause.REFUSED if error else Cause.NONE
        self.connection = replace(self.connection, state=state, error=error, cause=cause)
        if self.on_change:
            self.on_change()


class World:
    """Sources that answer as the test says; `broker` and `fleet` may be replaced while it runs."""

    def __init__(self, interval: float = 0.05) -> None:
        self.link = FakeLink()
        self.streams: dict[str, Stream] = {"ORDERS": Stream("ORDERS")}
        self.agents: dict[str, Agent] = {}
        self.interval = interval
        self.broker: Callable[[], Awaitable[None]] | None = None
        self.fleet: Callable[[], Awaitable[None]] | None = None
        self.rounds = 0
        self.at_once = 0
        self.most_at_once = 0
        self.looked: frozenset[str] = frozenset()
        self.closed = False
        self.chosen: list[str] = []
        self.board = Board()
        self.collector = Collector(
            Settings(nats=NatsSettings(interval=interval)),
            self.board,
            clock=lambda: NOW,
            sources=Sources(
                link=self.link, broker=self._broker, fleet=self._fleet, choose=self._choose, close=self._close
            ),
        )

    async def _broker(self, now: datetime, looking_at: frozenset[str]) -> BrokerFacts:
        self.rounds += 1
        self.looked = looking_at
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.broker is not None:
                await self.broker()
        finally:
            self.at_once -= 1
        return BrokerFacts(
            account=Account("A", api_total=self.rounds),
            streams=dict(self.streams),
            consumers={},
            states=tuple(_ok(name, self.rounds) for name in ("account", "streams", "consumers")),
            interval=self.interval,
        )

    async def _fleet(self, now: datetime, broker: BrokerFacts) -> FleetFacts:
        if self.fleet is not None:
            await self.fleet()
        return FleetFacts(
            agents=dict(self.agents),
            vitals={},
            facts={},
            states=tuple(_ok(name, self.rounds) for name in ("registry", "facts", "state")),
            namespace="osapi" if self.agents else "",
            namespaces=(),
            found=bool(self.agents),
            present=bool(self.agents),
        )

    async def _choose(self, namespace: str) -> None:
        self.chosen.append(namespace)

    async def _close(self) -> None:
        self.closed = True

    async def until(self, wanted: Callable[[Snapshot], bool]) -> Snapshot:
        """The first published snapshot that is as wanted."""
        async with asyncio.timeout(20):
            while not wanted(self.board.snapshot):
                await asyncio.sleep(0.005)
        return self.board.snapshot

    async def __aenter__(self) -> World:
        self.task = asyncio.create_task(self.collector.run())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.board.stop()
        await asyncio.wait_for(self.task, 10)  # also raises what the collector must never raise


def _ok(name: str, rounds: int) -> SourceState:
    return SourceState(name, SourceStatus.OK, NOW.replace(microsecond=rounds % 1_000_000))


def statuses(snapshot: Snapshot) -> dict[str, SourceStatus]:
    """Of the sources that this world has."""
    aside = ("services", "advisories")
    return {name: state.status for name, state in snapshot.sources.items() if name not in aside}


async def hang() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise RuntimeError("source broke")


async def test_facts_become_a_snapshot_and_the_worker_ready() -> None:
    async with World() as world:
        assert not all(check.ok for check in world.board.checks())
        world.agents = {"a": Agent("a", "a", "web-01")}
        snapshot = await world.until(lambda one: bool(one.agents))
        assert set(snapshot.streams) == {"ORDERS"}
        assert set(statuses(snapshot).values()) == {SourceStatus.OK}
        assert snapshot.epoch
        assert snapshot.at == NOW
        assert snapshot.site.capabilities == {Capability.BROKER, Capability.FLEET}
        assert (snapshot.site.namespace, snapshot.site.namespace_found) == ("osapi", True)
        assert snapshot.counts["streams"].total == 1
        assert all(check.ok for check in world.board.checks())
        assert world.board.alive()
    assert world.closed
    assert world.link.stopped
    assert [check.ok for check in world.board.checks()] == [True, True, False]


async def test_the_sequence_grows_with_news_only() -> None:
    async with World() as world:
        await world.until(lambda one: bool(one.streams))
        rounds, seq, streams = world.rounds, world.board.snapshot.seq, world.board.snapshot.streams
        await world.until(lambda _: world.rounds > rounds + 5)
        assert world.board.snapshot.seq == seq
        assert world.board.snapshot.streams is streams  # although each round made a new mapping
        orders = streams["ORDERS"]
        world.streams = {"ORDERS": orders, "NEW": Stream("NEW")}
        snapshot = await world.until(lambda one: "NEW" in one.streams)
        assert snapshot.seq > seq
        assert snapshot.streams["ORDERS"] is orders


async def test_a_source_that_fails_keeps_its_facts_and_says_why() -> None:
    async with World() as world:
        await world.until(lambda one: bool(one.streams))
        world.broker = fail
        snapshot = await world.until(lambda one: one.sources["streams"].status is SourceStatus.FAILED)
        assert set(snapshot.streams) == {"ORDERS"}
        assert snapshot.sources["streams"].error == "RuntimeError: source broke"
        assert snapshot.sources["streams"].good_at is not None
        assert snapshot.sources["registry"].status is SourceStatus.OK
        world.broker = None
        await world.until(lambda one: one.sources["streams"].status is SourceStatus.OK)


async def test_a_source_that_fails_from_the_start_is_not_waited_for() -> None:
    world = World()
    world.broker = fail
    async with world:
        await world.until(lambda one: one.sources["streams"].status is SourceStatus.FAILED if one.sources else False)


async def test_a_source_that_hangs_holds_up_no_other_and_is_never_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.broker = hang
    world.agents = {"a": Agent("a", "a", "web-01")}
    async with world:
        await world.until(lambda one: bool(one.agents))
        world.agents = {**world.agents, "b": Agent("b", "b", "web-02")}
        snapshot = await world.until(lambda one: len(one.agents) == 2)
        assert snapshot.sources["streams"].status is SourceStatus.WAITING
        assert world.rounds == 1
        assert world.board.alive()
    assert world.most_at_once == 1


async def test_a_worker_that_is_held_up_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.worker.collector.LAG_LEAST", 0.6)
    world = World()
    held: list[float] = []

    def hold_up() -> None:
        began = time.monotonic()
        time.sleep(1.2)  # the whole loop, as a machine does that is too busy
        held.append(time.monotonic() - began)

    async with world:
        await world.until(lambda one: bool(one.streams) and one.site.lag == 0)
        asyncio.get_running_loop().call_soon(hold_up)
        await world.until(lambda one: bool(held) and one.site.lag > 0)
        await world.until(lambda one: one.site.lag == 0)


async def test_what_comes_late_is_published_when_it_comes() -> None:
    world = World(interval=30.0)
    go = asyncio.Event()

    async def wait() -> None:
        await go.wait()

    world.broker = wait
    async with world:
        await world.until(lambda one: "registry" in one.sources)
        assert not world.board.snapshot.streams
        go.set()
        await world.until(lambda one: bool(one.streams))  # long before the next round


async def test_a_lost_connection_makes_every_fact_stale_at_once() -> None:
    world = World(interval=30.0)
    async with world:
        await world.until(lambda one: bool(one.streams))
        world.link.change(LinkState.DOWN, "connection refused")
        snapshot = await world.until(lambda one: one.sources["streams"].status is SourceStatus.FAILED)
        assert set(statuses(snapshot).values()) == {SourceStatus.FAILED}
        assert snapshot.sources["registry"].error == "connection refused"
        assert set(snapshot.streams) == {"ORDERS"}
        assert world.board.checks()[0].reason == "connection refused"
        assert snapshot.site.connection.state is LinkState.DOWN
        world.link.change(LinkState.CONNECTED)
        await world.until(lambda one: set(statuses(one).values()) == {SourceStatus.OK})
        assert world.board.checks()[0].ok


async def test_facts_from_before_a_reconnect_are_not_fresh_until_collected_again() -> None:
    world = World(interval=30.0)
    async with world:
        await world.until(lambda one: bool(one.streams))
        world.broker = hang
        world.link.change(LinkState.DOWN, "gone")
        world.link.change(LinkState.CONNECTED)
        snapshot = await world.until(lambda one: one.sources["streams"].status is SourceStatus.FAILED)
        assert "collected" in snapshot.sources["streams"].error


async def test_ready_means_collected_over_a_connection() -> None:
    world = World()
    world.link.connection = replace(world.link.connection, state=LinkState.CONNECTING)
    world.link.generation = 0
    async with world:
        await world.until(lambda _: world.rounds > 2)
        assert not world.board.collected
        world.broker = hang
        world.link.change(LinkState.CONNECTED)
        await world.until(lambda _: world.board.checks()[0].ok)
        assert [check.ok for check in world.board.checks()] == [True, False, True]


async def test_a_refresh_collects_now_and_many_collect_once() -> None:
    world = World(interval=30.0)
    async with world:
        await world.until(lambda one: bool(one.streams))
        rounds = world.rounds
        for _ in range(50):
            world.board.request_refresh()
        await world.until(lambda _: world.rounds > rounds)
        assert world.rounds == rounds + 1
        assert world.link.retried == 0


async def test_a_refresh_without_connection_tries_to_connect_now() -> None:
    world = World(interval=30.0)
    async with world:
        await world.until(lambda one: bool(one.streams))
        world.link.change(LinkState.DOWN, "gone")
        world.board.request_refresh()
        await world.until(lambda _: world.link.retried > 0)


async def test_what_decks_look_at_is_told_to_the_source() -> None:
    async with World() as world:
        world.board.look("deck", frozenset({"stream:ORDERS"}))
        await world.until(lambda _: world.looked == {"stream:ORDERS"})


async def test_times_of_travel_are_no_news() -> None:
    async with World() as world:
        await world.until(lambda one: bool(one.streams))
        for rtt in (0.2, 0.3):  # the first times are shown
            world.link.connection = replace(world.link.connection, rtt=rtt)
            await world.until(lambda one, rtt=rtt: one.site.connection.rtt == rtt)
        seq = world.board.snapshot.seq
        world.link.connection = replace(world.link.connection, rtt=0.5)
        snapshot = await world.until(lambda one: one.site.connection.rtt == 0.5)
        assert snapshot.seq == seq


async def test_a_chosen_namespace_is_taken_over_at_once_and_once() -> None:
    world = World(interval=30.0)
    async with world:
        await world.until(lambda one: bool(one.streams))
        assert world.chosen == []
        world.board.choose_namespace("blue")
        await world.until(lambda one: one.site.namespace == "blue")
        assert not world.board.snapshot.site.namespace_found
        rounds = world.rounds
        world.board.choose_namespace("blue")
        await world.until(lambda _: world.rounds > rounds)
        assert world.chosen == ["blue"]
        world.board.choose_namespace("auto")
        await world.until(lambda one: one.site.namespace == "")
        assert world.chosen == ["blue", "auto"]


class BrokenJudge:
    """A judge with a fault of its own."""

    def observe(self, snapshot: Snapshot) -> None:
        raise ZeroDivisionError

    flows = findings = counts = verdict = observe


async def test_a_fault_in_the_judging_is_no_end_and_never_green() -> None:
    world = World()
    world.collector = Collector(
        Settings(nats=NatsSettings(interval=0.05)),
        world.board,
        clock=lambda: NOW,
        sources=Sources(
            link=world.link, broker=world._broker, fleet=world._fleet, choose=world._choose, close=world._close
        ),
        judge=BrokenJudge(),
    )
    async with world:
        snapshot = await world.until(lambda one: bool(one.streams))
        assert snapshot.verdict.health.word == "UNKNOWN"


def test_the_site_is_named_by_what_people_chose() -> None:
    assert site_name(Settings(profile="demo", origins={"profile": "--profile"})) == "demo"
    assert site_name(Settings(profile="x", nats=NatsSettings(context="prod"))) == "prod"
    assert site_name(Settings(profile="3f2a", nats=NatsSettings(url="nats://nats-1:4222,nats://b:1"))) == "nats-1"
