"""AI agents: those that publish session events, with how they do in the window of scores. The second list of view 6."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from app.model import text
from app.model.health import Health
from app.model.scoring import Band, Dimension, DimensionScore
from app.model.sessions import AiAgent, AiState
from app.tui.picture import Picture, Standing
from app.tui.views import cells, scores
from app.tui.views.cells import left, right
from app.tui.views.sessions import dollars, length
from app.tui.views.view import GLYPH, Field, View
from widgets.columns import Cell

KIND = "ai"
_STATES = {AiState.ACTIVE: "accent", AiState.ERROR: "warn", AiState.QUIET: "dim", AiState.IDLE: ""}


def standing(agent: AiAgent, picture: Picture) -> Standing:
    """The worst of: how its score stands, what findings say, and that its newest session ended in error."""
    found = picture.standing(f"{KIND}:{agent.key}", "ai")
    score = scores.of(agent.key, picture)
    if found.health is not Health.STALE and score is not None:
        found = max(found, scores.standing(score, picture), key=lambda each: (each.rank, each.fault))
    if agent.state is AiState.ERROR:
        worse = found if found.rank >= Health.WARN.rank else Standing(Health.WARN, Health.WARN.rank, True)
        return replace(worse, fault=True)
    return found


def title(agent: AiAgent) -> str:
    """Its id, by which everything names it."""
    return text.cut(agent.key, 60)


def _score(agent: AiAgent, picture: Picture) -> Cell:
    score = scores.of(agent.key, picture)
    if score is None:
        return cells.ABSENT
    style = "" if score.band is Band.HEALTHY else scores.band_health(score).value
    return Cell(f"{score.overall:.1f}", -score.overall, style)


def _change(agent: AiAgent, picture: Picture) -> Cell:
    score = scores.of(agent.key, picture)
    return cells.ABSENT if score is None else scores.change(score, picture)


def _moved(agent: AiAgent, picture: Picture) -> Cell:
    score = scores.of(agent.key, picture)
    return cells.plain(scores.moved_by(score, 1) if score is not None and score.delta else "")


def _sessions(agent: AiAgent, picture: Picture) -> Cell:
    score = scores.of(agent.key, picture)
    return cells.ABSENT if score is None else scores.session_count(score, picture)


def _dimension(agent: AiAgent, picture: Picture, dimension: Dimension) -> DimensionScore | None:
    """Its raw figures in the window; None where there is nothing of it."""
    score = scores.of(agent.key, picture)
    found = score.dimensions[list(Dimension).index(dimension)] if score is not None else None
    return found if found is not None and (found.of or found.raw) else None


def _errors(agent: AiAgent, picture: Picture) -> Cell:
    found = _dimension(agent, picture, Dimension.ERROR_RATE)
    return cells.ABSENT if found is None else cells.percent(found.raw, "warn" if found.score < 75 else "")


def _cost(agent: AiAgent, picture: Picture) -> Cell:
    found = _dimension(agent, picture, Dimension.COST_EFFICIENCY)
    return cells.ABSENT if found is None or not found.raw else Cell(dollars(round(found.raw * 1e9)), found.raw)


def _tools(agent: AiAgent, picture: Picture) -> Cell:
    found = _dimension(agent, picture, Dimension.TOOL_SUCCESS)
    if found is None or not found.has_data:
        return cells.ABSENT
    return cells.percent(max(0.0, found.raw), "warn" if found.score < 75 else "")


def _time(agent: AiAgent, picture: Picture) -> Cell:
    found = _dimension(agent, picture, Dimension.LATENCY)
    return cells.ABSENT if found is None or not found.raw else Cell(length(found.raw / 1000), found.raw / 1000)


def tally(picture: Picture) -> tuple[tuple[str, str], ...]:
    """The window that its figures are of, and how the agents stand: `7d  ▲2 ●9`."""
    states = Counter(standing(agent, picture).health for agent in picture.snapshot.ai.values())
    spans: list[tuple[str, str]] = [(f"{picture.window}d", ""), ("  ", "")]
    for health in sorted(states, key=lambda health: -health.rank):
        spans += [(f"{health.glyph}{states[health]}", health.value), (" ", "")]
    return tuple(spans[:-1])


VIEW = View(
    id="ai",
    number="6",
    title="AI agents",
    kind=KIND,
    nouns=("AI agent", "AI agents"),
    section="ai",
    sections=frozenset({"findings", "ai", "scores"}),
    sources=("sessions",),
    sort="seen",
    standing=standing,
    names=lambda agent, picture: f"{agent.key} {agent.name}",
    copy=lambda agent: agent.key,
    tally=lambda picture: picture.once("ai tally", lambda: tally(picture)),
    lacks=lambda picture: "" if picture.snapshot.ai else scores.no_events(picture, "AI agents need session events"),
    looks=lambda picture: f"scores:{picture.window}",
    empty="No AI agent has sent session events.",
    fields=(
        GLYPH,
        Field(
            left("agent", "AGENT", 14, flex=True, help="the id that its events give"), lambda a, p: cells.plain(a.key)
        ),
        Field(
            left("state", "STATE", 7, help="active, idle; error: its newest session; quiet: nothing for a day"),
            lambda a, p: Cell(a.state.value, a.state.value, _STATES[a.state]),
        ),
        Field(
            right("seen", "SEEN", 4, help="since its last event"),
            lambda a, p: cells.since(a.last_seen, p, 4, exact=True),
            times=True,
        ),
        Field(right("score", "SCORE", 5, help="overall, 0 to 100, of the window; + and - change it"), _score),
        Field(right("change", "CHANGE", 6, help="points since the window before; new: it had no sessions"), _change),
        Field(left("moved", "MOVED BY", 18, flex=True, help="the dimension that moved it most, in points"), _moved),
        Field(right("sess", "SESS", 5, help="sessions in the window; ? too few to trust"), _sessions),
        Field(right("err", "ERR", 4, 2, help="sessions with errors, percent"), _errors),
        Field(right("cost", "COST", 7, 2, help="US dollars a session"), _cost),
        Field(right("tools", "TOOLS", 5, 3, help="tool calls that succeeded, percent"), _tools),
        Field(right("time", "TIME", 6, 3, help="mean time of a session"), _time),
        Field(left("trend", "TREND", 10, 3, help="its scores of 30 days"), lambda a, p: scores.history(a.key, p)),
    ),
)
