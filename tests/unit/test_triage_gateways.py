"""`gateway.down`: what is said of gateways that do not answer, and when nothing is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.model.broker import LinkState
from app.model.components import Component, ComponentKind
from app.model.findings import Finding, Severity
from app.model.gateways import GatewayState
from app.model.health import Health
from tests.scene import Scene

DOWN = "gateway.down|main"
REASON = "connection refused"


class Watching(Scene):
    """A scene with one gateway in it."""

    def stands(self, state: GatewayState, reason: str = "", **fields: Any) -> None:
        before = self.components.get("gateway:main")
        same = before is not None and (before.state == "connected") == (state is GatewayState.CONNECTED)
        since = before.since if same and before is not None else self.at
        self.components["gateway:main"] = Component(
            "gateway:main", ComponentKind.GATEWAY, "main", state.health, state.value, since=since, reason=reason,
            address=fields.pop("address", "ws://gw:18789/ws"), **fields,
        )  # fmt: skip


@pytest.fixture
def scene() -> Watching:
    watching = Watching()
    watching.stands(GatewayState.CONNECTED, "3 sessions")
    watching.look()
    return watching


def test_one_that_nobody_reaches_is_critical_after_a_while(scene: Watching) -> None:
    scene.stands(GatewayState.REFUSED, REASON)
    assert DOWN not in scene.look(20)
    finding = scene.look(15)[DOWN]
    assert (finding.what, finding.severity, finding.kind, finding.subject) == (
        REASON, Severity.CRIT, "gateway", "main",
    )  # fmt: skip
    assert finding.since == scene.components["gateway:main"].since
    assert not finding.since_exact
    assert finding.refs == ("component:gateway:main",)
    assert [(row.what, row.now) for row in finding.evidence] == [("state", "refused"), ("address", "ws://gw:18789/ws")]
    assert [step.command for step in finding.steps] == ["", "curl -sv -m 5 http://gw:18789/ws"]


@pytest.mark.parametrize(
    ("state", "severity"),
    [
        (GatewayState.REFUSED, Severity.CRIT), (GatewayState.UNREACHABLE, Severity.CRIT),
        (GatewayState.SILENT, Severity.CRIT), (GatewayState.UNAUTHORIZED, Severity.WARN),
        (GatewayState.UNSUPPORTED, Severity.WARN), (GatewayState.FAILING, Severity.WARN),
    ],
)  # fmt: skip
def test_how_bad_each_state_is(scene: Watching, state: GatewayState, severity: Severity) -> None:
    scene.stands(state, "why")
    finding = scene.look(31)[DOWN]
    assert finding.severity is severity
    assert finding.steps[0].sentence
    assert len(finding.steps) == (2 if severity is Severity.CRIT else 1)
    assert scene.components["gateway:main"].health is Health.WARN


def test_from_one_failure_to_the_next_it_is_one_finding(scene: Watching) -> None:
    scene.stands(GatewayState.REFUSED, REASON)
    scene.look(40)
    began = scene.look(0)[DOWN].since
    scene.stands(GatewayState.SILENT, "does not answer within 5 s")
    finding = scene.look(5)[DOWN]
    assert (finding.since, finding.what) == (began, "does not answer within 5 s")
    scene.stands(GatewayState.CONNECTED)
    scene.look(5)
    assert DOWN not in scene.look(15)


def test_a_restart_is_no_finding(scene: Watching) -> None:
    for _ in range(3):
        scene.stands(GatewayState.FAILING, "closed the connection: service restart (1012)")
        assert DOWN not in scene.look(10)
        scene.stands(GatewayState.CONNECTED)
        assert scene.quiet(120, 10)


def test_the_first_attempt_is_no_finding() -> None:
    scene = Watching()
    scene.stands(GatewayState.CONNECTING)
    assert scene.quiet(60, 5)
    assert scene.components["gateway:main"].health is Health.UNKNOWN


def test_one_never_seen_is_a_finding_too() -> None:
    scene = Watching()
    scene.stands(GatewayState.UNREACHABLE, "gw is not a known host")
    assert DOWN in scene.look(31)


def test_without_nats_it_stands_by_itself(scene: Watching) -> None:
    scene.stands(GatewayState.REFUSED, REASON)
    scene.connection = replace(
        scene.connection, state=LinkState.DOWN, error="connection refused", since=scene.at - timedelta(seconds=60)
    )
    found = scene.look(60)
    assert "nats.unreachable|nats" in found
    assert found[DOWN].cause == ""
    assert not found[DOWN].last_known
    scene.stands(GatewayState.CONNECTED)
    scene.look(5)
    assert DOWN not in scene.look(15)


def test_it_can_be_switched_off_and_set(scene: Watching) -> None:
    off = Watching({"gateway.down": {"on": False}})
    off.stands(GatewayState.REFUSED, REASON)
    assert off.quiet(120, 30)
    later = Watching({"gateway.down": {"for": "2m"}})
    later.stands(GatewayState.REFUSED, REASON)
    assert DOWN not in later.look(90)
    assert DOWN in later.look(40)


def test_an_address_that_no_shell_should_read_is_left_out(scene: Watching) -> None:
    scene.stands(GatewayState.REFUSED, REASON, address="ws://gw:1/'; rm -rf ~")
    finding: Finding = scene.look(31)[DOWN]
    assert finding.steps[-1].command == "curl -sv -m 5 'http://gw:1/'\"'\"'; rm -rf ~'"
    scene.stands(GatewayState.REFUSED, REASON, address="ws://gw/\ufffd")
    assert [step.command for step in scene.look(1)[DOWN].steps] == [""]


def test_what_it_says_of_its_sessions(scene: Watching) -> None:
    scene.stands(GatewayState.REFUSED, REASON)
    assert scene.look(31)[DOWN].detail == ""
