"""The score pane of the overview: the agent that fell most, what made it fall, and the others in a line each."""

from __future__ import annotations

from collections.abc import Sequence

from app.model import text
from app.model.scoring import DimensionScore, Score
from app.model.snapshot import Capability
from app.tui.lines import Line, rule
from app.tui.picture import Picture
from app.tui.views import scores
from widgets.score_bars import bar

NAME = 10
"""Cells of the name of a dimension."""


LINES, WIDE_LINES = 3, 10
"""Lines of the pane: whose score, and what moved it most; where there is room all dimensions, and others."""


def window(picture: Picture) -> int:
    """Days of the scores in the pane: of the window that is chosen, as soon as they have come."""
    return picture.window if scores.window_came(picture) else picture.snapshot.site.window


def chosen(picture: Picture) -> tuple[str, str]:
    """Whose score is shown, and why: of the agent that fell most, else of the one that does worst; empty without."""
    days = window(picture)
    fell = scores.fell_most(picture, days)
    if fell is not None:
        return fell.agent, "fell most"
    known = [score for score in picture.snapshot.scores.values() if score.window == days]
    lowest = min(known, key=lambda score: (score.overall, score.agent), default=None)
    return (lowest.agent, "lowest") if lowest is not None else ("", "")


def lines(agent: str, note: str, picture: Picture, width: int) -> list[Line]:
    """The pane for so many cells; Enter on a line opens the breakdown of its agent."""
    if not picture.has(Capability.SESSIONS):
        told = scores.no_events(picture, "Scores need session events")
        fits = len(told) + 2 <= width
        return [rule("7 Scores"), Line(((f"  {told if fits else told.removeprefix('Scores ')}", ""),))]
    days = window(picture)
    score = scores.of(agent, picture, days)
    if score is None and not agent:
        return [rule("7 Scores"), Line((("  no sessions yet", "dim"),))]
    head = rule(f"7 Scores · {days}d", right=note)
    if score is None:
        none = Line(((f"   {text.cut(agent, 30)}", "strong"), (f"  no sessions in {days}d", "dim")))
        return [head, none, *_others(agent, picture)]
    sign = 1 if score.delta > 0 else -1
    moved = sorted(score.dimensions, key=lambda each: -(each.change or 0.0) * sign)
    return [head, _head(score, picture), *dimensions(score, width, moved), *_others(agent, picture)]


def _head(score: Score, picture: Picture) -> Line:
    standing = scores.standing(score, picture)
    return Line(
        (
            (f" {standing.health.glyph} ", standing.health.value),
            (text.cut(score.agent, 30), "strong"),
            (f"  {score.overall:.1f}", "" if not standing.fault else scores.band_health(score).value),
            (f"  {scores.points(score.delta)}", scores.change_style(score.delta)),
        ),
        key=f"score:{score.agent}",
        target=f"score:{score.agent}",
        copy=score.agent,
        right=((f"{score.sessions}{'?' if score.low_confidence else ''} sessions ", "dim"),),
    )


def dimensions(score: Score, width: int, order: Sequence[DimensionScore] = ()) -> list[Line]:
    """A line a dimension: its score, a bar, and what it changed."""
    changes, _ = scores.shares(score)
    room = max(4, min(20, width - NAME - 19))
    found = []
    for each in order or score.dimensions:
        cell = scores.dimension_cell(each)
        drawn = bar(each.score, room) if each.has_data else " " * room
        change = each.change or 0.0
        style = "warn" if change <= -1 else "ok" if change >= 1 else "dim"
        found.append(
            Line(
                (
                    (f"   {scores.SHORT[each.name]:<{NAME}} ", ""),
                    (f"{cell.text:>3} ", cell.style),
                    (drawn, cell.style or "accent"),
                    (f" {scores.points(None if each.change is None else changes[each.name]):>6}", style),
                )
            )
        )
    return found


def _others(shown: str, picture: Picture) -> list[Line]:
    """The rest, the largest falls first."""
    days = window(picture)
    rest = [score for score in picture.snapshot.scores.values() if score.window == days and score.agent != shown]
    rest.sort(key=lambda score: (score.delta, score.agent))
    return [
        Line(
            (
                (f" {scores.standing(score, picture).health.glyph} ", scores.standing(score, picture).health.value),
                (f"{text.cut(score.agent, 16):<16} ", ""),
                (f"{score.overall:5.1f} {scores.points(score.delta):>6}  ", ""),
                (scores.moved_by(score, 1), "dim"),
            ),
            key=f"score:{score.agent}",
            target=f"score:{score.agent}",
            copy=score.agent,
        )
        for score in rest[:20]
    ]
