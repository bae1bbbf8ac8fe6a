"""The detail of an AI agent: how it does, what is wrong with it, its newest sessions, its scores of thirty days."""

from __future__ import annotations

from app.feed.questions import Unanswered
from app.model import text
from app.model.scoring import Score, ScoreDetail
from app.model.sessions import AiAgent
from app.tui.lines import BLANK, Line, rule
from app.tui.picture import Picture
from app.tui.views import ai_agents, parts, score_detail, score_pane, scores
from app.tui.views.parts import Fact, both

Answer = ScoreDetail | Unanswered | None
SESSIONS_SHOWN = 20


def ai_name(key: str, picture: Picture) -> str:
    return parts.name_of(key, picture)


def ai_detail(key: str, picture: Picture, width: int, told: Answer) -> list[Line]:
    """`told` is what the worker knows of its score in the window that is shown; its sessions are of that too."""
    answer = told if isinstance(told, ScoreDetail) and told.window == picture.window else None
    agent = picture.snapshot.ai.get(key) or (answer.agent if answer is not None else None)
    if agent is None:
        waiting = "ai" not in picture.held and not isinstance(told, Unanswered)
        return [BLANK, Line((("  Asking for it …", "dim"),))] if waiting else parts.gone("AI agent", key, picture)
    score = scores.of(key, picture) or (answer.score if answer is not None else None)
    heard = f"last heard of {parts.ago(agent.last_seen, picture)} ago"
    lines = [parts.head(ai_agents.title(agent), ai_agents.standing(agent, picture), (agent.state.value, heard))]
    lines += parts.findings(picture.findings_of(f"ai:{key}"), picture)
    lines += [rule(f"Score of {picture.window}d", right="enter: what moved it"), _score(key, score, picture)]
    if score is not None:
        lines += score_pane.dimensions(score, width)
    lines += _sessions(agent, answer, picture)
    lines += score_detail.chart(answer.history, picture, width) if answer is not None else []
    lines += [rule("Agent"), *parts.facts(_facts(agent, picture), width)]
    if isinstance(told, Unanswered):
        lines += [BLANK, Line(((f"  {told.why}", "unknown"),))]
    return lines


def _score(key: str, score: Score | None, picture: Picture) -> Line:
    days = f"{picture.window} day{'' if picture.window == 1 else 's'}"
    if score is None:
        told = ((f"  no sessions in the last {days}; + looks further back", "dim"),)
        return Line(told, key="score", target=f"score:{key}", copy=key)
    health = scores.band_health(score)
    against = "nothing to compare with" if score.previous is None else f"{scores.points(score.delta)} against before"
    few = f"  {score.sessions} sessions: too few to trust" if score.low_confidence else f"  {score.sessions} sessions"
    return Line(
        (
            (f"  {health.glyph} ", health.value),
            (f"{score.overall:.1f} {score.band.value}", "strong"),
            (f"  {against}", scores.change_style(score.delta) or "dim"),
            (few, "dim"),
        ),
        key="score",
        target=f"score:{key}",
        copy=f"{key} {score.overall:.1f}",
        fault=health.rank > 0 and score.band.value != "healthy",
    )


def _sessions(agent: AiAgent, answer: ScoreDetail | None, picture: Picture) -> list[Line]:
    """The newest: those that the list of all sessions has of it, else those that its score tells."""
    own = [row for row in picture.snapshot.sessions.values() if row.agent == agent.key]
    if answer is not None:
        known = {row.key for row in own}
        own += [row for row in answer.recent if row.key not in known]
    own.sort(key=lambda row: row.began, reverse=True)
    if not own:
        return []
    lines = [rule("Sessions", right=f"newest {min(len(own), SESSIONS_SHOWN)} of {text.count(agent.sessions)}")]
    return lines + [score_detail.session_line(row, picture) for row in own[:SESSIONS_SHOWN]]


def _facts(agent: AiAgent, picture: Picture) -> list[Fact]:
    return [
        ("id", agent.key),
        ("name", agent.name if agent.name != agent.key else ""),
        ("first heard of", both(agent.first_seen, picture)),
        ("last heard of", both(agent.last_seen, picture)),
        ("sessions", f"{text.count(agent.sessions)} kept, {agent.running} of them without an end"),
    ]
