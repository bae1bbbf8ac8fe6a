"""The detail of a session: what it was, its events from the one that matters on, page by page, and while it goes on."""

from __future__ import annotations

from dataclasses import replace

from app.feed.questions import ScoreOf, SessionOf, Unanswered
from app.model.scoring import Dimension, Mover
from app.model.sessions import UNTOLD, SessionDetail, SessionStatus
from app.tui.screens.session import PAGE, SessionPage
from app.tui.views.scores import KIND
from tests.literal_sessions import (
    BROKEN,
    CODER,
    event,
    events,
    many,
    score,
    score_told,
    session,
    sessions,
    told,
    with_sessions,
)
from tests.literals import LiteralFeed, ago, keyed, only
from tests.screens.driving import Driven, driving

ASKED = SessionOf(BROKEN, limit=PAGE)


def feed_with(answer: SessionDetail | Unanswered | None = None, **changed: object) -> LiteralFeed:
    feed = LiteralFeed(with_sessions(**changed))
    feed.answers[ASKED] = told() if answer is None else answer
    return feed


async def open_broken(deck: Driven) -> None:
    await deck.press("8", "enter")
    page = deck.surface.stacks.page
    assert isinstance(page, SessionPage)
    await deck.until(lambda: page.told is not None)
    await deck.settle()


def cursor_line(deck: Driven) -> str:
    line = deck.surface.stacks.page.document.current  # type: ignore[attr-defined]
    return "" if line is None else "".join(part for part, _ in line.spans)


async def test_it_opens_at_the_error_with_everything_around_it() -> None:
    async with driving(feed=feed_with()) as deck:
        await open_broken(deck)
        assert deck.lines[1].split("  ")[0].strip() == f"Sessions › {BROKEN}"
        assert f"▲ WARN session {BROKEN} · error · fix the build" in deck.lines[2]
        for words in ("took 42s", "12 events · 2 errors · 3 of 4 tool calls ok", "$1.234 · 2 answers of opal-4",
                      "2.0k tokens read, 400 written"):  # fmt: skip
            assert words in deck.text
        assert deck.line_with("tool_error").split()[:4] == ["✗", "13:50:40", "+9.0s", "tool_error"]
        assert "git: remote rejected (hook decl" in deck.line_with("tool_error")
        assert deck.line_with("tool_response").split()[0] == "▲"
        assert deck.line_with("llm_response").endswith("$0.034")
        assert "tool_error" in cursor_line(deck)


async def test_errors_are_stops_and_enter_shows_an_event_in_full() -> None:
    async with driving(feed=feed_with()) as deck:
        await open_broken(deck)
        await deck.press("n")
        assert "bash failed in 300ms: exit status" in cursor_line(deck)
        await deck.press("N", "enter")
        assert deck.lines[1].strip().endswith("› tool_error")
        assert "git: remote rejected (hook declined) after 1.2s" in deck.text
        assert '"error": "remote rejected (hook declined)"' in deck.text
        assert "13:50:40.000 UTC, +9.0s" in deck.text
        await deck.press("J")
        assert '"severity": "error"' in deck.text
        await deck.press("escape", "escape")
        assert "tool_error" in cursor_line(deck)


async def test_the_chat_of_a_call_is_readable() -> None:
    async with driving(feed=feed_with(), size=(80, 50)) as deck:
        await open_broken(deck)
        await deck.press("k", "k", "enter")
        for words in ("Chat", "You fix builds.", "fix the failing build", "→ bash  cmd=make", "make: *** [all] Error 2",
                      "I will push the fix.", "→ git  args=push"):  # fmt: skip
            assert words in deck.text


async def test_all_that_was_said_is_one_page() -> None:
    async with driving(feed=feed_with(), size=(80, 40)) as deck:
        await open_broken(deck)
        assert "what was said in 1 call " in deck.text
        await deck.press(*"kkkkk", "enter")
        await deck.until(lambda: deck.lines[1].strip().endswith("› chat"))
        assert deck.text.index("fix the failing build") < deck.text.index("I will push the fix.")
        await deck.press("J")
        assert '"role": "assistant"' in deck.text


async def test_a_session_of_a_gateway_has_facts_and_its_events_are_not_asked_for() -> None:
    row = session("gw/main", gateway="gw", events=0, lasted=None, began=0, context_used=95, context_most=100)
    feed = LiteralFeed(with_sessions(replace(row, began=UNTOLD, last=UNTOLD)))
    async with driving(feed=feed, size=(170, 24)) as deck:
        await deck.press("8")
        await deck.press("enter")
        assert "gateway gw" in deck.text
        assert "context 95% full" in deck.text
        assert "1970" not in deck.text
        assert not any(isinstance(asked, SessionOf) for asked in feed.asked)


