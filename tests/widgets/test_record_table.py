"""The table: cursor, order, what is left out, hostile text, and how little it repaints."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from textual.color import Color
from textual.events import MouseScrollDown, MouseScrollUp

from tests.widgets.deck import Stage, is_reverse, repainted, screen_lines, styles_at
from widgets.columns import Align, Cell, Column, Row
from widgets.record_table import RecordTable
from widgets.row_filter import parse

COLUMNS = [
    Column("glyph", "", 1),
    Column("name", "NAME", 18, flex=True),
    Column("pending", "PENDING", 7, Align.RIGHT),
    Column("behind", "BEHIND", 6, Align.RIGHT, 2),
    Column("owner", "OWNER", 12, priority=3),
    Column("mode", "MODE", 5, priority=4),
    Column("floor", "FLOOR", 9, Align.RIGHT, 5),
]


def row(name, pending=0, *, bad=False, **more):
    cells = (
        Cell("✗" if bad else "●", style="crit" if bad else "ok"),
        Cell(name),
        Cell(str(pending), pending),
        Cell("4s", 4),
        Cell("web-01"),
        Cell("pull"),
        Cell("48211", 48211),
    )
    return Row(name, cells, rank=4 if bad else 0, fault=bad, **more)


def names(table):
    return [row.key for row in table.rows_shown()]


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Time()


@pytest.fixture
def table(clock):
    return RecordTable(COLUMNS, sort="pending", clock=clock)


async def test_worst_first_then_the_column_then_the_name(table):
    table.set_rows([row("b", 1), row("a", 1), row("big", 9), row("bad", 0, bad=True)])
    async with Stage(table).run_test(size=(40, 8)) as pilot:
        assert screen_lines(pilot.app)[:6] == [
            "  NAME                   ▾PENDING BEHIND",
            "✗ bad                           0     4s",
            "● big                           9     4s",
            "● a                             1     4s",
            "● b                             1     4s",
            "",
        ]


async def test_cursor_stays_on_its_row_through_updates_and_sorting(table):
    table.set_rows([row(name, 10 - i) for i, name in enumerate("abcdef")])
    async with Stage(table).run_test(size=(60, 12)):
        table.move(2)
        assert table.cursor_key == "c"
        table.update_rows([row("f", 99), row("z", 100)], gone=["a"])
        table.resort()
        assert (table.cursor_key, names(table)) == ("c", ["z", "f", "b", "c", "d", "e"])
        table.sort_by("name")
        assert (table.cursor_key, names(table)[0]) == ("c", "b")
        table.set_rows([row("c"), row("new")])
        assert table.cursor_key == "c"
        assert table.cursor_row is not None
        assert table.cursor_row.cells[2].text == "0"


async def test_where_the_row_goes_the_cursor_is_on_the_nearest_one(table):
    table.set_rows([row(name) for name in "abc"])
    async with Stage(table).run_test(size=(60, 12)):
        table.move(1)
        table.update_rows([], gone=["b"])
        assert table.cursor_key == "c"
        table.update_rows([], gone=["c"])
        assert table.cursor_key == "a"
        table.update_rows([], gone=["a"])
        assert (table.cursor_key, table.cursor_row) == ("", None)
        table.update_rows([row("x")])
        assert table.cursor_key == "x"


async def test_order_is_held_while_somebody_moves(table, clock):
    table.set_rows([row("a", 3), row("b", 2), row("c", 1)])
    async with Stage(table).run_test(size=(60, 12)):
        table.move(1)
        assert table.order_held
        clock.now += 9
        table.update_rows([row("c", 100), row("new", 1000, bad=True)])
        assert names(table) == ["a", "b", "c", "new"]
        table.set_rows([row("a", 3), row("b", 2), row("c", 101), row("new", 1000, bad=True)])
        assert names(table) == ["a", "b", "c", "new"]
        clock.now += 1
        assert not table.order_held
        table.update_rows([row("a", 4)])
        assert (names(table), table.cursor_key) == (["new", "c", "a", "b"], "b")


async def test_order_settles_by_itself_when_nothing_comes_any_more(clock):
    class Quick(RecordTable):
        HOLD = 0.05

    table = Quick(COLUMNS, sort="pending")
    table.set_rows([row("a", 3), row("b", 2)])
    async with Stage(table).run_test(size=(60, 12)) as pilot:
        table.move(1)
        table._order.update([row("b", 9)], held=True)
        assert names(table) == ["a", "b"]
        for _ in range(200):
            if names(table) == ["b", "a"]:
                break
            await pilot.pause(0.02)
        assert names(table) == ["b", "a"]
        assert not table.order_held


async def test_resort_does_not_wait(table):
    table.set_rows([row("a", 3), row("b", 2)])
    async with Stage(table).run_test(size=(60, 12)):
        table.move(1)
        table.update_rows([row("b", 9)])
        assert names(table) == ["a", "b"]
        table.resort()
        assert names(table) == ["b", "a"]


async def test_rows_that_come_above_do_not_move_what_one_reads(table):
    table.set_rows([row(f"n{i:03}") for i in range(100)])
    async with Stage(table).run_test(size=(60, 12)) as pilot:
        table.move(50)
        await pilot.pause()
        before = screen_lines(pilot.app)
        with repainted(table) as lines:
            table.update_rows([], gone=[f"n{i:03}" for i in range(0, 20)])
        await pilot.pause()
        assert screen_lines(pilot.app) == before
        assert lines == []
        assert table.cursor_key == "n050"


async def test_an_untouched_table_shows_the_worst_that_comes(table):
    table.set_rows([row(f"n{i:03}", 100) for i in range(100)])
    async with Stage(table).run_test(size=(60, 12)) as pilot:
        table.update_rows([row("worse", 1, bad=True)])
        await pilot.pause()
        assert screen_lines(pilot.app)[1].startswith("✗ worse")
        assert table.cursor_key == "n000"
        table.update_rows([row(f"n{i:03}", 100, bad=True) for i in range(50, 100)])
        assert table.top == 0
        assert table.cursor_key == "n050"


async def test_counts_tell_hidden_rows_from_filtered_ones(table):
    table.set_rows([row("a"), row("b", bad=True), row("eph", hidden=True), row("eph2", hidden=True, bad=True)])
    async with Stage(table).run_test(size=(60, 12)):
        assert (table.shown, table.total, table.hidden_count, table.filtered_count) == (2, 4, 2, 0)
        table.faults_only = True
        assert (names(table), table.hidden_count, table.filtered_count) == (["b"], 2, 1)
        table.show_hidden = True
        assert (names(table), table.hidden_count, table.filtered_count) == (["b", "eph2"], 0, 2)
        table.faults_only = False
        table.set_filter(parse("eph", COLUMNS))
        assert (names(table), table.filtered_count) == (["eph2", "eph"], 2)
        table.set_filter(None)
        assert table.shown == 4


async def test_a_filter_keeps_the_cursor_on_its_row(table):
    table.set_rows([row(f"n{i:03}") for i in range(100)])
    async with Stage(table).run_test(size=(60, 12)) as pilot:
        table.cursor_key = "n077"
        table.set_filter(parse("7", COLUMNS))
        assert table.cursor_key == "n077"
        await pilot.pause()
        assert any(line.startswith("● n077") for line in screen_lines(pilot.app))
        table.set_filter(parse("00", COLUMNS))
        assert table.cursor_key in names(table)


async def test_which_emptiness_is_said_in_the_middle(table):
    async with Stage(table).run_test(size=(60, 9)) as pilot:
        table.empty = "No consumers on this stream."
        await pilot.pause()
        assert screen_lines(pilot.app)[4].strip() == "No consumers on this stream."
        table.update_rows([row("a")])
        await pilot.pause()
        assert "No consumers" not in "\n".join(screen_lines(pilot.app))


async def test_movement(table):
    table.set_rows([row(f"n{i:03}") for i in range(100)])
    async with Stage(table).run_test(size=(60, 11)) as pilot:
        table.move(-1)
        assert table.cursor_key == "n000"
        table.page(1)
        assert table.cursor_key == "n005"
        table.page(-3)
        assert table.cursor_key == "n000"
        table.move_to_end(False)
        await pilot.pause()
        assert (table.cursor_key, table.more_below) == ("n099", 0)
        assert screen_lines(pilot.app)[-1].startswith("● n099")
        table.move_to_end(True)
        assert (table.cursor_key, table.more_below) == ("n000", 90)


async def test_next_fault_goes_around_the_ends(table):
    table.set_rows([row("a"), row("b"), row("x", bad=True), row("y", bad=True)])
    async with Stage(table).run_test(size=(60, 11)):
        assert table.cursor_key == "x"
        found = [(table.next_fault(1), table.cursor_key) for _ in range(3)]
        assert found == [(True, "y"), (True, "x"), (True, "y")]
        assert (table.next_fault(-1), table.cursor_key) == (True, "x")
        table.update_rows([row("x"), row("y")])
        assert not table.next_fault(1)


async def test_marks_are_seen_counted_and_forgotten_with_their_row(table):
    table.set_rows([row("a"), row("b"), row("c")])
    async with Stage(table).run_test(size=(60, 11)) as pilot:
        table.toggle_mark()
        table.toggle_mark()
        await pilot.pause()
        assert table.marked == ("a", "b")
        assert [line[:3] for line in screen_lines(pilot.app)[1:4]] == ["●*a", "●*b", "● c"]
        table.update_rows([], gone=["a"])
        assert table.marked == ("b",)
        table.cursor_key = "b"
        table.toggle_mark()
        assert table.marked == ()
        table.toggle_mark()
        table.clear_marks()
        assert table.marked == ()


async def test_sorting_by_any_column_and_back_to_health(table):
    table.set_rows([row("a", 1), row("b", 2, bad=True), row("c", 3)])
    async with Stage(table).run_test(size=(60, 11)) as pilot:
        assert names(table) == ["b", "c", "a"]
        table.sort_next(1)
        assert (table.sorting.column, names(table)) == ("name", ["a", "b", "c"])
        table.sort_reverse()
        await pilot.pause()
        assert names(table) == ["c", "b", "a"]
        assert screen_lines(pilot.app)[0].startswith("  NAME▾")
        table.sort_next(1)
        assert (table.sorting.column, names(table)) == ("pending", ["c", "b", "a"])
        table.sort_next(-1)
        table.sort_next(-1)
        assert (table.sorting.health, names(table)) == (True, ["b", "c", "a"])


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (40, ["NAME", "PENDING", "BEHIND"]),
        (76, ["NAME", "PENDING", "BEHIND", "OWNER", "MODE"]),
        (80, ["NAME", "PENDING", "BEHIND", "OWNER", "MODE"]),
        (100, ["NAME", "PENDING", "BEHIND", "OWNER", "MODE"]),
        (140, ["NAME", "PENDING", "BEHIND", "OWNER", "MODE"]),
        (200, ["NAME", "PENDING", "BEHIND", "OWNER", "MODE"]),
        (20, ["NAME", "PENDING"]),
    ],
)
async def test_columns_come_and_go_with_the_width(table, width, titles):
    table.set_rows([row("some-name", 12)])
    async with Stage(table).run_test(size=(width, 6)) as pilot:
        header, line, *_ = screen_lines(pilot.app)
        assert header.replace("▾", " ").split() == titles
        assert cell_len(line) <= width
        await pilot.resize_terminal(50, 6)
        await pilot.pause()
        assert screen_lines(pilot.app)[0].replace("▾", " ").split() == ["NAME", "PENDING", "BEHIND", "OWNER"]


async def test_wide_mode_and_sideways(table):
    long = "consumer-with-a-name-that-is-longer-than-usual"
    table.set_rows([row(long)])
    async with Stage(table).run_test(size=(100, 6)) as pilot:
        table.wide = True
        await pilot.pause()
        header, line, *_ = screen_lines(pilot.app)
        assert "FLOOR" in header
        assert long in line
        table.wide = False
        await pilot.resize_terminal(40, 6)
        await pilot.pause()
        assert "OWNER" not in screen_lines(pilot.app)[0]
        table.scroll_columns(1)
        table.scroll_columns(1)
        await pilot.pause()
        header, line, *_ = screen_lines(pilot.app)
        assert header.split() == ["NAME", "OWNER", "MODE"]
        assert line.startswith("● consumer-")
        table.scroll_columns(50)
        assert [column.id for column in table.columns_shown][-1] == "mode"
        table.scroll_columns(-50)
        assert [column.id for column in table.columns_shown] == ["glyph", "name", "pending", "behind"]


HOSTILE = [
    "[/bad] [red]x[/red]",
    "漢字の名前がとても長いストリーム名前",
    "🧑‍🚀 launch 🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀🚀",
    "e\u0301" * 40,
    "\x1b]52;c;aGk=\x07\x1b[2Jgone",
    "line\nbreak\ttab",
    "\u202ereversed\u202c",
    "x" * 10_000,
    "漢" * 10_000,
    "",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_text_changes_nothing_but_its_own_cell(table, name):
    table.set_rows([row("a"), Row("h", (Cell("●"), Cell(name), *row("h", 77).cells[2:])), row("z")])
    for width in (20, 37, 60):
        async with Stage(table).run_test(size=(width, 6)) as pilot:
            await pilot.pause()
            strips = pilot.app.screen._compositor.render_strips()
            text = "".join(strip.text for strip in strips)
            assert text.isprintable()
            assert {sum(cell_len(segment.text) for segment in strip) for strip in strips} == {width}
            lines = [strip.text.rstrip() for strip in strips]
            right = lines[0].rindex("PENDING") + len("PENDING") - 2
            hostile = next(line for line in lines if "77" in line)
            assert cell_len(hostile[: hostile.rindex("77")]) == right
            assert sum(line.startswith(("● a ", "● z ")) for line in lines) == 2


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_columns_are_told_by_the_caller_how_to_cut(name):
    asked = []

    def cut(text, cells):
        asked.append(cells)
        return text  # a cut that does not cut is cut all the same

    table = RecordTable(COLUMNS, cut=cut)
    table.set_rows([row(name)])
    async with Stage(table).run_test(size=(30, 4)) as pilot:
        assert {sum(cell_len(s.text) for s in strip) for strip in pilot.app.screen._compositor.render_strips()} == {30}
        assert set(asked) <= {20}


async def test_cursor_row_is_reverse_and_its_fault_keeps_its_colour(table):
    table.set_rows([row("a", bad=True), row("b"), row("old", dim=True, last=True)])
    async with Stage(table).run_test(size=(60, 6)) as pilot:
        assert [is_reverse(pilot.app, y) for y in range(4)] == [False, True, False, False]
        glyph, *rest = styles_at(pilot.app, 1)
        assert glyph.text == "✗"
        assert glyph.style.color != rest[0].style.color
        ok_glyph, *ok_rest = styles_at(pilot.app, 2)
        assert ok_glyph.style.color != ok_rest[0].style.color
        dim = styles_at(pilot.app, 3)[1]
        assert dim.style.color != ok_rest[0].style.color
        table.active = False
        await pilot.pause()
        assert not any(is_reverse(pilot.app, y) for y in range(4))


async def test_every_theme_gives_its_own_colours(table):
    table.set_rows([row("a", bad=True), row("b")])
    async with Stage(table).run_test(size=(60, 6)) as pilot:
        seen = set()
        for theme in ("textual-dark", "textual-light", "gruvbox"):
            pilot.app.theme = theme
            await pilot.pause()
            glyph = styles_at(pilot.app, 2)[0]
            seen.add(Color.from_rich_color(glyph.style.color).hex)
        assert len(seen) == 3


async def test_ascii_marks(table):
    table.ascii = True
    table.set_rows([row("a")])
    async with Stage(table).run_test(size=(60, 6)) as pilot:
        assert "vPENDING" in screen_lines(pilot.app)[0]
        table.sort_reverse()
        await pilot.pause()
        assert "^PENDING" in screen_lines(pilot.app)[0]


async def test_a_pane_says_how_many_more(table):
    table.more_line = True
    table.set_rows([row(f"n{i:02}") for i in range(20)])
    async with Stage(table).run_test(size=(60, 6)) as pilot:
        assert screen_lines(pilot.app)[-1] == " +16 more"
        assert table.more_below == 16
        table.move(4)
        await pilot.pause()
        lines = screen_lines(pilot.app)
        assert any(line.startswith("● n04") for line in lines)
        assert lines[-1] == " +15 more"
        table.move_to_end(False)
        await pilot.pause()
        assert screen_lines(pilot.app)[-1].startswith("● n19")


# What is repainted


async def test_unchanged_rows_are_not_repainted(table):
    rows = [row(f"n{i:03}", i) for i in range(100)]
    table.set_rows(rows)
    async with Stage(table).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        with repainted(table) as lines:
            table.set_rows(rows)
            table.set_rows([row(f"n{i:03}", i) for i in range(100)])
            table.update_rows([row(f"n{i:03}", i) for i in range(100)])
            table.update_rows([])
            table.resort()
            table.sync()
            await pilot.pause()
        assert lines == []


async def test_one_changed_row_is_one_line(table):
    table.set_rows([row(f"n{i:03}", 500 - i) for i in range(100)])
    async with Stage(table).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        with repainted(table) as lines:
            changed = row("n004", 496)
            cells = (*changed.cells[:3], Cell("9s", 9), *changed.cells[4:])
            table.update_rows([Row("n004", cells)])
        assert lines == [5]
        await pilot.pause()
        assert "9s" in screen_lines(pilot.app)[5]
        with repainted(table) as lines:
            table.update_rows([row("n080", 420, bad=False, search="found by this too")])
            table.move(1)
        assert lines == [1, 2]


async def test_a_value_that_sorts_otherwise_but_looks_the_same_costs_nothing(table):
    table.set_rows([row("a", 5), row("b", 4)])
    async with Stage(table).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        precise = Row("a", (*row("a", 5).cells[:2], Cell("5", 5.25), *row("a").cells[3:]))
        with repainted(table) as lines:
            table.update_rows([precise])
        assert lines == []


async def test_a_line_that_changed_back_before_it_was_painted_is_right(table):
    table.set_rows([row("a", 5), row("b", 4)])
    async with Stage(table).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        table.update_rows([row("a", 6)])
        table.update_rows([row("a", 5)])
        await pilot.pause()
        assert screen_lines(pilot.app)[1].split()[2] == "5"
        table.update_rows([row("a", 7)])
        await pilot.pause()
        assert screen_lines(pilot.app)[1].split()[2] == "7"


async def test_rows_that_end_the_list_repaint_their_own_lines_only(table):
    table.set_rows([row(f"n{i}", 50 - i) for i in range(9)])
    async with Stage(table).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        with repainted(table) as lines:
            table.update_rows([row("z", 1)])
            await pilot.pause()
        assert lines == [10]
        with repainted(table) as lines:
            table.update_rows([], gone=["z", "n8"])
            await pilot.pause()
        assert lines == [9, 10]
        assert screen_lines(pilot.app)[9:11] == ["", ""]


# Mouse and messages


async def test_wheel_and_click(table):
    table.set_rows([row(f"n{i:03}") for i in range(100)])
    opened = []

    class Clicked(Stage):
        def on_record_table_opened(self, event):
            opened.append(event.key)

    async with Clicked(table).run_test(size=(60, 12)) as pilot:
        await pilot._post_mouse_events([MouseScrollDown], table, offset=(5, 4))
        assert (table.top, table.cursor_key) == (3, "n000")
        await pilot._post_mouse_events([MouseScrollUp], table, offset=(5, 4))
        await pilot.click(table, offset=(5, 4))
        assert table.cursor_key == "n003"
        await pilot.click(table, offset=(5, 0))
        assert table.cursor_key == "n003"
        await pilot.click(table, offset=(5, 6), times=2)
        await pilot.pause()
        assert (table.cursor_key, opened) == ("n005", ["n005"])
        table.scroll_lines(30)
        await pilot.pause()
        assert screen_lines(pilot.app)[1].startswith("● n030")
        assert table.cursor_key == "n005"
        table.move(1)
        await pilot.pause()
        assert any(line.startswith("● n006") for line in screen_lines(pilot.app))


async def test_messages_say_what_moved_and_what_changed(table):
    heard = []

    class Listening(Stage):
        def on_record_table_cursor_moved(self, event):
            heard.append(("cursor", event.key))

        def on_record_table_changed(self, event):
            heard.append(("changed", event.table.shown))

    async with Listening(table).run_test(size=(60, 12)) as pilot:
        heard.clear()
        table.set_rows([row("a"), row("b")])
        await pilot.pause()
        assert set(heard) == {("cursor", "a"), ("changed", 2)}
        heard.clear()
        table.update_rows([row("a", 5)])
        await pilot.pause()
        assert heard == []
        table.update_rows([], gone=["a"])
        await pilot.pause()
        assert set(heard) == {("cursor", "b"), ("changed", 1)}


async def test_other_columns(table):
    table.set_rows([row("a")])
    async with Stage(table).run_test(size=(60, 12)) as pilot:
        table.set_columns([Column("g", "", 1), Column("queue", "QUEUE", 18, flex=True)], sort="queue")
        table.set_rows([Row("q", (Cell("●"), Cell("jobs")))])
        await pilot.pause()
        assert screen_lines(pilot.app)[:2] == ["  QUEUE▴", "● jobs"]
        assert table.cursor_key == "q"


async def done(pilot, until):
    """Lets the loop turn until something holds."""
    for _ in range(1000):
        if until():
            return
        await pilot.pause()
    raise AssertionError("it never came to that")


async def test_thousands_of_rows_are_filtered_in_parts_and_shown_only_when_all_are_judged(table):
    table.set_rows([row(f"n{i:04}", i) for i in range(3000)])
    async with Stage(table).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        table.set_filter(parse("n000", COLUMNS))
        assert table.shown == 3000
        table.update_rows([row("n0004", 9000), row("m0001")], ["n0005"])
        await done(pilot, lambda: table.shown < 3000)
        assert names(table) == ["n0004", *(f"n000{i}" for i in (9, 8, 7, 6, 3, 2, 1, 0))]
        assert table.filtered_count == 3000 - 9
        assert table.cursor_key in names(table)


async def test_the_last_filter_and_every_press_of_a_sort_count_though_thousands_take_a_while(table):
    table.set_rows([row(f"n{i:04}", i) for i in range(3000)])
    async with Stage(table).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        table.set_filter(parse("n1", COLUMNS))
        table.set_filter(parse("n2", COLUMNS))
        table.sort_next(1)
        table.sort_next(1)
        table.sort_reverse()
        await done(pilot, lambda: table.shown == 1000)
        assert (table.sorting.column, table.sorting.reverse, table.sorting.health) == ("pending", True, False)
        assert names(table)[:2] == ["n2000", "n2001"]


async def test_other_columns_keep_the_filter_that_was_on_its_way(table):
    table.set_rows([row(f"n{i:04}", i) for i in range(3000)])
    async with Stage(table).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        table.set_filter(parse("n2", COLUMNS))
        table.set_columns(COLUMNS[:4], sort="pending")
        table.set_rows([row("n1", 1), row("n2", 2)])
        assert names(table) == ["n2"]
        await pilot.pause()
        assert names(table) == ["n2"]
