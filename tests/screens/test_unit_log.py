"""A unit in the deck: its detail with the end of its log, and the log: followed, read back, narrowed, found again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.tui.screens.log import UnitLogPage
from app.tui.screens.log_reading import HELD, PART
from tests.literal_logs import LogFeed, line
from tests.literals import NOW, ago
from tests.screens.driving import Driven, driving


@asynccontextmanager
async def detail(feed: LogFeed, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Driven]:
    async with driving(feed=feed, size=size) as deck:
        await deck.burst("2/kind:unit web\r\r")
        await deck.until(lambda: "enter: all of it, live" in deck.text)
        yield deck


@asynccontextmanager
async def log(feed: LogFeed | None = None, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Driven, LogFeed]]:
    feed = feed or LogFeed()
    async with detail(feed, size) as deck:
        await deck.until(lambda: "Reading" not in deck.text)
        await deck.press("G", "enter")
        await deck.until(lambda: isinstance(deck.surface.stacks.page, UnitLogPage) and page(deck).place.read)
        await deck.settle()
        yield deck, feed


def page(deck: Driven) -> UnitLogPage:
    found = deck.surface.stacks.page
    assert isinstance(found, UnitLogPage)
    return found


def texts(deck: Driven) -> list[str]:
    return [each.text for each in page(deck).log_view.rows]


def current(deck: Driven) -> str:
    found = page(deck).log_view.current
    return found.text if found is not None else ""


async def test_a_unit_shows_its_facts_and_the_end_of_its_log() -> None:
    async with detail(LogFeed(), (80, 40)) as deck:
        await deck.until(lambda: "request 999 done" in deck.text)
        for words in (
            "web.service, user scope", "activating (auto-restart)", "exit code 1, restarted 4 times in 10m",
            "4 by systemd since it was last started by somebody", "4242, 7 tasks", "request 992 done",
        ):  # fmt: skip
            assert words in deck.text
        assert "request 991 done" not in deck.text


async def test_its_log_is_read_again_while_it_is_in_front_and_a_failure_takes_nothing_away() -> None:
    feed = LogFeed()
    async with detail(feed, (80, 40)) as deck:
        await deck.until(lambda: "request 999 done" in deck.text)
        feed.write(1000)
        await deck.pass_time(4)
        await deck.until(lambda: "request 1000 done" in deck.text)
        feed.silent = "journalctl does not answer within 4 s"
        await deck.pass_time(4)
        assert "request 1000 done" in deck.text


async def test_where_there_is_no_journal_one_line_says_so() -> None:
    feed = LogFeed()
    feed.silent = "there is no journal here: journalctl is not installed"
    async with detail(feed) as deck:
        await deck.until(lambda: "there is no journal here" in deck.text)
        await deck.press("G", "enter")
        await deck.until(lambda: "There is no journal here: journalctl is not installed." in deck.text)
        feed.silent = ""
        await deck.pass_time(6)
        await deck.until(lambda: "request 999 done" in deck.text)


async def test_the_end_is_followed_while_the_page_is_in_front() -> None:
    async with log() as (deck, feed):
        assert "following" in deck.lines[1]
        assert deck.line_with("request 980").startswith("  20s ✗ request 980 done")
        feed.write(1000, text="a new line", priority=4)
        await deck.pass_time(1.5)
        await deck.until(lambda: "a new line" in deck.text)
        assert current(deck) == "a new line"
        await deck.press("1")
        asked = len(feed.logs_asked)
        for _ in range(5):
            await deck.pass_time(2)
        assert len(feed.logs_asked) == asked
        await deck.press("2")
        feed.write(1001)
        await deck.pass_time(2)
        await deck.until(lambda: "request 1001 done" in deck.text)


async def test_going_up_stops_following_and_shift_f_takes_it_up() -> None:
    async with log() as (deck, feed):
        await deck.press("k", "k")
        assert "F follows" in deck.lines[1]
        asked = len(feed.logs_asked)
        feed.write(1000)
        await deck.pass_time(3)
        assert (len(feed.logs_asked), current(deck)) == (asked, "request 997 done")
        await deck.press("F")
        await deck.until(lambda: "request 1000 done" in deck.text)
        assert "following" in deck.lines[1]
        await deck.press("k", "j", "j")
        feed.write(1001)
        await deck.press("j")
        await deck.until(lambda: "request 1001 done" in deck.text)


async def test_beyond_the_top_older_lines_come_until_the_log_begins() -> None:
    async with log(LogFeed(PART * 2 + 50)) as (deck, _):
        assert len(texts(deck)) == PART
        for held in (PART * 2, PART * 2 + 50):
            before = current_top = None
            await deck.press("g")
            await deck.until(lambda held=held: len(texts(deck)) == held)  # type: ignore[misc]
            before, current_top = current(deck), texts(deck)[page(deck).log_view.cursor]
            assert before == current_top
        await deck.press("g")
        await deck.settle()
        assert texts(deck) == [f"request {number} done" for number in range(PART * 2 + 50)]
        assert "request 0 done" in deck.lines[2]


async def test_only_lines_with_a_text_and_then_all_of_them_around_the_one_that_was_found() -> None:
    async with log() as (deck, _):
        await deck.burst("/REQUEST 77\r")
        await deck.until(lambda: len(texts(deck)) == 11)
        assert "/REQUEST 77 · 11 lines" in deck.lines[1]
        await deck.press("N", "N")
        assert current(deck) == "request 777 done"
        await deck.press("escape")
        await deck.until(lambda: "request 760 done" in texts(deck) and "request 790 done" in texts(deck))
        assert current(deck) == "request 777 done"
        assert deck.line_with("request 778 done")
        await deck.press("escape")
        assert "enter: all of it, live" in deck.text


async def test_e_shows_what_is_around_and_n_goes_from_match_to_match_also_beyond_what_is_here() -> None:
    async with log(LogFeed(2000)) as (deck, _):
        await deck.burst("/request 77\r")
        await deck.until(lambda: len(texts(deck)) == 11)
        await deck.press("G", "N", "e")
        await deck.until(lambda: len(texts(deck)) > PART)
        assert (current(deck), "among all" in deck.lines[1]) == ("request 778 done", True)
        await deck.press("N")
        assert current(deck) == "request 777 done"
        for _ in range(7):
            await deck.press("N")
        assert current(deck) == "request 770 done"
        await deck.press("N")
        await deck.until(lambda: current(deck) == "request 77 done")
        await deck.press("N")
        await deck.until(lambda: "no earlier line with 'request 77'" in deck.text)
        await deck.press("n")
        await deck.until(lambda: current(deck) == "request 770 done")


async def test_priorities_narrow_and_widen() -> None:
    async with log() as (deck, feed):
        await deck.press("f")
        await deck.until(lambda: len(texts(deck)) == 200)
        assert "warning and worse" in deck.lines[1]
        assert feed.logs_asked[-1].priority == 4
        await deck.press("-")
        await deck.until(lambda: len(texts(deck)) == 100)
        assert "err and worse" in deck.lines[1]
        await deck.press("-")
        assert "only errors are shown" in deck.text
        await deck.press("+", "+", "+")
        await deck.until(lambda: len(texts(deck)) == PART)
        feed.log = [line(1, ago(5))]
        await deck.press("f")
        await deck.until(lambda: "Nothing of warning or worse — + shows more" in deck.text)


async def test_a_search_that_finds_nothing_yet_says_how_far_it_looked() -> None:
    feed = LogFeed(500)
    feed.look_most = 400
    async with log(feed) as (deck, _):
        await deck.burst("/request 1 done\r")
        await deck.until(lambda: "Nothing with" in deck.text)
        assert "in the last 400 — k looks farther back, esc clears" in " ".join(deck.text.split())
        await deck.press("k")
        await deck.until(lambda: "request 1 done" in texts(deck))


async def test_one_comes_back_to_the_line_where_one_was() -> None:
    async with log() as (deck, feed):
        await deck.press("g")
        await deck.until(lambda: len(texts(deck)) == 2 * PART)
        await deck.press(*"kkkkk")
        at = current(deck)
        await deck.press("escape")
        assert "enter: all of it, live" in deck.text
        await deck.press("escape")
        assert "Components" in deck.lines[1]
        feed.write(1000)
        await deck.press("enter")
        await deck.until(lambda: "request 1000" in deck.text or "request 99" in deck.text)
        await deck.press("G", "enter")
        await deck.until(lambda: isinstance(deck.surface.stacks.page, UnitLogPage))
        assert current(deck) == at
        assert deck.line_with(at)
        await deck.press("G", "G")
        await deck.until(lambda: "request 1000 done" in texts(deck))


async def test_a_filter_is_kept_too() -> None:
    async with log() as (deck, _):
        await deck.burst("/request 77\r")
        await deck.until(lambda: len(texts(deck)) == 11)
        await deck.press("q", "enter")
        await deck.until(lambda: isinstance(deck.surface.stacks.page, UnitLogPage))
        await deck.until(lambda: len(texts(deck)) == 11)
        assert "/request 77" in deck.lines[1]


async def test_times_are_written_as_everywhere() -> None:
    async with log() as (deck, _):
        await deck.press("t")
        assert "14:05:30" in deck.line_with("request 999")
        await deck.press("t", "t")
        assert "14:05:30" not in deck.line_with("request 999")


async def test_a_long_line_is_read_with_enter_and_copied_whole() -> None:
    feed = LogFeed(5)
    long = "Traceback:\n" + " ".join(f"word{number}" for number in range(60))
    feed.log.append(line(10, NOW, text=long, cut=True))
    async with log(feed) as (deck, _):
        assert "Traceback:  (+1 line)" in deck.text
        await deck.press("y")
        assert deck.copied == [long]
        await deck.press("enter")
        await deck.until(lambda: "word59" in deck.text)
        for words in ("priority  3 err", "by        uvicorn (pid 42)", "there was more of it than is kept"):
            assert words in deck.text
        await deck.press("escape")
        assert "following" in deck.lines[1]
        feed.log.append(line(11, NOW, text="x" * 100 + "END"))
        await deck.pass_time(2)
        await deck.until(lambda: "xxx…" in deck.text)
        await deck.press(*"lll")
        assert "END" in deck.text


async def test_what_is_logged_cannot_draw_on_the_screen() -> None:
    feed = LogFeed(3)
    feed.log.append(line(4, NOW, text="\x1b]52;c;aGk=\x07[bold]x[/bold]\u202e", source="\x1b[2J"))
    async with log(feed, (140, 30)) as (deck, _):
        assert "[bold]x[/bold]" in deck.text
        assert "\x1b" not in deck.text


async def test_x_gives_the_commands_for_the_unit_and_raw_facts_are_those_of_the_line() -> None:
    async with log() as (deck, _):
        await deck.press("x")
        assert "systemctl --user restart db.service web.service" in deck.text
        await deck.press("escape", "J")
        await deck.until(lambda: '"cursor": "c999"' in deck.text)


@pytest.mark.parametrize("lines", [HELD + 2 * PART])
async def test_ten_thousand_lines_are_held_and_no_more(lines: int) -> None:
    async with log(LogFeed(lines)) as (deck, feed):
        view = page(deck).log_view
        while len(view.rows) < HELD or page(deck).place.newer == feed.log[-1].cursor:
            held = (len(view.rows), page(deck).place.older)
            await deck.press("g")
            await deck.until(lambda held=held: (len(view.rows), page(deck).place.older) != held)  # type: ignore[misc]
        assert len(view.rows) == HELD
        assert page(deck).place.newer == view.rows[-1].cursor != feed.log[-1].cursor
        await deck.press("G", "G")
        await deck.until(lambda: view.rows[-1] is feed.log[-1] or view.rows[-1] == feed.log[-1])
        assert len(view.rows) == HELD
        assert page(deck).place.older == view.rows[0].cursor


async def test_a_log_is_opened_by_name_and_from_what_is_related() -> None:
    async with driving(feed=LogFeed()) as deck:
        await deck.burst(":log web\r")
        await deck.until(lambda: "log of web" in deck.text and "request 999 done" in deck.text)
        await deck.press("escape")
        await deck.burst(":log nobody\r")
        await deck.until(lambda: "There is no such unit here." in deck.text)
    async with detail(LogFeed()) as deck:
        await deck.press("R")
        assert "log of web" in deck.text
