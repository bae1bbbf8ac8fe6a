"""Which columns fit: by law, and at the widths people have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.columns import GAP, Align, Column, fit_columns, name_index, other_columns

CONSUMERS = [
    Column("glyph", "", 1),
    Column("consumer", "CONSUMER", 18, flex=True),
    Column("stream", "STREAM", 10),
    Column("pending", "PENDING", 7, Align.RIGHT),
    Column("behind", "BEHIND", 6, Align.RIGHT),
    Column("ackpend", "ACKPEND", 9, Align.RIGHT),
    Column("lastack", "LASTACK", 7, Align.RIGHT),
    Column("net", "NET", 6, Align.RIGHT, 2),
    Column("pulls", "PULLS", 5, Align.RIGHT, 2),
    Column("redel", "REDEL", 5, Align.RIGHT, 3),
    Column("out", "OUT", 6, Align.RIGHT, 3),
    Column("owner", "OWNER", 12, priority=3),
    Column("mode", "MODE", 5, priority=4),
    Column("filter", "FILTER", 16, priority=4, flex=True),
    Column("floor", "FLOOR", 9, Align.RIGHT, 5),
]


def taken(slots):
    return sum(slot.width for slot in slots) + GAP * max(0, len(slots) - 1)


def ids(width, **how):
    return [slot.column.id for slot in fit_columns(CONSUMERS, width, **how)]


@st.composite
def columns(draw):
    column = st.builds(
        Column,
        id=st.uuids().map(str),
        title=st.just("T"),
        width=st.integers(1, 40),
        priority=st.integers(1, 5),
        flex=st.booleans(),
    )
    return [Column("glyph", "", 1), *draw(st.lists(column, min_size=1, max_size=12))]


@given(columns(), st.integers(0, 250), st.booleans(), st.integers(0, 12), st.integers(0, 80))
def test_never_wider_than_the_window_and_never_without_glyph_and_name(cols, width, wide, skip, name_width):
    slots = fit_columns(cols, width, wide=wide, skip=skip, name_width=name_width)
    assert taken(slots) <= width
    assert all(slot.width >= 1 and cols[slot.index] is slot.column for slot in slots)
    assert len({slot.index for slot in slots}) == len(slots)
    if width >= 3:
        assert {0, name_index(cols)} <= {slot.index for slot in slots}


@given(columns(), st.integers(1, 200))
def test_a_wider_window_loses_no_column(cols, width):
    narrow = {slot.index for slot in fit_columns(cols, width)}
    assert narrow <= {slot.index for slot in fit_columns(cols, width + 1)}


@given(columns(), st.integers(1, 250))
def test_flexible_columns_take_all_the_space_there_is(cols, width):
    slots = fit_columns(cols, width)
    if any(slot.column.flex for slot in slots):
        assert taken(slots) == width
    assert [slot.index for slot in slots] == sorted(slot.index for slot in slots)


@given(columns(), st.integers(1, 200))
def test_priority_5_needs_wide_mode(cols, width):
    shown = {slot.index for slot in fit_columns(cols, width)}
    assert all(cols[i].priority < 5 for i in shown if i not in (0, name_index(cols)))


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (40, ["glyph", "consumer", "stream", "pending", "behind"]),
        (64, ["glyph", "consumer", "stream", "pending", "behind", "ackpend", "lastack"]),
        (76, ["glyph", "consumer", "stream", "pending", "behind", "ackpend", "lastack", "net"]),
        (80, ["glyph", "consumer", "stream", "pending", "behind", "ackpend", "lastack", "net", "pulls"]),
    ],
)
def test_what_fits_at_the_widths_people_have(width, expected):
    assert ids(width) == expected


def test_priorities_come_in_with_width_and_5_never_by_itself():
    assert set(ids(140)) - set(ids(100)) == {"owner", "mode", "filter"}
    assert "floor" not in ids(200)
    assert ids(200)[-1] == "filter"


def test_squeezed_before_dropped():
    (_, name, *_rest) = fit_columns(CONSUMERS, 60)
    assert len(fit_columns(CONSUMERS, 60)) == 7
    assert name.width == 14


def test_a_handful_of_cells_shows_glyph_then_name():
    assert [(slot.column.id, slot.width) for slot in fit_columns(CONSUMERS, 1)] == [("glyph", 1)]
    assert [(slot.column.id, slot.width) for slot in fit_columns(CONSUMERS, 5)] == [("glyph", 1), ("consumer", 3)]
    assert fit_columns(CONSUMERS, 0) == ()


def test_scrolled_sideways_glyph_and_name_stay():
    assert ids(60, skip=3)[:3] == ["glyph", "consumer", "ackpend"]
    assert ids(60, skip=12) == ["glyph", "consumer"]


def test_wide_mode_takes_all_columns_in_their_order():
    assert ids(300, wide=True) == [column.id for column in CONSUMERS]
    assert [CONSUMERS[i].id for i in other_columns(CONSUMERS, wide=True)][-1] == "floor"
    assert fit_columns(CONSUMERS, 120, wide=True, name_width=50)[1].width >= 50
