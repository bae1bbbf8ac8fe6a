"""Gateways in the deck: among components, their sessions among sessions, and what was said in these."""

from __future__ import annotations

from typing import Any

from app.feed.questions import ChatOf, Unanswered
from app.model.chat import Chat, Message, chat
from app.model.components import Component, ComponentKind
from app.model.gateways import GatewayState
from app.model.sessions import UNTOLD, Session, SessionStatus
from app.model.snapshot import Snapshot
from tests.gateway_double import HISTORY
from tests.literal_sessions import BROKEN, ai, sessions, with_sessions
from tests.literals import LiteralFeed, ago, fleet, keyed, only
from tests.screens.driving import driving

KEY = "main/agent:mc-web:main"
ASKED = ChatOf(KEY, "main")


def gateway(state: GatewayState = GatewayState.CONNECTED, reason: str = "2 sessions", **fields: Any) -> Component:
    return Component(
        "gateway:main", ComponentKind.GATEWAY, "main", state.health, state.value, since=ago(60), reason=reason,
        latency=0.004, version="2026.3.1", address="ws://gw.example:18789", **fields,
    )  # fmt: skip


def told_of(key: str = KEY, **fields: Any) -> Session:
    return Session(**{
        "key": key, "agent": "mc-web", "status": SessionStatus.ACTIVE, "began": UNTOLD, "last": ago(45),
        "label": "Web", "channel": "slack", "model": "opal-4", "gateway": "main", "context_used": 95_000,
        "context_most": 100_000, **fields,
    })  # fmt: skip


def snapshot(component: Component | None = None, **changed: Any) -> Snapshot:
    base = with_sessions(*sessions(), told_of(), told_of("main/agent:mc-7:main", label="Quiet", last=UNTOLD,
                                                         status=SessionStatus.IDLE))  # fmt: skip
    return only(base, components={**base.components, "gateway:main": component or gateway()}, **changed)


def feed(answer: Chat | Unanswered | None = None, **changed: Any) -> LiteralFeed:
    made = LiteralFeed(snapshot(**changed))
    made.answers[ASKED] = chat(KEY, HISTORY, 500) if answer is None else answer
    return made


async def test_a_gateway_among_the_components() -> None:
    async with driving(snapshot(), size=(120, 30)) as deck:
        await deck.press("2", "/", *"gateway", "enter")
        line = deck.line_with("2 sessions")
        assert line.split()[:5] == ["●", "main", "gateway", "-", "connected"]
        await deck.press("enter")
        for words in ("ws://gw.example:18789", "2026.3.1", "4.0ms"):
            assert words in deck.text
        refused = gateway(GatewayState.UNAUTHORIZED, "authentication failed: check the gateway's token")
        await deck.push(only(snapshot(refused)))
        assert "authentication failed" in deck.text
        assert "unauthorized" in deck.text


async def test_its_sessions_among_the_sessions() -> None:
    async with driving(snapshot(), size=(200, 30)) as deck:
        await deck.press("8")
        row = deck.line_with("Web ").split()
        assert row[:4] == ["●", "Web", "mc-web", "active"]
        for words in ("opal-4", "slack", "95%", "45s"):
            assert words in deck.line_with("Web ")
        assert row[4:9] == ["-"] * 5  # when it began, and events and what is counted of them, are not told
        quiet = deck.line_with("Quiet ").split()
        assert quiet[3:9] == ["idle", "-", "-", "-", "-", "-"]
        assert "56y" not in deck.text
        assert "1970" not in deck.text
        await deck.press("/", *"channel:slack", "enter")
        assert BROKEN not in deck.text


async def test_one_whose_gateway_is_away_is_as_last_known() -> None:
    away = gateway(GatewayState.REFUSED, "connection refused")
    async with driving(snapshot(away)) as deck:
        await deck.press("8")
        assert deck.line_with("Web ").split()[0] == "○"
        assert deck.line_with(BROKEN).split()[0] == "▲"
        assert "○2" in deck.lines[1]


async def test_the_count_of_older_ones_is_of_the_store() -> None:
    full = snapshot(ai=keyed([ai("coder-7", 7)]))
    async with driving(full) as deck:
        await deck.press("8")
        assert "+2 older, not listed" in deck.text
    async with driving(snapshot(ai=keyed([ai("coder-7", 5)]))) as deck:
        await deck.press("8")
        assert "older" not in deck.text


async def test_what_was_said_in_it() -> None:
    async with driving(feed=feed()) as deck:
        await deck.press("8", "/", *"Web", "enter", "enter")
        await deck.until(lambda: "It fails." in deck.text)
        assert "gateway main" in deck.text
        assert "context 95% full" in deck.text
        text = deck.text
        for words in ("Chat", "4 messages", "fix the build", "I look.", "One moment.", "→ exec  command=make",
                      "exec  failed", "make: *** Error 2"):  # fmt: skip
            assert words in text
        assert "user" in deck.line_with("14:13:20")
        assert "1970" not in text
        await deck.press("J")
        await deck.until(lambda: '"role": "user"' in deck.text)


async def test_a_gateway_that_does_not_answer_says_so() -> None:
    away = feed(Unanswered("connection refused"), component=gateway(GatewayState.REFUSED, "connection refused"))
    async with driving(feed=away) as deck:
        await deck.press("8", "/", *"Web", "enter", "enter")
        await deck.until(lambda: "  connection refused" in deck.text)
        assert "as last known: gateway main is refused" in deck.text


async def test_nothing_said_and_earlier_ones_left_out() -> None:
    async with driving(feed=feed(Chat(KEY))) as deck:
        await deck.press("8", "/", *"Web", "enter", "enter")
        await deck.until(lambda: "Nothing was said that is told." in deck.text)
    many = Chat(KEY, (Message("user", "the last"),), 1_234)
    async with driving(feed=feed(many)) as deck:
        await deck.press("8", "/", *"Web", "enter", "enter")
        await deck.until(lambda: "… 1,234 earlier messages are not read" in deck.text)


async def test_with_gateways_alone_there_is_a_list() -> None:
    alone = only(fleet(), sessions=keyed([told_of()]), components={"gateway:main": gateway()})
    async with driving(alone) as deck:
        assert " 8 Sessions" in deck.text
        await deck.press("8")
        assert deck.line_with("Web ").split()[0] == "●"
