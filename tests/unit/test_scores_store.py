"""Scores out of the store are what a plain reading of their definition gives, at any instant and in any order."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.model.scoring import Dimension, Score, Standards, Weights
from app.model.sessions import SessionEvent
from app.store import history
from app.store.intake import Arrived
from app.store.scores import Scores
from app.store.store import Store

DAY = 86_400_000
HOUR = 3_600_000
START = 20_000 * DAY + 11 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TABLES = ("ai_agent", "session", "event", "tool", "day", "score", "setting", "audit")
AGENTS = ("a", "b/ö")


def when(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


class Bench:
    """A store, what runs on it, and the clock that it has."""

    def __init__(self, folder: Path) -> None:
        self.now = START
        self.runner = asyncio.Runner()
        self.store = Store.open("", folder, clock=lambda: when(self.now), standards=Standards(window=7))
        self.scores = self.anew()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def anew(self) -> Scores:
        """Scores that have kept nothing yet."""
        store = self.store
        return Scores(store, lambda: when(self.now), store.standards, store.sessions, store.intake)

    def emptied(self) -> None:
        def empty(connection: Any) -> None:
            for table in TABLES:
                connection.exec_driver_sql(f"DELETE FROM {table}")

        self.run(self.store.write(empty))
        self.now = START
        self.scores = self.anew()

    def take(self, events: list[SessionEvent]) -> None:
        if events:
            self.run(self.store.intake.take([Arrived(event) for event in events]))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("store"))
    yield bench
    bench.run(bench.store.close())
    bench.runner.close()


@pytest.fixture
def bench(kept: Bench) -> Bench:
    kept.emptied()
    return kept


def session(
    id: str, agent: str, began: int, *, lasts: int | None = 1000, reason: str = "completed", errors: int = 0,
    nano: int = 0, tools: tuple[tuple[int, str], ...] = (),
) -> list[SessionEvent]:  # fmt: skip
    """The events of a session; tools are at so many milliseconds after its beginning."""

    def event(type: str, at: int, severity: str = "info", **payload: Any) -> SessionEvent:
        return SessionEvent(id, agent, type, severity, at, payload)

    found = [event("session_started", began)]
    found += [event("custom", began + 1 + each, "error") for each in range(errors)]
    if nano:
        found.append(event("cost_tracked", began + 7, costUsd=nano / 1e9))
    for after, kind in tools:
        payload = {"isError": True} if kind == "tool_response" else {}
        found.append(event(kind, began + 10 + after, **payload))
    if lasts is not None:
        found.append(event("session_ended", began + 20 + lasts, reason=reason))
    return found


# The definition, read plainly.


@dataclass
class Run:
    """A session as its events tell it."""

    began: int
    ended: int | None
    status: str
    bad: bool
    nano: int


def runs_of(events: list[SessionEvent], agent: str) -> list[Run]:
    found = []
    for id in sorted({event.session for event in events if event.agent == agent}):
        mine = sorted((event for event in events if event.session == id), key=lambda event: event.at)
        ends = [event for event in mine if event.type == "session_ended"]
        bad = any(event.severity == "error" or event.type == "tool_error" for event in mine)
        nano = sum(round(event.payload["costUsd"] * 1e9) for event in mine if event.type == "cost_tracked")
        status = "active" if not ends else "error" if ends[-1].payload["reason"] == "error" else "completed"
        found.append(Run(mine[0].at, ends[-1].at if ends else None, status, bad, nano))
    return found


def to_places(value: float, places: int) -> float:
    return math.floor(value * 10**places + 0.5) / 10**places


def mean(values: list[int]) -> float:
    return sum(values) / len(values) if values else 0.0


def dimensions(
    runs: list[Run], base: list[Run], events: list[SessionEvent], begin: int, end: int
) -> list[tuple[float, float]]:
    """Score and raw value of each, of one window; `events` are the agent's own."""
    share_bad = sum(run.bad for run in runs) / len(runs)
    cost, usual_cost = mean([run.nano for run in runs]) / 1e9, mean([run.nano for run in base]) / 1e9
    took = mean([run.ended - run.began for run in runs if run.ended is not None])
    usually_took = mean([run.ended - run.began for run in base if run.ended is not None])
    seen = [event for event in events if begin <= event.at <= end]
    calls = sum(event.type == "tool_call" for event in seen)
    failed = sum(event.type == "tool_error" or event.payload.get("isError") is True for event in seen)
    worked = max(calls - failed, 0) / calls if calls else 1.0
    done = sum(run.status == "completed" for run in runs) / len(runs)
    cheap = 100 - (cost / usual_cost - 1) * 100 if cost and usual_cost else 100.0
    quick = 100 - (took / usually_took - 1) * 50 if took and usually_took else 100.0
    exact = [(1 - share_bad) * 100, cheap, worked * 100, quick, done * 100]
    raw = [to_places(share_bad, 4), to_places(cost, 6), to_places(worked, 4), to_places(took, 0), to_places(done, 4)]
    return [(to_places(max(0.0, min(100.0, score)), 2), value) for score, value in zip(exact, raw, strict=True)]


