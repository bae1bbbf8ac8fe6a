"""The plot of one series of metrics, over a range and the range before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil, floor, log10

from app.model import text
from app.model.metrics import Bucket, Dashboard, Point, Series, WorkPoint
from app.tui.lines import BLANK, Line, Span, rule
from app.tui.picture import Times
from app.tui.views.metric_figures import BEFORE, hours
from widgets.chart import compared_chart, step_column

SERIES = (Series.THROUGHPUT, Series.CYCLE_TIME, Series.ERROR_RATE, Series.WORK)
"""In the order of `tab`."""
TITLES: Mapping[Series, str] = {
    Series.THROUGHPUT: "Throughput",
    Series.CYCLE_TIME: "Cycle time",
    Series.ERROR_RATE: "Errors",
    Series.WORK: "In work",
}
MEANINGS: Mapping[Series, str] = {
    Series.THROUGHPUT: "tasks that got to review or done without failing",
    Series.CYCLE_TIME: "mean time from the first work on a task to review or done",
    Series.ERROR_RATE: "share of what happened to tasks that failed",
    Series.WORK: "open tasks: inbox, in progress and review",
}
AXIS = 6
"""Cells of the scale at the left of a plot."""
_OF_BUCKET = {Bucket.HOUR: "an hour", Bucket.DAY: "a day", Bucket.WEEK: "a week", Bucket.MONTH: "a month"}
_STYLES = {"line": "accent", "before": "dim", "mark": "dim"}


@dataclass(frozen=True, slots=True)
class Plotted:
    """One series ready to be drawn: values of both periods (None: nothing happened), and how a value is written."""

    series: Series
    periods: tuple[datetime, ...]
    values: tuple[float | None, ...]
    before: tuple[float | None, ...]
    written: Callable[[float], str]


def plotted(told: Dashboard, series: Series) -> Plotted:
    """What a plot of this series shows. A mean of nothing is a gap; no tasks are no tasks."""
    if series is Series.WORK:
        work = told.work
        return Plotted(
            series,
            tuple(point.period for point in work.primary),
            tuple(map(open_tasks, work.primary)),
            tuple(map(open_tasks, work.comparison)),
            lambda value: text.count(round(value)),
        )
    compared = {
        Series.THROUGHPUT: told.throughput,
        Series.CYCLE_TIME: told.cycle_time,
        Series.ERROR_RATE: told.error_rate,
    }[series]
    known = _count if series is Series.THROUGHPUT else _mean
    written = {Series.THROUGHPUT: lambda value: text.count(round(value)), Series.CYCLE_TIME: hours}
    return Plotted(
        series,
        tuple(point.period for point in compared.primary),
        tuple(map(known, compared.primary)),
        tuple(map(known, compared.comparison)),
        written.get(series, lambda value: f"{value:.1f}%"),
    )


def open_tasks(point: WorkPoint) -> float:
    return float(point.inbox + point.in_progress + point.review)


def _count(point: Point) -> float | None:
    return point.value


def _mean(point: Point) -> float | None:
    return point.value if point.of else None


def plot_lines(
    told: Dashboard, series: Series, width: int, height: int, *, at: int | None, focused: bool, place: str, times: Times
) -> list[Line]:
    """A plot in `height` lines: its title, the drawing with its scale, the periods below, and the point `at`."""
    drawn = plotted(told, series)
    title = f"{TITLES[series]}, {_unit(told, series)}"
    lines = [rule(f"{'▸ ' if focused and place == '' else ''}{title}", right=place)]
    room, rows = max(10, width - AXIS - 2), max(2, height - 3)
    known = [value for value in (*drawn.values, *drawn.before) if value is not None]
    top = nice(max(known, default=0.0), whole=series in (Series.THROUGHPUT, Series.WORK))
    mark = at if focused else None
    chart = compared_chart(drawn.values, drawn.before, room, rows, low=0.0, high=top, mark=mark)
    for row, runs in enumerate(chart):
        scale = drawn.written(top) if row == 0 else drawn.written(0.0) if row == rows - 1 else ""
        if rows >= 6 and row == round((rows - 1) / 2):
            scale = drawn.written(top / 2)
        spans: list[Span] = [(f"{scale:>{AXIS}} ", "dim")]
        spans += [(run, _STYLES.get(kind, "")) for run, kind in runs]
        lines.append(Line(tuple(spans)))
    lines.append(_axis(drawn, room, told.range.bucket, times))
    lines.append(_reading(told, drawn, at, focused, times))
    return lines


def _unit(told: Dashboard, series: Series) -> str:
    of = _OF_BUCKET[told.range.bucket]
    return {
        Series.THROUGHPUT: f"tasks {of}",
        Series.CYCLE_TIME: f"mean of {of}",
        Series.ERROR_RATE: f"failed of {of}",
        Series.WORK: f"open tasks, end of {of}",
    }[series]


def nice(value: float, *, whole: bool = False) -> float:
    """The top of a scale: the next of 1, 2, 2.5, 5 times a power of ten; at least 1 where things are counted."""
    if whole:
        value = max(value, 1.0)
    if value < 1e-9:
        return 1.0
    power = 10.0 ** floor(log10(value))
    steps = (1, 2, 5, 10) if whole and power < 10 else (1, 2, 2.5, 5, 10)
    top = next((step * power for step in steps if value <= step * power * 1.0000001), 10 * power)
    return float(ceil(top)) if whole else top


def _axis(drawn: Plotted, room: int, bucket: Bucket, times: Times) -> Line:
    """The first, the middle and the last period under their columns."""
    count = len(drawn.periods)
    if not count:
        return BLANK
    cells = [" "] * room
    for step in sorted({0, count // 2, count - 1}):
        label = period(drawn.periods[step], bucket, times)
        column = step_column(step, max(count, len(drawn.before)), room)
        begin = min(max(0, column - (len(label) // 2 if step > 0 else 0)), room - len(label))
        if begin >= 0 and all(cell == " " for cell in cells[max(0, begin - 1) : begin + len(label) + 1]):
            cells[begin : begin + len(label)] = label
    return Line(((f"{'':>{AXIS}} ", ""), ("".join(cells), "dim")))


def _reading(told: Dashboard, drawn: Plotted, at: int | None, focused: bool, times: Times) -> Line:
    """The figures at the marked point, and what the dotted line is."""
    legend = ((f"··· {BEFORE[told.range]} ", "dim"),)
    if not focused or at is None or at >= len(drawn.periods):
        return Line(right=legend)
    when = period(drawn.periods[at], told.range.bucket, times)
    value, was = drawn.values[at], drawn.before[at] if at < len(drawn.before) else None
    spans: list[Span] = [(f"{'':>{AXIS}} ", ""), (f"{when}  ", "strong")]
    if drawn.series is Series.WORK:
        spans += [(_work(told.work.primary[at]), "strong")]
        if at < len(told.work.comparison):
            then = told.work.comparison[at]
            spans.append((f"   before: {then.inbox}, {then.in_progress}, {then.review}, {then.done}", "dim"))
    else:
        spans += [("nothing" if value is None else drawn.written(value), "strong")]
        spans.append((f"   before: {'nothing' if was is None else drawn.written(was)}", "dim"))
    return Line(tuple(spans), right=legend)


def _work(point: WorkPoint) -> str:
    return f"{point.inbox} inbox, {point.in_progress} in progress, {point.review} review, {point.done} done"


def period(at: datetime, bucket: Bucket, times: Times) -> str:
    """The beginning of a bucket: `13:00`, `Mon 11-23`, `11-23`, `2026-11`; buckets are of UTC, hours follow the zone
    that times are written in."""
    if bucket is Bucket.HOUR:
        return f"{at.astimezone():%H:%M}" if times is Times.LOCAL else f"{at:%H:%M}Z"
    if bucket is Bucket.DAY:
        return f"{at:%a %m-%d}"
    return f"{at:%m-%d}" if bucket is Bucket.WEEK else f"{at:%Y-%m}"
