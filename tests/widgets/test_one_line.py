"""Lines: what is left out where it is narrow, and what a second costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.widgets.deck import Stage, is_reverse, repainted, screen_lines, styles_at
from widgets.breadcrumbs import Breadcrumbs
from widgets.filter_bar import FilterBar
from widgets.hint_bar import HintBar
from widgets.message_line import MessageLine
from widgets.one_line import Segment, fit_segments
from widgets.status_bar import Clock, StatusBar

STATUS = [
    Segment("prod", 1, "strong"),
    Segment("nats-1 ● 1ms", 2, "ok"),
    Segment("every 1s", 4),
    Segment("LIVE", 1),
    Segment("read-only", 3),
    Segment("watching 2h13m", 5),
]


@given(
    st.lists(st.builds(Segment, st.text(max_size=12), st.integers(1, 5)), max_size=8),
    st.integers(0, 80),
    st.sampled_from(["", " ", " · "]),
)
def test_what_fits_is_kept_in_order_and_by_priority(segments, width, separator):
    kept = fit_segments(segments, width, separator)
    assert [piece for piece in segments if any(piece is other for other in kept)] == kept
    left_out = [piece for piece in segments if piece.text and not any(piece is other for other in kept)]
    if kept and left_out:
        assert max(piece.priority for piece in kept) <= min(piece.priority for piece in left_out) or len(kept) == 1


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (80, " prod · nats-1 ● 1ms · every 1s · LIVE · read-only · watching 2h13m   14:05:31Z"),
        (70, " prod · nats-1 ● 1ms · every 1s · LIVE · read-only          14:05:31Z"),
        (52, " prod · nats-1 ● 1ms · LIVE · read-only   14:05:31Z"),
        (38, " prod · nats-1 ● 1ms · LIVE 14:05:31Z"),
        (24, " prod · LIVE  14:05:31Z"),
        (14, " p… 14:05:31Z"),
    ],
)
async def test_status_bar_drops_by_priority_and_always_has_the_time(width, line):
    bar = StatusBar()
    async with Stage(bar).run_test(size=(width, 3)) as pilot:
        bar.set_segments(STATUS)
        bar.set_clock("14:05:31Z")
        await pilot.pause()
        await pilot.pause()
        assert screen_lines(pilot.app)[0] == line


async def test_a_second_repaints_the_clock_and_nothing_else():
    bar = StatusBar()
    async with Stage(bar).run_test(size=(80, 3)) as pilot:
        bar.set_segments(STATUS)
        bar.set_clock("14:05:31Z")
        await pilot.pause()
        await pilot.pause()
        clock = bar.query_one(Clock)
        others = [widget for widget in pilot.app.screen.walk_children() if widget is not clock]
        assert clock.size.width == 10
        with repainted(clock) as ticks, repainted(bar) as bars, repainted(others[-1]) as rest:
            bar.set_clock("14:05:32Z")
            bar.set_segments(list(STATUS))
            await pilot.pause()
            bar.set_clock("14:05:32Z")
            await pilot.pause()
        assert (ticks, bars, rest) == ([-1], [], [])


async def test_the_past_is_in_reverse_video():
    bar = StatusBar()
    async with Stage(bar).run_test(size=(80, 3)) as pilot:
        bar.set_segments([Segment("PAST 14:01:12 UTC (4m19s ago)")])
        bar.set_clock("14:05:31Z")
        bar.reverse = True
        await pilot.pause()
        await pilot.pause()
        assert is_reverse(pilot.app, 0)
        bar.reverse = False
        await pilot.pause()
        assert not is_reverse(pilot.app, 0)


async def test_hostile_pieces_stay_one_line():
    bar = StatusBar()
    async with Stage(bar).run_test(size=(60, 3)) as pilot:
        bar.set_segments([Segment("[/bad]\x1b[2J漢字\n🧑‍🚀"), Segment("x" * 5000, 2)])
        bar.set_clock("14:05:31Z")
        await pilot.pause()
        await pilot.pause()
        strip = pilot.app.screen._compositor.render_strips()[0]
        assert strip.text.isprintable()
        assert sum(cell_len(segment.text) for segment in strip) == 60
        assert "[/bad]" in strip.text


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (60, " Agents › web-03 › query·any             41 of 200 · held"),
        (38, " Agents › web-03 › query·any"),
        (24, " … › web-03 › query·any"),
        (20, " … › query·any"),
        (10, " query·a…"),
    ],
)
async def test_breadcrumbs_keep_the_last_part(width, line):
    crumbs = Breadcrumbs()
    async with Stage(crumbs).run_test(size=(width, 3)) as pilot:
        crumbs.set_parts(["Agents", "web-03", "query·any"], [Segment("41 of 200"), Segment("held", style="accent")])
        await pilot.pause()
        shown = screen_lines(pilot.app)[0]
        assert shown.replace("  ", "") == line.replace("  ", "")
        assert cell_len(shown) <= width


async def test_filter_line_shows_cursor_hint_and_error():
    bar = FilterBar()
    async with Stage(bar).run_test(size=(60, 3)) as pilot:
        bar.show("/", "web-0", cursor=5)
        await pilot.pause()
        assert screen_lines(pilot.app)[0] == " /web-0"
        assert [s.text for s in styles_at(pilot.app, 0) if s.style and s.style.reverse] == [" "]
        bar.show(":", "str", cursor=3, hint="eam")
        await pilot.pause()
        assert screen_lines(pilot.app)[0] == " :stream"
        assert [s.text for s in styles_at(pilot.app, 0) if s.style and s.style.reverse] == ["e"]
        bar.show("/", "web", cursor=1)
        await pilot.pause()
        assert [s.text for s in styles_at(pilot.app, 0) if s.style and s.style.reverse] == ["e"]
        bar.show("/", "siz>5", cursor=5, error="no column `siz` here; nearest: size")
        await pilot.pause()
        assert screen_lines(pilot.app)[0].startswith(" /siz>5")
        assert screen_lines(pilot.app)[0].endswith("no column `siz` here; nearest: size")
        bar.show("/", "a" * 200 + "end", cursor=203)
        await pilot.pause()
        assert screen_lines(pilot.app)[0].endswith("aend")
        bar.show("/", "kept")
        await pilot.pause()
        assert not [s for s in styles_at(pilot.app, 0) if s.style and s.style.reverse]
        bar.clear()
        await pilot.pause()
        assert screen_lines(pilot.app)[0] == ""


async def test_messages_go_and_errors_stay_until_a_key():
    class Quick(MessageLine):
        SECONDS = 1.0

    line = Quick()
    async with Stage(line).run_test(size=(60, 3)) as pilot:
        line.show_message("copied: ORDERS")
        await pilot.pause()
        assert screen_lines(pilot.app)[0] == " copied: ORDERS"
        for _ in range(500):
            if not line.message:
                break
            await pilot.pause(0.02)
        assert screen_lines(pilot.app)[0] == ""
        line.show_message("failed: no permission", "crit")
        await pilot.pause(1.5)
        assert screen_lines(pilot.app)[0] == " failed: no permission"
        line.key_pressed()
        await pilot.pause()
        assert line.message == ""
        line.show_message("fine")
        line.key_pressed()
        assert line.message == "fine"


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (50, " enter open  / filter  f faults  Y report  ? help"),
        (40, " enter open  / filter  f faults  ? help"),
        (20, " enter open  ? help"),
        (8, " ? help"),
    ],
)
async def test_hints_are_dropped_from_the_right_but_help_stays(width, line):
    hints = HintBar([("enter", "open"), ("/", "filter"), ("f", "faults"), ("Y", "report"), ("?", "help")])
    async with Stage(hints).run_test(size=(width, 3)) as pilot:
        assert screen_lines(pilot.app)[0] == line
