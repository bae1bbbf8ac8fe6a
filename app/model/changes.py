"""Changes: what of a large table is new since the last look, found without a look at each row by hand."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Mapping
from itertools import compress, islice
from operator import is_, is_not
from types import MappingProxyType
from typing import Generic, TypeVar

Row = TypeVar("Row")


class Changes(Generic[Row]):
    """Follows one section of the snapshots. A row that did not change is the same object as before."""

    def __init__(self) -> None:
        self._before: Mapping[str, Row] = MappingProxyType({})

    @property
    def before(self) -> Mapping[str, Row]:
        """The table of the last look."""
        return self._before

    def of(self, table: Mapping[str, Row]) -> tuple[list[str], Collection[str]]:
        """Keys of the rows that are new or other than at the last look, and keys of those that are there no more."""
        before, self._before = self._before, table
        if table is before:
            return [], ()
        if len(before) <= len(table) and all(map(is_, before, table)):
            # The same rows in the same order, and new ones after them: no look-ups.
            changed = [*compress(table, map(is_not, table.values(), before.values()))]
            return [*changed, *islice(table, len(before), None)], ()
        changed = [*compress(table, map(is_not, table.values(), map(before.get, table)))]
        added = sum(key not in before for key in changed)
        gone = before.keys() - table.keys() if len(before) + added > len(table) else ()
        return changed, gone


class Timed:
    """Keys by their instants (timestamps): how many from when on, which is the first, which are too old."""

    def __init__(self) -> None:
        self._order: list[tuple[float, str]] = []
        self._at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, key: str) -> bool:
        return key in self._at

    def put(self, key: str, at: float) -> None:
        """Adds a key, or moves it."""
        if self._at.get(key) != at:
            self.drop(key)
            self._at[key] = at
            insort(self._order, (at, key))

    def drop(self, key: str) -> None:
        """Takes a key out, if it is there."""
        at = self._at.pop(key, None)
        if at is not None:
            del self._order[bisect_left(self._order, (at, key))]

    @property
    def first(self) -> float | None:
        return self._order[0][0] if self._order else None

    @property
    def last(self) -> float | None:
        return self._order[-1][0] if self._order else None

    def oldest(self, number: int) -> list[str]:
        """The first few keys."""
        return [key for _, key in self._order[:number]]

    def newest(self, number: int) -> list[str]:
        """The last few keys, in order of time."""
        return [key for _, key in self._order[-number:]]

    def until(self, at: float) -> int:
        """How many there are up to an instant, itself included."""
        return bisect_right(self._order, (at, "\U0010ffff"))

    def expire(self, before: float) -> list[str]:
        """Takes out all that are older."""
        end = bisect_left(self._order, (before, ""))
        old = [key for _, key in self._order[:end]]
        del self._order[:end]
        for key in old:
            del self._at[key]
        return old
