"""The table of every list: rows by key, virtual, painting only the lines that changed."""

from __future__ import annotations

import time
from asyncio import sleep
from collections.abc import Callable, Iterable, Iterator, Sequence, Set

from textual import events
from textual.message import Message
from textual.timer import Timer

from widgets.cells import Cut, cut_end
from widgets.columns import Column, Row
from widgets.row_order import Match
from widgets.row_view import RowView
from widgets.sorting import Sorting


class RecordTable(RowView):
    """A table over thousands of rows with the cursor on a key, not on a place.

    The first column is the glyph. Keys are not bound here: the app's router calls the methods. Whatever changes, the
    cursor stays on its row; where the row goes, it is on the nearest one. For `HOLD` seconds after the last move the
    order of the rows is held.
    """

    HOLD = 10.0
    PART = 500
    """Rows that are filtered and sorted at one go, so that no key waits for thousands of them."""
    AT_ONCE = 2000
    """Rows up to which a filter or another sorting is done before the call returns; of more, soon after."""

    class News(Message):
        """Base of what a table says; of several that wait to be heard the last is enough."""

        def __init__(self, table: RecordTable, key: str = "") -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> RecordTable:
            return self.table

        def can_replace(self, message: Message) -> bool:
            return type(message) is type(self) and isinstance(message, RecordTable.News) and message.table is self.table

    class CursorMoved(News):
        """The cursor is on another row; `key` is empty where there is no row."""

    class Opened(News):
        """A row was clicked twice."""

    class Changed(News):
        """Something that a title says changed: numbers of rows, what is left out, sorting, whether order is held."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        sort: str | None = None,
        reverse: bool = False,
        cut: Cut = cut_end,
        empty: str = "",
        clock: Callable[[], float] = time.monotonic,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`sort` is the column that orders rows of equal health; `cut` shortens a text to so many cells; `clock`
        counts seconds, for holding the order."""
        super().__init__(columns, Sorting(sort or "", reverse), cut=cut, empty=empty, id=id, classes=classes)
        self._clock = clock
        self._first_sorting = self._order.sorting
        self._cursor_place = 0
        self._moved_at: float | None = None
        self._hold_timer: Timer | None = None
        self._told: tuple[object, ...] = ()
        self._wanted: tuple[Match | None, Sorting] | None = None  # the filter and sorting that is being worked at
        self._work: Iterator[None] | None = None
        self._working = False

    # Rows

    def set_columns(self, columns: Sequence[Column], *, sort: str | None = None, reverse: bool = False) -> None:
        """Other columns; the rows are forgotten, as they were made for the old ones."""
        self._first_sorting = Sorting(sort or "", reverse)
        self._order.set_columns(columns, self._first_sorting)
        if self._wanted is not None:
            self._order.match = self._wanted[0]
            self._wanted = self._work = None
        self._skip = 0
        self._relayout()
        self._settled()

    def set_rows(self, rows: Iterable[Row]) -> None:
        """All rows anew. Rows equal to those there were are not painted again; a held order stays held."""
        self._order.set_rows(rows, held=self.order_held)
        self._settled()

    def update_rows(self, changed: Iterable[Row], gone: Iterable[str] = ()) -> None:
        """Rows that are new or changed, and keys of those that are gone."""
        if not self._order.update(changed, gone, held=self.order_held):
            self.sync()
            self._tell()
            return
        self._settled()

    @property
    def keys(self) -> Set[str]:
        """Keys of all rows, shown or not."""
        return self._order.rows.keys()

    def row(self, key: str) -> Row | None:
        """The row of a key, shown or not."""
        return self._order.rows.get(key)

    def rows_shown(self, first: int = 0, last: int | None = None) -> list[Row]:
        """The rows as they are shown, top to bottom; only those from the `first` place to before the `last`."""
        return [self._order.rows[key] for key in self._order.keys[first:last]]

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self._order.rows)

    @property
    def hidden_count(self) -> int:
        """How many rows are left out because they are hidden by default."""
        return self._order.hidden

    @property
    def filtered_count(self) -> int:
        """How many rows are left out by the filter or by `faults_only`."""
        return self._order.filtered

    # What is shown

    def set_filter(self, match: Match | None) -> None:
        """Shows only rows that match; None shows all."""
        self._rearrange(match, self._sorting_to_come)

    @property
    def faults_only(self) -> bool:
        """Whether only rows with `fault` are shown."""
        return self._order.faults_only

    @faults_only.setter
    def faults_only(self, on: bool) -> None:
        if on != self._order.faults_only:
            self._order.faults_only = on
            self._order.settle()
            self._settled()

    @property
    def show_hidden(self) -> bool:
        """Whether rows that are hidden by default are shown too."""
        return self._order.show_hidden

    @show_hidden.setter
    def show_hidden(self, on: bool) -> None:
        if on != self._order.show_hidden:
            self._order.show_hidden = on
            self._order.settle()
            self._settled()

    # Cursor

    @property
    def cursor_key(self) -> str:
        """Key of the row under the cursor; empty where there is no row."""
        return self._cursor

    @cursor_key.setter
    def cursor_key(self, key: str) -> None:
        place = self._order.place(key)
        if place is not None:
            self._go(place)

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor."""
        return self._order.rows.get(self._cursor)

    def move(self, delta: int) -> None:
        """Moves the cursor by rows, as far as there are any."""
        if self._order.keys:
            self._go(max(0, min(self.shown - 1, self._cursor_place + delta)))
            self.touch()

    def move_to_end(self, first: bool) -> None:
        """Moves the cursor to the first row, or to the last."""
        self.move(-self.shown if first else self.shown)

    def to_first(self) -> None:
        """To the first row, every row in its place, as if nobody had moved: where new rows come, it stays there."""
        self._moved_at = None
        if self._order.keys:
            self._order.settle()
            self._set_cursor(0)
            self.set_top(0)
            self.sync()
            self._tell()

    def page(self, delta: int) -> None:
        """Moves the cursor by half pages."""
        self.move(delta * max(1, self._room() // 2))

    def next_fault(self, direction: int) -> bool:
        """Moves the cursor to the next (1) or previous (-1) row with a fault, around the ends; False without one."""
        count = self.shown
        for step in range(1, count + 1):
            place = (self._cursor_place + step * direction) % count
            if self._order.rows[self._order.keys[place]].fault:
                self._go(place)
                self.touch()
                return True
        return False

    # Marks

    @property
    def marked(self) -> tuple[str, ...]:
        """Keys of the marked rows, in the order they were marked."""
        return tuple(self._marked)

    def toggle_mark(self) -> None:
        """Marks the row under the cursor, or takes its mark away, and moves on to the next row."""
        if self._cursor:
            if self._marked.pop(self._cursor, 0) == 0:
                self._marked[self._cursor] = None
            self.move(1)
            self.sync()
            self._tell()

    def clear_marks(self) -> None:
        """Takes all marks away."""
        self._marked.clear()
        self.sync()
        self._tell()

    # Order

    @property
    def sorting(self) -> Sorting:
        """What the rows are sorted by."""
        return self._order.sorting

    def sort_by(self, column: str | None, *, reverse: bool = False) -> None:
        """Sorts by a column alone; None is the first sorting again: health, then the table's column, then name."""
        self._sort(self._first_sorting if column is None else Sorting(column, reverse, health=False))

    def sort_next(self, delta: int) -> None:
        """Sorts by the next shown column to the right (1) or left (-1); the glyph's place is the first sorting."""
        ids = [column.id for column in self.columns_shown]
        if not ids:
            return
        sorting = self._sorting_to_come
        now = 0 if sorting.health or sorting.column not in ids else ids.index(sorting.column)
        new = (now + delta) % len(ids)
        self.sort_by(ids[new] if new else None)

    def sort_reverse(self) -> None:
        """Turns the direction of the sorted column round."""
        sorting = self._sorting_to_come
        self._sort(Sorting(sorting.column, not sorting.reverse, sorting.health))

    def resort(self) -> None:
        """Puts every row into its place now, also within the seconds of a held order."""
        self._moved_at = None
        self._order.settle()
        self._settled()

    @property
    def order_held(self) -> bool:
        """Whether rows keep their places because the cursor moved a moment ago."""
        return bool(self._cursor) and self._moved_at is not None and self._clock() - self._moved_at < self.HOLD

    def touch(self) -> None:
        """Counts as a move: holds the order from now on."""
        self._moved_at = self._clock()
        if self._hold_timer is None and self.is_attached:
            self._hold_timer = self.set_timer(self.HOLD, self._hold_over)
        self._tell()

    def _hold_over(self) -> None:
        self._hold_timer = None
        if self._moved_at is None:
            return
        left = self.HOLD - (self._clock() - self._moved_at)
        if left > 0:
            self._hold_timer = self.set_timer(max(0.05, left), self._hold_over)
            return
        self._order.settle()
        self._settled()

    # How it works

    @property
    def _sorting_to_come(self) -> Sorting:
        return self._order.sorting if self._wanted is None else self._wanted[1]

    def _sort(self, sorting: Sorting) -> None:
        self._rearrange(self._order.match if self._wanted is None else self._wanted[0], sorting)

    def _rearrange(self, match: Match | None, sorting: Sorting) -> None:
        """Filters and sorts anew; of thousands of rows what there was stays on the screen until all are done."""
        self._wanted = (match, sorting)
        self._work = self._order.rearrange(match, sorting, self.PART)
        if self.total <= self.AT_ONCE or not self.is_attached:
            for _ in self._work:
                pass
            self._rearranged()
        elif not self._working:
            self._working = True
            self.call_later(self._next_part)

    async def _next_part(self) -> None:
        await sleep(0)  # keys that wait come first
        self._working = False
        if self._work is None:
            return
        if next(self._work, self) is self:
            self._rearranged()
            return
        self._working = True
        self.call_later(self._next_part)

    def _rearranged(self) -> None:
        self._wanted = self._work = None
        self._header = None
        self._settled()

    def _go(self, place: int) -> None:
        self._set_cursor(place)
        self._show_cursor()
        self.sync()

    def _set_cursor(self, place: int) -> None:
        key = self._order.keys[place] if self._order.keys else ""
        self._cursor_place = place if key else 0
        if key != self._cursor:
            self._cursor = key
            self.post_message(self.CursorMoved(self, key))

    def _show_cursor(self) -> None:
        first = last = self._cursor_place
        if self._more_line and last < self.shown - 1:
            last += 1  # the line that says how many more is not a row
        self.show_lines(first, last)

    def _settled(self) -> None:
        """After places changed: the cursor finds its row, and the row stays where it is on the screen."""
        if self._marked:
            self._marked = {key: None for key in self._marked if key in self._order.rows}
        offset = self._cursor_place - self.top
        was_visible = 0 <= offset < max(1, self._room())
        at_top = self.top == 0
        place = self._order.place(self._cursor)
        if place is None or (self._moved_at is None and at_top and place >= max(1, self._room())):
            place = min(self._cursor_place, max(0, self.shown - 1)) if place is None else 0
        self._set_cursor(place)
        if was_visible and (self.order_held or not at_top):
            self.set_top(self._cursor_place - offset)
        if was_visible:
            self._show_cursor()
        self.sync()
        self._tell()

    def _tell(self) -> None:
        order = self._order
        facts = (
            self.shown, self.total, order.hidden, order.filtered, order.sorting,
            self.order_held, len(self._marked), self._wide,
        )  # fmt: skip
        if facts != self._told:
            self._told = facts
            self.post_message(self.Changed(self))

    def look_changed(self) -> None:
        self._show_cursor()
        self._tell()

    def resized(self) -> None:
        super().resized()
        self._relayout()
        self.look_changed()

    def on_click(self, event: events.Click) -> None:
        index = self.line_at(event)
        if index is None or index >= self.shown:
            return
        event.stop()
        self._go(index)
        self.touch()
        if event.chain == 2:
            self.post_message(self.Opened(self, self._cursor))
