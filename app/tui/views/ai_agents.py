"""AI agents: those that publish session events. How each stands, by its sessions and its score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from app.model import text
from app.model.health import Health
from app.model.scoring import Dimension, DimensionScore, Score
from app.model.sessions import AiAgent, AiState
from app.tui.picture import Picture, Standing
from app.tui.views import cells, scores, sessions
from app.tui.views.cells import left, right
from app.tui.views.view import GLYPH, Field, View
from widgets.columns import Cell

KIND = "ai"
_STYLES = {AiState.ACTIVE: "accent", AiState.ERROR: "warn", AiState.QUIET: "dim"}


def standing(agent: AiAgent, picture: Picture) -> Standing:
    """By its findings, by the band of its score in the window that is shown, and by how its newest session ended."""
    found = picture.standing(f"{KIND}:{agent.key}", "ai")
    score = scores.of(agent.key, picture)
    states = [Health.WARN] if agent.state is AiState.ERROR else []
    if score is not None:
        states.append(scores.band_health(score))
    worst = max((found.health, *states), key=lambda each: each.rank)
    if found.health is Health.STALE:
        return replace(found, fault=found.fault or any(each is not Health.OK for each in states))
    return Standing(worst, worst.rank, found.fault or worst is not Health.OK)


def tally(picture: Picture) -> tuple[tuple[str, str], ...]:
    """`7d  ✗1 ▲2 ●9`: the window of the scores, and how the agents stand."""
    return ((f"{picture.window}d", ""), ("  ", ""), *standings(picture))


def standings(picture: Picture) -> tuple[tuple[str, str], ...]:
    """`✗1 ▲2 ●9`: how many agents stand how, the worst first."""
    found = picture.once(
        f"AI agents {picture.window} {picture.stale('ai')}",
        lambda: Counter(standing(agent, picture).health for agent in picture.snapshot.ai.values()),
    )
    spans: list[tuple[str, str]] = []
    for health in sorted(found, key=lambda health: -health.rank):
        spans += [(f"{health.glyph}{found[health]}", health.value), (" ", "")]
    return tuple(spans[:-1])


def line(picture: Picture) -> str:
    """All in a few words: `4 active, 1 ended in error`."""
    found = Counter(agent.state for agent in picture.snapshot.ai.values())
    words = ((AiState.ACTIVE, "active"), (AiState.ERROR, "ended in error"))
    told = [f"{found[state]} {word}" for state, word in words if found[state]]
    return ", ".join(told) or "none active"


def _state(agent: AiAgent, picture: Picture) -> Cell:
    return Cell(agent.state.value, agent.state.value, _STYLES.get(agent.state, ""))


def _scored(cell: Callable[[Score, Picture], Cell]) -> Callable[[AiAgent, Picture], Cell]:
    """A cell of its score; `-` where it has none in the window, `?` while the window is still worked out."""

    def of_agent(agent: AiAgent, picture: Picture) -> Cell:
        score = scores.of(agent.key, picture)
        if score is not None:
            return cell(score, picture)
        return cells.ABSENT if scores.window_came(picture) else cells.UNKNOWN

    return of_agent


def _raw(dimension: Dimension, cell: Callable[[DimensionScore], Cell]) -> Callable[[AiAgent, Picture], Cell]:
    place = list(Dimension).index(dimension)
    return _scored(lambda score, picture: cell(score.dimensions[place]))


def _errors(each: DimensionScore) -> Cell:
    return cells.percent(each.raw, "warn" if each.has_data and each.score < 75 else "" if each.raw else "dim")


def _cost(each: DimensionScore) -> Cell:
    return Cell(sessions.dollars(round(each.raw * 1e9)), each.raw) if each.raw else cells.ABSENT


def _tools(each: DimensionScore) -> Cell:
    return cells.percent(each.raw, "warn" if each.score < 75 else "") if each.has_data else cells.ABSENT


def _time(each: DimensionScore) -> Cell:
    seconds = each.raw / 1000
    return Cell(text.took(seconds), seconds) if each.raw or each.of else cells.ABSENT


VIEW = View(
    id="ai",
    number="6",
    title="AI agents",
    kind=KIND,
    nouns=("AI agent", "AI agents"),
    section="ai",
    sections=frozenset({"findings", "ai", "scores"}),
    sources=("sessions",),
    called="AI",
    sort="seen",
    reverse=True,
    standing=standing,
    names=lambda agent, picture: f"{agent.key} {agent.name}",
    copy=lambda agent: agent.key,
    tally=tally,
    lacks=lambda picture: "" if picture.snapshot.ai else scores.no_events(picture, "AI agents need session events"),
    looks=lambda picture: f"scores:{picture.window}",
    empty="No AI agents yet.",
    fields=(
        GLYPH,
        Field(
            left("agent", "AGENT", 14, flex=True, help="the id that its events give"), lambda a, p: cells.plain(a.key)
        ),
        Field(
            left(
                "state",
                "STATE",
                7,
                help="active: a session runs; error: its newest ended in one; quiet: nothing for 24h; else idle",
            ),
            _state,
        ),
        Field(
            right("seen", "SEEN", 4, help="since its last event"),
            lambda a, p: cells.since(a.last_seen, p, 4, exact=True),
            times=True,
        ),
        Field(
            right("score", "SCORE", 5, help="overall, 0 to 100, of the window; + and - change it"),
            _scored(scores.overall),
        ),
        Field(
            right("change", "CHANGE", 6, help="points since the window before; new: it had no sessions then"),
            _scored(scores.change),
        ),
        Field(
            left("moved", "MOVED BY", 18, flex=True, help="what moved it most, in points of the whole"),
            _scored(lambda score, picture: cells.plain(scores.moved_by(score, 1) if score.delta else "")),
        ),
        Field(
            right("sessions", "SESS", 5, help="sessions in the window; ? too few to trust"),
            _scored(scores.session_count),
        ),
        Field(right("err", "ERR", 4, 2, help="sessions with errors, percent"), _raw(Dimension.ERROR_RATE, _errors)),
        Field(right("cost", "COST", 7, 2, help="US dollars a session"), _raw(Dimension.COST_EFFICIENCY, _cost)),
        Field(
            right("tools", "TOOLS", 5, 3, help="tool calls that succeeded, percent"),
            _raw(Dimension.TOOL_SUCCESS, _tools),
        ),
        Field(right("time", "TIME", 6, 3, help="mean time that a session took"), _raw(Dimension.LATENCY, _time)),
        Field(left("trend", "TREND", 10, 3, help="its scores of 30 days"), lambda a, p: scores.history(a.key, p)),
    ),
)
