"""Metrics as literals: a dashboard of any range with something in every series."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import sin

from app.model.metrics import (
    Bucket,
    Compared,
    Dashboard,
    Figures,
    Point,
    Range,
    TaskBoard,
    WorkCompared,
    WorkPoint,
)
from app.model.tasks import Task, TaskList, TaskStatus
from tests.literals import NOW, ago

BOARDS = (
    TaskBoard("b-node", "node", "g-query", "query"),
    TaskBoard("b-network", "network", "g-modify", "modify"),
    TaskBoard("b-docs", "docs"),
)
_STEPS = {
    Bucket.HOUR: timedelta(hours=1),
    Bucket.DAY: timedelta(days=1),
    Bucket.WEEK: timedelta(days=7),
    Bucket.MONTH: timedelta(days=31),
}


def _floor(at: datetime, bucket: Bucket) -> datetime:
    hour = at.replace(minute=0, second=0, microsecond=0)
    if bucket is Bucket.HOUR:
        return hour
    day = hour.replace(hour=0)
    if bucket is Bucket.WEEK:
        return day - timedelta(days=day.weekday())
    return day if bucket is Bucket.DAY else day.replace(day=1)


def periods(range: Range, ends: datetime) -> list[datetime]:
    """The beginnings of the buckets of a range that ends so."""
    step, at = _STEPS[range.bucket], _floor(ends - range.length, range.bucket)
    found = []
    while at <= ends:
        found.append(at)
        at = _floor(at + step, range.bucket)
    return found


def _series(range: Range, base: float, swing: float, *, gap: int = 0) -> Compared:
    def points(ends: datetime, shift: float) -> tuple[Point, ...]:
        values = [(period, base + swing * sin(place / 3 + shift)) for place, period in enumerate(periods(range, ends))]
        return tuple(
            Point(period, 0.0 if gap and place % gap == 0 else round(value, 4), 0 if gap and place % gap == 0 else 7)
            for place, (period, value) in enumerate(values)
        )

    return Compared(points(NOW, 0.0), points(NOW - range.length, 2.0))


def dashboard(range: Range = Range.DAY, **changed: object) -> Dashboard:
    """`tasks=0` for one that has nothing to tell."""

    def work(ends: datetime, more: int) -> tuple[WorkPoint, ...]:
        return tuple(
            WorkPoint(period, place % 4, 2 + place % 5 + more, place % 3, 10 + place)
            for place, period in enumerate(periods(range, ends))
        )

    given: dict[str, object] = {
        "range": range,
        "at": NOW,
        "figures": Figures(11, 3, 4, 2, 1280, 4.1, 0.4, 298, 0.35),
        "before": Figures(9, 2, 5, 1, 990, 2.9, 0.5, 266, 0.41),
        "throughput": _series(range, 12.0, 6.0),
        "cycle_time": _series(range, 0.4, 0.2, gap=5),
        "error_rate": _series(range, 4.0, 3.0, gap=7),
        "work": WorkCompared(work(NOW, 0), work(NOW - range.length, 2)),
        "boards": BOARDS,
        "tasks": 1289,
    }
    return Dashboard(**{**given, **changed})  # type: ignore[arg-type]


def tasks() -> TaskList:
    """Three of five: one from a job, one that failed, one that nobody has begun."""
    return TaskList(
        (
            Task("t1", "node.hostname.get", TaskStatus.DONE, "b-node", "node", ago(900), ago(600), "query", "web-01",
                 cycle_hours=0.05, job="0f0e0d0c-1111-4222-8333-444455556666"),
            Task("t2", "deploy \x1b[31mred", TaskStatus.REVIEW, "b-network", "network", ago(1800), ago(700), "modify",
                 "web-02", failed=True, cycle_hours=0.3),
            Task("t3", "write the page", TaskStatus.INBOX, "b-docs", "docs", ago(2000), ago(2000)),
        ),
        5,
    )  # fmt: skip
