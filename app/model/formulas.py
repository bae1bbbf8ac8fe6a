"""Formulas of the scores: from sums over sessions and tool calls to a score with what moved it (AgentLens's)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import floor
from typing import NamedTuple

from app.model.scoring import FEW, Bands, Dimension, DimensionScore, Score, Trend, Weights

BASELINE = 30
"""Days back from now at which the baseline begins; it ends where the window begins."""
STEADY = 500
"""Hundredths of a point of difference up to which a score is stable."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the sessions that began in a span of time, and over the tool calls of that span. They can be added and
    subtracted without loss."""

    sessions: int = 0
    bad: int = 0  # with errors
    completed: int = 0
    failed: int = 0  # ended in error
    ended: int = 0  # with an end, whose times are in `duration`
    duration: int = 0  # milliseconds
    cost: int = 0  # nano-dollars
    calls: int = 0
    failures: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(*(mine + its for mine, its in zip(self.values, other.values, strict=True)))

    def __sub__(self, other: Sums) -> Sums:
        return Sums(*(mine - its for mine, its in zip(self.values, other.values, strict=True)))

    @property
    def values(self) -> tuple[int, ...]:
        return (
            self.sessions, self.bad, self.completed, self.failed, self.ended,
            self.duration, self.cost, self.calls, self.failures,
        )  # fmt: skip


NOTHING = Sums()
_ORDER = tuple(Dimension)
_NONE = (None,) * len(_ORDER)


class _Measured(NamedTuple):
    """One dimension of one window: its score, and what it was measured by."""

    score: float  # 0 to 100, two decimals
    raw: float
    part: int
    of: int
    has_data: bool = True


def score(
    agent: str, window: int, current: Sums, baseline: Sums, previous: Sums, weights: Weights, bands: Bands
) -> Score:
    """The score of an agent with sessions in the window; ValueError if `current` has none.

    `baseline` is of [now - 30 d, now - window], nothing for windows of 30 days and more; `previous` of
    [now - 2 windows, now - window]. Both windows are compared with that one baseline, and weighed by `weights`.
    """
    if current.sessions <= 0:
        raise ValueError("no sessions in the window")
    now = _measured(current, baseline)
    before = _measured(previous, baseline) if previous.sessions else None
    total = weights.total
    shares = [weight / total for weight in weights.values]
    exact = _weighed(now, shares)
    overall = _rounded(exact, 100)
    last: float | None = None
    delta = 0  # in hundredths of a point
    changes: list[int] = []
    moved: Sequence[float | None] = _NONE
    was: Sequence[float | None] = _NONE
    if before is not None:
        exact_last = _weighed(before, shares)
        last = _rounded(exact_last, 100)
        delta = floor((exact - exact_last) * 100 + 0.5)
        changes = _changes(now, before, shares, delta)
        moved, was = [change / 100 for change in changes], [it.raw for it in before]
    return Score(
        key=f"{window}/{agent}",
        agent=agent,
        window=window,
        overall=overall,
        dimensions=tuple([
            DimensionScore(
                dimension, it.score, weight, it.raw, _rounded(it.score * share, 100), _rounded(100 * share, 100),
                it.has_data, change, previous_raw, it.part, it.of,
            )
            for dimension, it, weight, share, change, previous_raw in zip(
                _ORDER, now, weights.values, shares, moved, was, strict=True
            )
        ]),
        sessions=current.sessions,
        completed=current.completed,
        running=current.sessions - current.completed - current.failed,
        trend=_trend(delta),
        delta=delta / 100,
        previous=last,
        previous_sessions=previous.sessions,
        residual=(delta - sum(changes)) / 100,
        band=bands.of(overall),
        low_confidence=current.sessions < FEW,
    )  # fmt: skip


def costs(current: Sums, baseline: Sums, parts: Iterable[Sums], weights: Weights) -> Iterator[tuple[float, Dimension]]:
    """What parts of a window cost, each for itself: the points that the score would have more without it, and the
    dimension most of them are of. A window of which nothing is left cost nothing."""
    total = weights.total
    shares = [weight / total for weight in weights.values]
    present = _measured(current, baseline)
    overall = _weighed(present, shares)
    for part in parts:
        left = current - part
        if left.sessions <= 0:
            yield 0.0, Dimension.ERROR_RATE
            continue
        without = _measured(left, baseline)
        gains = [(its.score - it.score) * share for it, its, share in zip(present, without, shares, strict=True)]
        points = _rounded(_weighed(without, shares) - overall, 100)
        yield points, _ORDER[gains.index(max(gains))]


def _measured(window: Sums, baseline: Sums) -> tuple[_Measured, ...]:
    """The five dimensions, in their order."""
    return (
        _errors(window.bad, window.sessions),
        _cost(window, baseline),
        _tools(window.calls, window.failures),
        _latency(window, baseline),
        _completion(window.completed, window.sessions),
    )


def _errors(bad: int, sessions: int) -> _Measured:
    rate = bad / sessions
    return _Measured(_rounded((1 - rate) * 100, 100), _rounded(rate, 10_000), bad, sessions)


def _cost(window: Sums, baseline: Sums) -> _Measured:
    """100 at the baseline's average or under it, 0 at twice of it."""
    mean = window.cost / window.sessions / 1e9
    usual = baseline.cost / baseline.sessions / 1e9 if baseline.sessions else 0.0
    points = 100 - (mean / usual - 1) * 100 if mean and usual else 100.0
    return _Measured(_limited(points), _rounded(mean, 1_000_000), window.cost, window.sessions, has_data=usual != 0)