async def test_a_filter_leaves_the_events_that_match() -> None:
    async with driving(feed=feed_with()) as deck:
        await open_broken(deck)
        await deck.press(*"/push", "enter")
        assert "tool_call" in deck.text
        assert "session_started" not in deck.text
        await deck.press("escape")
        assert "session_started" in deck.text


async def test_from_a_fallen_score_to_the_event_in_three_keys() -> None:
    fallen = score(CODER, 54.0, previous=93.0)
    snapshot = with_sessions(scores={fallen.key: fallen})
    feed = LiteralFeed(snapshot)
    mover = Mover(sessions()[0], 1.2, Dimension.ERROR_RATE, "e20")
    feed.answers[ScoreOf(CODER, 7)] = score_told(fallen, mover)
    feed.answers[SessionOf(BROKEN, "e20", limit=PAGE)] = told()
    async with driving(feed=feed) as deck:
        await deck.burst("7\r\r")  # typed ahead, in one write
        await deck.until(lambda: "Events" in deck.text)
        assert deck.lines[1].split("  ")[0].strip() == f"Scores › {CODER} › {BROKEN}"
        assert "bash failed" in cursor_line(deck)  # the event that is named, not the first error
        await deck.press("escape", "k", "k")
        assert deck.lines[1].strip().startswith(f"Scores › {CODER}")


async def test_related_leads_to_the_score_and_to_the_agents_sessions() -> None:
    async with driving(feed=feed_with()) as deck:
        await open_broken(deck)
        await deck.press("R")
        assert f"AI agent {CODER}" in deck.text
        await deck.press("3")
        await deck.until(lambda: f"/agent:{CODER}" in deck.lines[1])
        await deck.press("escape", "g", "enter", "g", "j")
        assert "agent" in cursor_line(deck)
        assert deck.surface.stacks.page.pointed == f"{KIND}:{CODER}"


async def test_ten_thousand_events_are_reached_page_by_page() -> None:
    bad = (250, 4_700, 9_999)
    rows = many(0, 10_000, bad)

    def page(first: int, number: int = PAGE) -> SessionDetail:
        return told(rows[first : first + number], first=first, total=10_000, worst="e250")

    feed = feed_with(page(0))
    for first in range(499, 10_000, PAGE - 1):
        feed.answers[SessionOf(BROKEN, first=first, limit=PAGE)] = page(first)
    feed.answers[SessionOf(BROKEN, first=9_500, limit=PAGE)] = page(9_500)
    feed.answers[SessionOf(BROKEN, first=0, limit=PAGE)] = page(0)
    async with driving(feed=feed) as deck:
        await open_broken(deck)
        assert "failed at 250" in cursor_line(deck)
        assert "1 to 500 of 10,000" in _all(deck)
        assert deck.lines[1].endswith("event 251 of 10,000")
        await deck.press("+")
        assert "1 to 999 of 10,000" in _all(deck)
        assert "failed at 250" in cursor_line(deck)
        await deck.press("n")  # nothing wrong is here yet: it is looked for further on
        await deck.until(lambda: "failed at 4700" in cursor_line(deck))
        await deck.press("G")
        await deck.until(lambda: "9,501 to 10,000 of 10,000" in _all(deck))
        assert "failed at 9999" in cursor_line(deck)
        await deck.press("+")
        assert "no later events" in deck.text
        await deck.press("g")
        await deck.until(lambda: "1 to 500 of 10,000" in _all(deck))


def _all(deck: Driven) -> str:
    page = deck.surface.stacks.page
    return "\n".join("".join(part for part, _ in (*line.spans, *line.right)) for line in page.document.lines)  # type: ignore[attr-defined]


async def test_moving_past_what_is_here_reads_on_and_stays_in_place() -> None:
    rows = many(0, 1_000, (700,))
    feed = feed_with(told(rows[450:950], first=450, total=1_000, worst="e700"))
    feed.answers[SessionOf(BROKEN, first=949, limit=PAGE)] = told(rows[949:], first=949, total=1_000)
    feed.answers[SessionOf(BROKEN, first=0, limit=PAGE)] = told(rows[:500], total=1_000)
    async with driving(feed=feed) as deck:
        await open_broken(deck)
        place = next(at for at, line in enumerate(deck.lines) if "failed at 700" in line)
        await deck.press("-")  # the earlier ones come before it: it stays where it is on the screen
        await deck.until(lambda: "451 to" not in _all(deck))
        assert "failed at 700" in deck.lines[place]
        await deck.press(*["ctrl+d"] * 40)
        await deck.until(lambda: "later: +" not in _all(deck))
        assert "step 950" in cursor_line(deck)


