"""Which rows are shown, and in which order: no painting, no widget, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from widgets.columns import Column, Row
from widgets.sorting import Sorter, Sorting, SortKey

__all__ = ["Match", "RowOrder", "Sorting"]

Match = Callable[[Row], bool]

_HIDDEN, _FILTERED = "hidden", "filtered"
_RUN = 1000
"""Rows that are sorted at one go while sorting in parts; runs in order are put together fast."""


class RowOrder:
    """Rows by key, and the keys of those that are shown, in order.

    While it is held, rows that are shown keep their places whatever their values do; rows that come go to the end,
    rows that go are gone. `settle` puts everything where it belongs. What a row sorts by, and whether the filter lets
    it pass, is found out once for each row that is given: cells may be dear to make.
    """

    def __init__(self, columns: Sequence[Column], sorting: Sorting) -> None:
        self.rows: dict[str, Row] = {}
        self.keys: list[str] = []
        self.faults_only = False
        self.show_hidden = False
        self.hidden = 0
        """Rows left out because they are hidden ones."""
        self.filtered = 0
        """Rows left out by the filter or by `faults_only`."""
        self._match: Match | None = None
        self._unmatched: set[str] = set()  # rows that the filter does not let pass
        self._out: dict[str, str] = {}  # rows that are not shown, and why
        self._sort_keys: dict[str, SortKey] = {}
        self._loose = False  # whether rows were held out of their places
        self._sorted = True  # whether `rows` are in order, those that are not shown too
        self._sorter = Sorter(columns, sorting)

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._sorter.columns

    @property
    def largest_first(self) -> bool:
        """Whether the sorted column runs from its largest value down."""
        return self._sorter.down

    @property
    def sorting(self) -> Sorting:
        return self._sorter.sorting

    @property
    def match(self) -> Match | None:
        """The filter. A new one judges all rows at once; `settle` then shows what it lets pass."""
        return self._match

    @match.setter
    def match(self, match: Match | None) -> None:
        self._match = match
        self._unmatched = set() if match is None else {key for key, row in self.rows.items() if not match(row)}

    def place(self, key: str) -> int | None:
        """Where a row is shown, counted from 0; None where it is not."""
        # Asked for one row at a time: a look through thousands of keys costs less than a dictionary of them all.
        return self.keys.index(key) if key in self.rows and key not in self._out else None

    def set_columns(self, columns: Sequence[Column], sorting: Sorting) -> None:
        """Other columns for the rows to come; those there were are forgotten, as their cells no longer fit."""
        self._sorter = Sorter(columns, sorting)
        self.set_rows(())

    def set_sorting(self, sorting: Sorting) -> None:
        for _ in self.rearrange(self._match, sorting):
            pass

    def rearrange(self, match: Match | None, sorting: Sorting, part: int = _RUN) -> Iterator[None]:
        """Filters and sorts anew, `part` rows between two yields. Nothing is seen of it before the end; rows that came
        or changed meanwhile are looked at again there."""
        sorter = Sorter(self._sorter.columns, sorting)
        judge = match if match is not self._match else None
        sorts = sorting != self._sorter.sorting
        looked = list(self.rows.items())
        unmatched: set[str] = set()
        sort_keys: dict[str, SortKey] = {}
        order: list[str] = []
        for start in range(0, len(looked), part):
            run = looked[start : start + part]
            if judge is not None:
                unmatched.update([key for key, row in run if not judge(row)])
            if sorts:
                known, rows, key_of = self._sort_keys, self.rows, sorter.key
                sort_keys |= {key: key_of(row, known[key] if rows.get(key) is row else None) for key, row in run}
                order += sorted([key for key, _ in run], key=sort_keys.__getitem__)
            yield
        before = dict(looked)
        late = {key: row for key, row in self.rows.items() if before.get(key) is not row}
        if judge is not None:
            unmatched.difference_update([key for key in unmatched if key not in self.rows], late)
            unmatched.update([key for key, row in late.items() if not judge(row)])
        if judge is not None or match is None:
            self._match, self._unmatched = match, unmatched
        if sorts:
            self._sorter = sorter
            sort_keys |= {key: sorter.key(row) for key, row in late.items()}
            self._sort_keys = {key: sort_keys[key] for key in self.rows}
            # In order, nearly: what is left to sort is to put the runs together.
            order = [key for key in (*order, *(late.keys() - before.keys())) if key in self.rows]
            self.rows = {key: self.rows[key] for key in sorted(order, key=sort_keys.__getitem__)}
            self._sorted = True
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
        self._unmatched = self._judge_anew(fresh)
        self.rows, self._sorted = fresh, False
        key_of = self._sorter.key
        self._sort_keys = {key: kept[key] if known.get(key) is row else key_of(row) for key, row in fresh.items()}
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
            was_shown = old is not None and self._take_back(key)
            if self._match is not None:
                (self._unmatched.discard if self._match(row) else self._unmatched.add)(key)
            if self._count(row):
                if not was_shown:
                    came.append(key)
            elif was_shown:
                left.add(key)
            sort_key = self._sorter.key(row)
            if sort_key != self._sort_keys.get(key):
                self._sort_keys[key] = sort_key
                self._sorted = False
                moved = moved or was_shown
        return self._place_anew(left, came, moved=moved, held=held)

    def settle(self) -> None:
        """Every row that passes, in its own place."""
        # All rows are kept in order too: for the next filter there is nothing to sort.
        if not self._sorted:
            self.rows = {key: self.rows[key] for key in sorted(self.rows, key=self._sort_keys.__getitem__)}
            self._sorted = True
        rows, out = self.rows, self._out
        out.clear()
        if not self.show_hidden:
            out.update({key: _HIDDEN for key, row in rows.items() if row.hidden})
        self.hidden = len(out)
        filtered = set(self._unmatched)
        if self.faults_only:
            filtered.update([key for key, row in rows.items() if not row.fault])
        out.update(dict.fromkeys(filtered - out.keys(), _FILTERED))
        self.filtered = len(out) - self.hidden
        self.keys = [key for key in rows if key not in out] if out else list(rows)
        self._loose = False

    def _place_anew(self, left: set[str], came: list[str], *, moved: bool, held: bool) -> bool:
        self._loose = self._loose or moved or bool(came)
        settles = self._loose and not held
        if not (left or came or settles):
            return False
        if left:
            self.keys = [key for key in self.keys if key not in left]
        if came:
            self.keys += sorted(came, key=self._sort_keys.__getitem__)
        before = None if left or came else list(self.keys)
        if settles:
            self.keys.sort(key=self._sort_keys.__getitem__)
            self._loose = False
        return before != self.keys

    def _judge_anew(self, fresh: Mapping[str, Row]) -> set[str]:
        """Which of all rows the filter does not let pass; rows that are known are not judged again."""
        match, known, unmatched = self._match, self.rows, self._unmatched
        if match is None:
            return set()
        return {key for key, row in fresh.items() if (key in unmatched if known.get(key) is row else not match(row))}

    def _forget(self, key: str) -> bool:
        """Drops a row, and tells whether it was shown."""
        if self.rows.pop(key, None) is None:
            return False
        del self._sort_keys[key]
        self._unmatched.discard(key)
        return self._take_back(key)

    def _count(self, row: Row) -> bool:
        """Tells whether a row is shown, and counts it among the reasons where it is not."""
        if row.hidden and not self.show_hidden:
            self._out[row.key] = _HIDDEN
            self.hidden += 1
            return False
        if (self.faults_only and not row.fault) or row.key in self._unmatched:
            self._out[row.key] = _FILTERED
            self.filtered += 1
            return False
        return True

    def _take_back(self, key: str) -> bool:
        """Tells whether a row was shown so far, and counts it out where it was not."""
        reason = self._out.pop(key, "")
        if reason == _HIDDEN:
            self.hidden -= 1
        elif reason == _FILTERED:
            self.filtered -= 1
        return not reason
