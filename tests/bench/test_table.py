"""Our table of 10,000 rows beside Textual's DataTable in one run: time of the event loop, bytes to the terminal."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget
from textual.widgets import DataTable

from tests.bench.table_app import COLUMNS, record
from tests.terminal.terminal import Terminal
from widgets.record_table import RecordTable
from widgets.row_filter import parse

pytestmark = pytest.mark.bench

ROWS = 10_000
BOUND = 0.050  # seconds, for a filter or a sort
CHANGED_ROW_BYTES = 700


class Stage(App[None]):
    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.widget = widget

    def compose(self) -> ComposeResult:
        yield self.widget


def median(times: int, what: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Seconds of computing that `what` takes, the median of some: how long the loop stands still on a free core."""
    taken = []
    for _ in range(times):
        before()
        began = time.thread_time()
        what()
        taken.append(time.thread_time() - began)
    return statistics.median(taken)


async def test_time_of_the_event_loop_beside_datatable():
    table = RecordTable(COLUMNS, sort="pending")
    rows = [record(number) for number in range(ROWS)]
    fresh: Iterator[int] = iter(range(1, 1000))
    figures = {}
    table.AT_ONCE = ROWS  # what all the parts of a filter or a sort cost together
    async with Stage(table).run_test(size=(160, 48)) as pilot:
        figures["fill"] = median(9, lambda: table.set_rows(rows), lambda: table.set_rows([]))
        figures["the same again"] = median(9, lambda: table.set_rows(rows))
        match = parse("web-0 !ORDERS-199 behind>5s", COLUMNS)
        figures["filter of three terms"] = median(9, lambda: table.set_filter(match), lambda: table.set_filter(None))
        table.set_filter(None)
        figures["filter by /pattern/"] = median(
            9, lambda: table.set_filter(parse("/web-0+9$/", COLUMNS)), lambda: table.set_filter(None)
        )
        table.set_filter(None)
        figures["sort by number"] = median(9, lambda: table.sort_by("behind"), lambda: table.sort_by("consumer"))
        figures["sort by text"] = median(
            9, lambda: table.sort_by("stream", reverse=True), lambda: table.sort_by("behind")
        )
        table.sort_by(None)
        batches = [[record(number, 5000 + turn + number) for number in range(0, ROWS, 10)] for turn in range(10)]
        turns = iter(batches)
        figures["1,000 rows changed, places too"] = median(9, lambda: table.update_rows(next(turns)))
        table.move(1)
        held = iter([[record(number, 9000 + turn + number) for number in range(0, ROWS, 10)] for turn in range(10)])
        figures["1,000 rows changed, order held"] = median(9, lambda: table.update_rows(next(held)))
        figures["cursor down"] = median(99, lambda: table.move(1))
        figures["one row changed"] = median(99, lambda: table.update_rows([record(7, next(fresh))]))
        await pilot.pause()

    theirs: DataTable[str] = DataTable(cursor_type="row")
    async with Stage(theirs).run_test(size=(160, 48)) as pilot:
        for column in COLUMNS:
            theirs.add_column(column.title, key=column.id, width=max(column.width, 24 if column.flex else 1))
        began = time.thread_time()
        for row in rows:
            theirs.add_row(*[cell.text for cell in row.cells], key=row.key)
        await pilot.pause()
        fill = time.thread_time() - began

    print(f"\ntable of {ROWS:,} rows, time of the event loop (median):")
    for name, seconds in figures.items():
        print(f"  {name:<32} {seconds * 1000:8.2f} ms")
    print(f"  {'fill of Textual’s DataTable':<32} {fill * 1000:8.2f} ms, {fill / figures['fill']:.0f} x ours")
    print(f"  bound of {BOUND * 1000:.0f} ms {'kept' if max(figures.values()) < BOUND else 'NOT kept (busy machine?)'}")
    assert max(figures.values()) < fill / 20


def bytes_of(kind: str, keys: str) -> dict[str, int]:
    """Bytes that come to the terminal for each key, at 80x24 in true colour."""
    counted: dict[str, int] = {}
    app = str(Path(__file__).with_name("table_app.py"))
    with Terminal([sys.executable, app, kind, "1000"], env={"TEXTUAL_ANIMATIONS": "none"}) as terminal:
        terminal.wait_text("query·any·web-00007")
        terminal.read(1.5)
        for key in keys:
            if key != " ":
                terminal.send(key)
            counted[key] = len(terminal.read(1.0))
        terminal.send("q")
        terminal.exit_status()
    return counted


def test_bytes_to_the_terminal_beside_datatable():
    keys = " vshj"
    names = ["nothing", "one row changed", "the same written again", "100 rows off the screen", "cursor down"]
    ours, theirs = bytes_of("record", keys), bytes_of("datatable", keys)
    print("\nbytes to the terminal at 80x24:    ours   DataTable")
    for key, name in zip(keys, names, strict=True):
        print(f"  {name:<28} {ours[key]:8,} {theirs[key]:11,}")
    assert ours[" "] == ours["s"] == ours["h"] == 0
    assert 0 < ours["v"] <= CHANGED_ROW_BYTES
    assert 0 < ours["j"] <= 2 * CHANGED_ROW_BYTES
