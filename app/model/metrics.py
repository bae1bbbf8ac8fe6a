"""Metrics: key figures of tasks and agents and four series over a range, beside the time before (Mission Control's
dashboard)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Bucket(StrEnum):
    """What one point of a series is of. Weeks begin on Monday, everything at 00:00 UTC."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Range(StrEnum):
    """How far back, in the words of the API."""

    DAY = "24h"
    THREE_DAYS = "3d"
    WEEK = "7d"
    FORTNIGHT = "14d"
    MONTH = "1m"
    QUARTER = "3m"
    HALF_YEAR = "6m"
    YEAR = "1y"

    @property
    def length(self) -> timedelta:
        """A month is 30 days, a year 365 (Mission Control)."""
        return timedelta(days=_DAYS[self])

    @property
    def bucket(self) -> Bucket:
        return _BUCKETS.get(self, Bucket.DAY)


_DAYS = {
    Range.DAY: 1,
    Range.THREE_DAYS: 3,
    Range.WEEK: 7,
    Range.FORTNIGHT: 14,
    Range.MONTH: 30,
    Range.QUARTER: 90,
    Range.HALF_YEAR: 180,
    Range.YEAR: 365,
}
_BUCKETS = {
    Range.DAY: Bucket.HOUR,
    Range.QUARTER: Bucket.WEEK,
    Range.HALF_YEAR: Bucket.WEEK,
    Range.YEAR: Bucket.MONTH,
}


@dataclass(frozen=True, slots=True)
class Point:
    """One bucket of a series. The first and the last of a range are partial."""

    period: datetime  # the beginning of its bucket
    value: float = 0.0
    of: int = 0  # tasks or events that the value was made of; 0: nothing happened, and the value says nothing


@dataclass(frozen=True, slots=True)
class WorkPoint:
    """Tasks by the status that they were in at the end of a bucket; `done`: those that entered it in the bucket."""

    period: datetime
    inbox: int = 0
    in_progress: int = 0
    review: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """A series over the range, and over the range before. They may differ by a point in length."""

    primary: tuple[Point, ...] = ()
    comparison: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkCompared:
    """Work in progress over the range, and over the range before."""

    primary: tuple[WorkPoint, ...] = ()
    comparison: tuple[WorkPoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """Key figures of one range. The counts by status are of its end: of the present range, of now."""

    active_agents: int = 0
    inbox_tasks: int = 0
    in_progress_tasks: int = 0
    review_tasks: int = 0
    done_tasks: int = 0
    error_rate_pct: float = 0.0
    median_cycle_time_hours_7d: float | None = None  # of the seven days before its end; None without any task
    throughput: int = 0  # tasks, of the whole range
    cycle_time_hours: float | None = None  # mean of the whole range; None without any task


@dataclass(frozen=True, slots=True)
class TaskBoard:
    """What tasks are told apart by. Ids are UUIDs."""

    id: str
    name: str
    group_id: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything of one range, as of one instant. `before` are the figures of the range before it."""

    range: Range
    at: datetime
    figures: Figures
    before: Figures
    throughput: Compared = Compared()
    cycle_time: Compared = Compared()  # hours
    error_rate: Compared = Compared()  # percent
    work: WorkCompared = WorkCompared()
    boards: tuple[TaskBoard, ...] = ()  # all there are, whatever was filtered
    tasks: int = 0  # that are kept, whatever was filtered; 0: there is nothing to measure yet


@dataclass(frozen=True, slots=True)
class Lately:
    """The last 24 hours in short: what stands in one line of an overview. Hours are oldest first, this one last."""

    tasks: int = 0  # that are kept in all; 0: there is nothing to tell
    throughput: int = 0
    error_rate_pct: float = 0.0
    hours: tuple[float, ...] = ()  # tasks that got done
    errors: tuple[float | None, ...] = ()  # percent; None: nothing happened


def lately(day: Dashboard) -> Lately:
    """A day's dashboard in short."""
    return Lately(
        day.tasks,
        day.figures.throughput,
        day.figures.error_rate_pct,
        tuple(point.value for point in day.throughput.primary),
        tuple(point.value if point.of else None for point in day.error_rate.primary),
    )


class Series(StrEnum):
    """Which of the four: what stands behind a point of it is asked for by this."""

    THROUGHPUT = "throughput"
    CYCLE_TIME = "cycle_time"
    ERROR_RATE = "error_rate"
    WORK = "wip"
