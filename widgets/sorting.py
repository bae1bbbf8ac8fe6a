"""What rows are sorted by: health, a column, the name; numbers before text before nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from widgets.columns import Align, Column, Row, name_index

SortKey = tuple[Any, ...]

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


class Sorter:
    """Makes the keys that rows are sorted by; of a row's cells it asks for two at most."""

    __slots__ = ("_name_at", "_value_at", "columns", "down", "sorting")

    def __init__(self, columns: Sequence[Column], sorting: Sorting) -> None:
        self.columns = tuple(columns)
        self.sorting = sorting
        self._name_at = name_index(self.columns)
        self._value_at = next((i for i, column in enumerate(self.columns) if column.id == sorting.column), None)
        self.down = (
            self._value_at is not None and (self.columns[self._value_at].align is Align.RIGHT) != sorting.reverse
        )

    def key(self, row: Row, known: SortKey | None = None) -> SortKey:
        """What a row is sorted by. `known` is a key of the same row by other columns of the same table, if there is
        one: it holds the name."""
        if known is None:
            name = row.cells[self._name_at]
            folded = str(name.order or (name.sort if isinstance(name.sort, str) else name.text)).casefold()
            # Thousands of rows: a text that the record holds anyway is not held twice.
            name_key = row.key if folded == row.key else name.text if folded == name.text else folded
        else:
            name_key = known[-2]
        rank = -row.rank if self.sorting.health else 0
        if self._value_at is None:
            return (row.last, rank, name_key, row.key)
        value: Any = name_key
        if self._value_at != self._name_at:
            cell = row.cells[self._value_at]
            value = cell.sort if cell.order is None else cell.order
        group, value = _value_key(value, down=self.down)
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
