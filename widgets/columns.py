"""Columns, cells and rows: what a table is made of, before anything is painted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
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
    `ok warn crit unknown stale dim accent`, or empty. `order` is what it sorts by instead of `sort`, where that goes on
    with the clock or is no order: `sort` is then for comparisons alone.
    """

    text: str
    sort: Any = None
    style: str = ""
    order: Any = None


class MadeCells(Sequence[Cell]):
    """Cells that are made when they are asked for, so that thousands of rows off the screen cost next to nothing.

    What they say may go on with the clock: a table asks again whenever it is given the row anew.
    """

    __slots__ = ()

    @abstractmethod
    def words(self) -> str:
        """All that a word of a filter may be found in: names and texts, no figures; parted by newlines."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record: a stable key, one cell for each column (by position), and its standing.

    `cells` may be made when they are asked for (`MadeCells`): then two rows are the same only if they are one.
    `rank` orders the default sort (larger is worse, shown first), `fault` is what `faults only` keeps, `hidden` rows
    are shown only when asked for, `dim` paints the row as stale or past, `last` puts it below all others.
    """

    key: str
    cells: Sequence[Cell]
    rank: int = 0
    fault: bool = False
    hidden: bool = False
    dim: bool = False
    last: bool = False
    search: str = ""  # further words that a filter may find: real names, labels


@dataclass(frozen=True, slots=True)
class Slot:
    """A column that is shown: its place among all columns (and in `Row.cells`), and the cells it was given."""

    index: int
    column: Column
    width: int


GAP = 1
"""Blank cells between two columns."""

_FLEX_FLOOR = 8
"""What a flexible column is squeezed to, where there is no room, before whole columns are dropped."""


def name_index(columns: Sequence[Column]) -> int:
    """The column that names the row: the first flexible one; without any the first after the glyph."""
    return next((i for i, column in enumerate(columns) if column.flex), min(1, len(columns) - 1))


def fit_columns(
    columns: Sequence[Column], width: int, *, wide: bool = False, skip: int = 0, name_width: int = 0
) -> tuple[Slot, ...]:
    """Which columns are shown in `width` cells, and how wide: together with their gaps never more than `width`.

    Priority 1 always, then 2, 3 and 4 while they fit, in that order; what is left over goes to the flexible columns.
    With `wide` or `skip` it is a window instead: glyph and name, then the other columns (5 only with `wide`) in
    their own order from the `skip`th one on. `name_width` is a width for the name, where it should not be cut.
    """
    if width < 1 or not columns:
        return ()
    name = name_index(columns)
    widths = {i: max(1, column.width) for i, column in enumerate(columns)}
    widths[name] = max(widths[name], min(name_width, width // 2))
    if wide or skip:
        chosen = _window(columns, widths, width, name, wide=wide, skip=skip)
    else:
        chosen = _by_priority(columns, widths, width, name)
    kept = _drop(chosen, columns, widths, width, name)
    return tuple(Slot(i, columns[i], cells) for i, cells in _share(kept, columns, widths, width).items())


def other_columns(columns: Sequence[Column], *, wide: bool) -> list[int]:
    """The columns that `skip` counts: all but glyph and name, those of priority 5 only in wide mode."""
    fixed = {0, name_index(columns)}
    return [i for i, column in enumerate(columns) if i not in fixed and (wide or column.priority < 5)]


def _total(chosen: Collection[int], widths: Mapping[int, int]) -> int:
    return sum(widths[i] for i in chosen) + GAP * max(0, len(chosen) - 1)


def _by_priority(columns: Sequence[Column], widths: Mapping[int, int], width: int, name: int) -> list[int]:
    # The first column that does not fit ends it: so a wider window never loses a column that a narrower one has.
    chosen = [i for i, column in enumerate(columns) if column.priority <= 1 or i in (0, name)]
    for i in sorted(range(len(columns)), key=lambda i: columns[i].priority):
        if i in chosen or columns[i].priority >= 5:
            continue
        if _total([*chosen, i], widths) > width:
            break
        chosen.append(i)
    return sorted(chosen)


def _window(
    columns: Sequence[Column], widths: Mapping[int, int], width: int, name: int, *, wide: bool, skip: int
) -> list[int]:
    chosen = sorted({0, name})
    for i in other_columns(columns, wide=wide)[skip:]:
        if _total([*chosen, i], widths) > width:
            break
        chosen.append(i)
    return chosen if skip else sorted(chosen)


def _floor(column: Column, width: int) -> int:
    return min(width, _FLEX_FLOOR) if column.flex else width


def _drop(chosen: list[int], columns: Sequence[Column], widths: Mapping[int, int], width: int, name: int) -> list[int]:
    """Leaves columns out from the right until the rest fits with its flexible ones squeezed; never glyph and name."""
    floors = {i: _floor(columns[i], widths[i]) for i in chosen}
    kept = list(chosen)
    while _total(kept, floors) > width:
        spare = [i for i in kept if i not in (0, name)]
        if not spare:
            break
        kept.remove(spare[-1])
    return kept


def _share(kept: list[int], columns: Sequence[Column], widths: Mapping[int, int], width: int) -> dict[int, int]:
    """Widths for the kept columns: squeezed evenly where it is too narrow, grown by their least width where not."""
    given = {i: widths[i] for i in kept}
    flexible = [i for i in kept if columns[i].flex]
    spare = width - _total(kept, given)
    if spare > 0 and flexible:
        weight = sum(widths[i] for i in flexible)
        more = {i: spare * widths[i] // weight for i in flexible}
        more[flexible[0]] += spare - sum(more.values())
        for i, cells in more.items():
            given[i] += cells
    while spare < 0 and (loose := [i for i in flexible if given[i] > _floor(columns[i], widths[i])]):
        widest = max(loose, key=lambda i: given[i])
        given[widest] -= 1
        spare += 1
    return given if spare >= 0 else _squash(given, width)


def _squash(given: dict[int, int], width: int) -> dict[int, int]:
    """The last resort of a window of a few cells: glyph, then name, as far as they go."""
    squashed: dict[int, int] = {}
    room = width
    for i, cells in given.items():
        gap = GAP if squashed else 0
        if room - gap < 1:
            break
        squashed[i] = min(cells, room - gap)
        room -= gap + squashed[i]
    return squashed
