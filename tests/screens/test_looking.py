"""What is on the screen is told to the worker, once, and anew when it changes."""

from __future__ import annotations

from dataclasses import replace

from tests.literals import calm, consumer, fleet, keyed, machine, only
from tests.screens.driving import driving


async def test_a_list_tells_the_rows_on_the_screen() -> None:
    many = keyed(consumer("JOBS", f"c{number:03}") for number in range(300))
    async with driving(only(calm(), consumers=many), size=(80, 24)) as deck:
        await deck.press("4")
        rows = deck.surface.stacks.page.table.rows_shown()  # type: ignore[attr-defined]
        told = deck.feed.looked[-1]
        assert {f"consumer:{row.key}" for row in rows[:10]} <= told
        assert 10 < len(told) <= 64
        await deck.press("G")
        after = deck.feed.looked[-1]
        assert f"consumer:{rows[-1].key}" in after
        assert not after & {f"consumer:{row.key}" for row in rows[:100]}


async def test_nothing_is_told_while_nothing_changes() -> None:
    async with driving(fleet()) as deck:
        await deck.press("6")
        told = len(deck.feed.looked)
        await deck.pass_time(1)
        await deck.press("l", "h")
        await deck.push(replace(fleet(), seq=9))
        assert len(deck.feed.looked) == told


async def test_a_detail_tells_itself_and_what_it_leads_to() -> None:
    async with driving(calm(), size=(100, 30)) as deck:
        await deck.press(":", *"agent web-01", "enter")
        told = deck.feed.looked[-1]
        assert f"agent:{machine('web-01')}" in told
        assert len([ref for ref in told if ref.startswith("consumer:JOBS/")]) >= 6
        await deck.press("escape")
        assert deck.feed.looked[-1] != told


async def test_the_overview_tells_what_its_findings_are_about() -> None:
    async with driving(fleet(), size=(80, 24)) as deck:
        assert f"agent:{machine('web-03')}" in deck.feed.looked[-1]
    async with driving(calm(), size=(120, 30)) as deck:
        assert any(ref.startswith("consumer:") for ref in deck.feed.looked[-1])
        assert any(ref.startswith("stream:") for ref in deck.feed.looked[-1])
