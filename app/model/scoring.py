"""Scoring: how well an AI agent does, over five dimensions, and what moved it (AgentLens's formulas)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.model.sessions import AiAgent, Session

FEW = 5
"""Sessions under which a score is of low confidence."""
WINDOWS = (1, 7, 14, 30, 90)
"""Days that a deck offers; any number from 1 to 90 can be asked for."""


class Dimension(StrEnum):
    """What is scored, in the order in which it is told."""

    ERROR_RATE = "error_rate"
    COST_EFFICIENCY = "cost_efficiency"
    TOOL_SUCCESS = "tool_success"
    LATENCY = "latency"
    COMPLETION_RATE = "completion_rate"


class Trend(StrEnum):
    """Against the window before: more than 5 points up or down."""

    IMPROVING = "improving"
    STABLE = "stable"
    DEGRADING = "degrading"


class Band(StrEnum):
    """In which range an overall score is."""

    HEALTHY = "healthy"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each dimension counts; divided by their sum when used."""

    error_rate: float = 0.30
    cost_efficiency: float = 0.20
    tool_success: float = 0.20
    latency: float = 0.15
    completion_rate: float = 0.15

    def of(self, dimension: Dimension) -> float:
        value: float = getattr(self, dimension.value)
        return value

    @property
    def values(self) -> tuple[float, ...]:
        """In the order of `Dimension`."""
        return self.error_rate, self.cost_efficiency, self.tool_success, self.latency, self.completion_rate

    @property
    def total(self) -> float:
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class Bands:
    """Least overall scores of the bands."""

    healthy: float = 75.0
    warning: float = 50.0

    def of(self, overall: float) -> Band:
        if overall >= self.healthy:
            return Band.HEALTHY
        return Band.WARNING if overall >= self.warning else Band.CRITICAL


@dataclass(frozen=True, slots=True)
class Standards:
    """What scores are measured by, as configured. Weights that somebody has set since are in the store."""

    window: int = 7  # days of the daily snapshots, of findings, and where none is asked for
    weights: Weights = Weights()
    bands: Bands = Bands()


@dataclass(frozen=True, slots=True)
class DimensionScore:
    """One dimension of one score. `points` and `change` are points of the overall score."""

    name: Dimension
    score: float  # 0 to 100
    weight: float  # as set, not divided by the sum
    raw: float  # share 0 to 1, dollars a session, or milliseconds a session
    points: float
    max_points: float
    has_data: bool = True  # False: nothing to score or to compare with, the 100 stands for that
    change: float | None = None  # since the window before; None without one
    previous_raw: float | None = None
    part: int = 0  # `raw` exactly: `part` of `of` (sessions, calls), nano-dollars or milliseconds over sessions
    of: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """How well one agent did in one window. Numbers are rounded as they are shown: two decimals, half up."""

    key: str  # `7/coder-7`: window and agent
    agent: str
    window: int  # days
    overall: float
    dimensions: tuple[DimensionScore, ...]  # all five, in the order of `Dimension`
    sessions: int
    completed: int = 0
    running: int = 0  # began in the window and not ended: they count as not completed
    trend: Trend = Trend.STABLE
    delta: float = 0.0
    previous: float | None = None  # overall of the window before, by the same weights; None: no sessions in it
    previous_sessions: int = 0
    residual: float = 0.0  # part of `delta` that is no dimension's
    band: Band = Band.HEALTHY
    low_confidence: bool = False  # fewer than `FEW` sessions

    @property
    def moved_by(self) -> tuple[DimensionScore, ...]:
        """Dimensions that moved it, the largest change in its direction first; those against it last."""
        moved = [each for each in self.dimensions if each.change]
        return tuple(sorted(moved, key=lambda each: -(each.change or 0.0) * (1 if self.delta > 0 else -1)))


@dataclass(frozen=True, slots=True)
class DailyScore:
    """What an agent's score was on a UTC day, at the default window."""

    day: date
    overall: float
    dimensions: tuple[float, ...]  # in the order of `Dimension`
    sessions: int


@dataclass(frozen=True, slots=True)
class Mover:
    """A session and what it cost: the score without the session and its tool calls, minus the score with them."""

    session: Session
    points: float
    dimension: Dimension  # that it cost most
    event: str = ""  # id of the event in it to look at first


@dataclass(frozen=True, slots=True)
class ScoreDetail:
    """Everything of one agent's score. `score` is None if it has no sessions in the window."""

    agent: AiAgent
    window: int
    begins: datetime
    ends: datetime
    score: Score | None
    movers: tuple[Mover, ...]  # dearest first, those of no cost left out
    history: tuple[DailyScore, ...]  # of the last 30 days, oldest first, without those that are missing
    recent: tuple[Session, ...]  # newest first
    weights: Weights = Weights()
    weights_changed: datetime | None = None


def describe(dimension: DimensionScore, score: Score) -> str:
    """What a dimension was scored by, in the words of AgentLens's API: `5% error rate across 40 sessions`."""
    match dimension.name:
        case Dimension.ERROR_RATE:
            return f"{_percent(dimension)} error rate across {_sessions(score.sessions)}"
        case Dimension.COST_EFFICIENCY:
            return f"Average cost ${_dollars(dimension)} per session"
        case Dimension.TOOL_SUCCESS:
            return f"{_percent(dimension)} tool call success rate" if dimension.has_data else "No tool calls in window"
        case Dimension.LATENCY:
            return (
                f"Average latency {dimension.raw:.0f}ms"
                if dimension.of or dimension.raw
                else "No session ended in window"
            )
        case Dimension.COMPLETION_RATE:
            return f"{_percent(dimension)} session completion rate"


def basis(dimension: DimensionScore, score: Score) -> str:
    """`describe`, but it says where the 100 stands for no data, and which sessions could not have completed yet."""
    if not dimension.has_data:
        tools = dimension.name is Dimension.TOOL_SUCCESS
        return f"n/a (counts as 100): {'no tool calls' if tools else 'nothing to compare with'}"
    if dimension.name is Dimension.COMPLETION_RATE and score.running:
        return f"{score.completed} of {score.sessions} completed, {score.running} still running"
    return describe(dimension, score)


def _sessions(count: int) -> str:
    return f"{count} session" if count == 1 else f"{count} sessions"


def _percent(dimension: DimensionScore) -> str:
    """A share in whole percent, half up; 0% and 100% are said only where they are exactly so."""
    part, of = (dimension.part, dimension.of) if dimension.of else (int(dimension.raw * 10_000 + 0.5), 10_000)
    whole = (200 * part + of) // (2 * of)
    if part in (0, of) or 0 < whole < 100:
        return f"{whole}%"
    tenths = (2000 * part + of) // (2 * of)
    if 0 < tenths < 1000:
        return f"{tenths / 10:.1f}%"
    return "under 0.1%" if tenths == 0 else "over 99.9%"


def _dollars(dimension: DimensionScore) -> str:
    """Dollars with two to four decimals, half up."""
    nano, of = (dimension.part, dimension.of) if dimension.of else (round(dimension.raw * 1e9), 1)
    units = (2 * nano + of * 10**5) // (2 * of * 10**5)
    text = f"{units / 10_000:.4f}"
    return text[:-2] + text[-2:].rstrip("0")
