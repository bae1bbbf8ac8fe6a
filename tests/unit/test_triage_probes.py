"""Rules about what is probed, each with what it must stay silent in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.model.components import Component, ComponentKind
from app.model.findings import Finding, Severity
from app.model.health import Health
from app.model.probes import Probe
from app.model.remedies import remedies
from app.model.snapshot import Snapshot
from app.model.triage.standing import verdict
from app.sources.looks import Look, Looks, lost
from tests.scene import Scene

DOWN, SLOW = "probe.down|probe:mc", "probe.slow|probe:mc"
FLAPPING, CERTIFICATE = "probe.flapping|probe:mc", "probe.certificate|probe:mc"
WELL = Look(health=Health.OK, reason="answers 200", latency=0.02)
LOST = lost("connection refused")


class Probed:
    """A scene in which one system is probed every 10 s."""

    def __init__(
        self, thresholds: dict[str, dict[str, object]] | None = None, address: str = "http://h/health"
    ) -> None:
        self.scene = Scene(thresholds)
        self.looks = Looks("probe:mc", "mc", host="h", address=address, interval=10.0, timeout=5.0)

    def see(self, *looks: Look, every: float = 10.0) -> dict[str, Finding]:
        """The findings after so many looks, the scene looked at each second."""
        found: dict[str, Finding] = {}
        for look in looks:
            self.looks.take(look, self.scene.at)
            self.scene.components = dict(self.looks.rows)
            for _ in range(int(every)):
                found = dict(self.scene.look(1))
        return {name: each for name, each in found.items() if name.startswith("probe.")}


@pytest.fixture
def probed() -> Probed:
    return Probed()


# -- probe.down -----------------------------------------------------------------------------------------------------


def test_down_at_the_second_failure_since_the_first(probed: Probed) -> None:
    probed.see(WELL)
    began = probed.scene.at
    probed.see(LOST, every=2)
    finding = probed.see(LOST)[DOWN]
    assert (finding.what, finding.severity) == ("connection refused", Severity.CRIT)
    assert (finding.since, finding.since_exact) == (began, True)
    assert (finding.kind, finding.subject, finding.refs) == ("probe", "mc", ("component:probe:mc",))
    assert finding.detail == "http://h/health"
    assert finding.steps[0].command == "curl -sS -i -m 5 http://h/health"


def test_a_single_lost_answer_is_silent(probed: Probed) -> None:
    assert not probed.see(WELL, WELL, LOST, WELL, WELL)
    assert not probed.see(LOST, *[WELL] * 70, LOST, WELL)  # nor one each while


def test_an_answer_that_is_not_clear_is_silent(probed: Probed) -> None:
    assert not probed.see(*[Look(health=Health.UNKNOWN, state="unclear", reason="an HTML page")] * 30)


def test_it_is_over_when_it_has_been_well_for_a_while(probed: Probed) -> None:
    assert DOWN in probed.see(WELL, LOST, LOST)
    assert DOWN in probed.see(WELL)
    assert not probed.see(WELL, WELL)


def test_what_works_in_part_or_lets_nobody_see_is_a_warning_after_a_while(probed: Probed) -> None:
    partly = Look(health=Health.WARN, state="degraded", reason="says “warn”: disk: 91 percent")
    assert not probed.see(WELL, partly, partly)
    finding = probed.see(partly, partly)[DOWN]
    assert (finding.severity, finding.what) == (Severity.WARN, "says “warn”: disk: 91 percent")
    assert DOWN in probed.see(LOST, every=2)
    assert probed.see(LOST)[DOWN].severity is Severity.CRIT


def test_how_many_failures_is_a_threshold() -> None:
    probed = Probed({"probe.down": {"count": 4}})
    assert not probed.see(WELL, LOST, LOST, LOST)
    assert DOWN in probed.see(LOST)
    assert not Probed({"probe.down": {"on": False}}).see(WELL, *[LOST] * 5)


def test_parts_and_other_components_are_not_judged(probed: Probed) -> None:
    probed.see(WELL)
    other = Component("service:x", ComponentKind.SERVICE, "x", Health.WARN, "gone")
    part = Component("probe:mc/db", ComponentKind.PROBE, "db", Health.CRIT, "down", parent="probe:mc")
    probed.scene.components = {**probed.scene.components, other.key: other, part.key: part}
    assert not probed.scene.run(60)


# -- without NATS ----------------------------------------------------------------------------------------------------


def test_it_holds_whatever_becomes_of_nats(probed: Probed) -> None:
    probed.see(WELL)
    probed.scene.disconnect()
    found = probed.see(LOST, LOST, WELL)
    assert (found[DOWN].cause, found[DOWN].last_known) == ("", False)
    assert probed.scene.snapshot.findings["nats.unreachable|nats"].folded == 0
    told = verdict(probed.scene.snapshot)
    assert (told.health, told.crit) == (Health.UNKNOWN, 1)
    assert not probed.see(WELL, WELL)  # and is over without it, too


# -- probe.slow -----------------------------------------------------------------------------------------------------


def test_slow_by_the_middle_of_ten(probed: Probed) -> None:
    slow = replace(WELL, latency=1.4)
    assert not probed.see(*[slow] * 4)
    finding = probed.see(*[slow] * 5)[SLOW]
    assert (finding.what, finding.severity) == ("takes 1.4s to answer", Severity.WARN)
    assert not probed.see(*[WELL] * 15)


def test_slow_is_silent_for_a_slow_answer_now_and_then_and_while_it_is_down(probed: Probed) -> None:
    for _ in range(5):
        assert not probed.see(WELL, WELL, replace(WELL, latency=4.0))
    probed = Probed()
    probed.see(*[replace(WELL, latency=3.0)] * 10)
    assert set(probed.see(*[LOST] * 10)) == {DOWN}


def test_slow_is_never_crit_unless_that_is_set() -> None:
    slow = replace(WELL, latency=4.9)
    assert Probed().see(*[slow] * 30)[SLOW].severity is Severity.WARN
    probed = Probed({"probe.slow": {"crit": "3s"}})
    assert probed.see(*[slow] * 30)[SLOW].severity is Severity.CRIT


# -- probe.flapping -------------------------------------------------------------------------------------------------


def test_answers_that_are_lost_again_and_again_are_flapping(probed: Probed) -> None:
    assert not probed.see(WELL, LOST, WELL, LOST, WELL)
    finding = probed.see(LOST, WELL)[FLAPPING]
    assert (finding.what, finding.severity) == ("failed 3 times in 10m: connection refused", Severity.WARN)
    assert not probed.see(*[WELL] * 60)


def test_up_and_down_is_one_finding(probed: Probed) -> None:
    for _ in range(3):
        found = probed.see(WELL, WELL, WELL, LOST, LOST)
    assert found[DOWN].cause == FLAPPING
    assert (found[FLAPPING].severity, found[FLAPPING].folded) == (Severity.CRIT, 1)


def test_what_stays_down_is_down_and_flaps_no_more(probed: Probed) -> None:
    for _ in range(3):
        probed.see(WELL, WELL, WELL, LOST, LOST)
    assert set(probed.see(*[LOST] * 10)) == {DOWN}


def test_flapping_is_silent_for_failures_that_are_long_past(probed: Probed) -> None:
    for _ in range(3):
        assert not probed.see(LOST, *[WELL] * 40)


# -- probe.certificate ----------------------------------------------------------------------------------------------


def test_a_certificate_before_its_end(probed: Probed) -> None:
    expires = probed.scene.at + timedelta(days=9, hours=5)
    finding = probed.see(replace(WELL, expires=expires))[CERTIFICATE]
    assert (finding.what, finding.severity) == ("certificate expires in 9d4h (2026-12-01)", Severity.WARN)
    soon = probed.see(replace(WELL, expires=probed.scene.at + timedelta(days=1)))[CERTIFICATE]
    assert soon.severity is Severity.CRIT


def test_a_certificate_is_silent_with_weeks_left_without_tls_and_when_it_has_ended(probed: Probed) -> None:
    for left in (timedelta(days=15), timedelta(days=-1)):
        assert not probed.see(replace(WELL, expires=probed.scene.at + left))
    assert not probed.see(WELL)


# -- what to do ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://h/readyz?verbose&token=…", "curl -sS -i -m 5 'https://h/readyz?verbose&token=…'"),
        ("postgresql://h:5432/db", "psql postgresql://h:5432/db"),
        ("http://h/'; rm -rf", "curl -sS -i -m 5 'http://h/'\"'\"'; rm -rf'"),
    ],
)
def test_what_to_do_is_to_ask_it_oneself(address: str, said: str) -> None:
    row: dict[str, Any] = {"address": address, "probe": Probe()}
    component = Component("probe:mc", ComponentKind.PROBE, "mc", **row)
    (step,) = remedies("component:probe:mc", Snapshot(components={component.key: component}))
    assert step.command == said
