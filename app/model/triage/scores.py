"""The rule about scores of AI agents: `score.fell`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date

from app.model.findings import Evidence, Severity, Step
from app.model.scoring import Band, Bands, Dimension, DimensionScore, Score, basis
from app.model.sessions import AiAgent
from app.model.snapshot import Snapshot
from app.model.text import duration, percent
from app.model.triage.candidates import Candidate, Context
from app.model.triage.ingest import SOURCE
from app.model.triage.thresholds import Limits, Threshold, Unit

FELL = "score.fell"

THRESHOLDS = {
    FELL: (
        Threshold("warn", Unit.NUMBER, 15.0, "points by which the overall score fell"),
        Threshold("back", Unit.NUMBER, 5.0, "points below what it was: as near as that, it is over"),
        Threshold("count", Unit.NUMBER, 5.0, "sessions at least, in each of the two windows"),
        Threshold("for", Unit.SECONDS, 900.0, "before it shows"),
        Threshold("clear", Unit.SECONDS, 30.0, "back before it is over"),
    ),
}

_BANDS = {band: rank for rank, band in enumerate((Band.CRITICAL, Band.WARNING, Band.HEALTHY))}
_MOST_NAMED = 3
_STEPS = (Step("Open the score: what each dimension lost, and the sessions that cost it most"),)


class Scores:
    """Judges the scores of the site's window; of each agent once a UTC day at most.

    Both windows of a score are weighed alike, so that other weights alone make none fall.
    """

    def __init__(self) -> None:
        self._told: dict[str, date] = {}  # finding -> the last day on which it was there
        self._table: Mapping[str, Score] | None = None
        self._of: tuple[object, ...] = ()
        self._low: list[Candidate] = []

    def candidates(self, context: Context, raised: Callable[[str], bool]) -> Iterator[Candidate]:
        """What is said of each score that is lower than it was. `raised` says of a finding's id whether it is there."""
        limits = context.thresholds.of(FELL)
        if not limits.on:
            return
        self._look(context, limits)
        today = context.now.date()
        for candidate in self._low:
            id = candidate.id
            if raised(id):
                self._told[id] = today
            elif self._told.get(id) == today:
                continue
            yield candidate
        if len(self._told) > len(context.snapshot.scores):
            self._told = {id: day for id, day in self._told.items() if day == today}

    def _look(self, context: Context, limits: Limits) -> None:
        """Notes the scores that are lower; all anew only where a score or an agent has changed."""
        snapshot, site = context.snapshot, context.site
        of = (snapshot.ai, site.window, site.bands)
        if snapshot.scores is self._table and self._of and of[0] is self._of[0] and of[1:] == self._of[1:]:
            return
        before = {candidate.id: candidate for candidate in self._low}
        self._table, self._of, self._low = snapshot.scores, of, []
        least, count = -limits["back"], limits["count"]
        for score in snapshot.scores.values():
            if score.delta >= least or score.window != site.window or score.sessions < count:
                continue
            if score.previous is not None and score.previous_sessions >= count:
                made = _fell(score, score.previous, snapshot, limits)
                kept = before.get(made.id)
                self._low.append(kept if kept is not None and kept == made else made)


def _fell(score: Score, previous: float, snapshot: Snapshot, limits: Limits) -> Candidate:
    bands = snapshot.site.bands
    left = _BANDS[bands.of(score.overall)] < _BANDS[bands.of(previous)]
    worst = [each for each in score.moved_by if (each.change or 0.0) < 0]
    moves = ", ".join(f"{each.name} {each.change:.1f}" for each in worst[:_MOST_NAMED])
    agent: AiAgent | None = snapshot.ai.get(score.agent)
    return Candidate(
        FELL,
        score.agent,
        "score",
        agent.name if agent is not None and agent.name else score.agent,
        f"{previous:.0f} → {score.overall:.0f}" + (f": {moves}" if moves else ""),
        Severity.WARN if left or -score.delta >= limits["warn"] else None,
        (f"score:{score.agent}", f"ai:{score.agent}"),
        keep=Severity.WARN,
        hold=limits["for"],
        clear=limits["clear"],
        detail=basis(worst[0], score) if worst else "",
        evidence=tuple(_evidence(score, previous, bands, limits)),
        steps=_STEPS,
        measured=-score.delta,
        source=SOURCE,
    )


def _evidence(score: Score, previous: float, bands: Bands, limits: Limits) -> Iterator[Evidence]:
    days = f"{score.window} day{'s' * (score.window != 1)}"
    yield Evidence(
        f"score of {days}",
        f"{score.overall:.2f}, was {previous:.2f}",
        f"{limits['warn']:g} points, or below {bands.of(previous)}",
        limits.origin("warn"),
    )
    for each in score.dimensions:
        yield Evidence(each.name.value, _moved(each))
    least = f"at least {limits['count']:g} each"
    yield Evidence("sessions", f"{score.sessions}, before {score.previous_sessions}", least, limits.origin("count"))


def _moved(dimension: DimensionScore) -> str:
    """`-14.20 points: 5% → 33%`."""
    raw = _written(dimension.name, dimension.raw)
    if not dimension.has_data or dimension.previous_raw is None:
        return f"{dimension.change or 0.0:+.2f} points"
    return f"{dimension.change or 0.0:+.2f} points: {_written(dimension.name, dimension.previous_raw)} → {raw}"


def _written(name: Dimension, raw: float) -> str:
    if name is Dimension.COST_EFFICIENCY:
        return f"${raw:.4f}"
    return duration(raw / 1000) if name is Dimension.LATENCY else percent(raw)
