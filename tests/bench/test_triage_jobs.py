"""What judging a large job queue costs each second."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.model.attention import Mark, MarkKind
from app.model.broker import Connection, LinkState
from app.model.fleet import Agent, Presence, Vitals
from app.model.jobs import DeadLetter, Job, JobAgent, JobStatus
from app.model.rates import History
from app.model.snapshot import Capability, Site, Snapshot, SourceState, SourceStatus
from app.model.triage.judging import Triage

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
JOBS, AGENTS, TICKS = 20_000, 10_000, 40
STATUSES = (JobStatus.COMPLETED, JobStatus.COMPLETED, JobStatus.PROCESSING, JobStatus.FAILED, JobStatus.SUBMITTED)

pytestmark = pytest.mark.bench


def _job(number: int, status: JobStatus, at: datetime) -> Job:
    host = JobAgent(f"web-{number % AGENTS:05d}", "completed", at, at, at)
    if status is JobStatus.PROCESSING:
        host = replace(host, event="started", ended_at=None)
    return Job(
        f"{number:032x}",
        status,
        at - timedelta(seconds=5 + number % 900),
        f"node.operation{number % 40}.get",
        target=f"{number % 300:032x}",
        agents=() if status is JobStatus.SUBMITTED else (host,),
        error="timeout" if status is JobStatus.FAILED else "",
    )


def _queue() -> Snapshot:
    agents = {f"{number:032x}": Agent(f"{number:032x}", "", f"web-{number:05d}") for number in range(AGENTS)}
    made = (_job(number, STATUSES[number % 5], START - timedelta(seconds=number % 900)) for number in range(JOBS))
    letters = (DeadLetter(f"DLQ/{number}", at=START, stream="DLQ", host=f"{number:032x}") for number in range(500))
    return Snapshot(
        epoch="bench",
        at=START,
        site=Site(connection=Connection(LinkState.CONNECTED, since=START), capabilities=frozenset((Capability.FLEET,))),
        agents=agents,
        vitals={key: Vitals(key, START, START) for key in agents},
        jobs={job.key: job for job in made},
        deadletters={letter.key: letter for letter in letters},
    )


def _later(snapshot: Snapshot, tick: int) -> Snapshot:
    """A second later: one job in a hundred moved, and a tenth of the agents beat."""
    at = START + timedelta(seconds=tick)
    jobs, vitals = dict(snapshot.jobs), dict(snapshot.vitals)
    for number in range(tick % 100, JOBS, 100):
        job = _job(number, STATUSES[(number + tick) % 5], at)
        jobs[job.key] = job
    for number in range(tick % 10, AGENTS, 10):
        key = f"{number:032x}"
        vitals[key] = Vitals(key, at, at)
    names = ("account", "streams", "consumers", "registry", "jobs", "deadletters", "services")
    states = {name: SourceState(name, SourceStatus.OK, at) for name in names}
    return replace(snapshot, seq=tick, at=at, sources=states, jobs=jobs, vitals=vitals)


def _middle(figures: list[float]) -> float:
    return sorted(figures)[len(figures) // 2]


def _judged(snapshot: Snapshot, marks: dict[str, Mark]) -> tuple[float, list[float], int]:
    triage, history = Triage(), History()
    first, figures, found = 0.0, [], 0
    for tick in range(1, TICKS + 1):
        snapshot = _later(replace(snapshot, marks=marks), tick)
        history.observe(snapshot)
        began = time.perf_counter()
        found = len(triage.judge(snapshot, history))
        spent = (time.perf_counter() - began) * 1000
        if tick == 1:
            first = spent
        else:
            figures.append(spent)
    return first, figures, found


def test_judging_a_large_job_queue() -> None:
    queue = _queue()
    without = _judged(replace(queue, jobs={}, deadletters={}), {})
    found = _judged(queue, {})
    ids = [f"jobs.unclaimed|{number:032x}" for number in range(300)]
    until = START + timedelta(days=1)
    marks = {f"ack|{name}": Mark(f"ack|{name}", MarkKind.ACK, "ana", START, finding=name) for name in ids}
    marks["m"] = Mark("m", MarkKind.MUTE, "ana", START, rule="jobs.failing", subject="node.*", until=until)
    marked = _judged(queue, marks)
    print(
        f"\n{JOBS} jobs, {AGENTS} agents beating, 1% of the jobs changing a second, {found[2]} findings:"
        f"\n  first judgement      {found[0]:7.1f} ms"
        f"\n  judge, median        {_middle(found[1]):7.1f} ms   worst {max(found[1]):7.1f} ms"
        f"\n  the same without jobs{_middle(without[1]):7.1f} ms"
        f"\n  with {len(marks)} marks       {_middle(marked[1]):7.1f} ms"
    )
    assert _middle(found[1]) - _middle(without[1]) < 40


def test_all_agents_of_a_large_fleet_gone_with_their_jobs() -> None:
    queue = _queue()
    gone = {key: replace(agent, presence=Presence.GONE, since=START) for key, agent in queue.agents.items()}
    first, figures, found = _judged(replace(queue, agents=gone), {})
    print(f"\nall gone, {JOBS} jobs: first {first:.1f} ms, then median {_middle(figures):.1f} ms, {found} findings")
    assert _middle(figures) < 500
