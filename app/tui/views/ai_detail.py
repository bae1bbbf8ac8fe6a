"""The detail of an AI agent: how it stands, its score and what moved it, thirty days of it, its sessions."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nlargest

from app.feed.questions import Unanswered
from app.model import text
from app.model.scoring import ScoreDetail
from app.model.sessions import AiAgent, Session
from app.tui.lines import BLANK, Line, rule
from app.tui.picture import Picture
from app.tui.views import agent_ties, ai_agents, parts, score_pane, scores, sessions
from app.tui.views.parts import Fact, both
from app.tui.views.score_chart import chart

SESSIONS_SHOWN = 10
NEEDS = frozenset({"findings", "ai", "scores", "sessions", "agents"})
Answer = ScoreDetail | Unanswered | None


def title(key: str, picture: Picture) -> str:
    return parts.name_of(key, picture)


def detail(key: str, picture: Picture, width: int, told: Answer) -> list[Line]:
    """`told`: what the worker answered about its score, for its sessions beyond the newest of all agents."""
    agent = picture.snapshot.ai.get(key)
    answer = told if isinstance(told, ScoreDetail) else None
    if agent is None:
        agent = answer.agent if answer is not None else None
    if agent is None:
        waits = told is None or "ai" not in picture.held
        return [BLANK, Line((("  Asking for it …", "dim"),))] if waits else parts.gone("AI agent", key, picture)
    score = scores.of(key, picture)
    band = "" if score is None else f"{score.overall:.1f} {score.band.value}"
    name = agent.name if agent.name != key else ""
    lines = [parts.head(key, ai_agents.standing(agent, picture), (name, agent.state.value, band))]
    lines += parts.findings(picture.findings_of(f"ai:{key}"), picture)
    lines += _score(agent, picture)
    if score is not None:
        lines += score_pane.dimensions(score, width)
    lines += _sessions(agent, _known(key, answer, picture), picture, width)
    if isinstance(told, Unanswered):
        lines.append(Line(((f"  older ones: {told.why}", "unknown"),)))
    lines += chart(agent.history, picture, width)
    return [*lines, rule("Agent"), *parts.facts(_facts(agent, picture), width), *_hosts(agent, picture)]


def _score(agent: AiAgent, picture: Picture) -> list[Line]:
    """The score of the window in a line; Enter goes to the breakdown."""
    score = scores.of(agent.key, picture)
    days = f"{picture.window} day{'' if picture.window == 1 else 's'}"
    lines = [rule(f"Score of {days}", right="enter: breakdown · + -: window")]
    way = f"score:{agent.key}"
    if score is None:
        none = "no sessions in it" if scores.window_came(picture) else "computing …"
        return [*lines, Line(((f"  {none}", "dim"),), key="score", target=way, copy=agent.key)]
    against = f"{scores.points(score.delta)} against the {days} before"
    if score.previous is None:
        against = f"nothing in the {days} before to compare with"
    health = scores.band_health(score)
    few = ": too few to trust" if score.low_confidence else ""
    return [
        *lines,
        Line(
            (
                (f"  {score.overall:.1f} {score.band.value}", health.value if health.rank else "strong"),
                (" · ", "dim"),
                (against, scores.change_style(score.delta)),
                (f" · {score.sessions} session{'' if score.sessions == 1 else 's'}{few}", "dim"),
            ),
            key="score",
            target=way,
            copy=f"{agent.key} {score.overall:.1f} ({scores.points(score.delta)})",
            fault=bool(health.rank),
        ),
    ]


def _facts(agent: AiAgent, picture: Picture) -> list[Fact]:
    running = f", {agent.running} running" if agent.running else ""
    return [
        ("name", agent.name),
        ("first seen", both(agent.first_seen, picture)),
        ("last seen", both(agent.last_seen, picture)),
        ("sessions kept", f"{agent.sessions:,}{running}"),
    ]


def _hosts(agent: AiAgent, picture: Picture) -> list[Line]:
    """The hosts that it is on, as far as names and labels tell."""
    return [
        Line(
            ((f"  {'host':<16} ", "dim"), (tie.host.hostname, "accent"), (f"  {tie.why}", "dim")),
            key=f"agent:{tie.host.key}",
            target=f"agent:{tie.host.key}",
            copy=tie.host.hostname,
        )
        for tie in agent_ties.of_agent(agent, picture)
    ]


def _known(key: str, answer: ScoreDetail | None, picture: Picture) -> Mapping[str, Session]:
    """Its sessions: the newest as they are now, and older ones as they were answered."""
    older = answer.recent if answer is not None else ()
    rows = {row.key: sessions.as_of_now(row, picture) for row in older}
    return rows | {row.key: row for row in picture.snapshot.sessions.values() if row.agent == key}


def _sessions(agent: AiAgent, rows: Mapping[str, Session], picture: Picture, width: int) -> list[Line]:
    """Newest first; Enter opens each."""
    if not rows:
        return [rule("Sessions"), Line((("  none are known", "dim"),))]
    newest = nlargest(SESSIONS_SHOWN, rows.values(), key=lambda row: row.began)
    lines = parts.table(
        "Sessions", sessions.VIEW, newest, picture, width,
        without=("agent",), sort=lambda session, _: -session.began.timestamp(),
    )  # fmt: skip
    more = agent.sessions - len(newest)
    if more > 0:
        way = f"view:sessions /agent:{agent.key}"
        told = f"  +{text.count(more)} older are kept · view 8, filter agent:{agent.key}"
        lines.append(Line(((told, "dim"),), key="older", target=way, copy=agent.key))
    return lines
