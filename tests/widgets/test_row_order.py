"""Order of rows: the incremental one is the same as sorting everything, unless it is held."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from widgets.columns import Align, Cell, Column, MadeCells, Row
from widgets.row_filter import parse
from widgets.row_order import RowOrder, Sorting

COLUMNS = [Column("glyph", "", 1), Column("name", "NAME", 10, flex=True), Column("n", "N", 5, Align.RIGHT)]


def row(key, value=0, rank=0, **more):
    return Row(key, (Cell("●"), Cell(key), Cell(str(value), value)), rank=rank, **more)


values = st.one_of(st.none(), st.integers(-5, 5), st.floats(allow_infinity=False), st.text(max_size=3))
rows = st.builds(
    row,
    st.sampled_from("abcdefghijkl"),
    values,
    st.integers(0, 2),
    fault=st.booleans(),
    hidden=st.booleans(),
    last=st.booleans(),
)
sortings = st.builds(Sorting, st.sampled_from(["", "name", "n", "gone"]), reverse=st.booleans(), health=st.booleans())
steps = st.lists(
    st.tuples(st.lists(rows, max_size=6), st.lists(st.sampled_from("abcdefghijkl"), max_size=3)), max_size=6
)


def full(order):
    """The same rows, filtered and sorted from nothing."""
    again = RowOrder(COLUMNS, order.sorting)
    again.match, again.faults_only, again.show_hidden = order.match, order.faults_only, order.show_hidden
    again.set_rows(order.rows.values())
    return again


@settings(max_examples=200)
@given(sortings, st.booleans(), st.booleans(), st.booleans(), steps)
def test_updates_lead_where_sorting_everything_leads(sorting, faults_only, show_hidden, matching, updates):
    order = RowOrder(COLUMNS, sorting)
    order.faults_only, order.show_hidden = faults_only, show_hidden
    order.match = (lambda row: row.cells[2].sort is None or row.rank > 0) if matching else None
    for changed, gone in updates:
        before = list(order.keys)
        told = order.update(changed, gone)
        expected = full(order)
        assert order.keys == expected.keys
        assert (order.hidden, order.filtered) == (expected.hidden, expected.filtered)
        assert told or before == order.keys
        assert [order.place(key) for key in order.keys] == list(range(len(order.keys)))
        assert len(order.keys) + order.hidden + order.filtered == len(order.rows)


@settings(max_examples=200)
@given(sortings, st.lists(rows, max_size=10), steps)
def test_held_rows_keep_their_order_and_the_first_update_after_puts_all_in_place(sorting, first, updates):
    order = RowOrder(COLUMNS, sorting)
    order.set_rows(first)
    for changed, gone in updates:
        before = list(order.keys)
        order.update(changed, gone, held=True)
        stayed = [key for key in before if key in order.keys]
        assert order.keys[: len(stayed)] == stayed
        assert sorted(order.keys) == sorted(full(order).keys)
    order.update([])
    assert order.keys == full(order).keys


def test_held_rows_that_come_go_to_the_end():
    order = RowOrder(COLUMNS, Sorting("n"))
    order.set_rows([row("b", 2), row("a", 1)])
    order.update([row("c", 9, rank=4), row("a", 100)], held=True)
    assert order.keys == ["b", "a", "c"]
    order.settle()
    assert order.keys == ["c", "a", "b"]


def test_health_then_the_column_then_the_name():
    order = RowOrder(COLUMNS, Sorting("n"))
    order.set_rows(
        [row("ok-2", 7), row("ok-1", 7), row("ok-9", 8), row("bad", 1, rank=4), row("old", 99, rank=4, last=True)]
    )
    assert order.keys == ["bad", "ok-9", "ok-1", "ok-2", "old"]


def test_nothing_and_not_a_number_are_last_in_both_directions():
    order = RowOrder(COLUMNS, Sorting("n", health=False))
    order.set_rows([row("none", None), row("nan", math.nan), row("one", 1), row("text", "x"), row("two", 2)])
    assert order.keys == ["two", "one", "text", "nan", "none"]
    order.set_sorting(Sorting("n", reverse=True, health=False))
    assert order.keys == ["one", "two", "text", "nan", "none"]


def test_text_sorts_both_ways_also_where_one_begins_the_other():
    order = RowOrder(COLUMNS, Sorting("n", health=False))
    order.set_rows([row("1", "ab"), row("2", "abc"), row("3", "é"), row("4", "Z")])
    assert order.keys == ["3", "4", "2", "1"]
    order.set_sorting(Sorting("n", reverse=True, health=False))
    assert order.keys == ["1", "2", "4", "3"]


def test_what_is_left_out_is_counted_as_what_it_is():
    order = RowOrder(COLUMNS, Sorting())
    order.set_rows([row("a"), row("b", hidden=True), row("c", fault=True), row("d", fault=True, hidden=True)])
    assert (order.keys, order.hidden, order.filtered) == (["a", "c"], 2, 0)
    order.faults_only = True
    order.settle()
    assert (order.keys, order.hidden, order.filtered) == (["c"], 2, 1)
    order.show_hidden = True
    order.settle()
    assert (order.keys, order.hidden, order.filtered) == (["c", "d"], 0, 2)


@settings(max_examples=200)
@given(st.lists(rows, max_size=12), sortings, sortings, st.booleans(), steps, st.integers(1, 4))
def test_arranged_in_parts_while_rows_change_is_as_arranged_at_once(first, before, after, matching, updates, part):
    order = RowOrder(COLUMNS, before)
    order.match = lambda row: row.rank != 1
    order.set_rows(first)
    match = (lambda row: row.cells[2].sort is None or row.rank > 0) if matching else None
    work = order.rearrange(match, after, part)
    for changed, gone in updates:
        if next(work, work) is work:
            break
        assert order.sorting == before
        assert order.keys == full(order).keys
        order.update(changed, gone)
    for _ in work:
        pass
    expected = full(order)
    assert (order.sorting, order.match) == (after, match)
    assert (order.keys, order.hidden, order.filtered) == (expected.keys, expected.hidden, expected.filtered)


def test_a_row_is_judged_and_its_cells_are_asked_for_once_until_it_is_given_anew():
    asked: list[str] = []

    class Counted(MadeCells):
        def __init__(self, key: str) -> None:
            self.key = key

        def __len__(self) -> int:
            return len(COLUMNS)

        def __getitem__(self, index):
            asked.append(self.key)
            return Cell(self.key) if index == 1 else Cell("1", 1)

        def words(self) -> str:
            asked.append(f"words of {self.key}")
            return self.key

    order = RowOrder(COLUMNS, Sorting("n"))
    order.set_rows([Row(key, Counted(key)) for key in "abc"])
    order.match = parse("!b", COLUMNS)
    order.settle()
    assert order.keys == ["a", "c"]
    asked.clear()
    order.settle()
    order.faults_only = True
    order.settle()
    order.update([], ["c"])
    order.update([])
    assert asked == []
    order.update([Row("a", Counted("a"))])
    assert asked == ["words of a", "a", "a"]
