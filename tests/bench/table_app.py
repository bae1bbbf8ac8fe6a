"""One table in a terminal, ours or Textual's: `python table_app.py record|datatable ROWS`. Keys change rows."""

from __future__ import annotations

import sys

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import DataTable

from widgets.columns import Align, Cell, Column, Row
from widgets.record_table import RecordTable

COLUMNS = [
    Column("glyph", "", 1),
    Column("consumer", "CONSUMER", 18, flex=True),
    Column("stream", "STREAM", 10),
    Column("pending", "PENDING", 7, Align.RIGHT),
    Column("behind", "BEHIND", 6, Align.RIGHT),
    Column("ackpend", "ACKPEND", 9, Align.RIGHT),
    Column("lastack", "LASTACK", 7, Align.RIGHT),
    Column("out", "OUT", 6, Align.RIGHT),
]


def record(number: int, pending: int | None = None) -> Row:
    """A consumer, one in 20 with a fault."""
    bad = number % 20 == 7
    pending = number % 900 if pending is None else pending
    cells = (
        Cell("✗" if bad else "●", style="crit" if bad else "ok"),
        Cell(f"query·any·web-{number:05}"),
        Cell(f"ORDERS-{number % 200:03}"),
        Cell(str(pending), pending, "warn" if pending > 800 else ""),
        Cell(f"{number % 60}s", number % 60),
        Cell(f"{number % 1000}/1000", number % 1000, "crit" if bad else ""),
        Cell("4s", 4),
        Cell("12/s", 12.0, "dim"),
    )
    return Row(f"consumer:{number}", cells, rank=4 if bad else 0, fault=bad)


class Ours(App[None]):
    """`v` changes one row on the screen, `s` writes it again as it is, `h` changes 100 rows off the screen."""

    ENABLE_COMMAND_PALETTE = False

    def compose(self) -> ComposeResult:
        yield RecordTable(COLUMNS, sort="consumer")

    def on_mount(self) -> None:
        self.times = 0
        self.table = self.query_one(RecordTable)
        self.table.set_rows(record(number) for number in range(int(sys.argv[2])))

    def on_key(self, event: events.Key) -> None:
        self.times += event.character == "v"
        if event.character in ("v", "s"):
            self.table.update_rows([record(27, 300 + self.times)])
        elif event.character == "h":
            self.table.update_rows([record(number, 1000 + number) for number in range(800, 900)])
        elif event.character == "j":
            self.table.move(1)
        elif event.character == "q":
            self.exit()


class Theirs(App[None]):
    """The same rows in a `DataTable`."""

    ENABLE_COMMAND_PALETTE = False

    def compose(self) -> ComposeResult:
        yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        self.times = 0
        self.table: DataTable[str] = self.query_one(DataTable)
        for column in COLUMNS:
            self.table.add_column(column.title, key=column.id, width=max(column.width, 24 if column.flex else 1))
        for number in range(int(sys.argv[2])):
            row = record(number)
            self.table.add_row(*[cell.text for cell in row.cells], key=row.key)

    def on_key(self, event: events.Key) -> None:
        self.times += event.character == "v"
        if event.character in ("v", "s"):
            self.table.update_cell("consumer:7", "pending", str(300 + self.times))
        elif event.character == "h":
            for number in range(800, 900):
                self.table.update_cell(f"consumer:{number}", "pending", str(1000 + number))
        elif event.character == "j":
            self.table.action_cursor_down()
        elif event.character == "q":
            self.exit()


if __name__ == "__main__":
    (Ours if sys.argv[1] == "record" else Theirs)().run(mouse=False)
