"""`unit.failed` and `unit.restarting`: when they say something, and the normal days on which they are silent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.model.broker import Connection, LinkState
from app.model.components import Component, ComponentKind
from app.model.findings import Finding, Severity
from app.model.health import Health
from app.model.remedies import remedies
from app.model.units import Unit
from tests.scene import Scene

FAILED, RESTARTING = "unit.failed|unit:web", "unit.restarting|unit:web"


def row(
    scene: Scene, name: str = "web", *, since: float = 60.0, restarted: tuple[float, ...] = (), **fields: Any
) -> Component:
    """A unit of the scene; `restarted` are seconds ago."""
    known: dict[str, Any] = {"load": "loaded", "active": "active", "sub": "running", "type": "simple", **fields}
    scope = known.pop("scope", "user")
    unit = Unit(f"{name}.service", scope, restarted=tuple(map(scene.ago, restarted)), **known)
    made = Component(
        f"unit:{name}", ComponentKind.UNIT, name, Health.OK, unit.active, since=scene.ago(since), unit=unit
    )
    scene.components[made.key] = made
    return made


def crashed(scene: Scene, **fields: Any) -> Component:
    return row(scene, **{"active": "failed", "sub": "failed", "result": "exit-code", "cause": "exit code 1", **fields})


def test_a_failed_unit_is_told_with_its_cause_and_since_when_on_the_first_look() -> None:
    scene = Scene()
    crashed(scene, since=90, restarts=5, description="The web")
    found = scene.look()[FAILED]
    assert found.severity is Severity.CRIT
    assert found.what == "exit code 1: not running since 13:58:30Z"
    assert (found.since, found.since_exact, found.refs) == (scene.ago(90), True, ("component:unit:web",))
    assert [step.command for step in found.steps[:3]] == [
        "systemctl --user status web.service", "journalctl --user -u web.service -n 100",
        "journalctl --user -u web.service -f",
    ]  # fmt: skip


def test_a_failed_run_of_a_oneshot_unit_warns() -> None:
    scene = Scene()
    crashed(scene, type="oneshot", since=90)
    found = scene.look()[FAILED]
    assert (found.severity, found.what) == (Severity.WARN, "exit code 1: its last run 13:58:30Z")


def test_it_is_over_once_it_runs_again() -> None:
    scene = Scene()
    crashed(scene)
    assert FAILED in scene.look()
    row(scene)
    assert FAILED in scene.look(5)
    scene.look(5)
    assert FAILED not in scene.look(5)


SILENT: dict[str, dict[str, Any]] = {
    "stopped by somebody": {"active": "inactive", "sub": "dead", "result": "success"},
    "a oneshot unit that has done its work": {"active": "inactive", "sub": "dead", "type": "oneshot"},
    "a oneshot unit that remains": {"active": "active", "sub": "exited", "type": "oneshot"},
    "starting": {"active": "activating", "sub": "start"},
    "stopping": {"active": "deactivating", "sub": "stop-sigterm"},
    "a single restart": {"restarted": (30.0,), "restarts": 1},
    "two restarts": {"restarted": (30.0, 400.0), "restarts": 2},
    "many restarts, long ago": {"restarted": (700.0, 710.0, 720.0, 730.0), "restarts": 4},
    "restarts by somebody": {"restarted": (), "restarts": 0, "since": 2.0},
    "restarts of which no time is known": {"restarted": (), "restarts": 57},
    "not there": {"load": "not-found", "active": "inactive"},
    "masked": {"load": "masked", "active": "inactive"},
}


@pytest.mark.parametrize("named", SILENT)
def test_normal_days_are_silent(named: str) -> None:
    scene = Scene()
    row(scene, **SILENT[named])
    for _ in range(20):
        assert not scene.look(5)


def restarting(number: int, **fields: Any) -> Finding:
    scene = Scene()
    how = {"active": "activating", "sub": "auto-restart", "cause": "exit code 1", "restarts": number, **fields}
    row(scene, restarted=tuple(range(5, 5 + 20 * number, 20)), **how)
    return scene.look()[RESTARTING]


def test_several_restarts_warn_and_many_are_critical() -> None:
    found = restarting(4)
    assert (found.severity, found.what) == (Severity.WARN, "exit code 1, restarted 4 times in 10m")
    assert found.measured == 4
    assert restarting(12).severity is Severity.CRIT


def test_restarts_are_over_when_the_window_is() -> None:
    scene = Scene()
    row(scene, restarted=(10.0, 40.0, 300.0), restarts=3)
    assert RESTARTING in scene.look()
    assert RESTARTING in scene.look(200)
    assert RESTARTING not in scene.look(200)


def test_at_most_one_of_them_holds() -> None:
    scene = Scene()
    crashed(scene, restarted=(10.0, 20.0, 30.0, 40.0, 50.0), restarts=5, result="start-limit-hit")
    found = scene.look()
    assert FAILED in found
    assert RESTARTING not in found
    assert "systemctl --user reset-failed web.service" in [step.command for step in found[FAILED].steps]


def test_thresholds_have_names() -> None:
    scene = Scene({"unit.restarting": {"warn": 2, "window": "1m"}, "unit.failed": {"for": "30s"}})
    row(scene, restarted=(10.0, 50.0), restarts=2)
    crashed(scene, name="db", since=0)
    found = scene.look()
    assert found[RESTARTING].what == "restarted 2 times in 1m"
    assert "unit.failed|unit:db" not in found
    assert "unit.failed|unit:db" in scene.look(40)
    assert "[thresholds]" in scene.triage.explain("unit.restarting")


def test_what_cannot_be_asked_is_last_known_neither_raised_nor_cleared() -> None:
    scene = Scene()
    known = crashed(scene)
    scene.look()
    scene.components["unit:web"] = replace(known, health=Health.STALE, reason="last known: no answer")
    for _ in range(10):
        found = scene.look(5)[FAILED]
    assert found.last_known
    scene.components["unit:db"] = replace(known, key="unit:db", name="db", health=Health.STALE)
    assert "unit.failed|unit:db" not in scene.look(5)
    row(scene)
    for _ in range(4):
        scene.look(5)
    assert FAILED not in scene.look(5)


def test_units_do_not_wait_for_nats() -> None:
    scene = Scene()
    scene.connection = Connection(LinkState.DOWN, since=scene.ago(3600), error="refused")
    crashed(scene)
    found = scene.look()
    assert not found[FAILED].last_known
    row(scene)
    for _ in range(4):
        scene.look(5)
    assert FAILED not in scene.look(5)


def test_one_or_all_of_a_scope_can_be_restarted() -> None:
    scene = Scene()
    for name in ("web", "db"):
        row(scene, name)
    row(scene, "gone", load="not-found", active="inactive")
    row(scene, "disk", scope="system", active="inactive")
    scene.look()
    commands = [step.command for step in remedies("component:unit:web", scene.snapshot)]
    assert commands[-2:] == ["systemctl --user restart web.service", "systemctl --user restart db.service web.service"]
    of_system = [step.command for step in remedies("component:unit:disk", scene.snapshot)]
    assert of_system == [
        "systemctl status disk.service", "journalctl -u disk.service -n 100", "journalctl -u disk.service -f",
        "systemctl start disk.service", "systemctl restart disk.service",
    ]  # fmt: skip
    not_there = [step.command for step in remedies("component:unit:gone", scene.snapshot)]
    assert not_there == ["systemctl --user list-unit-files", "systemctl --user daemon-reload"]
    assert all(step.sentence for step in remedies("component:unit:web", scene.snapshot))
