"""Scores: how well each AI agent does, by its overall score and by what moved it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from math import floor
from statistics import median

from app.model import text
from app.model.health import Health
from app.model.scoring import Band, Dimension, DimensionScore, Score, Trend
from app.model.sessions import IntakeState
from app.model.snapshot import Capability
from app.tui.picture import Picture, Standing
from app.tui.views import cells
from app.tui.views.cells import left, right
from app.tui.views.view import GLYPH, Field, View
from widgets.columns import Cell
from widgets.sparkline import sparkline

KIND = "score"
SHORT: Mapping[Dimension, str] = {
    Dimension.ERROR_RATE: "error",
    Dimension.COST_EFFICIENCY: "cost",
    Dimension.TOOL_SUCCESS: "tools",
    Dimension.LATENCY: "time",
    Dimension.COMPLETION_RATE: "completion",
}
"""The dimensions where there is little room."""
_HEALTH = {Band.HEALTHY: Health.OK, Band.WARNING: Health.WARN, Band.CRITICAL: Health.CRIT}
_MOVED_LEAST = 0.5
"""Points under which a change is not told of beside a larger one."""


def rows(picture: Picture) -> Mapping[str, Score]:
    """The scores of the window that is shown, by the ref of their agent."""
    window = picture.window
    return picture.once(
        f"scores {window}",
        lambda: {
            f"{KIND}:{score.agent}": score for score in picture.snapshot.scores.values() if score.window == window
        },
    )


def of(agent: str, picture: Picture, window: int | None = None) -> Score | None:
    """An agent's score in a window, the one that is shown if none is named."""
    return picture.snapshot.scores.get(f"{picture.window if window is None else window}/{agent}")


def band_health(score: Score) -> Health:
    """The state that its band is drawn as."""
    return _HEALTH[score.band]


def standing(score: Score, picture: Picture) -> Standing:
    """By its band, or by a finding about it. One that falls is a fault to stop at, in whatever band."""
    found = picture.standing(f"{KIND}:{score.agent}", "scores")
    if found.health is Health.STALE:
        return found
    health = max(band_health(score), found.health, key=lambda each: each.rank)
    return Standing(health, health.rank, found.fault or health is not Health.OK or score.trend is Trend.DEGRADING)


def name_of(agent: str, picture: Picture) -> str:
    """What an agent is called: its id, by which everything else names it."""
    return text.cut(agent, 60)


def points(value: float | None) -> str:
    """A change in points: `-21.3`, `+0.4`, `0.0`; `-` without one."""
    return "-" if value is None else f"{value + 0.0:+.1f}" if abs(value) >= 0.05 else "0.0"


def change_style(value: float | None) -> str:
    """Falls and rises as the trend counts them: more than five points."""
    return "" if value is None or abs(value) <= 5 else "warn" if value < 0 else "ok"


def shares(score: Score) -> tuple[Mapping[Dimension, float], float]:
    """What each dimension changed, and what is no dimension's, in tenths of a point as they are shown: they sum exactly
    to the change of the whole as it is shown, by largest remainder."""
    exact = [(each.change or 0.0) * 10 for each in score.dimensions] + [score.residual * 10]
    tenths = [floor(round(value, 6)) for value in exact]
    left = round(float(f"{score.delta:.1f}") * 10) - sum(tenths)
    by_remainder = sorted(range(len(exact)), key=lambda place: (tenths[place] - round(exact[place], 6), place))
    for place in by_remainder[: max(0, left)]:
        tenths[place] += 1
    shown = {each.name: tenths[place] / 10 for place, each in enumerate(score.dimensions)}
    return shown, tenths[-1] / 10


def moved_by(score: Score, most: int = 2) -> str:
    """`error -14.2, completion -6.1`: the largest changes in the direction of the whole."""
    sign = 1 if score.delta > 0 else -1
    moved = [each for each in score.moved_by if (each.change or 0) * sign > 0]
    told = [each for place, each in enumerate(moved[:most]) if not place or abs(each.change or 0) >= _MOVED_LEAST]
    shown, _ = shares(score)
    return ", ".join(f"{SHORT[each.name]} {points(shown[each.name])}" for each in told)


def overall(score: Score, picture: Picture) -> Cell:
    """Sorted by it, the lowest comes first."""
    style = "" if score.band is Band.HEALTHY else band_health(score).value
    return Cell(f"{score.overall:.1f}", score.overall, style, -score.overall)


def change(score: Score, picture: Picture) -> Cell:
    """Sorted by it, the worst fall comes first."""
    if score.previous is None:
        return Cell("new", None, "dim", 0.0)
    return Cell(points(score.delta), score.delta, change_style(score.delta), -score.delta)


def _moved(score: Score, picture: Picture) -> Cell:
    return cells.plain(moved_by(score, 1) if score.delta else "")


def session_count(score: Score, picture: Picture) -> Cell:
    """A question mark where they are too few to trust."""
    return Cell(f"{text.count(score.sessions)}{'?' if score.low_confidence else ''}", score.sessions)


def _dimension(dimension: Dimension) -> Callable[[Score, Picture], Cell]:
    place = list(Dimension).index(dimension)

    def cell(score: Score, picture: Picture) -> Cell:
        return dimension_cell(score.dimensions[place])

    return cell


def dimension_cell(each: DimensionScore) -> Cell:
    """Its score, `n/a` where the 100 only stands for no data."""
    if not each.has_data:
        return Cell("n/a", None, "dim")
    return Cell(f"{each.score:.0f}", each.score, "" if each.score >= 75 else "warn" if each.score >= 50 else "crit")


