from __future__ import annotations

from dataclasses import replace

import pytest

from app.model.broker import Answer
from app.model.components import Component, ComponentKind
from app.model.findings import Finding, Severity
from app.model.fleet import Presence
from app.model.health import Health
from app.model.snapshot import Count, SourceStatus, Verdict
from app.model.triage.standing import counts, stale_sections, standings, verdict
from tests.scene import Scene, machine


def finding(name: str, severity: Severity, *refs: str, **fields: object) -> Finding:
    return Finding(name, name.partition("|")[0], severity, "kind", "subject", "what", refs, **fields)


def table(*findings: Finding) -> dict[str, Finding]:
    return {each.id: each for each in findings}


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    for name in ("A", "B", "C"):
        scene.stream(name)
    scene.consumer("one", "A")
    scene.consumer("two", "A")
    scene.consumer("watchdeck-own", "A")
    scene.consumer("ordered", "A", ack_policy="none", idle_heartbeat=5.0)
    for number in range(4):
        scene.agent(number)
    scene.look()
    return scene


def test_the_worst_finding_of_a_row_counts() -> None:
    found = table(
        finding("a|1", Severity.WARN, "stream:A"),
        finding("b|1", Severity.CRIT, "stream:A", "stream:B"),
        finding("c|1", Severity.INFO, "stream:C"),
    )
    assert standings(found) == {"stream:A": Health.CRIT, "stream:B": Health.CRIT, "stream:C": Health.OK}


def test_rows_of_a_stale_section_are_stale() -> None:
    found = table(finding("a|1", Severity.CRIT, "stream:A"), finding("b|1", Severity.CRIT, "agent:1"))
    assert standings(found, {"streams"}) == {"stream:A": Health.STALE, "agent:1": Health.CRIT}


def test_one_finding_for_many_marks_nobody_by_itself() -> None:
    found = table(
        finding("agent.gone|+1", Severity.CRIT, "agent:1", "agent:2"),
        finding("agent.gone|1", Severity.WARN, "agent:1", cause="agent.gone|+1"),
    )
    assert standings(found) == {"agent:1": Health.WARN}


def test_own_and_hidden_rows_are_not_counted(scene: Scene) -> None:
    counted = counts(scene.snapshot, {})
    assert counted["streams"] == Count(ok=3)
    assert counted["consumers"] == Count(ok=2)
    assert counted["agents"] == Count(ok=4)


def test_a_component_is_as_bad_as_it_says_or_as_a_finding_says(scene: Scene) -> None:
    parts = [
        Component("worker:nats", ComponentKind.WORKER, "nats", Health.OK),
        Component("worker:store", ComponentKind.WORKER, "store", Health.CRIT),
        Component("service:a", ComponentKind.SERVICE, "a", Health.OK),
        Component("probe:b", ComponentKind.PROBE, "b"),
    ]
    snapshot = replace(scene.snapshot, components={part.key: part for part in parts})
    stands = {"component:service:a": Health.WARN, "component:worker:store": Health.WARN}
    assert counts(snapshot, stands)["components"] == Count(ok=1, warn=1, crit=1, unknown=1)


def test_counts_by_state(scene: Scene) -> None:
    scene.stream("B", answer=Answer.OFFLINE)
    scene.consumer("two", "A", answer=Answer.MISSING)
    scene.agent(1, presence=Presence.GONE)
    scene.agent(2, presence=Presence.LEFT)
    scene.look(1)
    stands = {"stream:A": Health.WARN, "consumer:A/one": Health.CRIT, f"agent:{machine(1)}": Health.CRIT}
    counted = counts(scene.snapshot, {**stands, "agent:nobody": Health.CRIT, "consumer:A/ordered": Health.CRIT})
    assert counted["streams"] == Count(ok=1, warn=1, unknown=1)
    assert counted["consumers"] == Count(crit=1, unknown=1)
    assert counted["agents"] == Count(ok=2, crit=1), "one that left is not counted"


def test_a_stale_section_counts_as_stale(scene: Scene) -> None:
    scene.statuses["registry"] = SourceStatus.FAILED
    scene.look(1)
    assert stale_sections(scene.snapshot) == {"agents"}
    assert counts(scene.snapshot, {})["agents"] == Count(stale=4)
    scene.disconnect()
    scene.look(1)
    of_nats = {"streams", "consumers", "agents", "jobs", "deadletters"}
    assert stale_sections(scene.snapshot) == of_nats | {"ai", "scores", "sessions"}


def test_counts_agree_with_a_plain_count(scene: Scene) -> None:
    for number in range(30):
        scene.consumer(
            f"c{number}",
            "B",
            pending=number,
            delivered_consumer_seq=1,
            delivered_at=scene.ago(20.0 * number),
            next_at=scene.ago(20.0 * number),
        )
    scene.look(1)
    stands = standings(scene.snapshot.findings)
    plain = [stands.get(f"consumer:{key}", Health.OK) for key in scene.consumers if key.startswith("B/")]
    counted = counts(scene.snapshot, stands)["consumers"]
    assert counted.crit == plain.count(Health.CRIT) > 0
    assert counted.warn == plain.count(Health.WARN) > 0
    assert counted.ok == plain.count(Health.OK) + 2


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((), Verdict(Health.OK)),
        ((finding("a|1", Severity.INFO),), Verdict(Health.OK, info=1)),
        ((finding("a|1", Severity.WARN), finding("a|2", Severity.INFO)), Verdict(Health.WARN, warn=1, info=1)),
        ((finding("a|1", Severity.WARN), finding("a|2", Severity.CRIT)), Verdict(Health.CRIT, crit=1, warn=1)),
        ((finding("a|1", Severity.CRIT), finding("b|1", Severity.CRIT, cause="a|1")), Verdict(Health.CRIT, crit=1)),
    ],
)
def test_verdict(scene: Scene, found: tuple[Finding, ...], expected: Verdict) -> None:
    assert verdict(replace(scene.snapshot, findings=table(*found))) == expected


@pytest.mark.parametrize("name", ["streams", "consumers", "registry"])
@pytest.mark.parametrize("status", [SourceStatus.FAILED, SourceStatus.WAITING])
def test_verdict_is_unknown_while_a_core_source_brings_nothing(scene: Scene, name: str, status: SourceStatus) -> None:
    scene.statuses[name] = status
    scene.look(1)
    assert verdict(scene.snapshot).health is Health.UNKNOWN


@pytest.mark.parametrize("status", [SourceStatus.ABSENT, SourceStatus.DENIED])
def test_what_is_absent_or_not_permitted_is_no_reason(scene: Scene, status: SourceStatus) -> None:
    scene.statuses["registry"] = status
    scene.look(1)
    assert verdict(scene.snapshot).health is Health.OK


def test_verdict_is_never_ok_with_nothing_to_go_by(scene: Scene) -> None:
    for name in scene.statuses:
        scene.statuses[name] = SourceStatus.DENIED
    scene.look(1)
    assert verdict(scene.snapshot).health is Health.UNKNOWN


def test_verdict_without_a_connection_has_the_last_known_numbers(scene: Scene) -> None:
    scene.agent(1, presence=Presence.GONE, since=scene.ago(60))
    scene.look(1)
    assert verdict(scene.snapshot) == Verdict(Health.CRIT, crit=1)
    scene.disconnect()
    for seconds in (1, 10):
        scene.look(seconds)
        assert verdict(scene.snapshot) == Verdict(Health.UNKNOWN, crit=1)
    scene.reconnect()
    scene.look(1)
    assert verdict(scene.snapshot).health is Health.CRIT
