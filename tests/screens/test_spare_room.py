"""The room that Now leaves: worst rows of one or two views, never at the cost of a finding."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.literals import calm, fleet, site
from tests.screens.driving import Driven, driving


def place(deck: Driven, words: str) -> int:
    return next((number for number, line in enumerate(deck.lines) if words in line), -1)


@pytest.mark.parametrize(
    ("size", "shown"),
    [((80, 24), ["4 Consumers"]), ((100, 30), ["4 Consumers", "6 Agents"]), ((60, 24), ["4 Consumers"])],
)
async def test_a_calm_overview_shows_worst_rows_below_now(size: tuple[int, int], shown: list[str]) -> None:
    async with driving(calm(), size=size) as deck:
        titles = [line for line in deck.lines if line.startswith("─ ")]
        assert [title.split(" ●")[0][2:] for title in titles if title[2].isdigit()] == shown
        assert place(deck, "─ Now") + 8 == place(deck, f"─ {shown[0]}")
        assert place(deck, f"─ {shown[-1]}") < place(deck, "─ All")
        assert [line[:3].strip() for line in deck.lines[place(deck, "─ All") + 1 :][:6]] == list("234560")
        assert "CONSUMER" in deck.text


@pytest.mark.parametrize("size", [(40, 10), (80, 20), (59, 30)])
async def test_without_the_room_there_is_none_and_nothing_is_mounted(size: tuple[int, int]) -> None:
    async with driving(calm(), size=size) as deck:
        assert "CONSUMER" not in deck.text
        assert not deck.app.screen.query(".pane")


async def test_findings_take_the_room_back_and_give_it_again() -> None:
    some = fleet()
    one = next(iter(some.findings.values()))
    many = {f"f{number}": replace(one, id=f"f{number}") for number in range(10)}
    async with driving(calm(epoch="x"), size=(80, 24)) as deck:
        assert "CONSUMER" in deck.text
        await deck.push(fleet(epoch="x", seq=2, findings=many), whole=True)
        assert "CONSUMER" not in deck.text
        assert deck.text.count("CRIT") >= 10
        await deck.push(calm(epoch="x", seq=3), whole=True)
        assert "CONSUMER" in deck.text


async def test_moving_in_now_moves_nothing_else() -> None:
    async with driving(fleet(), size=(100, 30)) as deck:
        before = [place(deck, title) for title in ("─ 4 Consumers", "─ 6 Agents", "─ All")]
        assert min(before) > 0
        for key in "jjjG":
            await deck.press(key)
            assert [place(deck, title) for title in ("─ 4 Consumers", "─ 6 Agents", "─ All")] == before


async def test_tab_goes_through_them_enter_opens_and_z_shows_one_alone() -> None:
    async with driving(calm(), size=(100, 30)) as deck:
        await deck.press("tab", "enter")
        assert deck.lines[1].startswith(" Overview › ")
        await deck.press("escape", "tab", "z")
        assert deck.lines[2].startswith("─ 6 Agents")
        assert "─ All" not in deck.text
        await deck.press("z")
        assert place(deck, "─ 6 Agents") > place(deck, "─ 4 Consumers") > 0
        await deck.press("tab", "enter")
        assert deck.lines[1].startswith(" Components")


async def test_without_a_fleet_streams_stand_beside_consumers() -> None:
    plain = replace(
        calm(agents={}, vitals={}),
        site=site(capabilities=frozenset(), namespace=""),
        counts={name: count for name, count in calm().counts.items() if name != "agents"},
    )
    async with driving(plain, size=(100, 30)) as deck:
        assert 0 < place(deck, "─ 4 Consumers") < place(deck, "─ 3 Streams") < place(deck, "─ All")


async def test_wider_it_is_panes_and_back() -> None:
    async with driving(calm(), size=(100, 30)) as deck:
        await deck.pilot.resize_terminal(120, 30)
        await deck.settle()
        assert "─ All" not in deck.text
        assert deck.text.count("CONSUMER") == 1
        await deck.pilot.resize_terminal(80, 24)
        await deck.settle()
        assert "─ All" in deck.text
        assert deck.text.count("CONSUMER") == 1