def history(agent: str, picture: Picture) -> Cell:
    """Thirty days as blocks, on the scale from 0 to 100."""
    known = picture.snapshot.ai.get(agent)
    if known is None or not any(value is not None for value in known.history):
        return cells.ABSENT
    last = next((value for value in reversed(known.history) if value is not None), None)
    return Cell(sparkline(known.history, 10, low=0.0, high=100.0), last, "accent")


def tally(picture: Picture) -> tuple[tuple[str, str], ...]:
    """`7d  ✗1 ▲2 ●9`: the window, and how many are in which band."""
    return ((f"{picture.window}d", ""), ("  ", ""), *bands(picture, picture.window))


def bands(picture: Picture, window: int) -> tuple[tuple[str, str], ...]:
    """`✗1 ▲2 ●9`: how many scores of a window are in which band, the worst first."""
    known = (score for score in picture.snapshot.scores.values() if score.window == window)
    found = Counter(band_health(score) for score in known)
    spans: list[tuple[str, str]] = []
    for health in sorted(found, key=lambda health: -health.rank):
        spans += [(f"{health.glyph}{found[health]}", health.value), (" ", "")]
    return tuple(spans[:-1])


def lacks(picture: Picture) -> str:
    """Why there are no scores; empty where there are some."""
    if rows(picture):
        return ""
    if told := no_events(picture, "Scores need session events"):
        return told
    if picture.window != picture.snapshot.site.window and not window_came(picture):
        return f"Computing the scores of {picture.window} days …"
    days = "the last day" if picture.window == 1 else f"the last {picture.window} days"
    return f"No sessions in {days}: + looks further back"


def window_came(picture: Picture) -> bool:
    """Whether scores of the window that is shown have come; agents of the usual window are in every longer one."""
    return bool(rows(picture)) or picture.window <= picture.snapshot.site.window


def no_events(picture: Picture, told: str) -> str:
    """Why no session events come, after `told`; empty where they may."""
    intake = picture.snapshot.site.intake
    if picture.has(Capability.SESSIONS):
        return ""
    if intake.state in (IntakeState.REFUSED, IntakeState.DENIED, IntakeState.FAILED) and intake.why:
        return f"{told}: {intake.why}"
    if intake.state is IntakeState.OFF:
        return f"{told}: taking them in is switched off ([sessions] ingest)"
    return f"{told}: watchdeck init sessions"


def line(picture: Picture) -> str:
    """All scores in one line: `12 agents, median 83   ▼ coder-7 61 (-21)`."""
    window = picture.snapshot.site.window
    known = [score for score in picture.snapshot.scores.values() if score.window == window]
    if not known:
        return no_events(picture, "need session events").removeprefix("need session events: ") or "no sessions yet"
    parts = f"{len(known)} agent{'' if len(known) == 1 else 's'}, median {median(s.overall for s in known):.0f}"
    fell = fell_most(picture, window)
    return (
        f"{parts}   ▼ {text.cut(fell.agent, 24)} {fell.overall:.0f} ({fell.delta:+.0f})" if fell is not None else parts
    )


def fell_most(picture: Picture, window: int) -> Score | None:
    """The score that fell most of those of a window that can be trusted; None if none fell."""
    fell = [
        score
        for score in picture.snapshot.scores.values()
        if score.window == window and score.delta < 0 and not score.low_confidence
    ]
    return min(fell, key=lambda score: (score.delta, score.agent), default=None)


VIEW = View(
    id="scores",
    number="7",
    title="Scores",
    kind=KIND,
    nouns=("score", "scores"),
    section="scores",
    sections=frozenset({"findings", "scores", "ai"}),
    sources=("sessions",),
    sort="change",
    guests=frozenset({KIND}),
    listed=rows,
    key_of=lambda score: f"{KIND}:{score.agent}",
    standing=standing,
    names=lambda score, picture: " ".join(filter(None, (score.agent, _ai_name(score.agent, picture)))),
    copy=lambda score: score.agent,
    tally=tally,
    lacks=lacks,
    looks=lambda picture: f"scores:{picture.window}",
    empty="No sessions yet.",
    fields=(
        GLYPH,
        Field(
            left("agent", "AGENT", 14, flex=True, help="the id that its events give"), lambda s, p: cells.plain(s.agent)
        ),
        Field(
            right("score", "SCORE", 5, help="overall, 0 to 100, of the window; + and - change it"),
            overall,
        ),
        Field(
            right("change", "CHANGE", 6, help="points since the window before; new: it had no sessions then"), change
        ),
        Field(left("moved", "MOVED BY", 18, help="the dimension that moved it most, in points of the whole"), _moved),
        Field(right("sessions", "SESS", 5, help="sessions in the window; ? too few to trust"), session_count),
        Field(
            right("error", "ERR", 4, 2, help="error_rate: sessions without errors"), _dimension(Dimension.ERROR_RATE)
        ),
        Field(
            right("cost", "COST", 4, 2, help="cost_efficiency: against its own 30 days"),
            _dimension(Dimension.COST_EFFICIENCY),
        ),
        Field(
            right("tools", "TOOL", 4, 2, help="tool_success: calls that succeeded"), _dimension(Dimension.TOOL_SUCCESS)
        ),
        Field(
            right("time", "TIME", 4, 2, help="latency: session time against its own 30 days"),
            _dimension(Dimension.LATENCY),
        ),
        Field(
            right("done", "DONE", 4, 2, help="completion_rate: sessions completed"),
            _dimension(Dimension.COMPLETION_RATE),
        ),
        Field(left("history", "HISTORY", 10, 3, help="its scores of 30 days"), lambda s, p: history(s.agent, p)),
    ),
)


def _ai_name(agent: str, picture: Picture) -> str:
    known = picture.snapshot.ai.get(agent)
    return known.name if known is not None else ""
