"""Scores are what AgentLens's formulas give, what moved them adds up, and the words do not round a failure away."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.formulas import NOTHING, Sums, costs, score
from app.model.scoring import Band, Bands, Dimension, Score, Trend, Weights, basis, describe

DOLLAR = 10**9
EVEN = Weights(0.2, 0.2, 0.2, 0.2, 0.2)


def sums(sessions: int, **others: int) -> Sums:
    """Sessions that all completed within a second at a dollar each, unless said otherwise."""
    return Sums(**{
        "sessions": sessions, "completed": sessions, "ended": sessions, "duration": 1000 * sessions,
        "cost": DOLLAR * sessions, **others,
    })  # fmt: skip


def scored(current: Sums, baseline: Sums = NOTHING, previous: Sums = NOTHING, weights: Weights = Weights()) -> Score:
    return score("coder", 7, current, baseline, previous, weights, Bands())


def points(found: Score) -> list[float]:
    return [dimension.score for dimension in found.dimensions]


def words(found: Score) -> list[str]:
    return [describe(dimension, found) for dimension in found.dimensions]


def test_each_dimension_is_scored_as_agentlens_does() -> None:
    current = sums(40, bad=2, completed=34, failed=2, ended=36, duration=36 * 2300, cost=40 * 34_000_000)
    current = replace(current, calls=25, failures=3)
    baseline = sums(100, duration=100 * 1800, cost=100 * 30_000_000)
    found = scored(current, baseline)
    assert points(found) == [95.0, 86.67, 88.0, 86.11, 85.0]
    assert [dimension.raw for dimension in found.dimensions] == [0.05, 0.034, 0.88, 2300.0, 0.85]
    assert [dimension.points for dimension in found.dimensions] == [28.5, 17.33, 17.6, 12.92, 12.75]
    assert [dimension.max_points for dimension in found.dimensions] == [30.0, 20.0, 20.0, 15.0, 15.0]
    assert found.overall == 89.10
    assert (found.key, found.sessions, found.completed, found.running) == ("7/coder", 40, 34, 4)
    assert words(found) == [
        "5% error rate across 40 sessions",
        "Average cost $0.034 per session",
        "88% tool call success rate",
        "Average latency 2300ms",
        "85% session completion rate",
    ]


@pytest.mark.parametrize(
    ("ratio", "cost", "latency"),
    [(0.5, 100, 100), (1.0, 100, 100), (1.25, 75, 87.5), (1.5, 50, 75), (2.0, 0, 50), (3.0, 0, 0), (9.0, 0, 0)],
)
def test_cost_and_latency_are_measured_by_the_baseline(ratio: float, cost: float, latency: float) -> None:
    current = sums(4, cost=int(ratio * 4 * DOLLAR), duration=int(ratio * 4000))
    found = points(scored(current, sums(8)))
    assert (found[1], found[3]) == (cost, latency)


def test_without_anything_to_compare_with_the_hundred_is_marked() -> None:
    found = scored(sums(5))
    assert points(found) == [100.0] * 5
    assert [dimension.has_data for dimension in found.dimensions] == [True, False, False, False, True]
    assert [basis(dimension, found) for dimension in found.dimensions] == [
        "0% error rate across 5 sessions",
        "n/a (counts as 100): nothing to compare with",
        "n/a (counts as 100): no tool calls",
        "n/a (counts as 100): nothing to compare with",
        "100% session completion rate",
    ]
    assert words(found)[1:4] == ["Average cost $1.00 per session", "No tool calls in window", "Average latency 1000ms"]


def test_a_window_without_an_end_has_no_latency() -> None:
    found = scored(sums(5, ended=0, duration=0, completed=0), sums(5))
    assert found.dimensions[3].has_data is False
    assert words(found)[3] == "No session ended in window"


@pytest.mark.parametrize(("calls", "failures", "expected"), [(0, 3, 100.0), (4, 1, 75.0), (2, 2, 0.0), (1, 4, 0.0)])
def test_tools_are_scored_from_zero_to_a_hundred(calls: int, failures: int, expected: float) -> None:
    found = scored(sums(1, calls=calls, failures=failures))
    assert found.dimensions[2].score == expected
    assert 0 <= found.dimensions[2].raw <= 1


def test_halves_are_rounded_up_as_javascript_does() -> None:
    found = scored(sums(2, duration=9001, cost=62_500_001), sums(2))
    assert found.dimensions[3].raw == 4501.0
    assert words(found)[1] == "Average cost $0.0313 per session"
    assert scored(sums(32, bad=1)).dimensions[0].score == 96.88
    assert scored(sums(32, bad=1)).dimensions[0].raw == 0.0313


@pytest.mark.parametrize(
    ("part", "of", "expected"),
    [
        (0, 7, "0%"), (7, 7, "100%"), (1, 8, "13%"), (1, 200, "1%"), (1, 250, "0.4%"), (1, 3000, "under 0.1%"),
        (249, 250, "99.6%"), (199, 200, "99.5%"), (2999, 3000, "over 99.9%"), (1, 100_000, "under 0.1%"),
    ],
)  # fmt: skip
def test_a_percentage_is_not_rounded_to_none_or_all(part: int, of: int, expected: str) -> None:
    found = scored(sums(of, completed=part))
    assert words(found)[4] == f"{expected} session completion rate"


@pytest.mark.parametrize(
    ("nano", "expected"), [(0, "0.00"), (34_000_000, "0.034"), (1_500_000_000, "1.50"), (123_456_789, "0.1235"),
                           (12 * DOLLAR, "12.00"), (-20_000_000, "-0.02"), (50_000, "0.0001")],
)  # fmt: skip
def test_dollars_have_two_to_four_decimals(nano: int, expected: str) -> None:
    assert words(scored(sums(1, cost=nano)))[1] == f"Average cost ${expected} per session"


def test_one_session_is_one_session_and_too_few() -> None:
    found = scored(sums(1))
    assert words(found)[0] == "0% error rate across 1 session"
    assert found.low_confidence
    assert not scored(sums(5)).low_confidence


def test_sessions_that_still_run_are_said() -> None:
    found = scored(sums(14, completed=6, failed=3))
    assert found.running == 5
    assert basis(found.dimensions[4], found) == "6 of 14 completed, 5 still running"


@pytest.mark.parametrize(
    ("before", "delta", "trend"),
    [(50, 5.0, Trend.STABLE), (51, 5.1, Trend.IMPROVING), (0, 0.0, Trend.STABLE), (-50, -5.0, Trend.STABLE),
     (-51, -5.1, Trend.DEGRADING)],
)  # fmt: skip
def test_the_trend_turns_beyond_five_points(before: int, delta: float, trend: Trend) -> None:
    now, then = sums(200, bad=100), sums(200, bad=100 + before)
    found = scored(now, NOTHING, then, EVEN)
    assert (found.delta, found.trend) == (delta, trend)
    assert found.dimensions[0].change == delta
    assert found.dimensions[0].previous_raw == (100 + before) / 200


def test_without_a_previous_window_nothing_has_changed() -> None:
    found = scored(sums(5), sums(5))
    assert (found.previous, found.delta, found.trend, found.residual) == (None, 0.0, Trend.STABLE, 0.0)
    assert {dimension.change for dimension in found.dimensions} == {None}


def test_weights_are_divided_by_their_sum() -> None:
    found = scored(sums(2, bad=2), weights=Weights(0.35, 0.2, 0.2, 0.15, 0.15))
    assert found.overall == 66.67
    assert found.dimensions[0].weight == 0.35
    assert found.dimensions[0].max_points == 33.33


@pytest.mark.parametrize(("bad", "band"), [(50, Band.HEALTHY), (51, Band.WARNING), (100, Band.WARNING)])
def test_the_band_is_by_the_overall_score(bad: int, band: Band) -> None:
    found = scored(sums(100, bad=bad), weights=Weights(0.5, 0.125, 0.125, 0.125, 0.125))
    assert found.band is band


def test_no_sessions_have_no_score() -> None:
    with pytest.raises(ValueError, match="no sessions"):
        scored(NOTHING)


numbers = st.integers(0, 300)


@st.composite
def windows(draw: st.DrawFn, least: int = 0) -> Sums:
    sessions = draw(st.integers(least, 300))
    some = st.integers(0, sessions)
    completed, ended = draw(some), draw(some)
    return Sums(
        sessions, draw(some), completed, draw(st.integers(0, sessions - completed)), ended,
        draw(numbers) * ended, draw(numbers) * sessions * 10**7, draw(numbers), draw(numbers),
    )  # fmt: skip


shares = st.floats(0.19, 0.21)


@given(windows(1), windows(), windows(), st.builds(Weights, shares, shares, shares, shares, shares))
def test_the_changes_add_up_to_the_difference(current: Sums, baseline: Sums, previous: Sums, weights: Weights) -> None:
    found = scored(current, baseline, previous, weights)
    assert 0 <= found.overall <= 100
    assert all(0 <= dimension.score <= 100 for dimension in found.dimensions)
    if not previous.sessions:
        return
    before = scored(previous, baseline, NOTHING, weights)
    assert abs(found.previous - before.overall) < 1e-9  # type: ignore[operator]
    cents = [round(100 * (dimension.change or 0)) for dimension in found.dimensions]
    assert sum(cents) + round(100 * found.residual) == round(100 * found.delta)
    assert found.residual == 0
    for mine, its in zip(found.dimensions, before.dimensions, strict=True):
        share = weights.of(mine.name) / weights.total
        assert abs((mine.change or 0) - (mine.score - its.score) * share) < 0.0101
        assert mine.previous_raw == its.raw
        if mine.score == its.score:
            assert mine.change == 0


def test_what_a_session_cost_is_the_score_without_it() -> None:
    bad = Sums(1, 1, 0, 1, 1, 1000, DOLLAR, 2, 2)
    good = Sums(1, 0, 1, 0, 1, 1000, DOLLAR, 2, 0)
    dear = Sums(1, 0, 1, 0, 1, 1000, 5 * DOLLAR, 0, 0)
    whole = bad + good + good + good + dear
    found = list(costs(whole, sums(10), [bad, good, dear], Weights()))
    overall = scored(whole, sums(10)).overall
    for part, (gain, _) in zip([bad, good, dear], found, strict=True):
        assert abs(scored(whole - part, sums(10)).overall - overall - gain) <= 0.0101
    assert found[0][0] > 0
    assert found[0][1] is Dimension.ERROR_RATE
    assert found[1][0] < 0
    assert found[2][0] > 0
    assert found[2][1] is Dimension.COST_EFFICIENCY
    assert list(costs(bad, sums(10), [bad], Weights())) == [(0.0, Dimension.ERROR_RATE)]
