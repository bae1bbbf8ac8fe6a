"""Score bodies: scores, their history and their weights as AgentLens's clients read them, and what is more."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field

from app.api.scorequeries import camel
from app.api.sessionbodies import iso
from app.model.scoring import Band, DailyScore, Dimension, DimensionScore, Score, Trend, Weights, describe


class DimensionBody(BaseModel):
    """One dimension. `rawValue` is a share, dollars a session, or milliseconds a session; `points` are of the overall
    score, of `maxPoints` that are possible; `change` is what it has of `trendDelta`, null without a window before."""

    name: Dimension
    score: float
    weight: float
    rawValue: float
    description: str
    points: float
    maxPoints: float
    change: float | None
    previousRawValue: float | None
    hasData: bool


class WindowBody(BaseModel):
    """Both ends are included."""

    begins: datetime = Field(alias="from")
    to: datetime


class ScoreBody(BaseModel):
    """The score of one agent. `previousScore` is null where the window before has no sessions; `residualChange` is what
    of `trendDelta` is no dimension's."""

    agentId: str
    overallScore: float
    trend: Trend
    trendDelta: float
    dimensions: list[DimensionBody]
    window: WindowBody
    sessionCount: int
    computedAt: datetime
    previousScore: float | None
    lowConfidence: bool
    band: Band
    residualChange: float


class OverviewBody(BaseModel):
    """Scores of agents with sessions in the window; `total` counts all of them."""

    agents: list[ScoreBody]
    computedAt: datetime
    total: int


class DayBody(BaseModel):
    """The score of one agent on one UTC day, at the worker's own window."""

    agentId: str
    day: date = Field(alias="date")
    overallScore: float
    errorRateScore: float
    costEfficiencyScore: float
    toolSuccessScore: float
    latencyScore: float
    completionRateScore: float
    sessionCount: int


class HistoryBody(BaseModel):
    """Days on which a score was kept, newest first."""

    snapshots: list[DayBody]
    agentId: str
    days: int


class WeightsBody(BaseModel):
    """How much each dimension counts."""

    errorRate: float
    costEfficiency: float
    toolSuccess: float
    latency: float
    completionRate: float


def score_body(score: Score, now: datetime) -> dict[str, Any]:
    """As it is at `now`."""
    computed = iso(now)
    return {
        "agentId": score.agent,
        "overallScore": score.overall,
        "trend": score.trend,
        "trendDelta": score.delta,
        "dimensions": [_dimension(each, score) for each in score.dimensions],
        "window": {"from": iso(now - timedelta(days=score.window)), "to": computed},
        "sessionCount": score.sessions,
        "computedAt": computed,
        "previousScore": score.previous,
        "lowConfidence": score.low_confidence,
        "band": score.band,
        "residualChange": score.residual,
    }


def _dimension(dimension: DimensionScore, score: Score) -> dict[str, Any]:
    return {
        "name": dimension.name,
        "score": dimension.score,
        "weight": dimension.weight,
        "rawValue": dimension.raw,
        "description": describe(dimension, score),
        "points": dimension.points,
        "maxPoints": dimension.max_points,
        "change": dimension.change,
        "previousRawValue": dimension.previous_raw,
        "hasData": dimension.has_data,
    }


def history_body(agent: str, days: int, kept: list[DailyScore]) -> dict[str, Any]:
    snapshots = [
        {
            "agentId": agent,
            "date": each.day,
            "overallScore": each.overall,
            **{f"{camel(name)}Score": score for name, score in zip(Dimension, each.dimensions, strict=True)},
            "sessionCount": each.sessions,
        }
        for each in kept
    ]
    return {"snapshots": snapshots, "agentId": agent, "days": days}


def weights_body(weights: Weights) -> dict[str, float]:
    return {camel(each): weights.of(each) for each in Dimension}
