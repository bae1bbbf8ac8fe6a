"""Statuses by both of OSAPI's rules, against a plain reading of each rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.fleet import Agent, Presence
from app.model.jobcount import QueueCount
from app.model.jobs import Job, JobAgent, JobStatus, Queue
from app.model.jobstatus import EventValue, expected_agents, highest, job_agent, status_by_names, status_by_values
from app.sources.jobkeys import route, status_key

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
EVENTS = ("submitted", "acknowledged", "started", "failed", "skipped", "completed", "retried", "teleported")
PRIORITY = {"submitted": 0, "acknowledged": 1, "started": 2, "failed": 3, "skipped": 3, "completed": 4, "retried": 4}
hosts = st.sampled_from(("_api", "web-01", "web-02", "db-01"))
names = st.lists(st.tuples(st.sampled_from(EVENTS), hosts), max_size=12)


def plain_by_names(keys: list[str]) -> str:
    """The rule over key names, step by step."""
    best: dict[str, str] = {}
    for key in keys:
        parts = key.split(".", 4)
        if len(parts) < 4:
            continue
        event, host = parts[2], parts[3]
        if host not in best or PRIORITY.get(event, 0) > PRIORITY.get(best[host], 0):
            best[host] = event
    best.pop("_api", None)
    done = sum(event in ("completed", "retried") for event in best.values())
    failed = sum(event == "failed" for event in best.values())
    skipped = sum(event == "skipped" for event in best.values())
    running = sum(event in ("started", "acknowledged") for event in best.values())
    if done + failed + skipped + running == 0:
        return "submitted"
    if running > 0:
        return "processing"
    if failed > 0 and done > 0:
        return "partial_failure"
    if failed > 0:
        return "failed"
    if skipped > 0 and done == 0:
        return "skipped"
    return "completed"


def plain_by_values(events: list[EventValue]) -> str:
    """The rule over events' values, step by step."""
    best: dict[str, str] = {}
    for one in events:
        if one.host in ("", "_api"):
            continue
        if one.host not in best or PRIORITY.get(one.event, 0) > PRIORITY.get(best[one.host], 0):
            best[one.host] = one.event
    states = list(best.values())
    if not states:
        return "submitted"
    if "started" in states or "acknowledged" in states:
        return "processing"
    completed, failed, skipped = (states.count(word) for word in ("completed", "failed", "skipped"))
    if completed + failed + skipped != len(states):
        return "submitted"
    if failed and completed:
        return "partial_failure"
    if failed:
        return "failed"
    return "skipped" if skipped and not completed else "completed"


def by_our_names(keys: list[str]) -> str:
    events: dict[str, list[str]] = {}
    for parsed in filter(None, map(status_key, keys)):
        events.setdefault(parsed.host, []).append(parsed.event)
    return status_by_names({host: highest(seen) for host, seen in events.items()}).value


@given(names)
def test_by_key_names(events: list[tuple[str, str]]) -> None:
    keys = [f"status.j1.{event}.{host}.{number}" for number, (event, host) in enumerate(events)]
    assert by_our_names([*keys, "status.j1.failed"]) == plain_by_names([*keys, "status.j1.failed"])


@given(names)
def test_by_values(events: list[tuple[str, str]]) -> None:
    values = [EventValue(event, host, START + timedelta(seconds=at)) for at, (event, host) in enumerate(events)]
    assert status_by_values(values).status.value == plain_by_values(values)


def test_of_equal_rank_the_first_stays() -> None:
    assert highest(["failed", "skipped"]) == "failed"
    assert highest(["skipped", "failed"]) == "skipped"
    assert highest(["teleported"]) == "teleported"
    assert highest([]) == ""


def value(event: str, host: str, seconds: float, **more: str) -> EventValue:
    return EventValue(event, host, START + timedelta(seconds=seconds), **more)


def test_what_a_detail_tells() -> None:
    detail = status_by_values(
        [
            value("submitted", "_api", 0),
            value("started", "web", 2),
            value("failed", "web", 5, error="timeout"),
            value("acknowledged", "web", 1),
            value("started", "web", 30),
            value("skipped", "db", 6, error="unsupported"),
            value("retried", "_api", 40, new_job="j2"),
            value("failed", "web", 33.5, error="refused"),
        ]
    )
    assert detail.status is JobStatus.FAILED
    assert detail.error == "refused"
    assert detail.updated == START + timedelta(seconds=40)
    web = next(agent for agent in detail.agents if agent.host == "web")
    assert (web.status, web.error, web.took) == ("failed", "refused", 31.5)
    assert [agent.host for agent in detail.agents] == ["db", "web"]
    assert [line.message for line in detail.timeline] == [
        "Job submitted to queue",
        "Job acknowledged by agent web",
        "Job processing started on web",
        "Job failed on web",
        "Job skipped on db (unsupported OS family)",
        "Job processing started on web",
        "Job failed on web",
        "Job retried as j2",
    ]
    assert [line.error for line in detail.timeline if line.error] == ["timeout", "unsupported", "refused"]


