"""KPI bodies: a dashboard in the shape of Mission Control's, field for field and in its order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel

from app.api.members import Naive, naive
from app.model.metrics import Bucket, Dashboard, Point, Range, WorkPoint


class Kpis(BaseModel):
    """Key figures. The counts by status are of now, the median is always of the last seven days."""

    active_agents: int
    tasks_in_progress: int
    inbox_tasks: int
    in_progress_tasks: int
    review_tasks: int
    done_tasks: int
    error_rate_pct: float
    median_cycle_time_hours_7d: float | None


class PointBody(BaseModel):
    """One bucket: where it begins, and its value."""

    period: Naive
    value: float


class WorkBody(BaseModel):
    """One bucket: tasks by the status they were in at its end; `done`: those that entered it in the bucket."""

    period: Naive
    inbox: int
    in_progress: int
    review: int
    done: int


class SeriesBody(BaseModel):
    range: Range
    bucket: Bucket
    points: list[PointBody]


class WorkSeriesBody(BaseModel):
    range: Range
    bucket: Bucket
    points: list[WorkBody]


class ComparedBody(BaseModel):
    """A series over the range, and over the range before."""

    primary: SeriesBody
    comparison: SeriesBody


class WorkComparedBody(BaseModel):
    primary: WorkSeriesBody
    comparison: WorkSeriesBody


class Approvals(BaseModel):
    """Nothing here waits for anybody's approval."""

    total: int
    items: list[dict[str, Any]]


class DashboardBody(BaseModel):
    """A dashboard. Times are in UTC and say no zone (Mission Control)."""

    range: Range
    generated_at: Naive
    kpis: Kpis
    throughput: ComparedBody
    cycle_time: ComparedBody
    error_rate: ComparedBody
    wip: WorkComparedBody
    pending_approvals: Approvals


def dashboard_body(told: Dashboard) -> dict[str, Any]:
    """A `DashboardBody`."""
    figures = told.figures
    return {
        "range": told.range,
        "generated_at": naive(told.at),
        "kpis": {
            "active_agents": figures.active_agents,
            "tasks_in_progress": figures.in_progress_tasks,
            "inbox_tasks": figures.inbox_tasks,
            "in_progress_tasks": figures.in_progress_tasks,
            "review_tasks": figures.review_tasks,
            "done_tasks": figures.done_tasks,
            "error_rate_pct": figures.error_rate_pct,
            "median_cycle_time_hours_7d": figures.median_cycle_time_hours_7d,
        },
        **{
            name: _compared(told.range, _values(series.primary), _values(series.comparison))
            for name, series in (
                ("throughput", told.throughput),
                ("cycle_time", told.cycle_time),
                ("error_rate", told.error_rate),
            )
        },
        "wip": _compared(told.range, _work(told.work.primary), _work(told.work.comparison)),
        "pending_approvals": {"total": 0, "items": []},
    }


def _compared(range: Range, primary: Sequence[Any], comparison: Sequence[Any]) -> dict[str, Any]:
    return {
        name: {"range": range, "bucket": range.bucket, "points": points}
        for name, points in (("primary", primary), ("comparison", comparison))
    }


def _values(points: Iterable[Point]) -> list[dict[str, Any]]:
    return [{"period": naive(each.period), "value": each.value} for each in points]


def _work(points: Iterable[WorkPoint]) -> list[dict[str, Any]]:
    return [
        {
            "period": naive(each.period),
            "inbox": each.inbox,
            "in_progress": each.in_progress,
            "review": each.review,
            "done": each.done,
        }
        for each in points
    ]
