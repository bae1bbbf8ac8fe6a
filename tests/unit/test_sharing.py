"""Equal parts of many agents are held once, and every agent says what it said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from app.feed.sharing import Sharing
from app.model.fleet import Agent, Condition, SubComponent
from app.model.jobs import Job, JobAgent, JobStatus

BEGAN = datetime(2026, 11, 6, 8, 26, tzinfo=UTC)


def agent(number: int) -> Agent:
    """An agent as it comes over the wire: nothing of it shared with any other."""
    told = Agent(
        key=f"m{number:031}",
        machine_id=f"m{number:031}",
        hostname=f"web-{number:02}",
        labels=(("group", "web.eu"),),
        started_at=BEGAN,
        os="Ubuntu 24.04",
        conditions=(
            Condition("MemoryPressure", False, "", BEGAN),
            Condition("DiskPressure", True, f"{90 + number}% used", BEGAN + timedelta(days=number)),
        ),
        sub_components=(SubComponent("agent.metrics", "ok", "http://0.0.0.0:9091"),),
    )
    return msgspec.json.decode(msgspec.json.encode(told), type=Agent)


def job(number: int) -> Job:
    """A job as it comes over the wire."""
    part = JobAgent(f"web-{number % 2:02}", "failed", BEGAN, BEGAN, BEGAN + timedelta(seconds=number), 2)
    told = Job(
        f"{number:08}-job",
        JobStatus.FAILED,
        BEGAN,
        "node.disk.get",
        "query",
        "_any",
        (part,),
        error="i/o",
        updated=BEGAN,
    )
    return msgspec.json.decode(msgspec.json.encode(told), type=Job)


def test_jobs_say_what_they_said_of_shared_parts():
    sharing = Sharing()
    shared = [sharing.job(job(number)) for number in range(4)]
    assert shared == [job(number) for number in range(4)]
    assert len({id(each.operation) for each in shared}) == 1
    assert len({id(each.agents[0].host) for each in shared}) == 2
    assert all(each.updated is each.created for each in shared)


def test_agents_say_what_they_said():
    sharing = Sharing()
    for number in range(5):
        assert sharing.agent(agent(number)) == agent(number)


def test_what_is_alike_is_one_object():
    sharing = Sharing()
    first, other = sharing.agent(agent(1)), sharing.agent(agent(2))
    assert first.machine_id is first.key
    assert first.os is other.os
    assert first.labels is other.labels
    assert first.sub_components is other.sub_components
    assert first.conditions[0].type is other.conditions[0].type
    assert first.conditions[0].since is first.started_at
    assert first.conditions[1].since == BEGAN + timedelta(days=1)


def test_a_machine_id_that_is_not_the_key_stays_itself():
    odd = Agent(key="a_b", machine_id="a-b", hostname="h")
    assert Sharing().agent(odd) == odd
