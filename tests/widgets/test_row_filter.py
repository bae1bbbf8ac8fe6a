"""The filter line, by example and by law."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.columns import Cell, Column, Row
from widgets.row_filter import FilterError, parse

COLUMNS = [
    Column("glyph", "", 1),
    Column("stream", "STREAM", 18, flex=True),
    Column("size", "SIZE", 5),
    Column("behind", "BEHIND", 6),
    Column("full", "FULL", 4),
    Column("msgs", "MSGS", 5),
    Column("in", "IN", 6),
]
ORDERS = Row(
    "ORDERS",
    (
        Cell("●"),
        Cell("ORD…ERS", "EU.ORDERS"),
        Cell("1.2G", 1.2 * 1024**3),
        Cell("6m", 360),
        Cell("94%", 0.94),
        Cell("1.2k", 1200),
        Cell("2/s", 2.0),
    ),
    search="group=web.eu",
)
EMPTY = Row("E", (Cell("?"), Cell("EMPTY"), *[Cell("-") for _ in range(5)]))


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "orders", "ORD", "eu.orders ord", "web.eu", "/^ord/", "/o.d ?e/", "!other", "!/zzz/", "stream:eu.",
        "STREAM:ord", "str:ord", "!stream:xyz", "behind>5m", "behind>=360", "behind=6m", "behind<1h", "behind>5m30s",
        "size>1G", "size>1GiB", "size<1.3g", "size=1.2G", "full>90%", "full>90", "full<95%", "full:94",
        "msgs>1k", "msgs=1.2k", "msgs<1.3K", "msgs>1199", "in>100/m", "in<3/s", "stream=eu.orders",
        "orders behind>5m !full>95%",
    ],
)  # fmt: skip
def test_terms_that_this_stream_passes(text):
    assert parse(text, COLUMNS)(ORDERS)


@pytest.mark.parametrize(
    "text",
    [
        "other", "orders other", "!ord", "/^rders$/", "stream:web", "behind>6m", "behind>1d", "size>2G", "size<1M",
        "94%", "/1.2k/", "full>95%", "msgs>1.1M", "in>3/s", "stream=ord", "!behind>5m",
    ],
)  # fmt: skip
def test_terms_that_it_does_not_pass(text):
    assert not parse(text, COLUMNS)(ORDERS)


@pytest.mark.parametrize("text", ["behind>0", "behind<1d", "size>0", "full<100%", "msgs=0"])
def test_what_has_no_value_passes_no_comparison(text):
    assert not parse(text, COLUMNS)(EMPTY)
    assert parse(f"!{text}", COLUMNS)(EMPTY)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("behin d>5", "no column `d` here; nearest: behind"),
        ("sizes>5", "no column `sizes` here; nearest: size"),
        ("steam:x", "no column `steam` here; nearest: stream"),
        ("size>", "`size>` needs a number: size>5m, size>1G, size>90%"),
        ("size>big", "`size>` needs a number: size>5m, size>1G, size>90%"),
        ("/(/", "/(/ is not a pattern: missing ), unterminated subpattern"),
        ("/" + "x" * 300 + "/", "a pattern may have 200 characters"),
    ],
)
def test_one_sentence_for_what_is_wrong(text, sentence):
    with pytest.raises(FilterError) as raised:
        parse(text, COLUMNS)
    assert raised.value.sentence == sentence


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_a_sentence(text):
    with suppress(FilterError):
        match = parse(text, COLUMNS)
        assert match(ORDERS) in (True, False)
        assert match(EMPTY) in (True, False)


@given(st.from_regex(r"[a-z0-9._\-]{1,12}", fullmatch=True))
def test_not_is_the_opposite(word):
    assert parse(f"!{word}", COLUMNS)(ORDERS) is not parse(word, COLUMNS)(ORDERS)