def require_plain(
    found: Score | None, events: list[SessionEvent], agent: str, window: int, now: int, weights: Weights = Weights()
) -> None:
    runs = runs_of(events, agent)
    own = [event for event in events if event.agent == agent]
    edge, before, month = now - window * DAY, now - 2 * window * DAY, now - 30 * DAY
    current = [run for run in runs if edge <= run.began <= now]
    previous = [run for run in runs if before <= run.began <= edge]
    base = [run for run in runs if month <= run.began <= edge] if window < 30 else []
    if not current:
        assert found is None
        return
    assert found is not None
    mine = dimensions(current, base, own, edge, now)
    assert [(each.score, each.raw) for each in found.dimensions] == mine
    share = [weight / sum(weights.values) for weight in weights.values]
    overall = sum(score * part for (score, _), part in zip(mine, share, strict=True))
    assert found.overall == to_places(overall, 2)
    assert found.sessions == len(current)
    assert found.completed == sum(run.status == "completed" for run in current)
    assert found.running == sum(run.status == "active" for run in current)
    assert found.previous_sessions == len(previous)
    if not previous:
        assert (found.previous, found.delta) == (None, 0.0)
        return
    its = dimensions(previous, base, own, before, edge)
    earlier = sum(score * part for (score, _), part in zip(its, share, strict=True))
    assert found.previous == to_places(earlier, 2)
    assert found.delta == to_places(overall - earlier, 2)
    assert [each.previous_raw for each in found.dimensions] == [raw for _, raw in its]
    cents = [round(100 * (each.change or 0)) for each in found.dimensions]
    assert sum(cents) + round(100 * found.residual) == round(100 * found.delta)
    for part, place in zip(share, range(5), strict=True):
        assert abs((mine[place][0] - its[place][0]) * part - cents[place] / 100) < 0.0101


def require_all(bench: Bench, events: list[SessionEvent], window: int, weights: Weights = Weights()) -> None:
    """The kept overview, a fresh one and single scores are all what the definition says."""
    now = when(bench.now)
    found = bench.run(bench.scores.overview(window, now))
    assert found == bench.run(bench.anew().overview(window, now))
    assert [each.agent for each in found] == sorted(each.agent for each in found)
    by_agent = {each.agent: each for each in found}
    for agent in AGENTS:
        require_plain(by_agent.get(agent), events, agent, window, bench.now, weights)
        assert bench.run(bench.scores.score(agent, window, now)) == by_agent.get(agent)


# Random histories.

