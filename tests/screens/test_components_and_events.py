"""The views of components and of events, and the pages of views that need more than there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.model.components import Component, ComponentKind
from app.model.events import Event, EventKind
from app.model.findings import Severity
from app.model.health import Health
from tests.literals import NOW, ago, fleet, keyed, only
from tests.screens.driving import Driven, driving


def rows(deck: Driven) -> list[str]:
    return [line for line in deck.lines[3:-2] if line.strip()]


async def test_parts_stand_under_their_whole_and_what_is_wrong_stands_first() -> None:
    async with driving(fleet()) as deck:
        await deck.press("2")
        names = [row[2:24].rstrip() for row in rows(deck)]
        assert names[:4] == ["controller web-01", "  api", "  kv (connectivity)", "  tracing"]
        assert rows(deck)[2].startswith("✗")
        assert names.index("geo") < names.index("pricing")  # gone before what answers
        assert names.index("metrics") + 1 == names.index("  web-02")


async def test_faults_alone_and_a_component_with_its_parts() -> None:
    async with driving(fleet()) as deck:
        await deck.press("2", "f")
        assert all(row[0] in "✗▲" for row in rows(deck))
        await deck.press("f", "g", "enter")
        assert deck.lines[1].strip() == "Components › controller web-01"
        assert "kv (connectivit" in deck.text
        assert "4.2% of a core, 61M" in deck.text


async def test_a_service_shows_its_endpoints() -> None:
    async with driving(fleet(), size=(100, 40)) as deck:
        await deck.burst("2/pricing\r\r")
        assert "pricing" in deck.lines[1]
        for instance in fleet().services["pricing"].instances:
            for endpoint in instance.endpoints:
                assert endpoint.subject in deck.text


async def test_events_are_newest_first_minor_ones_when_asked_for_and_enter_leads_on() -> None:
    async with driving(fleet()) as deck:
        await deck.press("0")
        times = [row.split()[2 if row.split()[0] in "✗▲" else 1] for row in rows(deck)]
        assert times == sorted(times, reverse=True)
        assert "+1 hidden" in deck.lines[1]
        shown = len(rows(deck))
        await deck.press("e")
        assert len(rows(deck)) == shown + 1
        await deck.burst("/gone without\r\r")
        assert "web-03" in deck.lines[1]


async def test_equal_events_are_one_row_that_counts() -> None:
    async with driving(fleet()) as deck:
        await deck.press("0")
        assert deck.line_with("message 48102 given up").endswith("×3")


async def test_what_comes_while_one_follows_stands_on_top() -> None:
    known = fleet()
    new = Event("9999", NOW, EventKind.AGENT, "db-01", "drained", Severity.INFO, refs=("agent:x",))
    async with driving(known) as deck:
        await deck.press("0", "F")
        await deck.push(only(known, events={**known.events, new.key: new}))
        assert "drained" in rows(deck)[0]


@pytest.mark.parametrize("key", ["7", "8"])
async def test_views_that_need_more_say_what(key: str) -> None:
    async with driving(fleet()) as deck:
        await deck.press(key)
        words = " ".join(deck.text.split())
        assert "watchdeck init sessions" in words
        await deck.press("J", "enter", "a", "x", "R", "m", "y", "1")
        assert "─ Now" in deck.text


async def test_foreign_text_stays_in_its_cells() -> None:
    nasty = "\x1b[2J[/b]\u202e" + "漢" * 5000
    component = Component(f"service:{nasty}", ComponentKind.SERVICE, nasty, Health.CRIT, nasty, reason=nasty)
    event = Event("1", ago(1), EventKind.ADVISORY, nasty, nasty, Severity.CRIT, who=nasty)
    async with driving(replace(fleet(), components=keyed([component]), events=keyed([event]))) as deck:
        for keys in (["2"], ["enter"], ["w"], ["0"], ["enter"], ["1"]):
            await deck.press(*keys)
            assert all(line.isprintable() for line in deck.lines), keys
