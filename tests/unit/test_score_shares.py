"""What moved a score adds up as it is shown, to the last digit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.formulas import NOTHING, Sums, score
from app.model.scoring import Bands, Dimension, Weights
from app.tui.views import scores


@st.composite
def sums(draw: st.DrawFn) -> Sums:
    sessions = draw(st.integers(1, 60))
    ended, calls = draw(st.integers(0, sessions)), draw(st.integers(0, 200))
    return Sums(
        sessions, draw(st.integers(0, sessions)), draw(st.integers(0, ended)), 0, ended,
        draw(st.integers(0, 10**7)), draw(st.integers(0, 10**12)), calls, draw(st.integers(0, calls + 5)),
    )  # fmt: skip


@given(sums(), sums(), sums(), st.tuples(*[st.floats(0.05, 1)] * 5))
def test_the_shown_changes_sum_to_the_shown_difference(
    current: Sums, baseline: Sums, previous: Sums, weights: tuple[float, ...]
) -> None:
    found = score("coder", 7, current, baseline, previous, Weights(*weights), Bands())
    changes, rest = scores.shares(found)
    assert round(sum(changes.values()) + rest, 6) == pytest.approx(float(f"{found.delta:.1f}"))
    for each in found.dimensions:
        assert abs(changes[each.name] - (each.change or 0.0)) < 0.1 + 1e-9
    assert abs(rest - found.residual) < 0.1 + 1e-9


def test_what_did_not_change_is_shown_as_that() -> None:
    now, then = Sums(30, 7, 30, 0, 30, 30_000, 0), Sums(30, 3, 30, 0, 30, 30_000, 0)
    changes, rest = scores.shares(score("coder", 7, now, NOTHING, then, Weights(), Bands()))
    assert changes == {each: -4.0 if each is Dimension.ERROR_RATE else 0.0 for each in Dimension}
    assert rest == 0.0
