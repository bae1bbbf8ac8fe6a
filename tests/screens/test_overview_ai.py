"""The overview with AI agents: their list in the pane of agents, and the score of the one under the cursor."""

from __future__ import annotations

import pytest

from app.model.scoring import Score
from app.model.sessions import AiState
from app.model.snapshot import Capability, Count, Snapshot
from tests.literal_sessions import ai, with_sessions
from tests.literals import ago, calm, keyed, site
from tests.screens.driving import Driven, driving
from tests.screens.test_scores_view import BAD, GOOD, scored

NAMES = ("alpha", "mid", "zeta")


def found() -> list[Score]:
    """One that rose, one that fell, one that stands."""
    return [scored("alpha", GOOD, BAD), scored("mid", BAD, GOOD), scored("zeta", GOOD, GOOD)]


def scene(**changed: object) -> Snapshot:
    agents = [ai(name, last_seen=ago(10 + place), state=AiState.ACTIVE) for place, name in enumerate(NAMES)]
    counts = {**calm().counts, "ai": Count(ok=3)}
    given = {"scores": keyed(found()), "ai": keyed(agents), "findings": {}, "counts": counts}
    return with_sessions(**{**given, **changed})


def plain(**changed: object) -> Snapshot:
    """Streams and sessions, and no fleet of hosts."""
    there = frozenset({Capability.BROKER, Capability.SESSIONS})
    counts = {"streams": Count(ok=9), "consumers": Count(ok=63), "ai": Count(ok=3)}
    rows = {"agents": {}, "vitals": {}, "facts": {}, "jobs": {}, "deadletters": {}, "queue": None}
    return scene(**{**rows, "counts": counts, "site": site(capabilities=there), **changed})


def pane(deck: Driven, title: str) -> str:
    """The line with a pane's title, and the one below it."""
    at = next(place for place, line in enumerate(deck.lines) if title in line)
    column = deck.lines[at].index(title)
    return " ".join(line[column:].strip() for line in deck.lines[at : at + 2])


async def to_ai(deck: Driven) -> None:
    """The cursor into the list of AI agents."""
    for _ in range(12):
        await deck.press("tab")
        if "[AI 3]" in deck.text:
            return
    raise AssertionError(deck.text)


@pytest.mark.parametrize("size", [(120, 30), (200, 50)])
async def test_the_score_is_of_the_agent_under_the_cursor_else_of_the_one_that_fell_most(size: tuple[int, int]) -> None:
    async with driving(scene(), size=size) as deck:
        assert "6 Agents [hosts 10] · AI 3" in deck.text
        assert "fell most" in deck.text
        assert "mid" in pane(deck, "7 Scores · 7d")
        await to_ai(deck)
        assert "under the cursor" in deck.text
        assert "alpha" in pane(deck, "7 Scores · 7d")
        await deck.press("j")
        await deck.press("j")
        assert "zeta" in pane(deck, "7 Scores · 7d")
        await deck.press("shift+tab")
        assert "[hosts 10] · AI 3" in deck.text
        assert "fell most" in deck.text


async def test_it_does_not_change_while_the_cursor_is_in_it() -> None:
    async with driving(scene(), size=(200, 50)) as deck:
        await to_ai(deck)
        await deck.press("tab")
        assert "alpha" in pane(deck, "7 Scores · 7d")
        worse = [scored("alpha", GOOD, BAD), scored("mid", GOOD, GOOD), scored("zeta", BAD, GOOD)]
        await deck.push(scene(scores=keyed(worse), seq=2))
        assert "alpha" in pane(deck, "7 Scores · 7d")
        await deck.press("enter")
        assert deck.lines[1].startswith(" Overview › alpha")
        await deck.press("escape", "shift+tab", "shift+tab")
        assert "zeta" in pane(deck, "7 Scores · 7d")


async def test_all_dimensions_where_there_is_room_those_that_moved_it_first() -> None:
    async with driving(scene(), size=(200, 50)) as deck:
        at = next(place for place, line in enumerate(deck.lines) if "7 Scores · 7d" in line)
        names = [line[142:].split()[0] for line in deck.lines[at + 2 : at + 7]]
        assert names[0] == "error"
        assert sorted(names) == ["completion", "cost", "error", "time", "tools"]
    async with driving(scene(), size=(120, 30)) as deck:
        assert deck.line_with("error   ")


@pytest.mark.parametrize("size", [(80, 24), (120, 30), (200, 50)])
async def test_a_site_without_hosts_shows_its_ai_agents(size: tuple[int, int]) -> None:
    async with driving(plain(), size=size) as deck:
        if size == (80, 24):
            assert "6 Agents     ●3" in deck.text
            assert "3 active" in deck.line_with(" 6 Agents")
        else:
            assert "STATE" in deck.text
            assert "alpha" in deck.text
            assert "hosts 0" not in deck.text
            assert "mid" in pane(deck, "7 Scores · 7d")
        await deck.press("6")
        assert deck.line_with(" alpha ")
        await deck.press("tab")
        assert "there is no other list here" in deck.text


async def test_the_line_of_agents_tells_of_both() -> None:
    failed = [ai("alpha", state=AiState.ACTIVE), ai("mid", state=AiState.ERROR)]
    async with driving(scene(ai=keyed(failed)), size=(100, 24)) as deck:
        assert "AI 2: 1 active, 1 ended in error" in deck.line_with(" 6 Agents")


async def test_another_window_is_that_of_the_panes_too() -> None:
    longer = [scored("alpha", BAD, GOOD, window=14), scored("mid", GOOD, GOOD, window=14)]
    async with driving(scene(), size=(200, 50)) as deck:
        await deck.press("+")
        assert "7 Scores · 7d" in deck.text  # until those of the other one have come
        assert any("scores:14" in looked for looked in deck.feed.looked)
        await deck.push(scene(scores=keyed([*found(), *longer]), seq=2))
        assert "alpha" in pane(deck, "7 Scores · 14d")


@pytest.mark.parametrize("size", [(120, 30), (200, 50)])
async def test_a_zoom_from_the_score_is_one_of_now_and_comes_back(size: tuple[int, int]) -> None:
    async with driving(scene(), size=size) as deck:
        await deck.press("shift+tab")  # from Now to the line of the events
        await deck.press("shift+tab")
        await deck.press("z")
        assert "zoomed: z goes back" in deck.text
        assert "7 Scores" not in deck.text
        assert "─ Now" in deck.lines[2]
        await deck.press("z")
        assert "zoomed" not in deck.text
        assert "7 Scores · 7d" in deck.text
