"""Metrics in lines: what is drawn and written of a range, also where nothing happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.metrics import Bucket, Compared, Figures, Point, Range, Series
from app.tui.picture import Times
from app.tui.views.metric_figures import figure_lines, points, share
from app.tui.views.metric_plot import SERIES, nice, period, plot_lines, plotted
from tests.literal_metrics import dashboard
from widgets.chart import DOTTED, MARK, compared_chart

VALUES = st.lists(st.none() | st.floats(0, 1e9, allow_nan=False), max_size=40)


def text_of(lines) -> str:  # type: ignore[no-untyped-def]
    return "\n".join("".join(part for part, _ in (*line.spans, *line.right)) for line in lines)


@given(VALUES, VALUES, st.integers(1, 120), st.integers(1, 30), st.none() | st.integers(0, 39))
def test_a_chart_has_its_size_whatever_is_drawn(values, before, cells, lines, mark) -> None:  # type: ignore[no-untyped-def]
    drawn = compared_chart(values, before, cells, lines, low=0.0, high=nice(5.0), mark=mark)
    assert [sum(len(run) for run, _ in row) for row in drawn] == [cells] * lines
    assert {kind for row in drawn for _, kind in row} <= {"", "line", "before", "mark"}


def test_what_was_before_is_dotted_and_never_covers_what_is() -> None:
    drawn = compared_chart([1.0, 1.0], [1.0, 1.0], 10, 5, low=0.0, high=2.0)
    glyphs = "".join(run for row in drawn for run, _ in row)
    assert DOTTED not in glyphs
    apart = compared_chart([2.0, 2.0], [0.0, 0.0], 10, 5, low=0.0, high=2.0, mark=1)
    assert (DOTTED * 10, "before") in apart[-1]
    assert [row[-1] for row in apart[1:-1]] == [(MARK, "mark")] * 3


def test_both_periods_begin_at_the_left_edge() -> None:
    """A range of weeks may have 13 points and the one before it 14."""
    drawn = compared_chart([1.0] * 13, [0.0] * 14, 28, 4, low=0.0, high=1.0)
    top, bottom = ("".join(run for run, _ in drawn[place]) for place in (0, -1))
    assert bottom == DOTTED * 28
    assert top[0] != " "
    assert top.rstrip() != top


@given(st.floats(0, 1e12, allow_nan=False), st.booleans())
def test_a_scale_holds_its_values_and_is_not_much_larger(value: float, whole: bool) -> None:
    top = nice(value, whole=whole)
    assert top >= value * 0.9999999
    assert top <= max(2.6 * value, 1.0)
    assert not whole or top == int(top)


@pytest.mark.parametrize(
    ("now", "was", "said"),
    [(298, 266, "+12%"), (50, 100, "-50%"), (5, 0, "new"), (0, 5, "-100%"), (7, 7, "same"), (0, 0, ""),
     (1000, 1001, "same")],
)  # fmt: skip
def test_a_change_is_said_in_words(now: float, was: float, said: str) -> None:
    assert share(now, was) == said


def test_a_change_of_a_percentage_is_in_points() -> None:
    assert [points(4.1, 2.9), points(2.0, 2.0), points(0.0, 0.0), points(1.0, 3.5)] == ["+1.2", "same", "", "-2.5"]


def test_better_and_worse_are_told_apart() -> None:
    """More done is good, more errors and longer cycles are not."""
    first, _ = figure_lines(dashboard(), 80)
    styles = dict(first.spans)
    assert (styles[" +12%"], styles[" -15%"], styles[" +1.2"], styles[" +2"]) == ("ok", "ok", "warn", "dim")
    worse, _ = figure_lines(dashboard(figures=Figures(9, throughput=10, error_rate_pct=1.0)), 80)
    styles = dict(worse.spans)
    assert (styles[" -96%"], styles[" -1.9"]) == ("warn", "ok")


def test_what_is_not_known_is_not_said_to_be_nothing() -> None:
    lines = figure_lines(dashboard(figures=Figures(), before=Figures()), 80)
    assert "cycle -" in text_of(lines)
    assert "7d median cycle -" in text_of(lines)


@pytest.mark.parametrize("range", Range)
@pytest.mark.parametrize("series", SERIES)
@pytest.mark.parametrize("size", [(78, 18), (20, 5), (98, 22)])
def test_every_plot_fits(range: Range, series: Series, size: tuple[int, int]) -> None:
    told = dashboard(range)
    for at in (0, len(told.throughput.primary) - 1, None):
        lines = plot_lines(told, series, *size, at=at, focused=True, place="1 of 4", times=Times.UTC)
        assert len(lines) == max(5, size[1])
        for line in lines[1:-1]:
            assert sum(len(part) for part, _ in line.spans) <= max(size[0], 18)


def test_a_mean_of_nothing_is_a_gap_and_no_tasks_are_none() -> None:
    at = datetime(2026, 11, 22, 13, tzinfo=UTC)
    empty = Compared((Point(at, 0.0, 0),), (Point(at, 0.0, 0),))
    told = replace(dashboard(), throughput=empty, cycle_time=empty, error_rate=empty)
    assert plotted(told, Series.THROUGHPUT).values == (0.0,)
    assert plotted(told, Series.CYCLE_TIME).values == plotted(told, Series.ERROR_RATE).values == (None,)
    shown = text_of(plot_lines(told, Series.CYCLE_TIME, 78, 18, at=0, focused=True, place="", times=Times.AGE))
    assert "13:00Z  nothing   before: nothing" in shown


def test_a_dashboard_without_points_is_drawn_too() -> None:
    told = replace(dashboard(), throughput=Compared())
    lines = plot_lines(told, Series.THROUGHPUT, 78, 18, at=None, focused=True, place="", times=Times.AGE)
    assert len(lines) == 18


def test_periods_are_written_by_their_bucket() -> None:
    at = datetime(2026, 3, 29, tzinfo=UTC)
    assert [period(at, bucket, Times.UTC) for bucket in Bucket] == ["00:00Z", "Sun 03-29", "03-29", "2026-03"]
