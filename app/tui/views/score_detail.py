"""The breakdown of a score: what each dimension gives and what it changed, the sessions that cost most, thirty days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rich.cells import cell_len

from app.feed.questions import Unanswered
from app.model import text
from app.model.scoring import DailyScore, Dimension, DimensionScore, Mover, Score, ScoreDetail, Trend, Weights, basis
from app.model.sessions import Session
from app.tui.lines import BLANK, Line, Span, rule
from app.tui.picture import Picture, Standing
from app.tui.views import parts, scores, sessions
from app.tui.views.score_chart import chart
from widgets.cells import fit_cells
from widgets.score_bars import bar

Answer = ScoreDetail | Unanswered | None
WIDE = 100
"""Cells from which weights and the basis stand in the rows."""
DAYS = 30
MOVERS = "Sessions that cost most"
MOVER = "mover "
"""What the key of a mover's line begins with."""


def detail(
    agent: str, picture: Picture, width: int, told: Answer, *, by_weight: bool | None = None, at: str = ""
) -> list[Line]:
    """The breakdown. `by_weight`: the order of the dimensions; None: as the trend suggests. `at`: key of the line with
    the cursor."""
    answer = told if isinstance(told, ScoreDetail) and told.window == picture.window else None
    score = scores.of(agent, picture) or (answer.score if answer is not None else None)
    if score is None:
        return _without(agent, picture, told, answer, width)
    standing = scores.standing(score, picture)
    lines = [_head(score, standing, picture)]
    lines += parts.findings(picture.findings_of(f"score:{agent}"), picture)
    weights = answer.weights if answer is not None else None
    lines += _table(score, width, _order(score, by_weight), weights, at)
    lines += _caveats(score, weights, answer, picture)
    if isinstance(told, Unanswered):
        return [*lines, BLANK, Line(((f"  {told.why}", "warn"),))]
    if answer is None:
        return [*lines, BLANK, Line((("  Asking for the sessions behind it …", "dim"),))]
    lines += movers(answer.movers, picture)
    lines += chart(by_day(answer.history, picture), picture, width)
    lines += _recent(answer.recent, picture)
    return lines


def title(agent: str, picture: Picture) -> str:
    return scores.name_of(agent, picture)


def _without(agent: str, picture: Picture, told: Answer, answer: ScoreDetail | None, width: int) -> list[Line]:
    """What stands where there is no score in the window."""
    if isinstance(told, Unanswered):
        return [BLANK, Line(((f"  {told.why}", "warn"),))]
    if answer is None:
        return [BLANK, Line(((f"  Computing the score of {picture.window} days …", "dim"),))]
    days = f"{answer.window} day{'' if answer.window == 1 else 's'}"
    seen = parts.both(answer.agent.last_seen, picture)
    lines = [
        parts.head(agent, Standing(), ("no score",)),
        Line(((f"  No sessions in the last {days}; last heard of {seen}. + looks further back.", "dim"),)),
    ]
    return lines + chart(by_day(answer.history, picture), picture, width)


def _head(score: Score, standing: Standing, picture: Picture) -> Line:
    days = f"{score.window} day{'' if score.window == 1 else 's'}"
    if score.previous is None:
        against = f"nothing in the {days} before to compare with"
    else:
        against = f"{scores.points(score.delta)} against the {days} before"
    count = f"{score.sessions} session{'' if score.sessions == 1 else 's'} in {days}"
    health = scores.band_health(score)
    return Line(
        (
            (f" {standing.health.glyph} ", standing.health.value),
            (f"{score.overall:.1f} {score.band.value}", health.value if standing.fault else "strong"),
            (" · ", "dim"),
            (against, scores.change_style(score.delta)),
            (f" · {count}", "dim"),
        ),
        key="head",
        copy=f"{score.agent} {score.overall:.1f} ({scores.points(score.delta)})",
    )


