from __future__ import annotations

from datetime import timedelta

import pytest

from app.model.findings import Severity
from app.model.fleet import Condition, Presence
from app.model.snapshot import SourceStatus
from tests.scene import START, Scene, machine

GONE = f"agent.gone|{machine(3)}"


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.stream("JOBS")
    for number in range(1, 11):
        scene.agent(number)
    return scene


def pressure(kind: str = "MemoryPressure", reason: str = "memory 94% used (15.0/16.0 GB)", **fields: object) -> tuple:
    return (Condition(kind, **{"status": True, "reason": reason, "since": START - timedelta(minutes=31), **fields}),)


# -- agent.gone -----------------------------------------------------------------------------------------------------


def test_gone_shows_on_the_first_look(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(60))
    finding = scene.look()[GONE]
    assert finding.severity is Severity.CRIT
    assert finding.what == "gone since 13:59:00Z (no farewell)"
    assert finding.subject == "web-03"
    assert finding.since == START - timedelta(seconds=60)
    assert finding.since_exact
    assert finding.refs == (f"agent:{machine(3)}",)
    assert "osapi client agent get --hostname web-03" in [step.command for step in finding.steps]


def test_stale_is_a_warning_that_becomes_gone(scene: Scene) -> None:
    scene.agent(3, presence=Presence.STALE, since=scene.ago(21))
    finding = scene.look()[GONE]
    assert (finding.severity, finding.what) == (Severity.WARN, "no heartbeat since 13:59:39Z")
    scene.agent(3, presence=Presence.GONE)
    assert scene.look(9)[GONE].severity is Severity.CRIT


def test_gone_clears_two_beats_after_it_is_back(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(60))
    scene.look()
    scene.agent(3, presence=Presence.LIVE, since=None)
    assert GONE in scene.run(19)
    assert not scene.run(3)


def test_a_clean_stop_is_no_finding(scene: Scene) -> None:
    scene.agent(3, presence=Presence.LEFT, since=scene.ago(60))
    assert scene.quiet(300, 10)


def test_a_gone_agent_that_is_forgotten_takes_its_finding_along(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(60))
    scene.look()
    del scene.agents[machine(3)]
    assert not scene.look(1)


def test_nobody_is_called_gone_right_after_a_reconnect(scene: Scene) -> None:
    """After an outage of NATS every registration has expired: agents need a beat or two to be there again."""
    scene.look()
    scene.disconnect()
    scene.look(10)
    scene.at += timedelta(seconds=120)
    scene.reconnect()
    for number in range(1, 11):
        scene.agent(number, presence=Presence.GONE, since=scene.ago(125))
    assert not [finding for finding in scene.look(1).values() if finding.rule == "agent.gone"]
    for number in range(1, 10):
        scene.agent(number, presence=Presence.LIVE, since=None)
    assert not scene.run(26)
    assert set(scene.run(6)) == {f"agent.gone|{machine(10)}"}


def test_one_that_was_gone_before_a_reconnect_stays_so(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(60))
    scene.look()
    scene.disconnect()
    scene.look(10)
    scene.reconnect()
    assert GONE in scene.run(40)
    assert not scene.snapshot.findings[GONE].last_known


def test_a_registry_that_fails_keeps_the_last_known(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(60))
    scene.look()
    scene.statuses["registry"] = SourceStatus.FAILED
    scene.agent(3, presence=Presence.LIVE)
    scene.agent(4, presence=Presence.GONE, since=scene.ago(60))
    findings = scene.run(120, 5)
    assert findings[GONE].last_known
    assert f"agent.gone|{machine(4)}" not in findings


def test_a_registry_that_is_no_more_there_leaves_nothing(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(60))
    scene.look()
    scene.statuses["registry"] = SourceStatus.ABSENT
    scene.agents.clear()
    assert not scene.look(1)


# -- several together -----------------------------------------------------------------------------------------------


def fleet_of(scene: Scene, size: int) -> None:
    for number in range(size):
        scene.agent(number, labels=(("group", "web.eu" if number < 12 else "db.eu"), ("site", "eu")))


def test_several_within_a_minute_are_one_finding(scene: Scene) -> None:
    fleet_of(scene, 40)
    for number in range(7):
        scene.agent(number, presence=Presence.GONE, since=scene.ago(100 - number * 3))
    findings = scene.look()
    top = [finding for finding in findings.values() if not finding.cause]
    assert [finding.what for finding in top] == ["7 of 40 agents gone within 15s, all group=web.eu"]
    assert top[0].severity is Severity.CRIT
    assert top[0].folded == 7
    assert top[0].since == START - timedelta(seconds=100)
    assert len(top[0].refs) == 7


def test_who_said_goodbye_is_no_part_of_the_fleet(scene: Scene) -> None:
    fleet_of(scene, 40)
    for number in range(36):
        scene.agent(number, presence=Presence.LEFT, since=scene.ago(100))
    for number in (38, 39):
        scene.agent(number, presence=Presence.GONE, since=scene.ago(100))
    top = [finding for finding in scene.look().values() if not finding.cause]
    assert [finding.what for finding in top] == ["2 of 4 agents gone within 1s, all group=db.eu"]