WINDOWS = st.sampled_from([1, 2, 7, 14, 15, 16, 29, 30, 31, 45, 90]) | st.integers(1, 90)
STEPS = st.sampled_from([0, 0, 1, 999, 2_000, HOUR, 5 * HOUR, 7 * HOUR, 13 * HOUR, DAY, 8 * DAY, -1, -HOUR])


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, int, list[tuple[list[SessionEvent], int]]]:
    """A window, where the clock starts, and batches of events, each with the step of the clock after it."""
    window = draw(WINDOWS)
    start = START + draw(st.integers(0, DAY))
    edges = [0, window, 2 * window, 30, 90]
    near = st.builds(lambda edge, by: start - edge * DAY + by, st.sampled_from(edges), st.sampled_from(
        [-HOUR, -2000, -1, 0, 0, 1, 500, 2000, HOUR, 6 * HOUR, DAY]))  # fmt: skip
    began = near | st.integers(start - 100 * DAY, start + 2 * DAY)
    tools = st.tuples(
        st.sampled_from([0, 1, HOUR, DAY]), st.sampled_from(["tool_call", "tool_call", "tool_response", "tool_error"])
    )
    events = []
    for number in range(draw(st.integers(1, 12))):
        events += session(
            f"s{number}", draw(st.sampled_from(AGENTS)), draw(began),
            lasts=draw(st.sampled_from([None, 2 * DAY, 2 * DAY + 500, 3 * DAY, 3 * DAY])),
            reason=draw(st.sampled_from(["completed", "completed", "error", "timeout"])),
            errors=draw(st.sampled_from([0, 0, 1, 2])),
            nano=draw(st.sampled_from([0, 34_000_000, 10_000_001, 2 * 10**9])),
            tools=tuple(draw(st.lists(tools, max_size=3, unique_by=lambda tool: tool[0]))),
        )  # fmt: skip
    events = draw(st.permutations(events))
    cuts = sorted(draw(st.lists(st.integers(0, len(events)), max_size=4)))
    batches = [list(events[a:b]) for a, b in zip([0, *cuts], [*cuts, len(events)], strict=True)]
    return window, start, [(batch, draw(STEPS)) for batch in batches]


_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=50, deadline=None, suppress_health_check=_SLOW)
@given(histories())
def test_scores_are_what_a_plain_reading_gives(
    bench: Bench, history: tuple[int, int, list[tuple[list[SessionEvent], int]]]
) -> None:
    require_plain_at_each_step(bench, history)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@settings(max_examples=2000, deadline=None, suppress_health_check=_SLOW)
@given(histories())
def test_scores_are_what_a_plain_reading_gives_at_length(
    bench: Bench, history: tuple[int, int, list[tuple[list[SessionEvent], int]]]
) -> None:
    require_plain_at_each_step(bench, history)


def require_plain_at_each_step(bench: Bench, history: tuple[int, int, list[tuple[list[SessionEvent], int]]]) -> None:
    bench.emptied()
    window, bench.now, batches = history
    arrived: list[SessionEvent] = []
    for batch, step in batches:
        bench.take(batch)
        arrived += batch
        require_all(bench, arrived, window)
        bench.now += step
        require_all(bench, arrived, window)
    assert bench.run(bench.store.intake.verify()) == []


@pytest.mark.parametrize("window", [1, 7, 14, 15, 20, 29, 30, 90])
@pytest.mark.parametrize("hour", [1, 23])
def test_edges_are_exact_to_the_millisecond(bench: Bench, window: int, hour: int) -> None:
    bench.now = START - 11 * HOUR + hour * HOUR
    events = [event for n in range(3) for event in session(f"base{n}", "a", bench.now - 29 * DAY + n, nano=9 * 10**8)]
    for number, edge in enumerate(sorted({0, window, 2 * window, 30})):
        for by in (-1, 0, 20 + 3 * number):  # each step but the first takes one edge alone over a session
            place = len(events)
            tools = ((by, "tool_call"), (9_000, "tool_error")) if place % 2 else ((by, "tool_call"),)
            events += session(
                f"s{edge}/{by}", "a", bench.now - edge * DAY + by, nano=10**9 - place * 10**7,
                lasts=9_000 + 100 * place, tools=tools, errors=place % 3 == 0,
            )  # fmt: skip
            events += session(
                f"t{edge}/{by}", "b/ö", bench.now - edge * DAY + by - 10,
                nano=2 * 10**9 - place * 10**7, lasts=10_000 - 20 * place,
                tools=((0, "tool_call"), (10, "tool_call"), (20, "tool_error")),
            )  # fmt: skip
    bench.take(events)
    for step in (0, 21, 3, 3, 3, 9_000):
        bench.now += step
        require_all(bench, events, window)


