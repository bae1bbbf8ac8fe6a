"""View 6 has two lists: hosts and AI agents. Each is as it was left; one that is empty is not offered."""

from __future__ import annotations

import pytest

from app.feed.questions import ScoreOf
from app.model.formulas import Sums, score
from app.model.scoring import Bands, Score, ScoreDetail, Weights
from app.model.sessions import AiState
from app.model.snapshot import Capability, Snapshot
from tests.literal_sessions import CODER, ai, sessions, with_sessions
from tests.literals import NOW, LiteralFeed, ago, keyed, site
from tests.screens.driving import driving


def scored(agent: str, bad: int, before: int, window: int = 7) -> Score:
    now = Sums(40, bad, 34, 1, 35, 80_500_000, 1_360_000_000, 25, 3)
    then = Sums(40, before, 34, 1, 35, 80_500_000, 1_360_000_000, 25, 3)
    return score(agent, window, now, then, then, Weights(), Bands())


def fleet_with_ai(**changed: object) -> Snapshot:
    agents = [ai(CODER, 2), ai("reviewer-2", 2, state=AiState.ERROR), ai("triage-bot", 1, last_seen=ago(90_000))]
    given: dict[str, object] = {
        "scores": keyed([scored(CODER, 30, 2), scored("reviewer-2", 2, 2), scored("triage-bot", 2, 9)]),
        "ai": keyed(agents),
    }
    return with_sessions(**{**given, **changed})


async def test_tab_goes_to_the_ai_agents_and_back() -> None:
    async with driving(fleet_with_ai()) as deck:
        await deck.press("6")
        assert "[hosts 10] · AI 3" in deck.lines[1]
        assert "web-03" in deck.text
        await deck.press("tab")
        assert deck.line_with("AGENT").split()[:4] == ["AGENT", "STATE", "▴SEEN", "SCORE"]
        assert "web-03" not in deck.text
        row = deck.line_with(CODER)
        assert row.startswith("▲")
        assert row.split()[1:] == [CODER, "idle", "1m", "72.8", "-21.0", "error", "-21.0", "40", "75%", "$0.034"]
        await deck.press("shift+tab")
        assert "web-03" in deck.text


async def test_each_list_is_as_it_was_left() -> None:
    async with driving(fleet_with_ai()) as deck:
        await deck.press("6")
        await deck.burst("/web\r")
        await deck.press("tab")
        assert "/web" not in deck.lines[1]
        await deck.burst("/triage\r")
        assert CODER not in deck.text
        await deck.press("tab")
        assert "/web" in deck.lines[1]
        await deck.press("escape", "tab")
        assert "/triage" in deck.lines[1]


async def test_one_whose_newest_session_failed_is_a_fault_to_stop_at() -> None:
    async with driving(fleet_with_ai()) as deck:
        await deck.press("6", "tab", "f")
        assert "reviewer-2" in deck.text
        assert "triage-bot" not in deck.text


async def test_an_agent_leads_to_its_score_and_its_sessions() -> None:
    feed = LiteralFeed(fleet_with_ai())
    detail = ScoreDetail(
        ai(CODER, 2), 7, ago(604_800), NOW, scored(CODER, 30, 2), (), (), tuple(sessions()[:1]), Weights()
    )
    feed.answers[ScoreOf(CODER, 7)] = detail
    async with driving(feed=feed) as deck:
        await deck.press("6", "tab", "g", "enter")
        assert f"Agents › {CODER}" in deck.lines[1]
        assert "72.8 warning" in deck.text
        assert "error       25" in deck.text
        assert "9f3c1a2b" in deck.text
        await deck.press("j", "enter")
        assert "Dimensions" in deck.text
        await deck.press("escape", "R")
        assert "those of coder-7" in deck.text


async def test_the_window_of_scores_is_changed_from_here() -> None:
    feed = LiteralFeed(fleet_with_ai())
    async with driving(feed=feed) as deck:
        await deck.press("6", "tab", "+")
        assert deck.surface.picture.window == 14
        assert any("scores:14" in looked for looked in feed.looked)


async def test_without_ai_agents_there_is_one_list() -> None:
    async with driving(with_sessions(ai={}, sessions={}, scores={})) as deck:
        await deck.press("6", "tab")
        assert "there is no other list here" in deck.text
        assert "hosts" not in deck.lines[1]


async def test_without_hosts_the_ai_agents_are_shown_at_once() -> None:
    there = frozenset({Capability.BROKER, Capability.SESSIONS})
    bare = fleet_with_ai(agents={}, vitals={}, counts={}, site=site(capabilities=there))
    async with driving(bare) as deck:
        await deck.press("6")
        assert CODER in deck.text
        assert "AI 3" not in deck.lines[1]  # there is nothing else to be told from


async def test_an_agent_that_is_gone_says_so() -> None:
    feed = LiteralFeed(fleet_with_ai())
    async with driving(feed=feed) as deck:
        await deck.press("6", "tab", "g", "enter")
        await deck.push(fleet_with_ai(ai={}, scores={}, sessions={}))
        assert "is not there (any more)" in deck.text


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (100, 30), (200, 50)])
async def test_it_fits_every_terminal(size: tuple[int, int]) -> None:
    agents = [ai("x" * 10_000, 2), ai("\u202eevil", 1)]
    async with driving(fleet_with_ai(ai=keyed(agents), scores={}), size=size) as deck:
        await deck.press("6", "tab")
        assert all(len(line) <= size[0] for line in deck.lines)
        await deck.press("enter")
        assert all(len(line) <= size[0] for line in deck.lines)


async def test_an_agent_is_opened_by_its_name() -> None:
    async with driving(fleet_with_ai()) as deck:
        await deck.press("7")
        await deck.burst(f":agent {CODER}\r")
        assert deck.lines[1].endswith("7d")
        assert CODER in deck.lines[1]
