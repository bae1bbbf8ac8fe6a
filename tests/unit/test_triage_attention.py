"""What people say of findings: how long it holds, what it hides, and what it never hides."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.attention import Mark, MarkKind
from app.model.findings import Finding, Severity, urgency
from app.model.fleet import Presence
from app.model.health import Health
from app.model.snapshot import Snapshot, SourceStatus
from app.model.triage.attention import Attending, Mutes, settle
from app.model.triage.standing import standings, verdict
from tests.scene import START, Scene, machine

FULL = "stream.rejecting|KV_app"


def finding(name: str = "stream.rejecting|A", level: Severity = Severity.WARN, **fields: object) -> Finding:
    rule = name.partition("|")[0]
    return Finding(name, rule, level, "stream", "A", "what", ("stream:A",), START, **fields)


def ack(of: Finding, at: datetime = START, **fields: object) -> Mark:
    made = Mark(
        f"ack|{of.id}",
        MarkKind.ACK,
        "ana",
        at,
        finding=of.id,
        note="restarting",
        level=of.severity,
        measured=of.measured,
        joined=of.folded,
    )
    return replace(made, **fields)


def state(of: Finding, *marks: Mark, now: datetime = START) -> str:
    found = Attending().attend({of.id: of}, {mark.key: mark for mark in marks}, now)[of.id]
    return "" if found.attention is None else found.attention.state


LEVELS = st.sampled_from(list(Severity))
FIGURES = st.one_of(st.none(), st.floats(0, 1e6))


@given(LEVELS, LEVELS, FIGURES, FIGURES, st.integers(0, 9), st.integers(0, 9), st.floats(0, 200_000))
def test_an_acknowledgement_never_hides_something_worse(
    then: Severity,
    level: Severity,
    was: float | None,
    measured: float | None,
    joined: int,
    folded: int,
    seconds: float,
) -> None:
    before = finding(level=then, measured=was, folded=joined)
    after = finding(level=level, measured=measured, folded=folded)
    now = START + timedelta(seconds=seconds)
    quiet = state(after, ack(before), now=now) == "acked"
    grown = was is not None and measured is not None and was > 0 and measured >= 2 * was
    bad = level.rank > then.rank or grown or folded >= joined + 3 or seconds >= 86400
    assert quiet is not bad


@given(LEVELS, LEVELS, st.booleans())
def test_what_is_hidden_comes_back_by_itself(level: Severity, later: Severity, muted: bool) -> None:
    of = finding(level=level)
    until = START + timedelta(hours=1)
    mark = Mark("mute|x", MarkKind.MUTE, "ana", START, rule=of.rule, subject="a*", until=until)
    if not muted:
        mark = Mark(f"snooze|{of.id}", MarkKind.SNOOZE, "ana", START, finding=of.id, until=until)
    after = replace(of, severity=later)
    assert state(after, mark, now=until - timedelta(seconds=1)) == ("muted" if muted else "snoozed")
    assert state(after, mark, now=until) == ""


def test_who_had_it_is_told_when_it_returns() -> None:
    of = finding(measured=1.0)
    worse = replace(of, severity=Severity.CRIT)
    found = Attending().attend({of.id: worse}, {"k": ack(of, key=f"ack|{of.id}")} | _marks(ack(of)), START)[of.id]
    assert found.attention is not None
    assert (found.attention.state, found.attention.by, found.attention.note) == ("returned", "ana", "restarting")
    assert not found.attention.quiet


def _marks(*marks: Mark) -> dict[str, Mark]:
    return {mark.key: mark for mark in marks}


def test_a_last_known_finding_is_no_worse_than_it_was() -> None:
    of = finding(measured=1.0)
    assert state(replace(of, measured=9.0, last_known=True), ack(of)) == "acked"


def test_an_age_doubles_by_itself() -> None:
    of = finding("facts.stale|streams", measured=20.0)
    assert state(replace(of, measured=90.0), ack(of)) == "acked"


def test_a_lapsed_acknowledgement_stays_lapsed() -> None:
    of = finding()
    worse = replace(of, severity=Severity.CRIT)
    marks = _marks(ack(of))
    settled = settle(marks, {of.id: worse}, START + timedelta(seconds=9), lambda _: True)
    assert [mark.until for mark in settled.lapsed] == [START + timedelta(seconds=9)]
    marks |= _marks(*settled.lapsed)
    later = START + timedelta(seconds=20)
    assert state(of, *marks.values(), now=later) == "returned"
    assert settle(marks, {of.id: of}, later, lambda _: True).lapsed == ()


def test_an_acknowledgement_ends_with_its_finding_only_when_that_is_over() -> None:
    of = finding()
    assert settle(_marks(ack(of)), {}, START, lambda _: False).over == ()
    assert settle(_marks(ack(of)), {}, START, lambda _: True).over == (f"ack|{of.id}",)


@pytest.mark.parametrize(
    ("pattern", "subject", "hit"),
    [
        ("web-*", "WEB-03", True),
        ("web-?", "web-03", False),
        ("web-0?", "web-03", True),
        ("*", "anything\nelse", True),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("JOBS › *", "JOBS › query·any·web-03", True),
        ("*" * 60 + "x", "y" * 60, False),
        ("*a" * 60 + "*b", "a" * 300, False),
        ("*a*b", "xxaxxbxxb", True),
        ("a*a", "a", False),
    ],
)
def test_patterns(pattern: str, subject: str, hit: bool) -> None:
    until = START + timedelta(hours=1)
    mutes = Mutes([Mark("k", MarkKind.MUTE, "ana", START, rule="r", subject=pattern, until=until)], START)
    of = replace(finding("r|x"), subject=subject)
    assert (mutes.of(of) is not None) is hit


def test_what_did_not_change_is_the_same_object() -> None:
    of, other = finding(), finding("agent.gone|b")
    table, marks, attending = {of.id: of, other.id: other}, _marks(ack(of)), Attending()
    assert attending.attend(table, {}, START) is table
    first = attending.attend(table, marks, START)
    assert attending.attend(table, marks, START + timedelta(minutes=1)) is first
    assert first[other.id] is other
    again = attending.attend(dict(table), dict(marks), START)
    assert again[of.id] is first[of.id]


def test_acknowledged_ones_stand_back() -> None:
    crit, warn = finding("a|1", Severity.CRIT), finding("b|1")
    table = {crit.id: crit, warn.id: warn}
    assert list(Attending().attend(table, _marks(ack(crit)), START)) == ["b|1", "a|1"]
    assert sorted(table.values(), key=urgency)[0] is crit


def test_folding_copies_everything_else() -> None:
    of = finding(measured=2.0, detail="d", folded=3, flaps=4, last_known=True)
    assert of.under("x") == replace(of, cause="x")


# -- in a scene -----------------------------------------------------------------------------------------------------


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.stream("KV_app", discard="new", max_bytes=100, bytes=92)
    for number in range(10):
        scene.agent(number)
    scene.run(15)
    return scene


def test_the_verdict_counts_them_apart_and_rows_still_show_it(scene: Scene) -> None:
    scene.marks = _marks(ack(scene.snapshot.findings[FULL], scene.at))
    findings = scene.look(1)
    told = verdict(replace(scene.snapshot, findings=findings))
    assert (told.health, told.warn, told.acked, told.snoozed) == (Health.WARN, 0, 1, 0)
    assert standings(findings)["stream:KV_app"] is Health.WARN
    snooze = Mark(f"snooze|{FULL}", MarkKind.SNOOZE, "ana", scene.at, finding=FULL, until=scene.ago(-60))
    scene.marks[snooze.key] = snooze
    scene.look(1)
    told = verdict(scene.snapshot)
    assert (told.health, told.warn, told.acked, told.snoozed) == (Health.OK, 0, 0, 1)
    scene.look(60)
    assert verdict(scene.snapshot).acked == 1


def test_it_returns_when_it_gets_worse(scene: Scene) -> None:
    scene.marks = _marks(ack(scene.snapshot.findings[FULL], scene.at))
    scene.stream("KV_app", bytes=99)
    found = scene.look(1)[FULL]
    assert found.attention is not None
    assert found.attention.state == "returned"


def test_a_muted_cause_holds_nothing_under_it(scene: Scene) -> None:
    name = f"jobs-agent_query_any_{machine(3)}"
    scene.stream("JOBS")
    scene.agent(3, presence=Presence.GONE, since=scene.ago(300))
    scene.consumer(name, pending=5, delivered_at=scene.ago(290), next_at=scene.ago(290), delivered_consumer_seq=1)
    gone, effect = f"agent.gone|{machine(3)}", f"consumer.no_client|JOBS/{name}"
    assert scene.look()[effect].cause == gone
    until = scene.ago(hours=-1)
    scene.marks = _marks(Mark("m", MarkKind.MUTE, "ana", scene.at, rule="agent.gone", subject="web-03", until=until))
    findings = scene.look(1)
    assert findings[effect].cause == ""
    assert findings[gone].attention is not None
    assert findings[gone].attention.hidden
    scene.marks = {}
    assert scene.look(1)[effect].cause == gone


def test_a_muted_effect_makes_its_cause_no_worse(scene: Scene) -> None:
    name = f"jobs-agent_query_any_{machine(3)}"
    scene.stream("JOBS")
    scene.agent(3, presence=Presence.STALE, since=scene.ago(400))
    scene.consumer(name, pending=5, delivered_at=scene.ago(390), next_at=scene.ago(390), delivered_consumer_seq=1)
    gone = f"agent.gone|{machine(3)}"
    assert scene.look()[gone].severity is Severity.CRIT
    mute = Mark("m", MarkKind.MUTE, "a", scene.at, rule="consumer.no_client", subject="*", until=scene.ago(-60))
    scene.marks = _marks(mute)
    assert scene.look(1)[gone].severity is Severity.WARN
    assert scene.look(60)[gone].severity is Severity.CRIT


def test_while_the_source_fails_what_was_said_holds(scene: Scene) -> None:
    scene.marks = _marks(ack(scene.snapshot.findings[FULL], scene.at))
    scene.statuses["streams"] = SourceStatus.FAILED
    found = scene.run(60)[FULL]
    assert found.attention is not None
    assert (found.last_known, found.attention.state) == (True, "acked")
    assert isinstance(scene.snapshot, Snapshot)
