"""What is said of scores that fell, of session events that are late or not understood, and of a damaged store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.model.attention import Mark, MarkKind
from app.model.findings import Severity, urgency
from app.model.health import Health
from app.model.scoring import Bands, Dimension, DimensionScore, Score
from app.model.sessions import AiAgent, AiState, Intake, IntakeState, Session, SessionStatus
from app.model.snapshot import Count, SourceStatus
from app.model.triage.judging import Triage
from app.model.triage.standing import counts
from tests.scene import START, Scene

FELL = "score.fell|coder-7"
READING = Intake(IntakeState.READING, "SESSIONS")
HELD = 900


def dimensions(**changes: float) -> tuple[DimensionScore, ...]:
    return tuple(
        DimensionScore(
            name, 60.0, 0.2, 0.33, 12.0, 20.0, change=changes.get(name.value, 0.0), previous_raw=0.05, part=33, of=100
        )
        for name in Dimension
    )


def fell(previous: float, overall: float, window: int = 7, **fields: Any) -> Score:
    """A score that lost most by errors, the rest by tools."""
    lost = round(overall - previous, 2)
    tools = round(lost / 3, 2)
    given: dict[str, Any] = {
        "dimensions": dimensions(error_rate=round(lost - tools, 2), tool_success=tools), "sessions": 40,
        "previous_sessions": 38,
    }  # fmt: skip
    agent = fields.pop("agent", "coder-7")
    return Score(
        f"{window}/{agent}", agent, window, overall, delta=lost, previous=previous, band=Bands().of(overall),
        **{**given, **fields},
    )  # fmt: skip


class Scored(Scene):
    """A scene whose session events are read."""

    def __init__(self, thresholds: Any = None) -> None:
        super().__init__(thresholds)
        self.statuses["sessions"], self.intervals["sessions"] = SourceStatus.OK, 1.0
        self.intake = READING
        self.ai["coder-7"] = AiAgent("coder-7", AiState.ACTIVE, START, START, "Coder")

    def score(self, score: Score) -> None:
        self.scores[score.key] = score

    def silent(self, seconds: float = HELD + 60) -> bool:
        return self.quiet(seconds, 30)


@pytest.fixture
def scene() -> Scored:
    return Scored()


def test_a_score_that_fell_is_said_after_a_while(scene: Scored) -> None:
    scene.score(fell(82.3, 61.0))
    assert scene.quiet(HELD - 30, 30)
    finding = scene.look(60)[FELL]
    assert finding.what == "82 → 61: error_rate -14.2, tool_success -7.1"
    assert (finding.severity, finding.kind, finding.subject) == (Severity.WARN, "score", "Coder")
    assert finding.refs == ("score:coder-7", "ai:coder-7")
    assert not finding.since_exact
    assert finding.measured == pytest.approx(21.3)
    rows = {row.what: row for row in finding.evidence}
    assert rows["score of 7 days"].now == "61.00, was 82.30"
    assert rows["error_rate"].now == "-14.20 points: 5% → 33%"
    assert rows["cost_efficiency"].now == "+0.00 points: $0.0500 → $0.3300"
    assert (rows["sessions"].now, rows["sessions"].source) == ("40, before 38", "default")
    assert finding.detail == "33% error rate across 40 sessions"
    assert not any(step.command for step in finding.steps)


@pytest.mark.parametrize(
    "score",
    [
        fell(95.0, 80.1),
        fell(80.0, 95.0),
        fell(76.0, 74.9),
        fell(90.0, 60.0, sessions=4),
        fell(90.0, 60.0, previous_sessions=4),
        fell(90.0, 60.0, window=30),
        replace(fell(90.0, 60.0), previous=None, delta=0.0),
    ],
    ids=["by 14.9", "improved", "barely left its band", "few now", "few before", "another window", "none before"],
)
def test_it_is_silent(scene: Scored, score: Score) -> None:
    scene.score(score)
    assert scene.silent()


@pytest.mark.parametrize("score", [fell(95.0, 80.0), fell(80.0, 74.9), fell(54.0, 48.0)])
def test_fifteen_points_or_the_band(scene: Scored, score: Score) -> None:
    scene.score(score)
    assert FELL in scene.run(HELD + 60, 30)


@pytest.mark.parametrize("status", [SourceStatus.FAILED, SourceStatus.WAITING, SourceStatus.DENIED])
def test_old_facts_are_not_judged(scene: Scored, status: SourceStatus) -> None:
    scene.statuses["sessions"] = status
    scene.score(fell(82.3, 61.0))
    assert FELL not in scene.run(HELD + 60, 30)


def test_without_a_stream_scores_of_posted_events_are_judged(scene: Scored) -> None:
    scene.statuses["sessions"], scene.intake = SourceStatus.ABSENT, Intake(IntakeState.ABSENT)
    scene.score(fell(82.3, 61.0))
    assert FELL in scene.run(HELD + 60, 30)


def test_while_events_are_caught_up_nothing_is_raised_or_cleared(scene: Scored) -> None:
    scene.score(fell(82.3, 61.0))
    scene.intake = replace(READING, pending=12_000, behind=7200.0)
    assert FELL not in scene.run(HELD + 60, 30)
    scene.intake = READING
    assert FELL in scene.run(HELD + 60, 30)
    scene.intake = replace(READING, pending=12_000, behind=7200.0)
    scene.score(fell(82.3, 82.0))
    findings = scene.run(300, 30)
    assert findings[FELL].last_known
    scene.intake = READING
    assert FELL not in scene.run(90, 30)


def test_it_is_over_when_the_score_is_back_within_five_points_and_not_said_again_that_day(scene: Scored) -> None:
    scene.score(fell(82.3, 61.0))
    assert FELL in scene.run(HELD + 60, 30)
    scene.score(fell(82.3, 77.2))
    assert FELL in scene.run(120, 30)
    scene.score(fell(82.3, 77.4))
    assert FELL not in scene.run(120, 30)
    scene.score(fell(82.3, 61.0))
    assert FELL not in scene.run(3600, 60)
    scene.at += timedelta(hours=12)
    assert scene.at.date() != START.date()
    assert FELL in scene.run(HELD + 60, 30)


def test_an_agent_without_sessions_has_no_finding(scene: Scored) -> None:
    scene.score(fell(82.3, 61.0))
    scene.run(HELD + 60, 30)
    del scene.scores["7/coder-7"]
    assert FELL not in scene.run(120, 30)


def test_it_is_below_all_others_of_its_severity(scene: Scored) -> None:
    scene.score(fell(82.3, 61.0))
    scene.intake = replace(READING, dead=12)
    findings = [*scene.run(HELD + 60, 30).values()]
    assert [finding.rule for finding in findings] == ["ingest.dead_letter", "score.fell"]
    newest = replace(findings[1], since=scene.at)
    assert sorted([newest, findings[0]], key=urgency) == [findings[0], newest]


def test_its_thresholds_can_be_set() -> None:
    scene = Scored({"score.fell": {"warn": 30, "for": "0s"}})
    scene.score(fell(99.0, 80.0))
    assert scene.silent(120)
    scene.score(fell(99.0, 69.0))
    assert FELL in scene.look(1)
    off = Scored({"score.fell": {"on": False}})
    off.score(fell(90.0, 10.0))
    assert off.silent()


def test_the_same_finding_stays_the_same_object(scene: Scored) -> None:
    scene.score(fell(82.3, 61.0))
    finding = scene.run(HELD + 60, 30)[FELL]
    assert scene.look(1)[FELL] is finding


# events


def test_late_events_are_said(scene: Scored) -> None:
    scene.intake = replace(READING, pending=500, behind=60.0)
    assert scene.silent(30)
    scene.intake = replace(READING, pending=12_000, behind=180.0)
    finding = scene.look(1)["facts.stale|ingest"]
    assert finding.what == "session events are taken in 3m late, 12k waiting"
    assert finding.severity is Severity.WARN
    scene.intake = READING
    assert not scene.look(1)


@pytest.mark.parametrize(
    ("number", "severity", "what"),
    [
        (1, Severity.INFO, "1 session event not understood in 15m: payload.reason is missing"),
        (9, Severity.INFO, "9 session events not understood in 15m: payload.reason is missing"),
        (10, Severity.WARN, "10 session events not understood in 15m: payload.reason is missing"),
    ],
)
def test_what_is_not_understood_is_said(scene: Scored, number: int, severity: Severity, what: str) -> None:
    scene.intake = replace(READING, dead=number, dead_why="payload.reason is missing")
    finding = scene.look()["ingest.dead_letter|SESSIONS"]
    assert (finding.severity, finding.what) == (severity, what)
    scene.intake = READING
    assert not scene.run(60, 10)


# store


def test_a_store_that_cannot_be_written_stops_the_ingest(scene: Scored) -> None:
    scene.intervals["store"] = 1.0
    scene.statuses["store"], scene.errors["store"] = SourceStatus.FAILED, "session store is full"
    scene.intake = replace(READING, state=IntakeState.FAILED, why="session store is full", last=START)
    scene.statuses["sessions"], scene.errors["sessions"] = SourceStatus.FAILED, "session store is full"
    findings = scene.run(30, 5)
    assert findings["facts.stale|store"].what == "session store is full: ingest stopped, nothing lost"
    assert findings["facts.stale|sessions"].cause == "facts.stale|store"
    scene.intake = Intake(IntakeState.FAILED, "SESSIONS", "session store is full")  # never read: there may be none
    assert scene.look(1)["facts.stale|store"].what == "session store is full: nothing is recorded, nothing lost"


def test_a_damaged_store_is_said_once(scene: Scored) -> None:
    scene.intervals["store"] = 1.0
    scene.statuses["store"], scene.errors["store"] = SourceStatus.FAILED, "session store is damaged"
    scene.store_damage = "row 7 missing from index"
    findings = scene.look(1)
    finding = findings["store.integrity|store"]
    assert (finding.severity, finding.evidence[0].now) == (Severity.CRIT, "row 7 missing from index")
    assert findings["facts.stale|store"].cause == finding.id


def test_a_store_that_was_set_aside_is_said_until_it_is_acknowledged(scene: Scored) -> None:
    scene.set_aside = "session store was damaged (x): it is kept as a.corrupt, and a new one was begun"
    finding = scene.look(1)["store.integrity|set aside"]
    assert (finding.severity, finding.what) == (Severity.WARN, scene.set_aside)
    mark = Mark(f"ack|{finding.id}", MarkKind.ACK, "ana", scene.at, finding=finding.id)
    scene.marks, scene.acked = {mark.key: mark}, frozenset({finding.id})
    scene.run(5)
    scene.marks, scene.acked = {}, frozenset()
    assert scene.silent(60)


@pytest.mark.parametrize("rule", ["score.fell", "ingest.dead_letter", "store.integrity"])
def test_the_rules_are_explained(rule: str) -> None:
    said = Triage().explain(rule)
    assert said.startswith(rule)
    assert "Silent on purpose:" in said
    assert "behind" in Triage().explain("facts.stale")


# counts


def test_scores_are_counted_by_band_and_agents_by_what_is_said_of_them(scene: Scored) -> None:
    for agent, overall in (("a", 90.0), ("b", 60.0), ("c", 20.0)):
        scene.ai[agent] = AiAgent(agent, AiState.ERROR if agent == "c" else AiState.QUIET, START, START)
        for window in (7, 30):
            scene.score(fell(overall, overall, window=window, agent=agent))
    scene.look()
    sessions = {
        status: Session(status, "a", status, START, START) for status in (SessionStatus.ERROR, SessionStatus.IDLE)
    }
    snapshot = replace(scene.snapshot, sessions=sessions)
    counted = counts(snapshot, {"ai:a": Health.WARN, "ai:nobody": Health.WARN})
    assert counted["scores"] == Count(ok=1, warn=1, crit=1)
    assert counted["ai"] == Count(ok=2, warn=2)
    assert counted["sessions"] == Count(ok=1, warn=1)
    scene.statuses["sessions"] = SourceStatus.FAILED
    scene.look(1)
    assert counts(scene.snapshot, {})["scores"] == Count(stale=3)
