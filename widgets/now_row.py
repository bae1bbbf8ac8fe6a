"""A finding as a row of Now, and the columns that such rows ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from widgets.columns import Align, Column


@dataclass(frozen=True, slots=True)
class NowRow:
    """A finding as it is shown. `style` is its severity's (`crit`, `warn`, `dim` …); `details` are the lines that
    open under the cursor, two at most; `dim` is for what is acknowledged, past or only last known."""

    key: str
    glyph: str
    word: str
    kind: str
    subject: str
    what: str
    age: str
    style: str = ""
    site: str = ""
    acked_by: str = ""
    next_step: str = ""
    trend: str = ""
    details: tuple[str, ...] = ()
    dim: bool = False


def text_of(row: NowRow, column: str) -> str:
    """What stands in a column."""
    match column:
        case "severity":
            return f"{row.glyph} {row.word}"
        case "site":
            return row.site
        case "kind":
            return row.kind
        case "subject":
            return row.subject
        case "what":
            return row.what
        case "age":
            return row.age
        case "ack":
            return row.acked_by
        case "next":
            return row.next_step
        case _:
            return row.trend


def now_columns(rows: Sequence[NowRow], *, what: bool) -> tuple[Column, ...]:
    """The columns; those that only some findings have something for are left out where none has."""
    columns = [
        Column("severity", "", 6),
        Column("site", "SITE", 8),
        Column("kind", "KIND", 9),
        Column("subject", "SUBJECT", 18, flex=True),
    ]
    if what:
        columns.append(Column("what", "WHAT", 34, flex=True))
    columns.append(Column("age", "AGE", 5, Align.RIGHT))
    if what:
        columns += [
            Column("ack", "ACK", 8, priority=3),
            Column("next", "NEXT", 24, priority=4, flex=True),
            Column("trend", "TREND", 10, priority=4),
        ]
    seldom = {"site", "ack", "next", "trend"}
    return tuple(
        column for column in columns if column.id not in seldom or any(text_of(row, column.id) for row in rows)
    )
