"""Which rows are shown, and in which order: no painting, no widget, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from widgets.columns import Align, Column, Row, name_index

Match = Callable[[Row], bool]
_Key = tuple[Any, ...]

_INVERTED = bytes(255 - byte for byte in range(256))


@dataclass(frozen=True, slots=True)
class Sorting:
    """What rows are sorted by. `column` empty: by name only.

    `health` first orders by rank, worst on top. A column's own direction is largest first for numbers (right
    aligned) and A to Z for text; `reverse` turns it round.
    """

    column: str = ""
    reverse: bool = False
    health: bool = True


class RowOrder:
    """Rows by key, and the keys of those that are shown, in order.

    While it is held, rows that are shown keep their places whatever their values do; rows that come go to the end,
    rows that go are gone. `settle` puts everything where it belongs.
    """

    def __init__(self, columns: Sequence[Column], sorting: Sorting) -> None:
        self.rows: dict[str, Row] = {}
        self.keys: list[str] = []
        self.match: Match | None = None
        self.faults_only = False
        self.show_hidden = False
        self.hidden = 0
        """Rows left out because they are hidden ones."""
        self.filtered = 0
        """Rows left out by the filter or by `faults_only`."""
        self._sort_keys: dict[str, _Key] = {}
        self._places: dict[str, int] | None = None
        self._loose = False  # whether rows were held out of their places
        self._sort_as(columns, sorting)

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._columns

    @property
    def largest_first(self) -> bool:
        """Whether the sorted column runs from its largest value down."""
        return self._down

    @property
    def sorting(self) -> Sorting:
        return self._sorting

    def place(self, key: str) -> int | None:
        """Where a row is shown, counted from 0; None where it is not."""
        if self._places is None:
            self._places = {key: place for place, key in enumerate(self.keys)}
        return self._places.get(key)

    def set_columns(self, columns: Sequence[Column], sorting: Sorting) -> None:
        """Other columns for the rows to come; those there were are forgotten, as their cells no longer fit."""
        self._sort_as(columns, sorting)
        self.set_rows(())

    def set_sorting(self, sorting: Sorting) -> None:
        self._sort_as(self._columns, sorting)
        self._sort_keys = {key: self._sort_key(row) for key, row in self.rows.items()}
        self.settle()

    def set_rows(self, rows: Iterable[Row], *, held: bool = False) -> None:
        """All rows anew."""
        fresh = {row.key: row for row in rows}
        if held:
            self.update(fresh.values(), [key for key in self.rows if key not in fresh], held=True)
            return
        known, kept = self.rows, self._sort_keys
        if not self._loose and len(fresh) == len(known) and all(known.get(key) is row for key, row in fresh.items()):
            return
        self.rows = fresh
        self._sort_keys = {
            key: kept[key] if known.get(key) is row else self._sort_key(row) for key, row in fresh.items()
        }
        self.settle()

    def update(self, changed: Iterable[Row], gone: Iterable[str] = (), *, held: bool = False) -> bool:
        """Changed and new rows, and keys of rows that are gone. Tells whether any place changed."""
        fresh = {row.key: row for row in changed}
        left = {key for key in gone if key not in fresh and self._forget(key)}
        came: list[str] = []
        moved = False
        for key, row in fresh.items():
            old = self.rows.get(key)
            if old is row or old == row:
                continue
            self.rows[key] = row
            was_shown = old is not None and self._uncount(old)
            if self._count(row):
                if not was_shown:
                    came.append(key)
            elif was_shown:
                left.add(key)
            sort_key = self._sort_key(row)
            if sort_key != self._sort_keys.get(key):
                self._sort_keys[key] = sort_key
                moved = True
        return self._place_anew(left, came, moved=moved, held=held)

    def settle(self) -> None:
        """Every row that passes, in its own place."""
        self.hidden = self.filtered = 0
        # All rows are kept in order too: sorting them again, for the next filter, then costs next to nothing.
        self.rows = {key: self.rows[key] for key in sorted(self.rows, key=self._sort_keys.__getitem__)}
        self.keys = [key for key, row in self.rows.items() if self._count(row)]
        self._places = None
        self._loose = False

    def _place_anew(self, left: set[str], came: list[str], *, moved: bool, held: bool) -> bool:
        if left:
            self.keys = [key for key in self.keys if key not in left]
        if came:
            self.keys += sorted(came, key=self._sort_keys.__getitem__)
        before = None if left or came else list(self.keys)
        self._loose = self._loose or moved or bool(came)
        if self._loose and not held:
            self.keys.sort(key=self._sort_keys.__getitem__)
            self._loose = False
        if before == self.keys:
            return False
        self._places = None
        return True

    def _forget(self, key: str) -> bool:
        """Drops a row, and tells whether it was shown."""
        row = self.rows.pop(key, None)
        if row is None:
            return False
        del self._sort_keys[key]
        return self._uncount(row)

    def _count(self, row: Row, step: int = 1) -> bool:
        """Tells whether a row is shown, and counts it among the reasons where it is not."""
        if row.hidden and not self.show_hidden:
            self.hidden += step
            return False
        if (self.faults_only and not row.fault) or (self.match is not None and not self.match(row)):
            self.filtered += step
            return False
        return True

    def _uncount(self, row: Row) -> bool:
        """Tells whether a row was shown so far, and counts it out where it was not."""
        return self.place(row.key) is not None or self._count(row, -1)

    def _sort_as(self, columns: Sequence[Column], sorting: Sorting) -> None:
        self._columns = tuple(columns)
        self._sorting = sorting
        self._name_at = name_index(self._columns)
        self._value_at = next((i for i, column in enumerate(self._columns) if column.id == sorting.column), None)
        self._down = self._value_at is not None and (columns[self._value_at].align is Align.RIGHT) != sorting.reverse

    def _sort_key(self, row: Row) -> _Key:
        name = row.cells[self._name_at]
        name_key = (name.sort if isinstance(name.sort, str) else name.text).casefold()
        rank = -row.rank if self._sorting.health else 0
        if self._value_at is None:
            return (row.last, rank, name_key, row.key)
        value = name_key if self._value_at == self._name_at else row.cells[self._value_at].sort
        group, value = _value_key(value, down=self._down)
        return (row.last, rank, group, value, name_key, row.key)


def _value_key(value: Any, *, down: bool) -> tuple[int, Any]:
    """Numbers before text before nothing, the same way round in both directions; only values are turned."""
    if value is None or value != value:  # NaN is not a place either
        return 2, 0
    if isinstance(value, int | float):
        return 0, -value if down else value
    text = str(value).casefold()
    if not down:
        return 1, text
    # Bytes of UTF-8 sort as their characters do; turned over, and with an end mark so that `ab` comes after `abc`.
    return 1, text.encode("utf-8", "surrogatepass").translate(_INVERTED) + b"\xff"
