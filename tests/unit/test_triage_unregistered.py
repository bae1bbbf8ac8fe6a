"""What a deck says of an agent that had died before anybody watched: its registration has expired by then."""

from __future__ import annotations

import pytest

from app.model.findings import Severity
from app.model.health import Health
from app.model.triage.standing import standings, verdict
from tests.scene import Scene, machine

HEAD = f"consumer.no_client|+{machine(99)}"


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.stream("JOBS")
    scene.agent(1)
    return scene


def waiting(scene: Scene, number: int, *routes: str) -> list[str]:
    """Consumers of a machine with jobs that nobody takes."""
    for route in routes:
        scene.consumer(
            f"jobs-agent_{route}_{machine(number)}",
            pending=14,
            delivered_consumer_seq=9,
            delivered_at=scene.ago(245),
            next_at=scene.ago(240),
        )
    return [f"consumer.no_client|JOBS/jobs-agent_{route}_{machine(number)}" for route in routes]


def test_its_consumers_are_one_finding(scene: Scene) -> None:
    members = waiting(scene, 99, "query_any", "query_all", "modify_any")
    findings = scene.look()
    head = findings[HEAD]
    assert head.what == "not registered, nobody pulls since 13:56:00Z: 42 pending"
    assert (head.kind, head.subject) == ("agent", machine(99)[:12])
    assert (head.severity, head.folded, head.cause) == (Severity.WARN, 3, "")
    assert {findings[member].cause for member in members} == {HEAD}
    assert verdict(scene.snapshot).warn == 1


def test_each_row_shows_what_its_own_finding_says(scene: Scene) -> None:
    (member, _) = waiting(scene, 99, "query_any", "query_all")
    findings = scene.look()
    ref = f"consumer:{member.partition('|')[2]}"
    assert standings(findings, {})[ref] is Health.WARN


def test_a_single_one_speaks_for_itself(scene: Scene) -> None:
    (member,) = waiting(scene, 99, "query_any")
    findings = scene.look()
    assert HEAD not in findings
    assert findings[member].cause == ""


def test_consumers_of_an_agent_that_is_there_are_not_its_business(scene: Scene) -> None:
    members = waiting(scene, 1, "query_any", "query_all")
    assert {findings.cause for name, findings in scene.look().items() if name in members} == {""}


def test_without_a_fleet_names_prove_nothing(scene: Scene) -> None:
    scene.fleet = False
    waiting(scene, 99, "query_any", "query_all")
    assert HEAD not in scene.look()


def test_it_is_over_when_the_agent_registers(scene: Scene) -> None:
    waiting(scene, 99, "query_any", "query_all")
    assert HEAD in scene.look()
    scene.agent(99)
    assert HEAD not in scene.look(1)