# Single facts.


def test_a_score_that_did_not_change_is_the_same_object(bench: Bench) -> None:
    bench.take(session("s1", "a", START - HOUR) + session("s2", "b/ö", START - 7 * DAY + 1000))
    (a, b) = bench.run(bench.scores.overview(7, when(START)))
    assert bench.run(bench.scores.overview(7, when(START))) == [a, b]
    (again, same) = bench.run(bench.scores.overview(7, when(START + 999)))
    assert again is a
    assert same is b
    (only,) = bench.run(bench.scores.overview(7, when(START + 1001)))
    assert only is a
    bench.take(session("s3", "b/ö", START))
    (kept, other) = bench.run(bench.scores.overview(7, when(START + 1001)))
    assert kept is a
    assert other.sessions == 1


def test_sums_that_were_summed_up_anew_count_in_what_is_kept(bench: Bench) -> None:
    events = session("s1", "a", START - DAY - 6 * HOUR, nano=10**9) + session("s2", "b/ö", START - HOUR)
    bench.take(events)
    bench.run(bench.store.write(lambda connection: connection.exec_driver_sql("UPDATE day SET bad = 1").close()))
    bench.store.intake.touched.clear()  # as after a start
    (wrong, _) = bench.run(bench.scores.overview(7, when(START)))
    assert wrong.overall == 70.0
    bench.run(bench.store.intake.repair())
    require_all(bench, events, 7)


def test_a_clock_that_goes_back_counts_anew(bench: Bench) -> None:
    bench.take(session("s1", "a", START - HOUR))
    assert len(bench.run(bench.scores.overview(1, when(START)))) == 1
    assert bench.run(bench.scores.overview(1, when(START - 2 * HOUR))) == []
    assert len(bench.run(bench.scores.overview(1, when(START)))) == 1


def test_an_unknown_agent_has_no_score(bench: Bench) -> None:
    assert bench.run(bench.scores.score("nobody", 7, when(START))) is None
    assert bench.run(bench.scores.detail("nobody", 7, when(START))) is None
    assert bench.run(bench.scores.overview(7, when(START))) == []
    assert bench.run(bench.scores.histories(when(START))) == {}


def test_other_weights_count_at_once_and_after_a_restart(bench: Bench) -> None:
    events = session("s1", "a", START - HOUR, errors=1) + session("s2", "a", START - 8 * DAY)
    bench.take(events)
    weights = Weights(0.35, 0.2, 0.2, 0.15, 0.15)
    assert bench.run(bench.scores.weights_changed()) is None
    (before,) = bench.run(bench.scores.overview(7, when(START)))
    bench.run(bench.scores.set_weights(weights, "ana"))
    (after,) = bench.run(bench.scores.overview(7, when(START)))
    assert (before.overall, after.overall) == (70.0, 66.67)
    require_all(bench, events, 7, weights)
    again = bench.anew()
    assert bench.run(again.weights()) == weights
    assert bench.run(again.weights_changed()) == when(START)
    bench.run(bench.scores.reset_weights("bob"))
    assert bench.run(bench.scores.overview(7, when(START))) == [before]
    assert bench.run(bench.scores.weights_changed()) is None
    assert bench.run(bench.anew().weights()) == Weights()
    reset, done = bench.run(bench.store.audit.recent(5))
    assert (done.who, done.action, done.outcome) == ("ana", "weights.set", "ok")
    assert done.detail.startswith("error_rate 0.3 -> 0.35, cost_efficiency 0.2 -> 0.2")
    assert (reset.who, reset.action) == ("bob", "weights.reset")
    assert reset.detail.startswith("error_rate 0.35 -> 0.3, ")