async def test_one_that_goes_on_is_followed_and_the_cursor_stays() -> None:
    running = session(BROKEN, began=900, lasted=None, errors=1, events=5)
    first = told(events()[:5], session=running)
    snapshot = with_sessions(running)
    feed = LiteralFeed(snapshot)
    feed.answers[ASKED] = first
    feed.answers[SessionOf(BROKEN, first=4, limit=PAGE)] = told(events()[4:], session=running, first=4, total=7)
    async with driving(feed=feed) as deck:
        await open_broken(deck)
        assert "goes on, for 15m so far" in deck.text
        line = cursor_line(deck)
        feed.sleep(2)
        ended = replace(running, status=SessionStatus.ERROR, ended=ago(858), events=7, errors=2)
        await deck.push(only(snapshot, sessions=keyed([ended])))
        await deck.until(lambda: "session_ended" in deck.text)
        assert "7 events · 2 errors" in deck.text
        assert cursor_line(deck) == line


async def test_late_events_in_between_are_read_anew_where_the_cursor_is() -> None:
    running = session(BROKEN, began=900, lasted=None, errors=1, events=5)
    snapshot = with_sessions(running)
    late = [*events()[:2], event(5, "custom", {"type": "late"}), *events()[2:5]]
    feed = LiteralFeed(snapshot)
    feed.answers[ASKED] = told(events()[:5], session=running)
    feed.answers[SessionOf(BROKEN, first=4, limit=PAGE)] = told(late[4:], session=running, first=4, total=6)
    feed.answers[SessionOf(BROKEN, "e9", limit=PAGE)] = told(late, session=running)
    async with driving(feed=feed) as deck:
        await open_broken(deck)
        feed.sleep(2)
        await deck.push(only(snapshot, sessions=keyed([replace(running, events=6)])))
        await deck.until(lambda: "late" in deck.text)
        assert "remote rejected" in cursor_line(deck)


async def test_any_session_is_opened_by_its_id() -> None:
    feed = feed_with()
    old = session("an-old-one", began=86_400 * 40, cost=0)
    feed.answers[SessionOf("an-old-one", limit=PAGE)] = told([event(0, "custom", {"type": "x"})], session=old)
    feed.answers[SessionOf("nobody", limit=PAGE)] = Unanswered("Session not found")
    async with driving(feed=feed) as deck:
        await deck.press(*":session an-old-one", "enter")
        await deck.until(lambda: "custom" in deck.text)
        assert "session an-old-one · completed" in deck.text
        await deck.press(*":session nobody", "enter")
        await deck.until(lambda: "session nobody: Session not found" in deck.text)
        await deck.press(*":session 9f3", "enter")  # the one that is listed and begins so
        await deck.until(lambda: "tool_error" in deck.text)
        await deck.press(*":session 77a", "tab")
        assert ":session 77aa0011" in deck.text


async def test_a_refusal_is_said_beside_what_the_row_knows() -> None:
    async with driving(feed=feed_with(Unanswered("reading sessions needs the role operator"))) as deck:
        await deck.press("8", "enter")
        await deck.until(lambda: "needs the role operator" in deck.text)
        assert "12 events · 2 errors" in deck.text
        await deck.press("n", "+", "-", "g", "G", "enter")


async def test_hostile_names_and_payloads_stay_text() -> None:
    evil = "\x1b]52;c;ZXZpbA==\x07\x1b[2J" + "x" * 10_000
    rows = [
        event(1, "tool_error", {"toolName": evil, "error": evil}, "error"),
        event(2, "llm_call", {"messages": [{"role": evil, "content": evil}], "model": evil}),
        event(3, "custom", "[" * 5_000),
        event(4, "session_ended", ""),
    ]
    async with driving(feed=feed_with(told(rows))) as deck:
        await open_broken(deck)
        for _ in rows:
            await deck.press("enter", "J", "escape", "escape", "j")
        assert "no longer kept" in deck.text
        assert all(char.isprintable() for line in deck.lines for char in line)
