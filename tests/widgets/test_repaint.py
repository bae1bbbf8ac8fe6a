"""What is on the screen after any changes is what painting everything anew would show, colours included."""

from __future__ import annotations

import random

import pytest

from tests.widgets.deck import Stage
from widgets.columns import Align, Cell, Column, Row
from widgets.now_list import NowList, NowRow
from widgets.record_table import RecordTable

COLUMNS = [
    Column("glyph", "", 1),
    Column("name", "NAME", 10, flex=True),
    Column("n", "N", 5, Align.RIGHT),
    Column("more", "MORE", 8, priority=2),
    Column("most", "MOST", 20, priority=5),
]


class Time:
    now = 0.0

    def __call__(self):
        return self.now


def shown(app):
    return [list(strip) for strip in app.screen._compositor.render_strips()]


async def same_as_all_anew(pilot, widget):
    await pilot.pause()
    incremental = shown(pilot.app)
    widget._lines.clear() if isinstance(widget, RecordTable) else None
    widget.refresh()
    await pilot.pause()
    assert incremental == shown(pilot.app)


def any_row(dice):
    key = f"k{dice.randrange(60):02}"
    rank = dice.choice([0, 0, 0, 3, 4])
    value = dice.randrange(9)
    cells = (
        Cell("●", rank, ["ok", "", "", "warn", "crit"][rank]),
        Cell(key),
        Cell(str(value), value),
        Cell("漢x"),
        Cell(""),
    )
    return Row(key, cells, rank, fault=rank > 0, hidden=dice.random() < 0.1, dim=dice.random() < 0.1)


@pytest.mark.parametrize("seed", range(4))
async def test_table(seed):
    dice = random.Random(seed)
    clock = Time()
    table = RecordTable(COLUMNS, sort="n", clock=clock)
    table.more_line = bool(seed % 2)
    steps = [
        lambda: table.update_rows([any_row(dice) for _ in range(dice.randrange(1, 9))]),
        lambda: table.update_rows([], [f"k{dice.randrange(60):02}" for _ in range(dice.randrange(1, 9))]),
        lambda: table.set_rows({row.key: row for row in (any_row(dice) for _ in range(40))}.values()),
        lambda: table.move(dice.randrange(-9, 10)),
        lambda: table.page(dice.choice([-1, 1])),
        lambda: table.move_to_end(dice.random() < 0.5),
        lambda: table.next_fault(dice.choice([-1, 1])),
        lambda: table.scroll_lines(dice.randrange(-9, 10)),
        lambda: table.scroll_columns(dice.choice([-1, 1])),
        lambda: table.toggle_mark(),
        lambda: table.clear_marks(),
        lambda: table.sort_next(dice.choice([-1, 1])),
        lambda: table.sort_reverse(),
        lambda: table.resort(),
        lambda: table.set_filter(dice.choice([None, lambda row: "3" in row.key, lambda row: False])),
        lambda: setattr(table, "faults_only", dice.random() < 0.3),
        lambda: setattr(table, "show_hidden", dice.random() < 0.5),
        lambda: setattr(table, "wide", dice.random() < 0.5),
        lambda: setattr(table, "active", dice.random() < 0.8),
        lambda: setattr(table, "empty", dice.choice(["Nothing.", "No faults."])),
        lambda: setattr(clock, "now", clock.now + dice.choice([1, 11])),
    ]
    async with Stage(table).run_test(size=(48, 12)) as pilot:
        for _ in range(25):
            for _ in range(dice.randrange(1, 5)):
                dice.choice(steps)()
            await same_as_all_anew(pilot, table)
            keys = [row.key for row in table.rows_shown()]
            assert table.cursor_key in keys or (table.cursor_key == "" and not keys)
            assert table.shown + table.hidden_count + table.filtered_count == table.total
        await pilot.resize_terminal(33, 7)
        await pilot.pause()
        await same_as_all_anew(pilot, table)


@pytest.mark.parametrize("seed", range(2))
async def test_now(seed):
    dice = random.Random(seed)
    now = NowList()

    def finding(number):
        what = dice.choice(["gone", "memory 94% used"])
        details = tuple(f"line {i}" for i in range(dice.randrange(4)))
        return NowRow(f"f{number}", "✗", "CRIT", "agent", f"web-{number}", what, "4m", "crit", details=details)

    async with Stage(now).run_test(size=(80, 9)) as pilot:
        for turn in range(20):
            numbers = dice.sample(range(12), dice.randrange(12))
            now.set_rows([finding(n) for n in numbers], more=dice.choice(["", "1 acked"]), headline="● All clear.")
            now.move(dice.randrange(-3, 4))
            now.scroll_lines(dice.randrange(-2, 3))
            now.active = dice.random() < 0.8
            if turn % 10 == 9:
                await pilot.resize_terminal(dice.choice([40, 60, 80, 160]), 9)
            await same_as_all_anew(pilot, now)