@pytest.mark.parametrize(
    ("weights", "why"),
    [
        (Weights(0.25, 0.2, 0.2, 0.15, 0.15), ""),
        (Weights(0.35, 0.2, 0.2, 0.15, 0.15), ""),
        (Weights(0.24, 0.2, 0.2, 0.15, 0.15), "Weights must sum to approximately 1.0 (tolerance: 0.95–1.05)"),
        (Weights(0.36, 0.2, 0.2, 0.15, 0.15), "Weights must sum to approximately 1.0 (tolerance: 0.95–1.05)"),
        (Weights(-0.1, 0.6, 0.2, 0.15, 0.15), "Too small: expected number to be >=0"),
        (Weights(1.1, -0.1, 0, 0, 0), "Too big: expected number to be <=1; Too small: expected number to be >=0"),
        (Weights(math.nan, 0.6, 0.2, 0.1, 0.1), "Too small: expected number to be >=0"),
    ],
)
def test_weights_that_cannot_be_used_change_nothing(bench: Bench, weights: Weights, why: str) -> None:
    if not why:
        bench.run(bench.scores.set_weights(weights, "ana"))
        assert bench.run(bench.scores.weights()) == weights
        return
    with pytest.raises(ValueError) as refused:
        bench.run(bench.scores.set_weights(weights, "ana"))
    assert str(refused.value) == why
    assert bench.run(bench.scores.weights()) == Weights()
    assert bench.run(bench.store.audit.recent(5)) == []


def test_the_score_of_a_day_is_kept_once(bench: Bench) -> None:
    bench.take(session("s1", "a", START - HOUR, errors=1) + session("s2", "b/ö", START - HOUR))
    bench.run(bench.scores.keep_today(when(START), ["a", "nobody"]))
    assert bench.run(bench.scores.history("b/ö", 30, when(START))) == []
    bench.take(session("s3", "a", START))
    bench.run(bench.scores.keep_today(when(START + 1)))
    bench.run(bench.anew().keep_today(when(START + 2)))
    (day,) = bench.run(bench.scores.history("a", 30, when(START)))
    assert (day.day, day.overall, day.sessions) == (date(2024, 10, 4), 70.0, 1)
    assert day.dimensions == (0.0, 100.0, 100.0, 100.0, 100.0)
    assert len(bench.run(bench.scores.history("b/ö", 30, when(START)))) == 1
    shown = bench.run(bench.scores.histories(when(START)))
    assert shown == {"a": (*[None] * 29, 70.0), "b/ö": (*[None] * 29, 100.0)}
    bench.run(bench.scores.keep_today(when(START + DAY)))
    assert [each.sessions for each in bench.run(bench.scores.history("a", 30, when(START + DAY)))] == [2, 1]
    assert bench.run(bench.scores.histories(when(START + DAY)))["b/ö"] == (*[None] * 28, 100.0, 100.0)


def test_the_score_that_was_kept_first_stays(bench: Bench) -> None:
    """Whatever else believes that none is kept yet: another request at the same instant, another worker."""
    bench.take(session("s1", "a", START - HOUR))
    (found,) = bench.run(bench.scores.overview(7, when(START)))
    day = START // DAY
    for overall, kept in ((found.overall, 1), (1.0, 0)):
        one = replace(found, overall=overall)
        assert bench.run(bench.store.write(lambda c, one=one: history.keep(c, day, [one], START))) == kept
    assert [each.overall for each in bench.run(bench.scores.history("a", 1, when(START)))] == [found.overall]


