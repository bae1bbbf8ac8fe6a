"""Columns, cells and rows: what a table is made of, before anything is painted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Align(StrEnum):
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `width` is in cells, the least width where `flex` is set.

    `priority` 1 is always shown; 2, 3 and 4 as they fit, in that order; 5 only in wide mode.
    """

    id: str
    title: str
    width: int
    align: Align = Align.LEFT
    priority: int = 1
    flex: bool = False
    help: str = ""  # the header spelt out, for the help screen


@dataclass(frozen=True, slots=True)
class Cell:
    """One value as people read it, and as it sorts and is compared in filters.

    `sort` is a number or text; None sorts last in both directions. `style` names a part of the table's stylesheet:
    `ok warn crit unknown stale dim accent`, or empty.
    """

    text: str
    sort: Any = None
    style: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One record: a stable key, one cell for each column (by position), and its standing.

    `rank` orders the default sort (larger is worse, shown first), `fault` is what `faults only` keeps, `hidden` rows
    are shown only when asked for, `dim` paints the row as stale or past, `last` puts it below all others.
    """

    key: str
    cells: tuple[Cell, ...]
    rank: int = 0
    fault: bool = False
    hidden: bool = False
    dim: bool = False
    last: bool = False
    search: str = ""  # further words that a filter may find: real names, labels
