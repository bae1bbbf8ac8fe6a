"""The wire at 10,000 agents: what the changes of a second cost, beside sending and reading everything anew."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from app.feed.assembler import Assembler
from app.feed.client import WorkerFeed
from app.feed.ledger import Ledger
from app.feed.protocol import FeedState
from app.feed.target import Target
from app.model.fleet import Agent, Condition, Vitals
from app.model.snapshot import Snapshot

pytestmark = pytest.mark.bench

AGENTS = 10_000
BEATS = 1_000
START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
SECTIONS = frozenset({"agents", "vitals"})


def agent(number: int) -> Agent:
    key = f"{number:032x}"
    pressure = Condition("MemoryPressure", number % 50 == 0, "memory 93.4% used", START)
    labels = (("group", f"web.dev.{number % 20}"), ("rack", str(number % 40)))
    return Agent(
        key, key, f"web-{number:05d}", labels=labels, os="Ubuntu 24.04", version="1.2.3", conditions=(pressure,)
    )


def beat(number: int, second: int) -> Vitals:
    return Vitals(
        f"{number:032x}",
        START + timedelta(seconds=second),
        registered_at=START + timedelta(seconds=second),
        cpu=1.5 + second,
        rss=60_000_000 + number,
        load1=0.5,
        load5=0.4,
        load15=0.3,
        memory_total=16_000_000_000,
        memory_available=9_000_000_000 - number,
        uptime=86_400.0 + second,
    )


class Fleet:
    """Snapshots of a fleet in which a tenth beats each second."""

    def __init__(self) -> None:
        self.agents = {f"{number:032x}": agent(number) for number in range(AGENTS)}
        self.vitals = {f"{number:032x}": beat(number, 0) for number in range(AGENTS)}
        self.seq = 0

    def tick(self) -> Snapshot:
        self.seq += 1
        self.vitals = dict(self.vitals)
        for number in range(self.seq * BEATS % AGENTS, self.seq * BEATS % AGENTS + BEATS):
            self.vitals[f"{number:032x}"] = beat(number, self.seq)
        return Snapshot("e", self.seq, START, agents=self.agents, vitals=self.vitals)


def cost(work: Callable[[], object]) -> float:
    """Milliseconds of processor."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def test_a_second_of_beats_costs_a_fraction_of_everything_whole() -> None:
    fleet, ledger, assembler = Fleet(), Ledger(), Assembler()
    encoder, decoder = msgspec.json.Encoder(), msgspec.json.Decoder(tuple[list[Agent], list[Vitals]])

    def everything() -> None:
        decoder.decode(encoder.encode((list(fleet.agents.values()), list(fleet.vitals.values()))))

    ledger.update(fleet.tick())
    assembler.take(assembler.read(ledger.answer(None, SECTIONS), SECTIONS))
    worker, tenth, deck, whole, bytes_sent = [], [], [], [], 0
    for _ in range(15):
        snapshot = fleet.tick()
        worker.append(
            cost(lambda snapshot=snapshot: (ledger.update(snapshot), ledger.answer(assembler.mark, SECTIONS)))
        )
        tenth.append(cost(lambda: [ledger.answer(assembler.mark, SECTIONS) for _ in range(9)]))
        body = ledger.answer(assembler.mark, SECTIONS)
        deck.append(cost(lambda body=body: assembler.take(assembler.read(body, SECTIONS))))
        whole.append(cost(everything))
        bytes_sent = len(body)
    assert assembler.snapshot.vitals == fleet.vitals
    ratio = (median(worker) + median(deck)) / median(whole)
    print(
        f"\nwire, {BEATS} of {AGENTS} agents beat: worker {median(worker):.1f} ms, nine decks more "
        f"{median(tenth):.2f} ms, deck {median(deck):.1f} ms, {bytes_sent // 1024} KiB; "
        f"msgspec of everything {median(whole):.1f} ms: {ratio:.2f} x"
    )
    assert ratio < 0.5
    assert median(tenth) < median(worker)


async def test_reading_ten_thousand_agents_does_not_stall_the_loop() -> None:
    """The longest time for which the deck's loop does not turn while everything comes whole."""
    fleet, ledger = Fleet(), Ledger()
    ledger.update(fleet.tick())
    body = ledger.answer(None, SECTIONS)
    stalls: list[float] = []
    feed = WorkerFeed(nowhere)

    async def turn() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            stalls.append(now - last)
            last = now

    gc.collect()
    turning = asyncio.create_task(turn())
    await asyncio.sleep(0.05)
    began = time.perf_counter()
    step = await feed._read(body, "", SECTIONS)
    took = time.perf_counter() - began
    turning.cancel()
    assert len(step.snapshot.agents) == len(step.snapshot.vitals) == AGENTS
    print(
        f"\nwire, {AGENTS} agents whole: {len(body) >> 20} MiB read in {took * 1000:.0f} ms, "
        f"loop stall {max(stalls) * 1000:.0f} ms"
    )
    assert max(stalls) < 0.050


async def nowhere() -> Target:
    raise AssertionError(FeedState.LOST)