def _tools(calls: int, failures: int) -> _Measured:
    """Failures can be more than calls, whose answers may come in a later window than they."""
    if calls == 0:
        return _Measured(100.0, 1.0, 0, 0, has_data=False)
    worked = max(calls - failures, 0)
    return _Measured(_rounded(worked / calls * 100, 100), _rounded(worked / calls, 10_000), worked, calls)


def _latency(window: Sums, baseline: Sums) -> _Measured:
    """Of whole sessions: 100 at the baseline's average or under it, 0 at three times of it."""
    mean = window.duration / window.ended if window.ended else 0.0
    usual = baseline.duration / baseline.ended if baseline.ended else 0.0
    points = 100 - (mean / usual - 1) * 50 if mean and usual else 100.0
    has_data = window.ended > 0 and usual != 0
    return _Measured(_limited(points), _rounded(mean, 1), window.duration, window.ended, has_data)


def _completion(completed: int, sessions: int) -> _Measured:
    rate = completed / sessions
    return _Measured(_rounded(rate * 100, 100), _rounded(rate, 10_000), completed, sessions)


def _weighed(dimensions: tuple[_Measured, ...], shares: list[float]) -> float:
    """The overall score, not rounded."""
    return min(max(sum(it.score * share for it, share in zip(dimensions, shares, strict=True)), 0.0), 100.0)


def _changes(now: tuple[_Measured, ...], before: tuple[_Measured, ...], shares: list[float], delta: int) -> list[int]:
    """What each dimension has of the difference, all in hundredths of a point: their sum is `delta` by the largest
    remainders."""
    exact = [round((it.score - its.score) * share * 100, 6) for it, its, share in zip(now, before, shares, strict=True)]
    changes = [floor(each) for each in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: changes[place] - exact[place])
    for place in by_remainder[: max(delta - sum(changes), 0)]:
        changes[place] += 1
    return changes


def _trend(delta: int) -> Trend:
    if abs(delta) <= STEADY:
        return Trend.STABLE
    return Trend.IMPROVING if delta > 0 else Trend.DEGRADING


def _limited(points: float) -> float:
    return _rounded(min(max(points, 0.0), 100.0), 100)


def _rounded(value: float, parts: int) -> float:
    """To the nearest of so many parts of one, half up as JavaScript's Math.round does."""
    return floor(value * parts + 0.5) / parts
