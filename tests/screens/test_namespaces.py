"""Several fleets: said in one sentence, chosen by command or menu, remembered, and applied at the next start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.model.snapshot import Capability, Count, Snapshot, SourceState, SourceStatus
from app.tui.memory import Memory
from app.tui.router import Mode
from tests.literals import LiteralFeed, calm, site, sources
from tests.screens.driving import driving

SENTENCE = "Several fleets here: blue, green, jobs-eu. :namespace chooses one."


def several(*names: str, epoch: str = "two") -> Snapshot:
    """A broker with the buckets of several fleets, none of which is chosen."""
    whole = calm()
    counts: Mapping[str, Count] = {**whole.counts, "agents": Count()}
    absent = SourceState("registry", SourceStatus.ABSENT, error="several fleets")
    here = site(
        namespace="",
        namespace_found=False,
        namespaces=names or ("blue", "green", "jobs-eu"),
        capabilities=frozenset({Capability.BROKER}),
    )
    empty: dict[str, Any] = {"agents": {}, "vitals": {}, "facts": {}}
    return replace(whole, epoch=epoch, site=here, counts=counts, sources=sources(registry=absent), **empty)


async def test_the_overview_and_the_empty_page_say_that_there_is_a_choice() -> None:
    async with driving(several()) as deck:
        assert "3 fleets here: :namespace chooses one" in deck.line_with(" 6 Agents")
        assert SENTENCE in deck.text
        await deck.press("6")
        assert SENTENCE in "\n".join(deck.lines[3:21])
    async with driving(several(), size=(40, 10)) as deck:
        assert "Several fleets here" in deck.text


async def test_one_fleet_or_a_chosen_one_says_nothing() -> None:
    for chosen in (calm(), replace(calm(), site=site(namespaces=("blue", "osapi")))):
        async with driving(chosen) as deck:
            assert "Several fleets" not in deck.text


async def test_a_namespace_is_chosen_by_its_name_and_remembered(tmp_path: Path) -> None:
    async with driving(several(), state_dir=tmp_path) as deck:
        await deck.press(":", *"namespace gr", "tab", "enter")
        assert deck.feed.chosen == ["green"]
        assert "looking at the fleet of green" in deck.text
    assert Memory(tmp_path).namespace == "green"
    assert (tmp_path / "deck.json").stat().st_mode & 0o077 == 0


async def test_what_is_remembered_is_applied_to_each_worker_once(tmp_path: Path) -> None:
    Memory(tmp_path).namespace = "green"
    async with driving(several(), state_dir=tmp_path) as deck:
        assert deck.feed.chosen == ["green"]
        await deck.push(replace(several(), seq=2))
        assert deck.feed.chosen == ["green"]
        await deck.push(several(epoch="another"))
        assert deck.feed.chosen == ["green", "green"]


async def test_what_is_remembered_does_not_undo_what_was_chosen_otherwise(tmp_path: Path) -> None:
    Memory(tmp_path).namespace = "green"
    chosen = replace(calm(), site=site(namespaces=("blue", "green"), namespace="blue"))
    async with driving(chosen, state_dir=tmp_path) as deck:
        assert deck.feed.chosen == []
    async with driving(several("blue", "red"), state_dir=tmp_path) as deck:
        assert deck.feed.chosen == []
        assert "Several fleets here" in deck.text


async def test_a_refusal_is_said_and_nothing_is_remembered(tmp_path: Path) -> None:
    feed = LiteralFeed(several())
    feed.refusal = "the worker does not answer"
    async with driving(feed=feed, state_dir=tmp_path) as deck:
        await deck.press(":", *"namespace blue", "enter")
        assert "the namespace is as it was: the worker does not answer" in deck.text
    assert Memory(tmp_path).namespace is None


@pytest.mark.parametrize("name", ["a b", "../x", "ä", "x" * 101])
async def test_what_can_be_no_namespace_is_not_sent(name: str) -> None:
    async with driving(several()) as deck:
        await deck.press(":", *"namespace ", *name, "enter")
        assert deck.feed.chosen == []
        assert "a namespace is of letters, digits, - and _" in deck.text


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [("2", "green"), ("g", "green"), ("j\r", "green"), ("jj\r", "jobs-eu"), ("k\r", "jobs-eu"), ("\r", "blue")],
)
async def test_the_menu_picks_by_digit_letter_and_cursor(keys: str, chosen: str) -> None:
    async with driving(several()) as deck:
        await deck.burst(f":namespace\r{keys}")
        assert deck.feed.chosen == [chosen]
        assert deck.surface.router.mode is Mode.LIST
        assert "Overview" in deck.text or " 3 Streams" in deck.text


async def test_in_the_menu_no_key_does_anything_else() -> None:
    async with driving(several()) as deck:
        await deck.press("3")
        await deck.burst(":namespace\r")
        assert deck.surface.router.mode is Mode.MENU
        assert "Whose fleet is to be shown?" in deck.text
        assert [line.split() for line in deck.lines[5:8]] == [["1", "blue"], ["2", "green"], ["3", "jobs-eu"]]
        for key in ("9", "q", "/", "?", "x", "4", "p"):
            await deck.press(key)
            assert "Whose fleet is to be shown?" in deck.text, key
        assert deck.feed.chosen == []
        await deck.press("escape")
        assert "Whose fleet" not in deck.text
        assert deck.lines[1].startswith(" Streams")
        await deck.press("4")
        assert deck.lines[1].startswith(" Consumers")


async def test_the_one_shown_now_is_marked_and_under_the_cursor() -> None:
    chosen = replace(calm(), site=site(namespaces=("", "blue", "green"), namespace="blue"))
    async with driving(chosen) as deck:
        await deck.burst(":namespace\r")
        assert "shown now" in deck.line_with("2 blue")
        assert deck.line_with('1 ""')
        await deck.press("enter")
        assert deck.feed.chosen == ["blue"]
        await deck.burst(":namespace\r1")
        assert deck.feed.chosen[-1] == ""


async def test_a_click_picks_and_closes_the_menu() -> None:
    async with driving(several()) as deck:
        await deck.burst(":namespace\r")
        row = deck.lines.index(deck.line_with("3 jobs-eu"))
        await deck.pilot.click(offset=(6, row))
        await deck.settle()
        assert deck.feed.chosen == ["jobs-eu"]
        assert deck.surface.router.mode is Mode.LIST


async def test_with_one_fleet_there_is_nothing_to_choose() -> None:
    async with driving(calm()) as deck:
        await deck.burst(":namespace\r")
        assert "one fleet here: osapi; :namespace NAME looks for another" in deck.text
        assert deck.surface.router.mode is Mode.LIST


async def test_auto_forgets(tmp_path: Path) -> None:
    Memory(tmp_path).namespace = "green"
    async with driving(calm(), state_dir=tmp_path) as deck:
        await deck.press(":", *"namespace auto", "enter")
        assert deck.feed.chosen == ["auto"]
    assert Memory(tmp_path).namespace is None


@pytest.mark.parametrize("held", [b"", b"{", b"[]", b'{"namespace": 3}', b"\xff\xfe", b'{"namespace": "' + b"x" * 200])
def test_a_spoilt_memory_is_none(tmp_path: Path, held: bytes) -> None:
    (tmp_path / "deck.json").write_bytes(held)
    memory = Memory(tmp_path)
    assert memory.namespace is None
    memory.namespace = "blue"
    assert json.loads((tmp_path / "deck.json").read_bytes()) == {"namespace": "blue"}
    assert [path.name for path in tmp_path.iterdir()] == ["deck.json"]


def test_what_others_keep_in_it_stays(tmp_path: Path) -> None:
    (tmp_path / "deck.json").write_text('{"theme": "x", "namespace": "a"}')
    Memory(tmp_path).namespace = None
    assert json.loads((tmp_path / "deck.json").read_bytes()) == {"theme": "x"}
    Memory(None).namespace = "nowhere"
    assert Memory(None).namespace is None
