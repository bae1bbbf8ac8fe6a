"""View 8: sessions of AI agents, those with errors first; older ones as they are asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.feed.questions import SessionsAfter, Unanswered
from app.model.sessions import Intake, IntakeState, SessionList, SessionStatus
from app.tui.screens.session_list import MORE
from tests.literal_sessions import BROKEN, CODER, ai, session, sessions, with_sessions
from tests.literals import NOW, LiteralFeed, ago, fleet, keyed, only, site
from tests.screens.driving import driving


async def test_those_with_errors_first_then_the_newest() -> None:
    async with driving(with_sessions()) as deck:
        await deck.press("8")
        assert "▲2" in deck.lines[1]
        assert "●3" in deck.lines[1]
        rows = [line.split() for line in deck.lines[3:8]]
        assert [row[1] for row in rows] == [BROKEN, "0b8fc80d", "5a6e8d77", "77aa0011", "2628be71"]
        assert rows[0] == ["▲", BROKEN, CODER, "error", "15m", "42s", "12", "2", "3/4", "$1.234"]
        assert rows[2] == ["●", "5a6e8d77", CODER, "active", "5m", "5m", "12", "0", "4", "$0.034"]
        assert deck.line_with("2628be71").split()[3] == "idle"


async def test_wide_terminals_show_model_channel_context_and_label() -> None:
    async with driving(with_sessions(), size=(180, 30)) as deck:
        await deck.press("8")
        for words in ("TOKENS", "2.4k", "opal-4", "github", "CTX", "95%", "LAST", "review a change"):
            assert words in deck.text


@pytest.mark.parametrize(
    ("filtered", "found"),
    [
        ("err>0", {BROKEN, "0b8fc80d"}),
        ("agent:reviewer", {"77aa0011", "0b8fc80d"}),
        ("cost>0.1", {BROKEN}),
        ("took>5m", {"77aa0011", "2628be71"}),
        ("status:active", {"5a6e8d77"}),
        ("began>1d", {"2628be71"}),
        ("review change", {"77aa0011"}),
        ("tools>3 !coder", {"77aa0011", "0b8fc80d", "2628be71"}),
    ],
)
async def test_filters_by_words_and_figures(filtered: str, found: set[str]) -> None:
    async with driving(with_sessions(), size=(160, 24)) as deck:
        await deck.press("8", "/", *(" " if char == " " else char for char in filtered), "enter")
        shown = {key for key in (row.key for row in sessions()) if key in deck.text}
        assert shown == found


async def test_faults_are_stops_and_a_list_of_their_own() -> None:
    async with driving(with_sessions()) as deck:
        await deck.press("8", "n", "y")
        assert deck.copied == ["0b8fc80d"]
        await deck.press("f")
        assert "5a6e8d77" not in deck.text
        assert BROKEN in deck.text


async def test_what_is_not_listed_is_said_and_added() -> None:
    snapshot = with_sessions(ai=keyed([ai(CODER, 1_234)]))
    older = [session(f"old{number}", began=200_000 + number) for number in range(MORE)]
    feed = LiteralFeed(snapshot)
    feed.answers[SessionsAfter(5, MORE)] = SessionList(tuple(older))
    async with driving(feed=feed) as deck:
        await deck.press("8")
        assert "of 1,234 sessions" in deck.lines[1]
        assert "+1,229 older, not listed: + adds 500 · :session ID opens any" in deck.text
        await deck.press("+")
        await deck.until(lambda: "+729 older" in deck.text)
        await deck.press(*"/old499", "enter")
        assert "old499" in deck.text
        await deck.press("J")
        await deck.until(lambda: '"agent": "coder-7"' in deck.text)
        await deck.press("escape", "escape")
        # one that is pushed out of the newest stays, since older ones were asked for
        newer = [replace(row, last=ago(0)) if row.key == BROKEN else row for row in sessions() if row.key != "0b8fc80d"]
        await deck.push(only(snapshot, sessions=keyed(newer)))
        assert "0b8fc80d" in deck.text
        assert "of 1,234 sessions" in deck.lines[1]


async def test_an_older_one_of_which_nothing_comes_grows_idle() -> None:
    snapshot = with_sessions(ai=keyed([ai(CODER, 6)]))
    feed = LiteralFeed(snapshot)
    feed.answers[SessionsAfter(5, MORE)] = SessionList((session("old1", lasted=None, last=ago(1_700)),))
    async with driving(feed=feed) as deck:
        await deck.press("8", "+")
        await deck.until(lambda: "old1" in deck.text)
        assert deck.line_with("old1").split()[3] == SessionStatus.ACTIVE
        await deck.push(replace(snapshot, seq=2, at=NOW + timedelta(seconds=200)))
        await deck.pass_time(1)
        assert deck.line_with("old1").split()[3] == SessionStatus.IDLE
        await deck.press("+")
        assert "these are all sessions" in deck.text


async def test_older_ones_that_cannot_be_read_are_said() -> None:
    feed = LiteralFeed(with_sessions(ai=keyed([ai(CODER, 99)])))
    feed.answers[SessionsAfter(5, MORE)] = Unanswered("reading sessions needs the role operator")
    async with driving(feed=feed) as deck:
        await deck.press("8", "+")
        await deck.until(lambda: "needs the role operator" in deck.text)
        assert "+94 older" in deck.text


async def test_without_the_capability_the_key_explains() -> None:
    async with driving(fleet()) as deck:
        await deck.press("8")
        assert "Every run of an AI agent" in deck.text
        await deck.press("y")
        assert "$ watchdeck init sessions" in deck.text
        refused = Intake(IntakeState.REFUSED, "SESSIONS", "SESSIONS has workqueue retention: a reader takes messages")
        await deck.push(only(fleet(), site=site(intake=refused)))
        assert "None can come: SESSIONS has workqueue retention" in deck.text
        await deck.push(with_sessions(seq=5))
        assert BROKEN in deck.text
        assert "Every run" not in deck.text


async def test_the_overview_says_how_many_are_active_and_went_wrong() -> None:
    async with driving(with_sessions()) as deck:
        assert "8 Sessions   1 active, 1 with errors in the last hour" in deck.text
        await deck.press("tab", "G", "k", "enter")
        assert deck.lines[1].startswith(" Sessions")
    async with driving(fleet()) as deck:
        assert " 8 Sessions" not in deck.text
