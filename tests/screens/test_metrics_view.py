"""View 9: figures and plots of a range, the tasks behind a point, a board or a group of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.feed.questions import DashboardOf, TasksOf, Unanswered
from app.model.metrics import Range, Series, lately
from tests.literal_metrics import dashboard, tasks
from tests.literals import LiteralFeed, fleet, site
from tests.screens.driving import Driven, driving


class Answering(LiteralFeed):
    """Tells a dashboard of every range and board, and the same tasks behind every point."""

    def __init__(self) -> None:
        super().__init__(fleet())
        self.silent = ""
        self.empty = False

    async def ask(self, question: Any) -> Any:
        self.asked.append(question)
        if self.silent:
            return Unanswered(self.silent)
        if isinstance(question, DashboardOf):
            return dashboard(question.range, **({"tasks": 0} if self.empty else {}))
        return tasks() if isinstance(question, TasksOf) else self.answers.get(question, Unanswered("nobody knows"))

    @property
    def last(self) -> Any:
        return next(each for each in reversed(self.asked) if isinstance(each, DashboardOf | TasksOf))


@asynccontextmanager
async def metrics(
    size: tuple[int, int] = (80, 24), feed: Answering | None = None
) -> AsyncIterator[tuple[Driven, Answering]]:
    feed = feed or Answering()
    async with driving(feed=feed, size=size) as deck:
        await deck.press("9")
        await deck.until(lambda: "Adding up" not in deck.text and "Metrics" in deck.text)
        yield deck, feed


async def test_at_80_cells_one_plot_stands_below_two_lines_of_figures() -> None:
    async with metrics() as (deck, _):
        assert "done 298 +12% · cycle 21m -15% · errors 4.1% +1.2 · agents 11 +2" in deck.text
        assert "3 inbox · 4 in progress · 2 review · 1.2k done · 7d median cycle 24m" in deck.text
        assert "Throughput, tasks an hour" in deck.text
        assert "Cycle time" not in deck.text
        assert "14:00Z  18   before: 9" in deck.text


async def test_tab_goes_through_the_four_and_around() -> None:
    async with metrics() as (deck, _):
        seen = []
        for _ in range(5):
            seen.append(deck.line_with("tab: the next").split(",")[0].strip("─ "))
            await deck.press("tab")
        assert seen == ["Throughput", "Cycle time", "Errors", "In work", "Throughput"]
        await deck.press("shift+tab")
        assert "Throughput" in deck.line_with("tab: the next")


async def test_where_there_is_room_all_four_are_shown() -> None:
    async with metrics((200, 50)) as (deck, _):
        for title in ("Throughput", "Cycle time", "Errors", "In work"):
            assert title in deck.text
        assert "against the 24h before" in deck.text
        assert "▸ Throughput" in deck.text
        await deck.press("tab")
        assert "▸ Cycle time" in deck.text


async def test_the_range_is_a_key_away() -> None:
    async with metrics() as (deck, feed):
        for wanted in ("3d", "7d", "14d", "1m", "3m", "6m", "1y"):
            await deck.press("+")
            assert feed.last.range.value == wanted
            assert deck.lines[1].split()[-1] == wanted
        await deck.press("+")
        assert "1y is the longest range" in deck.text
        await deck.press("-")
        assert feed.last.range is Range.HALF_YEAR
        await deck.burst(":range 7d\r")
        assert feed.last.range is Range.WEEK
        assert "tasks a day" in deck.text
        await deck.burst(":range 8d\r")
        assert "a range is one of 24h, 3d" in deck.text


async def test_a_point_is_read_and_its_tasks_are_opened() -> None:
    async with metrics() as (deck, feed):
        await deck.press("tab", "h", "h")
        assert deck.line_with("before: ").split()[0] == "12:00Z"
        await deck.press("enter")
        await deck.until(lambda: "node.hostname.get" in deck.text)
        asked = feed.last
        assert (asked.series, asked.period.hour, asked.range) == (Series.CYCLE_TIME, 12, Range.DAY)
        assert "Metrics › Cycle time 12:00Z" in deck.lines[1]
        assert "3 of 5" in deck.text
        assert "failed" in deck.line_with("deploy")
        assert "\x1b" not in deck.text
        await deck.press("escape")
        assert deck.line_with("before: ").split()[0] == "12:00Z"


async def test_a_task_leads_to_its_job() -> None:
    async with metrics() as (deck, _):
        await deck.press("enter")
        await deck.until(lambda: "node.hostname.get" in deck.text)
        await deck.press("g", "enter")
        assert "0f0e0d0c" in deck.lines[1]  # by now it is gone from the queue, and the page of it says so
        assert "is not there (any more)" in deck.text


async def test_a_point_stays_the_same_hour_while_time_goes_on() -> None:
    async with metrics() as (deck, _):
        await deck.press("g")
        first = deck.line_with("before: ").split()[0]
        await deck.pass_time(6)
        assert deck.line_with("before: ").split()[0] == first
        await deck.press("G")
        assert deck.line_with("before: ").split()[0] == "14:00Z"


async def test_it_asks_again_while_it_is_in_front_and_not_behind() -> None:
    async with metrics() as (deck, feed):
        asked = len(feed.asked)
        await deck.pass_time(2)
        assert len(feed.asked) == asked
        await deck.pass_time(4)
        assert len(feed.asked) == asked + 1
        await deck.press("3")
        await deck.pass_time(10)
        assert sum(isinstance(each, DashboardOf) for each in feed.asked) == asked + 1


async def test_a_failed_question_takes_no_figures_away_and_says_their_age() -> None:
    async with metrics() as (deck, feed):
        feed.silent = "session store is locked"
        await deck.pass_time(6)
        assert "done 298" in deck.text
        assert "6s old: session store is locked" in deck.lines[1]
        feed.silent = ""
        await deck.pass_time(6)
        assert "old:" not in deck.lines[1]


async def test_without_an_answer_the_reason_is_said() -> None:
    feed = Answering()
    feed.silent = "this worker has no store yet"
    async with metrics(feed=feed) as (deck, _):
        assert "this worker has no store yet" in deck.text


async def test_without_tasks_it_says_what_would_fill_it() -> None:
    feed = Answering()
    feed.empty = True
    async with metrics(feed=feed) as (deck, _):
        assert "There is no task yet." in deck.text
        assert "$ watchdeck init sessions" in deck.text


@pytest.mark.parametrize(
    ("typed", "board", "group"),
    [("node", "b-node", ""), ("board:net", "b-network", ""), ("group:mod", "", "g-modify"), ("quer", "", "g-query")],
)
async def test_a_board_or_a_group_is_chosen_by_name(typed: str, board: str, group: str) -> None:
    async with metrics() as (deck, feed):
        await deck.burst(f"/{typed}\r")
        assert (feed.last.board, feed.last.group) == (board, group)
        assert f"/{typed}" in deck.lines[1]
        await deck.press("enter")
        assert (feed.last.board, feed.last.group) == (board, group)
        await deck.press("escape", "escape")
        assert (feed.last.board, feed.last.group) == ("", "")


async def test_a_name_that_is_none_is_refused_with_those_there_are() -> None:
    async with metrics() as (deck, feed):
        await deck.burst("/nowhere\r")
        assert "no board or group nowhere: there are node, network, docs, query" in deck.text
        assert (feed.last.board, feed.last.group) == ("", "")


async def test_figures_are_copied_as_text_and_shown_as_json() -> None:
    async with metrics() as (deck, _):
        await deck.press("y")
        assert deck.copied[-1].splitlines()[0].startswith("done 298 +12%")
        assert "14:00Z  18" in deck.copied[-1]
        await deck.press("J")
        assert "throughput" in deck.text


@pytest.mark.parametrize("size", [(40, 10), (60, 16), (80, 24), (140, 40), (250, 60)])
async def test_it_fits_every_terminal(size: tuple[int, int]) -> None:
    async with metrics(size) as (deck, _):
        assert all(len(line) <= size[0] for line in deck.lines)
        await deck.press("tab", "l", "G", "enter")
        await deck.until(lambda: "Tasks" in deck.text)


async def test_in_ascii_both_lines_can_be_told_apart() -> None:
    async with driving(feed=Answering(), ascii=True) as deck:
        await deck.press("9")
        await deck.until(lambda: "before:" in deck.text)
        plot = "\n".join(deck.lines[5:18])
        assert "*" in plot
        assert "-" in plot
        assert plot.isascii()


async def test_the_overview_tells_the_last_day_in_a_line() -> None:
    day = lately(dashboard())
    async with driving(fleet(site=site(lately=day))) as deck:
        line = deck.line_with("9 Metrics")
        assert "298 done" in line
        assert "errors 4.1%" in line
        assert line.endswith("24h")
        assert deck.lines.index(line) < deck.lines.index(deck.line_with("0 Events"))
    async with driving(fleet()) as deck:
        assert "9 Metrics" not in deck.text