def _order(score: Score, by_weight: bool | None) -> list[DimensionScore]:
    """The largest fall first when it degrades, else by weight."""
    if by_weight is None:
        by_weight = score.trend is not Trend.DEGRADING
    if by_weight:
        return sorted(score.dimensions, key=lambda each: -each.weight)
    return sorted(score.dimensions, key=lambda each: each.change or 0.0)


def _table(score: Score, width: int, order: Sequence[DimensionScore], weights: Weights | None, at: str) -> list[Line]:
    wide = width >= WIDE
    room = 8 if width < 80 or WIDE <= width < WIDE + 10 else 15
    header = f"  {'DIMENSION':<16} {'SCORE':>5} {'':<{room}} {'POINTS':>9} {'CHANGE':>6} {'WAS → NOW':<17}"
    lines = [
        rule("Dimensions", right="o: other order · + -: window"),
        Line(((header + (" WEIGHT BASIS" if wide else ""), "header"),)),
    ]
    total = weights.total if weights is not None else sum(each.weight for each in score.dimensions)
    changes, rest = scores.shares(score)
    for each in order:
        cell = scores.dimension_cell(each)
        change = changes[each.name] if each.change is not None else None
        spans: list[Span] = [
            (f"  {each.name.value:<16} ", ""),
            (f"{cell.text:>5} ", cell.style),
            (bar(each.score, room) if each.has_data else " " * room, cell.style or "accent"),
            (f" {each.points:.1f}/{each.max_points:.1f}".rjust(10), ""),
            (f" {scores.points(change):>6}", _change_style(each)),
            (f" {was_now(each):<17}", ""),
        ]
        told = _basis(each, score)
        beside = wide and sum(cell_len(part) for part, _ in spans) + 8 + cell_len(told) <= width
        if wide:
            spans += [(f" {each.weight / total * 100:>5.0f}%", "dim"), (f" {told}", "dim")]
        key = f"dimension {each.name.value}"
        fault = each.has_data and each.score < 75
        lines.append(Line(tuple(spans), key=key, copy=f"{each.name.value}: {told}", fault=fault))
        if not beside and (key == at or _must_be_told(each, score)):
            lines.append(Line(((f"    {told}", "dim"),)))
    if rest:
        lines.append(
            Line(
                (
                    (f"  {'rounding, limits':<16} {'':>5} {'':<{room}} {'':>9} ", "dim"),
                    (f"{scores.points(rest):>6}", "dim"),
                )
            )
        )
    told = _sum(score)
    lines.append(
        Line(((f"  {'':<16} {'':>5} {'':<{room}} ", ""), (told, "strong")), key="sum", copy=told),
    )
    return lines


def _must_be_told(each: DimensionScore, score: Score) -> bool:
    """Whether the row misleads without what it rests on: no data, or sessions that could not have completed yet."""
    return not each.has_data or (each.name is Dimension.COMPLETION_RATE and bool(score.running))


def _sum(score: Score) -> str:
    """`61.0 of 100, was 82.3, -21.3`: as shown, the three add up."""
    if score.previous is None:
        return f"{score.overall:.1f} of 100"
    was = round(float(f"{score.overall:.1f}") - float(f"{score.delta:.1f}"), 1)
    return f"{score.overall:.1f} of 100, was {was:.1f}, {scores.points(score.delta)}"


def _change_style(each: DimensionScore) -> str:
    change = each.change or 0.0
    return "warn" if change <= -1 else "ok" if change >= 1 else "dim"


def _basis(each: DimensionScore, score: Score) -> str:
    """Latency is told as what it is: how long a session takes."""
    told = basis(each, score)
    return f"{told} (session time)" if each.name is Dimension.LATENCY and each.has_data else told


def was_now(each: DimensionScore) -> str:
    """`5% → 39%`: the raw value before and now, in its unit."""
    now = raw(each.name, each.raw) if each.of or each.raw or each.name is not Dimension.TOOL_SUCCESS else "-"
    if each.previous_raw is None:
        return now
    return f"{raw(each.name, each.previous_raw)} → {now}"


