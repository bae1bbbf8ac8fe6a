"""What a job's events make of it: its status by the names of its events and by their values, as OSAPI decides both."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from app.model.fleet import Agent, Presence
from app.model.jobs import API_HOST, JobAgent, JobAgentState, JobEvent, JobStatus

RANK = {"submitted": 0, "acknowledged": 1, "started": 2, "failed": 3, "skipped": 3, "completed": 4, "retried": 4}
"""OSAPI's order of events; one that is not in it has the lowest rank."""
ENDS = frozenset(("completed", "failed", "skipped"))
_TOLD = {
    "submitted": "Job submitted to queue",
    "acknowledged": "Job acknowledged by agent {host}",
    "started": "Job processing started on {host}",
    "completed": "Job completed successfully on {host}",
    "failed": "Job failed on {host}",
    "skipped": "Job skipped on {host} (unsupported OS family)",
}


def highest(events: Iterable[str]) -> str:
    """The event of the highest rank; of equal ones the first."""
    best = ""
    rank = -1
    for event in events:
        if (this := RANK.get(event, 0)) > rank:
            best, rank = event, this
    return best


def status_by_names(top: Mapping[str, str]) -> JobStatus:
    """The status from the names of the status keys alone. `top`: each host's event of the highest rank.

    OSAPI counts its health summary and its job list like this. An event that it does not know counts for nothing.
    """
    events = [event for host, event in top.items() if host != API_HOST and RANK.get(event)]
    if not events:
        return JobStatus.SUBMITTED
    if "started" in events or "acknowledged" in events:
        return JobStatus.PROCESSING
    done = "completed" in events or "retried" in events
    if "failed" in events:
        return JobStatus.PARTIAL if done else JobStatus.FAILED
    return JobStatus.COMPLETED if done else JobStatus.SKIPPED


def job_agent(host: str, events: Collection[tuple[str, datetime | None]]) -> JobAgent:
    """What one host has made of a job, by its events in the order of their keys."""
    acknowledged: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    takes = starts = 0
    for event, at in events:
        if event == "acknowledged":
            takes += 1
            acknowledged = _first(acknowledged, at)
        elif event == "started":
            starts += 1
            started = _first(started, at)
        elif event in ENDS and at is not None and (ended is None or at > ended):
            ended = at
    top = highest(event for event, _ in events)
    return JobAgent(host, top, acknowledged, started, ended, tries=starts or takes)


def _first(known: datetime | None, at: datetime | None) -> datetime | None:
    return at if known is None or (at is not None and at < known) else known


@dataclass(frozen=True, slots=True)
class EventValue:
    """One status event by its value. `host` as the agent calls itself; `new_job` of a job that was retried."""

    event: str
    host: str
    at: datetime
    error: str = ""
    new_job: str = ""


@dataclass(frozen=True, slots=True)
class Derived:
    """What the values of a job's events say of it."""

    status: JobStatus = JobStatus.SUBMITTED
    error: str = ""
    updated: datetime | None = None
    agents: tuple[JobAgentState, ...] = ()
    timeline: tuple[JobEvent, ...] = ()


def status_by_values(events: Collection[EventValue]) -> Derived:
    """The status from the values of the status keys, in the order of the keys: OSAPI's job detail.

    A host whose highest event is none of those that an agent ends with leaves the job submitted.
    """
    hosts: dict[str, _Host] = {}
    error = ""
    for one in events:
        if one.event in ("failed", "skipped") and one.error:
            error = one.error
        if one.host not in ("", API_HOST):
            hosts.setdefault(one.host, _Host()).take(one)
    status = _by_tops([host.top for host in hosts.values()])
    return Derived(
        status,
        error if status in (JobStatus.FAILED, JobStatus.SKIPPED) else "",
        max((one.at for one in events), default=None),
        tuple(host.state(name) for name, host in sorted(hosts.items())),
        tuple(sorted(map(_line, events), key=lambda line: line.at)),
    )


def _by_tops(tops: list[str]) -> JobStatus:
    if not tops:
        return JobStatus.SUBMITTED
    if "started" in tops or "acknowledged" in tops:
        return JobStatus.PROCESSING
    if not ENDS.issuperset(tops):
        return JobStatus.SUBMITTED
    if "failed" in tops:
        return JobStatus.PARTIAL if "completed" in tops else JobStatus.FAILED
    return JobStatus.COMPLETED if "completed" in tops else JobStatus.SKIPPED


@dataclass(slots=True)
class _Host:
    top: str = ""
    error: str = ""
    start: datetime | None = None
    end: datetime | None = None
    seen: bool = False

    def take(self, one: EventValue) -> None:
        if not self.seen or RANK.get(one.event, 0) > RANK.get(self.top, 0):
            self.top, self.seen = one.event, True
        if one.event in ("failed", "skipped") and one.error:
            self.error = one.error
        if one.event == "started" and self.start is None:
            self.start = one.at
        if one.event in ("completed", "failed"):
            self.end = one.at

    def state(self, name: str) -> JobAgentState:
        took = (self.end - self.start).total_seconds() if self.start and self.end else None
        return JobAgentState(name, self.top, self.error, took)


def _line(one: EventValue) -> JobEvent:
    if one.event == "retried":
        message = f"Job retried as {one.new_job}" if one.new_job else "Job retried"
    else:
        message = _TOLD.get(one.event, "").format(host=one.host)
    error = one.error if one.event in ("failed", "skipped") else ""
    return JobEvent(one.at, one.event, one.host, message, error)


def aims_at_several(target: str) -> bool:
    """Whether a job for this target is for every agent, or every one with a label."""
    return target == "_all" or ":" in target


def expected_agents(target: str, agents: Iterable[Agent]) -> int | None:
    """How many agents should answer a job for this target; None where the target does not say it.

    A label's value is matched from its beginning, segment by segment: `group:web` reaches `group=web.eu`.
    """
    if target == "_all":
        return sum(_there(agent) for agent in agents)
    key, colon, value = target.partition(":")
    if colon:
        return sum(_there(agent) and _labelled(agent, key, value) for agent in agents)
    return None if target in ("", "_any") else 1


def _there(agent: Agent) -> bool:
    return agent.presence in (Presence.LIVE, Presence.STALE)


def _labelled(agent: Agent, key: str, value: str) -> bool:
    return any(name == key and f"{has}.".startswith(f"{value}.") for name, has in agent.labels)
