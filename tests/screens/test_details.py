"""Details: what stands under the cursor can be read, and rows of one host differ from each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.color import Color as Ground
from textual.color import Color

from app.tui.themes import THEMES
from tests.literals import calm, fleet, machine, only
from tests.screens.driving import Driven, driving
from tests.screens.test_looks import contrast

NAMES = [theme.name for theme in THEMES]


def worst_contrast(deck: Driven, line: int, past: int) -> float:
    """The least contrast of any word of a line from a cell on, as it is painted: reversed where it is."""
    ratios, cell = [], 0
    for segment in deck.app.screen._compositor.render_strips()[line]:
        cell += segment.cell_length
        style = segment.style
        if cell <= past or not segment.text.strip() or style is None:
            continue
        assert style.reverse, segment
        assert not style.dim, segment
        assert style.color
        assert style.bgcolor
        ratios.append(contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)))
    return min(ratios)


def grounds(deck: Driven, line: int, past: int) -> set[Ground | None]:
    """The colours of the patches of a reversed line from a cell on."""
    found, cell = set(), 0
    for segment in deck.app.screen._compositor.render_strips()[line]:
        cell += segment.cell_length
        if cell > past and segment.style is not None:
            found.add(segment.style.color)
    return found


def under_cursor(deck: Driven, words: str) -> bool:
    """Whether the line that begins with these words is the cursor's; fails where there is no such line."""
    strip = next(strip for strip in deck.app.screen._compositor.render_strips() if strip.text.strip().startswith(words))
    first = next(iter(strip)).style
    return first is not None and bool(first.reverse)


@pytest.mark.parametrize("name", NAMES)
async def test_every_word_of_a_line_with_the_cursor_can_be_read(name: str) -> None:
    async with driving(fleet(), theme=name) as deck:
        await deck.press("6", "enter")
        assert "gone" in deck.lines[2]
        assert "heartbeat" in deck.lines[2]
        assert worst_contrast(deck, 2, 0) >= 4.5
        # One patch behind name, dim words and what stands at the right edge.
        assert len(grounds(deck, 2, 8)) == 1
        while not under_cursor(deck, "HighLoad"):
            await deck.press("j")
        at = deck.lines.index(deck.line_with("HighLoad"))
        assert len(grounds(deck, at, 0)) == 1
        assert worst_contrast(deck, at, 0) >= 4.5


async def test_an_agents_consumers_leave_its_host_out_and_differ() -> None:
    async with driving(calm()) as deck:
        await deck.press(":", *"agent web-01", "enter")
        assert deck.line_with("Consumers on JOBS")
        rows = [line[4:30].split("  ")[0].strip() for line in deck.lines if line.startswith("  ● ")]
        assert len(rows) >= 6
        assert len(set(rows)) == len(rows)
        assert "query·any" in rows
        assert not [row for row in rows if "web-01" in row]


async def test_in_a_wide_terminal_figures_stay_near_their_names() -> None:
    async with driving(calm(), size=(200, 50)) as deck:
        await deck.press(":", *"agent web-01", "enter")
        header = deck.line_with("CONSUMER")
        assert header.index("PENDING") - header.index("CONSUMER") < 30


async def test_the_figures_of_all_views_begin_in_one_column_and_fit() -> None:
    async with driving(fleet()) as deck:
        streams, consumers, agents = (
            next(line for line in deck.lines if line.startswith(start))
            for start in (" 3 Streams", " 4 Consumers", " 6 Agents")
        )
        assert streams.index("in ") == consumers.index("pending") == agents.index("oldest")
        assert consumers.endswith("no client 6")


@pytest.mark.parametrize("width", [80, 40])
async def test_the_first_starts_line_fits(width: int, tmp_path: Path) -> None:
    async with driving(calm(), size=(width, 24), state_dir=tmp_path) as deck:
        line = deck.line_with("nothing here changes anything")
        assert line
        assert "…" not in line
        await deck.press("j")
        assert not deck.line_with("nothing here changes anything")


async def test_what_is_folded_says_of_what_it_is() -> None:
    some = fleet()
    cause = next(finding for finding in some.findings.values() if finding.rule == "agent.gone")
    key = next(key for key in some.consumers if key.startswith("JOBS/") and machine("web-03") in key)
    folded = replace(
        cause, id="f", rule="consumer.no_client", kind="consumer", refs=(f"consumer:{key}",), cause=cause.id
    )
    async with driving(only(some, findings={**some.findings, "f": folded}), size=(100, 30)) as deck:
        await deck.surface.open_ref(f"finding:{cause.id}")
        await deck.settle()
        assert "JOBS › " in deck.lines[deck.lines.index(deck.line_with("Folded under it")) + 1]
