"""View 6 has two lists: hosts and AI agents. Each is as it was left; one that is empty is not offered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.feed.questions import ScoreOf
from app.model.findings import Finding, Severity
from app.model.formulas import Sums, score
from app.model.scoring import Bands, Score, ScoreDetail, Weights
from app.model.sessions import AiState
from app.model.snapshot import Capability, Count, Snapshot
from tests.literal_sessions import CODER, ai, sessions, with_sessions
from tests.literals import NOW, LiteralFeed, agent, ago, keyed, only, site
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


async def test_a_host_and_its_ai_agents_lead_to_one_another() -> None:
    labelled = agent("build-01", labels=(("group", "ci"), ("agent", CODER)))
    hosts = {**fleet_with_ai().agents, labelled.key: labelled}
    same = ai("web-01", 7)
    tied = fleet_with_ai(agents=hosts, ai=keyed([ai(CODER, 2), same]))
    async with driving(tied, size=(100, 40)) as deck:
        await deck.press("6")
        await deck.burst("/build-01\r")
        await deck.press("enter")
        assert "─ AI agents ─" in deck.text
        assert deck.line_with(f" {CODER} ").split()[2:5] == ["idle", "1m", "72.8"]
        assert "here by label agent=coder-7" in deck.text
        assert "9f3c1a2b" in deck.text
        await deck.press("tab", "tab", "enter")
        assert f"Agents › build-01 › {CODER}" in deck.lines[1]
        assert "label agent=coder-7" in deck.line_with("  host ")
        await deck.press("R")
        assert "build-01: label agent=coder-7" in deck.text
        await deck.press("escape")
        await deck.burst(":agent web-01\r")
        await deck.press("tab")
        assert "here by the same name" in deck.text


async def test_hosts_that_nothing_ties_say_nothing_of_ai_agents() -> None:
    async with driving(fleet_with_ai()) as deck:
        await deck.press("6", "enter")
        assert "web-03" in deck.lines[1]
        assert "AI agents" not in deck.text


async def test_a_list_that_has_nothing_gives_its_place_until_it_has_something() -> None:
    snapshot = fleet_with_ai()
    async with driving(only(snapshot, agents={}, counts={"agents": Count(), "ai": Count(ok=3)})) as deck:
        await deck.press("6")
        assert CODER in deck.text
        await deck.push(only(snapshot, counts={"agents": Count(ok=10), "ai": Count(ok=3)}))
        assert "[hosts 10] · AI 3" in deck.lines[1]
        assert "web-03" in deck.text
        await deck.press("tab", "j")
        await deck.push(replace(snapshot, ai={}, counts={"agents": Count(ok=10), "ai": Count()}, seq=9))
        assert "web-03" in deck.text
        await deck.push(replace(snapshot, counts={"agents": Count(ok=10), "ai": Count(ok=3)}, seq=10))
        assert "hosts 10 · [AI 3]" in deck.lines[1]


async def test_keys_and_columns_of_the_list_in_front_are_told() -> None:
    async with driving(fleet_with_ai()) as deck:
        await deck.press("6", "tab")
        assert deck.lines[-1].startswith(" tab list ")
        await deck.press("?", "?")
        assert "Columns: AI agents" in deck.text
    async with driving(fleet_with_ai(ai={})) as deck:
        await deck.press("6")
        assert "tab" not in deck.lines[-1]


async def test_columns_by_the_room_there_is() -> None:
    async with driving(fleet_with_ai(), size=(80, 24)) as deck:
        await deck.press("6", "tab")
        head = deck.lines[2].replace("▴", "").split()
        assert head == ["AGENT", "STATE", "SEEN", "SCORE", "CHANGE", "MOVED", "BY", "SESS", "ERR", "COST"]
    async with driving(fleet_with_ai(), size=(200, 50)) as deck:
        await deck.press("6", "tab")
        assert deck.lines[2].split()[-3:] == ["TOOLS", "TIME", "TREND"]
        assert deck.line_with(CODER).split()[-3:-1] == ["88%", "38m20s"]


@pytest.mark.parametrize(
    ("filtered", "left"),
    [
        ("state:error", {"reviewer-2"}),
        ("score<80", {CODER}),
        ("change<-5", {CODER}),
        ("err>50%", {CODER}),
        ("seen>1h", {"triage-bot"}),
        ("cost>0.03 !coder", {"reviewer-2", "triage-bot"}),
        ("triage", {"triage-bot"}),
    ],
)
async def test_ai_agents_are_filtered_by_what_they_are(filtered: str, left: set[str]) -> None:
    async with driving(fleet_with_ai(), size=(160, 30)) as deck:
        await deck.press("6", "tab")
        await deck.burst(f"/{filtered}\r")
        assert {name for name in (CODER, "reviewer-2", "triage-bot") if deck.line_with(f" {name} ")} == left


async def test_a_finding_about_a_score_leads_to_the_score_and_its_agent() -> None:
    fell = Finding(
        f"score.fell|{CODER}", "score.fell", Severity.WARN, "score", CODER, "94 → 73: error_rate -21.0",
        refs=(f"score:{CODER}", f"ai:{CODER}"), since=ago(900),
    )  # fmt: skip
    async with driving(fleet_with_ai(findings=keyed([fell]))) as deck:
        await deck.press("6", "tab", "g")
        assert deck.line_with(CODER).startswith("▲")
        await deck.press("!", "enter")
        assert "Dimensions" in deck.text
        await deck.press("escape", "R")
        assert f"score {CODER}" in deck.text
        assert f"AI agent {CODER}" in deck.text


async def test_the_history_has_its_gaps_without_any_question() -> None:
    history = (90.0,) * 10 + (None,) * 10 + (80.0,) * 10
    async with driving(fleet_with_ai(ai=keyed([ai(CODER, 2, history=history)])), size=(100, 40)) as deck:
        await deck.press("6", "tab", "enter")
        assert "30 days" in deck.text
        assert "lowest  80.0" in deck.text