def test_two_of_many_are_two_findings(scene: Scene) -> None:
    fleet_of(scene, 40)
    for number in range(2):
        scene.agent(number, presence=Presence.GONE, since=scene.ago(100))
    assert len(scene.look()) == 2


def test_a_fifth_of_the_fleet_is_one_finding(scene: Scene) -> None:
    for number in (1, 2):
        scene.agent(number, presence=Presence.GONE, since=scene.ago(50))
    top = [finding for finding in scene.look().values() if not finding.cause]
    assert [finding.subject for finding in top] == ["2 agents"]


def test_agents_that_went_at_other_times_are_not_together(scene: Scene) -> None:
    fleet_of(scene, 40)
    for number in range(4):
        scene.agent(number, presence=Presence.GONE, since=scene.ago(minutes=10 * (number + 1)))
    assert all(not finding.cause for finding in scene.look().values())


def test_a_group_keeps_its_name_while_members_come_back_and_join(scene: Scene) -> None:
    fleet_of(scene, 40)
    for number in range(5):
        scene.agent(number, presence=Presence.GONE, since=scene.ago(60 - number))
    name = next(iter(scene.look()))
    scene.agent(0, presence=Presence.LIVE, since=None)
    scene.agent(20, presence=Presence.GONE, since=START - timedelta(seconds=50))
    findings = scene.run(25)
    assert findings[name].what.startswith("5 of 40 agents gone within")
    assert "all site" not in findings[name].what, "a label of the whole fleet says nothing"
    for number in (1, 2, 3, 4, 20):
        scene.agent(number, presence=Presence.LIVE, since=None)
    assert not scene.run(25)


# -- agent.condition ------------------------------------------------------------------------------------------------


def test_condition_in_its_own_words(scene: Scene) -> None:
    scene.agent(2, conditions=pressure())
    finding = scene.look()[f"agent.condition|{machine(2)}|MemoryPressure"]
    assert finding.what == "memory 94% used (15.0/16.0 GB)"
    assert finding.severity is Severity.WARN
    assert finding.since == START - timedelta(minutes=31)
    assert finding.measured == pytest.approx(0.94)


def test_condition_must_hold_for_a_while(scene: Scene) -> None:
    scene.agent(2, conditions=pressure(since=START))
    assert scene.quiet(29)
    assert scene.run(2)


def test_condition_clears_after_a_minute(scene: Scene) -> None:
    scene.agent(2, conditions=pressure())
    scene.look()
    scene.agent(2, conditions=pressure(status=False, reason=""))
    assert scene.run(59)
    assert not scene.run(3)


def test_disk_is_crit_from_95_percent_and_left_below_90_percent_of_that(scene: Scene) -> None:
    name = f"agent.condition|{machine(2)}|DiskPressure"
    scene.agent(2, conditions=pressure("DiskPressure", "/var 94% used (94.0/100.0 GB)"))
    assert scene.look()[name].severity is Severity.WARN
    scene.agent(2, conditions=pressure("DiskPressure", "/var 95% used (95.0/100.0 GB)"))
    finding = scene.look(1)[name]
    assert (finding.severity, finding.what) == (Severity.CRIT, "disk /var 95% used (95.0/100.0 GB)")
    scene.agent(2, conditions=pressure("DiskPressure", "/var 91% used (91.0/100.0 GB)"))
    assert scene.run(120, 5)[name].severity is Severity.CRIT
    scene.agent(2, conditions=pressure("DiskPressure", "/var 85% used (85.0/100.0 GB)"))
    assert scene.run(120, 5)[name].severity is Severity.WARN


def test_conditions_of_gone_agents_are_history(scene: Scene) -> None:
    scene.agent(2, conditions=pressure(), presence=Presence.GONE, since=scene.ago(50))
    assert set(scene.look()) == {f"agent.gone|{machine(2)}"}


def test_condition_without_a_reason_is_named(scene: Scene) -> None:
    scene.agent(2, conditions=pressure("ProcessHighCPU", ""))
    assert next(iter(scene.look().values())).what == "ProcessHighCPU"


def test_jobs_waiting_for_a_cordoned_agent(scene: Scene) -> None:
    scene.agent(2, state="Cordoned")
    scene.consumer(
        f"jobs-agent_query_any_{machine(2)}",
        pending=12,
        delivered_consumer_seq=4,
        delivered_at=scene.ago(hours=1),
        next_at=scene.ago(minutes=29, seconds=50),
    )
    assert not scene.look()
    finding = next(iter(scene.run(30, 5).values()))
    assert finding.what == "cordoned, 12 jobs pending 30m"
    assert finding.rule == "agent.condition"


def test_a_cordoned_agent_without_jobs_is_no_finding(scene: Scene) -> None:
    scene.agent(2, state="Cordoned")
    assert scene.quiet(3600, 60)
