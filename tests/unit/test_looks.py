"""A row of looks: one failure is no news, two are; what was well and failed is kept with its times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.model.health import Health
from app.model.probes import TURNS_KEPT, Table
from app.sources.healthjson import MOST_CHECKS, Check
from app.sources.looks import Look, Looks, lost

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
WELL = Look(health=Health.OK, reason="answers 200", latency=0.02)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def looks() -> Looks:
    return Looks("probe:mc", "mc", host="h", address="http://h/health", interval=10.0, timeout=5.0)


def test_before_the_first_look_nothing_is_known() -> None:
    made = looks()
    assert (made.component.health, made.component.state) == (Health.UNKNOWN, "waiting")
    assert not made.doubtful


def test_a_single_lost_answer_changes_nothing_but_the_reason() -> None:
    made = looks()
    made.take(WELL, at(0))
    made.take(lost("no answer within 5 s"), at(10))
    assert (made.component.health, made.component.state) == (Health.OK, "ok")
    assert made.component.reason == "one look failed: no answer within 5 s"
    assert made.doubtful
    made.take(WELL, at(12))
    assert made.component.reason == "answers 200"
    assert made.component.since == at(0)
    assert [(turn.good, turn.at) for turn in made.probe.turns] == [(True, at(12)), (False, at(10))]


def test_two_failures_in_a_row_are_down_since_the_first() -> None:
    made = looks()
    made.take(WELL, at(0))
    made.take(lost("connection refused"), at(10))
    made.take(lost("connection refused"), at(12))
    component, probe = made.component, made.probe
    assert (component.health, component.state, component.since) == (Health.CRIT, "down", at(10))
    assert (probe.failures, probe.failing_since, probe.good_at) == (2, at(10), at(0))
    assert not made.doubtful
    made.take(WELL, at(30))
    assert (made.component.state, made.component.since) == ("ok", at(30))
    assert (made.probe.failures, made.probe.failing_since, made.probe.good_at) == (0, None, None)
    assert (made.probe.error, made.probe.error_at) == ("connection refused", at(10))


def test_failing_from_the_first_look_on_is_waited_for_once() -> None:
    made = looks()
    made.take(lost("connection refused"), at(0))
    assert (made.component.health, made.component.state) == (Health.UNKNOWN, "waiting")
    made.take(lost("connection refused"), at(2))
    assert (made.component.health, made.component.state, made.component.since) == (Health.CRIT, "down", at(0))
    assert made.probe.good_at is None


def test_what_answers_that_it_fails_is_told_from_what_does_not_answer() -> None:
    made = looks()
    for second in range(2):
        made.take(Look(health=Health.CRIT, state="fails", reason="answers 503"), at(second))
    assert made.component.state == "fails"
    made.take(lost("connection refused"), at(3))
    assert (made.component.state, made.component.reason) == ("down", "connection refused")


def test_latency_is_the_middle_of_ten_and_does_not_tremble() -> None:
    made = looks()
    for number in range(5):
        made.take(Look(health=Health.OK, latency=0.1 + number / 1000), at(number))
    row = made.component
    assert row.latency == 0.1
    assert row.probe is not None
    made.take(Look(health=Health.OK, latency=3.0), at(6))
    assert made.component.latency == 0.1
    for number in range(10):
        made.take(Look(health=Health.OK, latency=3.0), at(7 + number))
    assert made.component.latency == 3.0
    assert made.probe.measured == 10


def test_the_same_again_is_the_same_row() -> None:
    made = looks()
    for number in range(10):
        made.take(WELL, at(number))
    row, rows = made.component, dict(made.rows)
    made.take(WELL, at(11))
    assert made.component is row
    assert made.rows == rows


def test_parts_are_the_last_known_while_it_says_nothing() -> None:
    made = looks()
    checks = (Check("db", Health.OK, "up"), Check("cache", Health.WARN, "degraded", "slow", "redis://h"))
    made.take(Look(health=Health.OK, checks=checks), at(0))
    part = made.rows["probe:mc/db"]
    assert (part.parent, part.state, part.health, part.since) == ("probe:mc", "up", Health.OK, at(0))
    assert made.rows["probe:mc/cache"].address == "redis://h"
    made.take(lost("connection refused"), at(10))
    assert made.rows["probe:mc/db"].health is Health.OK
    made.take(lost("connection refused"), at(12))
    assert made.rows["probe:mc/db"].health is Health.STALE
    made.take(Look(health=Health.OK, checks=checks), at(20))
    assert made.rows["probe:mc/db"].health is Health.OK
    assert made.rows["probe:mc/db"].since == at(0)
    made.take(WELL, at(30))
    assert set(made.rows) == {"probe:mc"}


def test_of_two_parts_of_one_name_the_worse_is_told() -> None:
    made = looks()
    made.take(Look(health=Health.OK, checks=(Check("db", Health.CRIT, "down"), Check("db", Health.OK, "up"))), at(0))
    assert made.rows["probe:mc/db"].state == "down"
    assert len(made.rows) == 2


def test_tables_are_kept_while_it_fails_and_turns_are_bounded() -> None:
    made = looks()
    table = Table("Rows", ("name",), (("coder",),))
    for number in range(100):
        made.take(Look(health=Health.OK, tables=(table,)), at(20 * number))
        kept = made.probe.tables
        made.take(lost("connection refused"), at(20 * number + 10))
        assert made.probe.tables is kept
    assert made.probe.tables == (table,)
    assert len(made.probe.turns) == TURNS_KEPT
    assert made.probe.turns[0].at == at(1990)


def test_a_certificate_that_ends_soon_is_told() -> None:
    made = looks()
    made.take(Look(health=Health.OK, reason="answers 200", expires=at(9.5 * 86400)), at(0))
    assert (made.component.health, made.component.state) == (Health.WARN, "ok")
    assert made.component.reason == "its certificate expires in 9d (2026-12-02)"
    made.take(Look(health=Health.OK, reason="answers 200", expires=at(15 * 86400)), at(10))
    assert (made.component.health, made.component.reason) == (Health.OK, "answers 200")


def test_many_parts_are_bounded_by_what_is_read() -> None:
    assert MOST_CHECKS == 50