def raw(dimension: Dimension, value: float) -> str:
    """A raw value in its unit, in at most 7 cells."""
    match dimension:
        case Dimension.COST_EFFICIENCY:
            return text.dollars(value)
        case Dimension.LATENCY:
            return (
                f"{value:.0f}ms"
                if value < 1000
                else f"{value / 1000:.1f}s"
                if value < 100_000
                else text.duration(value / 1000)
            )
        case _:
            return f"{value * 100:.0f}%" if value in (0, 1) or 0.01 <= value <= 0.99 else f"{value * 100:.1f}%"


def _caveats(score: Score, weights: Weights | None, answer: ScoreDetail | None, picture: Picture) -> list[Line]:
    """What must be known not to read too much into it."""
    told = []
    if score.low_confidence:
        told.append(f"{score.sessions} session{'' if score.sessions == 1 else 's'}: too few to trust")
    if weights is not None and abs(weights.total - 1) > 0.0005:
        told.append(f"the weights sum to {weights.total * 100:.0f}%: each counts by its share of that")
    changed = answer.weights_changed if answer is not None else None
    if changed is not None and answer is not None and changed > answer.begins - timedelta(days=answer.window):
        told.append(f"weights changed {changed:%m-%d}: both windows are scored with the new ones, older days are not")
    return [
        Line(((f"  {each}", "warn" if place == 0 and score.low_confidence else "dim"),))
        for place, each in enumerate(told)
    ]


def movers(found: Sequence[Mover], picture: Picture) -> list[Line]:
    """The sessions that cost most; Enter opens each at the event to look at."""
    if not found:
        return []
    lines = [rule(MOVERS, right="enter: what happened")]
    for mover in found:
        session = mover.session
        told = _told(session)
        lines.append(
            Line(
                (
                    (f"  {-mover.points:>6.2f} ", "warn"),
                    (fit_cells(session.key, 10), "accent"),
                    (f" {scores.SHORT[mover.dimension]:<10} ", ""),
                    (told, "dim"),
                ),
                key=f"{MOVER}{session.key}",
                target=sessions.ref(session.key, mover.event),
                copy=session.key,
                fault=True,
                right=((f"{parts.ago(session.began, picture)} ", "dim"),),
            )
        )
    return lines


def _told(session: Session) -> str:
    """A session in a few words, what is wrong with it first."""
    found = [
        session.status.value,
        f"{session.errors} error{'' if session.errors == 1 else 's'}" if session.errors else "",
        f"{session.tool_failures} of {session.tool_calls} tool calls failed" if session.tool_failures else "",
        text.dollars(session.cost / 1e9) if session.cost else "",
        f"took {text.duration((session.ended - session.began).total_seconds())}" if session.ended else "",
        session.label,
    ]
    return " · ".join(part for part in found if part)


def _recent(recent: Sequence[Session], picture: Picture) -> list[Line]:
    if not recent:
        return []
    return [rule("Sessions", right=f"newest {len(recent)}"), *(session_line(each, picture) for each in recent)]


def session_line(session: Session, picture: Picture) -> Line:
    """A session in one line; Enter opens it."""
    bad = sessions.bad(session)
    return Line(
        (
            ("  ▲ " if bad else "    ", "warn"),
            (fit_cells(session.key, 10), "accent"),
            (f" {_told(session)}", "dim"),
        ),
        key=f"session {session.key}",
        target=sessions.ref(session.key),
        copy=session.key,
        fault=bad,
        right=((f"{parts.ago(session.began, picture)} ", "dim"),),
    )


def by_day(history: Sequence[DailyScore], picture: Picture) -> list[float | None]:
    """Thirty days with their gaps, today's last."""
    now = picture.now or picture.snapshot.at
    if now is None:
        return []
    known = {day.day: day.overall for day in history}
    return [known.get(now.date() - timedelta(days=ago)) for ago in range(DAYS - 1, -1, -1)]
