"""View 7 and the breakdown of a score: what moved it, added up; what it rests on; what must be known about it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.feed.acts import SetWeights
from app.feed.questions import ScoreOf
from app.model.formulas import NOTHING, Sums, score
from app.model.scoring import Bands, DailyScore, Dimension, Score, ScoreDetail, Weights
from app.model.snapshot import Snapshot
from tests.literal_sessions import CODER, ai, sessions, with_sessions
from tests.literals import NOW, LiteralFeed, ago, keyed
from tests.screens.driving import Driven, driving

GOOD = Sums(41, 2, 39, 0, 40, 80_500_000, 1_360_000_000, 25, 1)
BAD = Sums(41, 15, 30, 4, 36, 80_900_000, 1_400_000_000, 31, 7)


def scored(agent: str = CODER, now: Sums = BAD, then: Sums = GOOD, window: int = 7, **changed: Any) -> Score:
    return replace(score(agent, window, now, then, then, Weights(), Bands()), **changed)


def told(found: Score | None, **changed: Any) -> ScoreDetail:
    window = found.window if found is not None else 7
    return replace(
        ScoreDetail(ai(CODER, 41), window, NOW - timedelta(days=window), NOW, found, (), (), tuple(sessions()[:1])),
        **changed,
    )


def scene(*found: Score, **changed: Any) -> Snapshot:
    agents = [ai(name) for name in dict.fromkeys(each.agent for each in found)]
    return with_sessions(**{"scores": keyed(found), "ai": keyed(agents), **changed})


def feed_of(found: Score, **changed: Any) -> LiteralFeed:
    feed = LiteralFeed(scene(found))
    feed.answers[ScoreOf(CODER, 7)] = told(found, **changed)
    return feed


def dimension_rows(deck: Driven) -> list[str]:
    return [line for line in deck.lines if re.match(r"  [a-z]+_?[a-z]+ +(\d+|n/a) ", line)]


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (200, 50)])
async def test_the_breakdown_adds_up_on_the_screen(size: tuple[int, int]) -> None:
    found = scored()
    async with driving(feed=feed_of(found), size=size) as deck:
        await deck.press("7", "enter", "g")
        rows = dimension_rows(deck)
        assert [row.split()[0] for row in rows[:2]] == ["error_rate", "tool_success"]
        changes = [float(re.findall(r"/\d+\.\d +([-+]?\d+\.\d)", row)[0]) for row in rows]
        rest = re.findall(r"rounding, limits +([-+]?\d+\.\d)", deck.text)
        total = re.search(r"([\d.]+) of 100, was ([\d.]+), (-[\d.]+)", deck.text)
        assert total is not None
        overall, was, delta = map(float, total.groups())
        assert round(sum(changes) + sum(map(float, rest)), 1) == delta == round(overall - was, 1)
        assert changes == sorted(changes)
        await deck.press("o")
        assert [row.split()[0] for row in dimension_rows(deck)] == [each.value for each in Dimension]


async def test_what_is_no_dimensions_has_a_row_of_its_own() -> None:
    async with driving(feed=feed_of(scored(residual=-1.2, delta=scored().delta - 1.2))) as deck:
        await deck.press("7", "enter", "g")
        assert re.search(r"rounding, limits +-1\.2", deck.text)


async def test_what_a_row_rests_on_stands_below_the_cursor() -> None:
    async with driving(feed=feed_of(scored())) as deck:
        await deck.press("7", "enter", "g")
        assert "37% error rate" not in deck.text
        await deck.press("j")
        lines = deck.lines
        at = next(place for place, line in enumerate(lines) if line.startswith("  error_rate"))
        assert lines[at + 1].strip() == "37% error rate across 41 sessions"
        await deck.press("j")
        assert "37% error rate" not in deck.text
    async with driving(feed=feed_of(scored()), size=(200, 50)) as deck:
        await deck.press("7", "enter")
        assert "30% 37% error rate across 41 sessions" in deck.text


async def test_a_hundred_that_stands_for_nothing_is_not_shown_as_one() -> None:
    alone = scored(now=Sums(14, 0, 6, 3, 9, 9_000, 10**9), then=NOTHING)
    async with driving(feed=feed_of(alone)) as deck:
        await deck.press("7")
        assert deck.line_with(CODER).split()[2:] == ["91.4", "new", "-", "14", "100", "n/a", "n/a", "n/a", "43"]
        await deck.press("enter", "g")
        assert deck.text.count("n/a (counts as 100): nothing to compare with") == 2
        assert "n/a (counts as 100): no tool calls" in deck.text
        assert "6 of 14 completed, 5 still running" in deck.text
        assert "nothing in the 7 days before to compare with" in deck.text


async def test_too_few_sessions_are_said_and_are_no_finding() -> None:
    few = scored(now=Sums(2, 1, 2, 0, 2, 9_000, 10**9), then=NOTHING)
    async with driving(feed=feed_of(few)) as deck:
        await deck.press("7")
        assert "2?" in deck.line_with(CODER).split()
        await deck.press("enter")
        assert "2 sessions: too few to trust" in deck.text


async def test_other_weights_are_said() -> None:
    weights = Weights(0.3, 0.2, 0.2, 0.15, 0.13)
    async with driving(feed=feed_of(scored(), weights=weights, weights_changed=ago(3 * 86_400))) as deck:
        await deck.press("7", "enter")
        assert "the weights sum to 98%: each counts by its share of that" in deck.text
        assert "weights changed 11-19: both windows are scored with the new ones" in deck.text


async def test_thirty_days_have_their_gaps_and_an_open_end() -> None:
    days = [DailyScore((NOW - timedelta(days=ago)).date(), 90.0 - ago, (90.0,) * 5, 9) for ago in range(30)]
    known = [day for place, day in enumerate(days) if place not in range(8, 16)]
    async with driving(feed=feed_of(scored(), history=tuple(reversed(known))), size=(100, 40)) as deck:
        await deck.press("7", "enter", "g")
        begin = next(place for place, line in enumerate(deck.lines) if "30 days" in line)
        chart = deck.lines[begin + 1 : begin + 7]
        columns = [any(line[5:67].ljust(62)[place] != " " for line in chart) for place in range(62)]
        assert not any(columns[32:44])  # eight days without a session
        assert all(columns[:28])
        assert all(columns[48:])
        assert sum(line.count("○") for line in chart) == 1
        assert "lowest  61.0" in deck.text
        assert "on 10-24" in deck.text
        assert "last    90.0" in deck.text


async def test_the_window_is_switched_and_asked_for() -> None:
    feed = feed_of(scored())
    longer = scored(window=14)
    feed.answers[ScoreOf(CODER, 14)] = told(longer)
    async with driving(feed=feed) as deck:
        await deck.press("7", "enter", "+")
        assert "14d" in deck.lines[1]
        assert any("scores:14" in looked for looked in feed.looked)
        assert ScoreOf(CODER, 14) in feed.asked
        await deck.push(scene(scored(), longer, seq=2))
        assert "against the 14 days before" in deck.text
        await deck.press("-", "-", "-")
        assert "1 days is the shortest window here" in deck.text


async def test_sorted_by_fall_then_by_the_lowest_then_by_name() -> None:
    low = scored("zeta", now=BAD, then=BAD)
    fallen, risen = scored("mid", now=BAD, then=GOOD), scored("alpha", now=GOOD, then=BAD)
    ill = replace(BAD, bad=41, completed=0, failures=31)
    worse = scored("worse", now=ill, then=ill)
    async with driving(scene(low, fallen, risen, worse)) as deck:
        await deck.press("7")

        def order() -> list[str]:
            return [line.split()[1] for line in deck.lines[3:7]]

        assert order()[0] == "worse"  # its band is the worst
        await deck.press(">")
        assert "by agent" in deck.lines[1]
        assert order() == ["alpha", "mid", "worse", "zeta"]
        await deck.press(">")
        assert "by score" in deck.lines[1]
        assert order() == ["worse", "mid", "zeta", "alpha"]
        await deck.press(">")
        assert order()[0] == "mid"


@pytest.mark.parametrize(
    ("filtered", "left"),
    [("score<80", {"mid"}), ("score>80", {"alpha"}), ("change<-5", {"mid"}), ("change>5", {"alpha"})],
)
async def test_scores_are_filtered_by_what_they_are(filtered: str, left: set[str]) -> None:
    fallen, risen = scored("mid", now=BAD, then=GOOD), scored("alpha", now=GOOD, then=BAD)
    async with driving(scene(fallen, risen)) as deck:
        await deck.press("7")
        await deck.burst(f"/{filtered}\r")
        assert {name for name in ("mid", "alpha") if deck.line_with(f" {name} ")} == left


async def test_the_facts_behind_a_row_are_those_of_the_window() -> None:
    async with driving(scene(scored(), scored(window=14))) as deck:
        await deck.press("7", "J")
        assert '"key": "7/coder-7"' in deck.text


async def test_weights_are_edited_by_those_who_may() -> None:
    feed = feed_of(scored())
    async with driving(feed=feed) as deck:
        await deck.press("7")
        await deck.burst(":weights\r")
        assert "now 30 20 20 15 15" in deck.text
        await deck.burst("40 20 20 10 10\r")
        assert feed.acts == [SetWeights(Weights(0.4, 0.2, 0.2, 0.1, 0.1))]
        assert "scores are weighted 40 20 20 10 10" in deck.text
        feed.refusal = "changing weights needs the role admin"
        await deck.burst(":weights 30 20 20 15 15\r")
        assert "needs the role admin" in deck.text
        await deck.burst(":weights 30 20 20 15 30\r")
        assert "sum to 115%" in deck.text
    async with driving(scene(scored()), read_only=True) as deck:
        await deck.burst(":weights 30 20 20 15 15\r")
        assert "read-only" in deck.text