def test_a_completed_job_has_no_error() -> None:
    detail = status_by_values([value("failed", "web", 1, error="timeout"), value("completed", "web", 9)])
    assert (detail.status, detail.error) == (JobStatus.COMPLETED, "")


def test_an_agent_of_redelivered_events() -> None:
    at = [START + timedelta(seconds=number) for number in range(10)]
    agent = job_agent(
        "web",
        [("acknowledged", at[0]), ("started", at[1]), ("failed", at[2]), ("acknowledged", at[5]), ("started", at[6])],
    )
    assert agent == JobAgent("web", "failed", at[0], at[1], at[2], tries=2)
    assert job_agent("web", [("acknowledged", at[0]), ("acknowledged", None)]).tries == 2


@pytest.mark.parametrize(
    ("key", "parsed"),
    [
        ("status.j.failed.web-01.1763820000123456789", ("j", "failed", "web-01", 123456)),
        ("status.j.failed.web-01", ("j", "failed", "web-01", None)),
        ("status.j.failed.web-01.12.34", ("j", "failed", "web-01", None)),
        ("status.j.failed.web-01.99999999999999999999", ("j", "failed", "web-01", None)),
        ("status.j.failed", None),
        ("status..failed.web.1", None),
        ("jobs.j.failed.web", None),
    ],
)
def test_status_keys(key: str, parsed: tuple[str, str, str, int | None] | None) -> None:
    found = status_key(key)
    if parsed is None:
        assert found is None
    else:
        assert found is not None
        assert (found.job, found.event, found.host) == parsed[:3]
        assert (found.at.microsecond if found.at else None) == parsed[3]


@given(st.text(max_size=60), st.integers(0, 10_000))
def test_no_key_is_too_strange(text: str, digits: int) -> None:
    status_key(text)
    status_key(f"status.{text}.{text}.{'9' * digits}")
    status_key(f"status.j.failed.web.{'9' * digits}")
    route(f"x.jobs.query.{text}")


@pytest.mark.parametrize(
    ("subject", "verb", "target"),
    [
        ("osapi.jobs.query._any", "query", "_any"),
        ("jobs.modify._all", "modify", "_all"),
        ("osapi.jobs.query.host.4f2a", "query", "4f2a"),
        ("osapi.jobs.modify.label.group.web.dev", "modify", "group:web.dev"),
        ("jobs.jobs.query.host.a", "query", "a"),
        ("osapi.jobs.other._any", "", ""),
        ("osapi.jobs.query", "", ""),
        ("", "", ""),
    ],
)
def test_routes(subject: str, verb: str, target: str) -> None:
    assert route(subject) == (verb, target)


def test_expected_agents() -> None:
    agents = [
        Agent("a", "a", "web-01", labels=(("group", "web.dev"),)),
        Agent("b", "b", "web-02", labels=(("group", "web"), ("rack", "7")), presence=Presence.STALE),
        Agent("c", "c", "web-03", labels=(("group", "webber"),)),
        Agent("d", "d", "web-04", labels=(("group", "web.dev"),), presence=Presence.GONE),
    ]
    assert expected_agents("_all", agents) == 3
    assert expected_agents("group:web", agents) == 2
    assert expected_agents("group:web.dev", agents) == 1
    assert expected_agents("rack:8", agents) == 0
    assert expected_agents("4f2a", agents) == 1
    assert expected_agents("_any", agents) is None
    assert expected_agents("", agents) is None


def ended(key: str, status: JobStatus, seconds: float, counted: bool = True) -> Job:
    end = START - timedelta(seconds=seconds)
    return Job(key, status, agents=(JobAgent("web", status.value, ended_at=end),), counted=counted)


def test_the_queue_in_figures() -> None:
    count = QueueCount()
    jobs = [
        Job("unclaimed"),
        Job("retry", counted=True),
        Job("running", JobStatus.PROCESSING, counted=True),
        ended("just", JobStatus.COMPLETED, 1),
        ended("before", JobStatus.FAILED, 899),
        ended("too old", JobStatus.PARTIAL, 901),
        ended("in the future", JobStatus.SKIPPED, -60),
    ]
    for job in jobs:
        count.add(job)
    assert count.queue(START, 4) == Queue(7 - 1, 1, 1, 1, 1, 1, 1, 1, 4, finished_15m=3, failed_15m=1)
    for job in jobs:
        count.remove(job)
    assert count.queue(START, 0) == Queue()
