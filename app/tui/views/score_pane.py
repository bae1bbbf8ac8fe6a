"""The score pane of the overview: the agent that fell most, what made it fall, and the others in a line each."""

from __future__ import annotations

from app.model import text
from app.model.scoring import Score
from app.model.snapshot import Capability
from app.tui.lines import Line, rule
from app.tui.picture import Picture
from app.tui.views import scores
from widgets.score_bars import bar

NAME = 10
"""Cells of the name of a dimension."""


def chosen(picture: Picture) -> str:
    """Whose score is shown: of the agent that fell most, else of the one that does worst; empty without any."""
    fell = scores.fell_most(picture)
    if fell is None:
        window = picture.snapshot.site.window
        known = [score for score in picture.snapshot.scores.values() if score.window == window]
        fell = min(known, key=lambda score: (score.overall, score.agent), default=None)
    return fell.agent if fell is not None else ""


def lines(agent: str, picture: Picture, width: int) -> list[Line]:
    """The pane for so many cells; Enter on a line opens the breakdown of its agent."""
    if not picture.has(Capability.SESSIONS):
        told = scores.no_events(picture, "Scores need session events")
        fits = len(told) + 2 <= width
        return [rule("7 Scores"), Line(((f"  {told if fits else told.removeprefix('Scores ')}", ""),))]
    window = picture.snapshot.site.window
    score = scores.of(agent, picture, window)
    if score is None:
        return [rule("7 Scores"), Line((("  no sessions yet", "dim"),))]
    note = "fell most" if score.delta < 0 else "lowest"
    return [
        rule(f"7 Scores · {window}d", right=note),
        _head(score, picture),
        *dimensions(score, width),
        *_others(score, picture),
    ]


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


def dimensions(score: Score, width: int) -> list[Line]:
    """A line a dimension: its score, a bar, and what it changed."""
    room = max(4, min(20, width - NAME - 19))
    found = []
    for each in score.dimensions:
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
                    (f" {scores.points(each.change):>6}", style),
                )
            )
        )
    return found


def _others(shown: Score, picture: Picture) -> list[Line]:
    """The rest, the largest falls first."""
    window = picture.snapshot.site.window
    rest = [score for score in picture.snapshot.scores.values() if score.window == window and score is not shown]
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
