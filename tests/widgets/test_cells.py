"""Widths: whatever the text is, it takes the cells it was given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from widgets.cells import LineBuilder, cut_end, fit_cells, printable, wrap_cells
from widgets.sparkline import sparkline

texts = st.one_of(st.text(max_size=60), st.text("a漢e\u0301🚀 \u200d\ufe0f\x1b\u202e", max_size=40))


@given(texts, st.integers(-1, 40), st.booleans())
def test_exactly_so_many_cells(text, cells, right):
    fitted = fit_cells(text, cells, right=right)
    assert cell_len(fitted) == max(0, cells)
    assert fitted.isprintable()


@given(texts, st.integers(0, 40))
def test_cut_never_exceeds(text, cells):
    assert cell_len(cut_end(text, cells)) <= cells


@given(texts)
def test_nothing_unprintable_is_left_and_nothing_else_is_touched(text):
    safe = printable(text)
    assert safe.isprintable()
    assert len(safe) == len(text)
    assert all(a == b for a, b in zip(text, safe, strict=True) if a.isprintable())


@given(texts, st.integers(2, 30))
def test_wrapped_lines_fit_and_lose_no_word(text, cells):
    lines = wrap_cells(text, cells)
    assert all(cell_len(line) <= cells for line in lines)
    assert "".join(lines).replace(" ", "") == printable(text).replace(" ", "")


@given(st.lists(texts, max_size=5), st.integers(1, 30))
def test_a_line_is_as_wide_as_it_should_be(parts, width):
    line = LineBuilder()
    for number, part in enumerate(parts):
        line.add(printable(part), Style(bold=bool(number % 2)))
    strip = line.strip(width, Style())
    assert sum(cell_len(segment.text) for segment in strip) == width == strip.cell_length


def test_neighbours_of_one_style_are_one_piece():
    line = LineBuilder()
    line.add("a", Style(bold=True))
    line.add("b", Style(bold=True))
    line.add("c", Style())
    assert [segment.text for segment in line.strip(3, Style())] == ["ab", "c"]


numbers = st.one_of(st.none(), st.floats(-1e9, 1e9), st.integers(-5, 5), st.just(float("nan")))


@given(st.lists(numbers, max_size=50), st.integers(0, 30), st.booleans())
def test_a_sparkline_has_its_cells(values, cells, ascii):
    drawn = sparkline(values, cells, ascii=ascii)
    assert len(drawn) == cells
    assert drawn.isascii() or not ascii
    assert set(drawn) <= set(" ▁▂▃▄▅▆▇█_.-=+*#@")


@pytest.mark.parametrize(
    ("values", "cells", "drawn"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█"),
        ([], 4, "    "),
        ([None, None], 4, "    "),
        ([0, 0, 0], 4, " ▁▁▁"),
        ([5, 5], 4, "  ██"),
        ([0, None, 1], 3, "▁ █"),
        ([0, 0.001, 1000], 3, "▁▂█"),  # little is not nothing
        ([0, 9, 0, 0, 0, 0, 0, 0], 4, "█▁▁▁"),  # a peak stays
    ],
)
def test_sparkline_by_example(values, cells, drawn):
    assert sparkline(values, cells) == drawn


def test_sparkline_between_bounds_of_its_own():
    assert sparkline([90, 95, 100], 3, low=90, high=100) == "▁▅█"
    assert sparkline([90, 95, 100], 3, low=None, ascii=True) == "_+@"
