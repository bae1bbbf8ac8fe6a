"""What judging costs at the size of a large fleet, beside a plain loop that looks at every record once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from app.model.broker import Connection, Consumer, LinkState, Stream
from app.model.fleet import Agent, Condition, Presence
from app.model.rates import History
from app.model.snapshot import Capability, Site, Snapshot, SourceState, SourceStatus
from app.model.triage.judging import Triage
from app.model.triage.standing import counts, stale_sections, standings, verdict

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
AGENTS, CONSUMERS, STREAMS = 10_000, 5_000, 200
TICKS = 40
Result = TypeVar("Result")

pytestmark = pytest.mark.bench


def _machine(number: int) -> str:
    return f"{number:032x}"


def _fleet() -> Snapshot:
    agents = {}
    for number in range(AGENTS):
        key = _machine(number)
        conditions = tuple(Condition(name, False) for name in ("MemoryPressure", "HighLoad", "DiskPressure"))
        agents[key] = Agent(
            key, key, f"web-{number:05d}", labels=(("group", f"g{number % 40}"),), conditions=conditions
        )
    streams = {f"S{number}": Stream(f"S{number}", created=START, last_seq=1000) for number in range(STREAMS)}
    consumers = {}
    for number in range(CONSUMERS):
        route = ("query_any", "modify_any")[number % 2]
        consumer = Consumer(
            f"S{number % STREAMS}",
            f"jobs-agent_{route}_{_machine(number)}",
            created=START - timedelta(days=3),
            waiting=1,
            delivered_at=START,
            acked_at=START,
            delivered_consumer_seq=7,
            ack_pending=number % 10 == 0,
        )
        consumers[consumer.key] = consumer
    return Snapshot(
        epoch="bench",
        at=START,
        site=Site(
            connection=Connection(LinkState.CONNECTED, since=START),
            capabilities=frozenset((Capability.BROKER, Capability.FLEET)),
        ),
        streams=streams,
        consumers=consumers,
        agents=agents,
    )


def _later(snapshot: Snapshot, tick: int) -> Snapshot:
    """A second later: one in a hundred consumers and all streams moved, some agents are gone."""
    at = START + timedelta(seconds=tick)
    consumers = dict(snapshot.consumers)
    for number, key in enumerate(snapshot.consumers):
        if number % 100 == tick % 100:
            old = consumers[key]
            consumers[key] = replace(
                old,
                delivered_consumer_seq=old.delivered_consumer_seq + 5,
                delivered_stream_seq=old.delivered_stream_seq + 5,
                delivered_at=at,
                acked_at=at,
            )
    agents = snapshot.agents
    if tick % 10 == 5:
        agents = dict(agents)
        for number in range(tick * 5, tick * 5 + 5):
            agents[_machine(number)] = replace(agents[_machine(number)], presence=Presence.GONE, since=at)
    return replace(
        snapshot,
        seq=tick,
        at=at,
        sources={
            name: SourceState(name, SourceStatus.OK, at) for name in ("account", "streams", "consumers", "registry")
        },
        streams={
            name: replace(stream, last_seq=stream.last_seq + 3, bytes=stream.bytes + 300)
            for name, stream in snapshot.streams.items()
        },
        consumers=consumers,
        agents=agents,
    )


def _timed(work: Callable[..., Result], *given: object) -> tuple[Result, float]:
    """What some work gives, and its milliseconds."""
    began = time.perf_counter()
    result = work(*given)
    return result, (time.perf_counter() - began) * 1000


def _stand(snapshot: Snapshot) -> None:
    counts(snapshot, standings(snapshot.findings, stale_sections(snapshot)))
    verdict(snapshot)


def _plain(snapshot: Snapshot) -> int:
    """The least that any judging does which remembers nothing: look at each record."""
    ill = 0
    for agent in snapshot.agents.values():
        ill += agent.presence is not Presence.LIVE or any(each.status for each in agent.conditions)
    for consumer in snapshot.consumers.values():
        ill += consumer.pending > 0 and consumer.waiting == 0
    return ill


def _middle(figures: list[float]) -> float:
    return sorted(figures)[len(figures) // 2]


def test_judging_a_large_fleet() -> None:
    triage, history = Triage(), History()
    observing, judging, standing, plain = [], [], [], []
    first = 0.0
    snapshot = _fleet()
    for tick in range(1, TICKS + 1):
        snapshot = _later(snapshot, tick)
        observing.append(_timed(history.observe, snapshot)[1])
        findings, spent = _timed(triage.judge, snapshot, history)
        if tick == 1:
            first = spent
        else:
            judging.append(spent)
        snapshot = replace(snapshot, findings=findings)
        standing.append(_timed(_stand, snapshot)[1])
        plain.append(_timed(_plain, snapshot)[1])
    print(
        f"\n{AGENTS} agents, {CONSUMERS} consumers, {STREAMS} streams, 1% changing a second:"
        f"\n  first judgement    {first:7.1f} ms"
        f"\n  judge, median      {_middle(judging):7.1f} ms   worst {max(judging):7.1f} ms"
        f"\n  observe, median    {_middle(observing):7.1f} ms   worst {max(observing):7.1f} ms"
        f"\n  counts and verdict {_middle(standing):7.1f} ms"
        f"\n  a plain loop       {_middle(plain):7.1f} ms"
    )
    assert _middle(judging) < 60


def test_judging_when_all_are_gone() -> None:
    triage, history = Triage(), History()
    snapshot = _later(_fleet(), 1)
    snapshot = replace(
        snapshot,
        agents={key: replace(agent, presence=Presence.GONE, since=START) for key, agent in snapshot.agents.items()},
    )
    figures = []
    for tick in range(2, 12):
        snapshot = _later(snapshot, tick)
        history.observe(snapshot)
        figures.append(_timed(triage.judge, snapshot, history)[1])
    print(f"\nall {AGENTS} agents gone: first {figures[0]:.1f} ms, then median {_middle(figures[1:]):.1f} ms")
    assert _middle(figures[1:]) < 500