def test_days_that_are_missing_are_filled_as_of_their_end(bench: Bench) -> None:
    end = (START // DAY - 3) * DAY - 1  # the last instant of four days ago
    events = session("s1", "a", end, errors=1, lasts=None) + session("s2", "a", end + 1)
    events += session("s3", "b/ö", end - 7 * DAY) + session("s4", "b/ö", end - 7 * DAY - 1)
    events += session("old", "a", end - 200 * DAY)
    bench.take(events)
    bench.run(bench.scores.fill(when(START)))
    for agent in AGENTS:
        found = {each.day: each for each in bench.run(bench.scores.history(agent, 40, when(START)))}
        expected = 0
        for back in range(1, 31):
            at = (START // DAY - back + 1) * DAY - 1
            runs = [run for run in runs_of(events, agent) if at - 7 * DAY <= run.began <= at]
            day = (EPOCH + timedelta(days=START // DAY - back)).date()
            assert (day in found) is bool(runs)
            if runs:
                expected += 1
                live = bench.run(bench.scores.score(agent, 7, when(at)))
                assert (found[day].overall, found[day].sessions) == (live.overall, len(runs))
                assert found[day].dimensions == tuple(each.score for each in live.dimensions)
        assert len(found) == expected > 0
    before = bench.run(bench.scores.history("a", 40, when(START)))
    bench.take(session("late", "a", end - HOUR, errors=1))
    bench.run(bench.scores.fill(when(START)))
    assert bench.run(bench.scores.history("a", 40, when(START))) == before


def test_the_sessions_that_cost_most_are_told(bench: Bench) -> None:
    before = [session(f"b{n}", "a", START - 10 * DAY + n, nano=10**9, lasts=DAY) for n in range(3)]
    good = [session(f"g{n}", "a", START - 2 * DAY + n, nano=10**9, lasts=HOUR) for n in range(6)]
    dear = session("dear", "a", START - 7 * DAY + 1, nano=4 * 10**9)
    bad = session("bad", "a", START - HOUR, errors=1, reason="error", tools=((1, "tool_call"), (5, "tool_error")))
    outside = session("outside", "a", START + 1, errors=3)
    inside = [event for each in (*before, *good, dear, bad) for event in each]
    bench.take(inside + outside)
    detail = bench.run(bench.scores.detail("a", 7, when(START)))
    assert (detail.agent.key, detail.window, detail.begins, detail.ends) == ("a", 7, when(START - 7 * DAY), when(START))
    assert [mover.session.key for mover in detail.movers] == ["bad", "dear"]
    assert [mover.dimension for mover in detail.movers] == [Dimension.TOOL_SUCCESS, Dimension.COST_EFFICIENCY]
    assert detail.score == bench.run(bench.scores.score("a", 7, when(START)))
    for mover in detail.movers:
        without = [event for event in inside if event.session != mover.session.key]
        bench.emptied()
        bench.take(without)
        left = bench.run(bench.scores.score("a", 7, when(START)))
        assert abs(left.overall - detail.score.overall - mover.points) < 0.0101
    assert [each.key for each in detail.recent] == ["bad", *[f"g{n}" for n in reversed(range(6))], "dear"]
    assert detail.weights == Weights()


def test_the_worst_event_of_a_mover_is_told(bench: Bench) -> None:
    events = session("bad", "a", START - HOUR, errors=1) + session("good", "a", START - HOUR)
    first = replace(events[1], id="here")
    bench.take([events[0], first, *events[2:]])
    detail = bench.run(bench.scores.detail("a", 7, when(START)))
    assert [(mover.session.key, mover.event) for mover in detail.movers] == [("bad", "here")]


def test_one_session_alone_moved_nothing(bench: Bench) -> None:
    bench.take(session("bad", "a", START - HOUR, errors=1) + session("earlier", "a", START - 9 * DAY))
    detail = bench.run(bench.scores.detail("a", 7, when(START)))
    assert detail.score.sessions == 1
    assert detail.movers == ()


def test_a_detail_without_sessions_in_the_window_has_no_score(bench: Bench) -> None:
    bench.take(session("s", "a", START - 9 * DAY))
    bench.run(bench.scores.fill(when(START)))
    detail = bench.run(bench.scores.detail("a", 7, when(START)))
    assert (detail.score, detail.movers, detail.recent) == (None, (), ())
    assert [each.day for each in detail.history] == sorted(each.day for each in detail.history)
    assert len(detail.history) == 7
