from __future__ import annotations

import math
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from app.model import text as t

HOSTILE = [
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b]52;c;ZXZpbA==\x1b\\",
    "\x1b[2J\x1b[31mred",
    "\x9b2J",
    "\x9d0;title\x9c",
    "\x1bPq#0\x1b\\",
    "\x1b_app\x1b\\",
    "a\u202eb\u2066c\u200fd",
    "[/bad][red]",
    "web\u200b-\u200d01\ufeff",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e9\U0001f1ea",
    "\U0001f44d\U0001f3fd",
    "❤️",
    "e" + "\u0301" * 40,
    "\u0301lead",
    "\ud800x\udfff",
    "\U000e0041\U000e007f",
    "\ue000\U0010fffd",
    "日本語のホスト",
    "שלום",
    "tab\tnew\nline\r\n\u2028",
    "\x1b",
    "\x1b[",
    "\x1b]unfinished",
    "x\x1b\x1b[A\x1b]y",
]
FOREIGN = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=st.characters(max_codepoint=0xFF), max_size=60),
    st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=5)), max_size=6).map("".join),
    st.text(
        alphabet=st.sampled_from("ab\x1b[]\\;m\x07\x9b\x9c\x9d\u0301\u200d\ufe0f日\U0001f44d\U0001f3fd\U0001f1e9"),
        max_size=30,
    ),
)
FIGURES = st.one_of(
    st.none(), st.integers(-(2**70), 2**70), st.integers(-5000, 5000), st.floats(allow_nan=True, allow_infinity=True)
)


def _forbidden(character: str) -> bool:
    point = ord(character)
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        or 0x1F1E6 <= point <= 0x1F1FF
        or 0x1F3FB <= point <= 0x1F3FF
        or 0xFE00 <= point <= 0xFE0F
    )


@given(FOREIGN)
@example("".join(HOSTILE))
def test_nothing_but_characters_is_left(foreign: str) -> None:
    cleaned = t.clean(foreign)
    assert not [character for character in cleaned if _forbidden(character)]
    cleaned.encode("utf-8")


@given(FOREIGN)
def test_cleaning_twice_is_cleaning_once(foreign: str) -> None:
    cleaned = t.clean(foreign)
    assert t.clean(cleaned) == cleaned


@given(FOREIGN, st.integers(0, 30))
def test_limit_holds(foreign: str, limit: int) -> None:
    assert len(t.clean(foreign, limit)) <= limit


@given(FOREIGN)
def test_width_is_what_the_terminal_library_measures(foreign: str) -> None:
    cleaned = t.clean(foreign)
    assert t.cell_width(cleaned) == cell_len(cleaned)


@given(FOREIGN)
def test_combining_marks_are_capped(foreign: str) -> None:
    run = 0
    for character in t.clean(foreign):
        run = run + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        assert run <= 4


@given(st.binary(max_size=200))
def test_bytes_are_cleaned_too(foreign: bytes) -> None:
    assert not [character for character in t.clean(foreign) if _forbidden(character)]


@pytest.mark.parametrize(
    ("foreign", "expected"),
    [
        ("a\x1b]52;c;ZXZpbA==\x07b", "ab"),
        ("a\x1b[2Jb\x1b[1;31mc", "abc"),
        ("a\x9b31mb", "ab"),
        ("a\x9d0;title\x9cb", "ab"),
        ("a\x1bPq\x1b\\b", "ab"),
        ("a\x1bcb", "ab"),
        ("a\x1b]52;c;never ends", "a"),
        ("caf\x9d plain", "caf\ufffd plain"),
        ("a\x00b\x7fc\x85d", "a\ufffdb\ufffdc\ufffdd"),
        ("a\u202eb", "a\ufffdb"),
        ("one\ntwo\tthree\u2028four\u00a0five", "one two three four five"),
        ("we\u200db\ufe0f-01", "web-01"),
        ("\U0001f44d\U0001f3fd", "\U0001f44d"),
        ("\U0001f1e9\U0001f1ea", "\ufffd\ufffd"),
        ("e" + "\u0301" * 9, "e" + "\u0301" * 4),
        ("[/bad] web·web-03 …", "[/bad] web·web-03 …"),
        ("", ""),
    ],
)
def test_cleaned_examples(foreign: str, expected: str) -> None:
    assert t.clean(foreign) == expected


def test_length_is_cut_before_anything_is_looked_at() -> None:
    assert t.clean("x" * 10_000_000) == "x" * 1000
    assert t.clean(b"y" * 10_000_000, 8) == "y" * 8


def test_plain_text_is_the_same_object() -> None:
    name = "".join(["web", "-03"])
    assert t.clean(name) is name


@given(FOREIGN.map(t.clean), st.integers(-2, 40), st.booleans())
def test_cut_never_exceeds_its_cells(name: str, cells: int, ascii: bool) -> None:
    assert t.cell_width(t.cut(name, cells, ascii)) <= max(0, cells)


@given(st.text(alphabet="abcdefgh0123456789_-", min_size=1, max_size=60), st.integers(3, 60))
def test_cut_keeps_head_and_tail(name: str, cells: int) -> None:
    shown = t.cut(name, cells)
    if len(name) <= cells:
        assert shown == name
    else:
        head, _, tail = shown.partition("…")
        assert head
        assert tail
        assert name.startswith(head)
        assert name.endswith(tail)
        assert len(shown) == cells
        assert len(head) - len(tail) in (0, 1)


def test_cut_counts_cells_of_wide_text() -> None:
    assert t.cut("日本語のホスト名", 9) == "日本…ト名"
    assert t.cut("ab" + "e\u0301" * 6, 5) == "ab…e\u0301e\u0301"
    assert t.cut("abcdefghij", 6, ascii=True) == "ab..ij"


@given(FIGURES)
def test_figures_stay_in_their_cells(figure: float | None) -> None:
    assert 0 < len(t.count(figure)) <= 5
    assert 0 < len(t.size(figure)) <= 5
    assert 0 < len(t.rate(figure)) <= 6
    assert 0 < len(t.rate(figure, signed=True)) <= 6
    assert 0 < len(t.age(figure)) <= 4
    assert 0 < len(t.age(figure, 6)) <= 6
    assert 0 < len(t.percent(figure)) <= 4
    assert 0 < len(t.duration(figure)) <= 6
    for shown in (t.count(figure), t.size(figure), t.rate(figure), t.age(figure), t.duration(figure)):
        assert shown.isascii()


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.0k"),
        (1240, "1.2k"),
        (9999, "9.9k"),
        (12345, "12k"),
        (999999, "999k"),
        (1200000, "1.2M"),
        (2**64, "18E"),
        (-1234, "-1.2k"),
        (None, "?"),
        (math.nan, "?"),
        (math.inf, ">999E"),
    ],
)
def test_count(number: float | None, expected: str) -> None:
    assert t.count(number) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "0B"),
        (512, "512B"),
        (1023, "1023B"),
        (1024, "1.0K"),
        (65536, "64K"),
        (1023 * 1024, "1023K"),
        (1258300, "1.2M"),
        (2 * 1024**3, "2.0G"),
    ],
)
def test_size(number: int, expected: str) -> None:
    assert t.size(number) == expected


@pytest.mark.parametrize(
    ("per_second", "expected"),
    [
        (None, "?"),
        (0, "0"),
        (412, "412/s"),
        (411.6, "412/s"),
        (1.5, "1.5/s"),
        (4.0, "4/s"),
        (0.2, "12/m"),
        (0.001, "<1/m"),
        (0.999, "1/s"),
        (1234, "1.2k/s"),
        (2000000, "2.0M/s"),
    ],
)
def test_rate(per_second: float | None, expected: str) -> None:
    assert t.rate(per_second) == expected


def test_signed_rate() -> None:
    assert t.rate(40, signed=True) == "+40/s"
    assert t.rate(-12, signed=True) == "-12/s"
    assert t.rate(-0.05, signed=True) == "-3/m"
    assert t.rate(1234, signed=True) == "+1.2k"
    assert t.rate(0, signed=True) == "0"


@pytest.mark.parametrize(
    ("seconds", "narrow", "wide"),
    [
        (-3, "0s", "0s"),
        (4.9, "4s", "4s"),
        (9, "9s", "9s"),
        (12, "10s", "10s"),
        (59, "55s", "55s"),
        (60, "1m", "1m"),
        (3599, "59m", "59m"),
        (3600, "1h", "1h"),
        (7980, "2h", "2h13m"),
        (86399, "23h", "23h59m"),
        (86400 * 2 + 3600, "2d", "2d1h"),
        (86400 * 120, "120d", "120d"),
        (86400 * 365 * 4, "4y", "4y"),
    ],
)
def test_age(seconds: float, narrow: str, wide: str) -> None:
    assert t.age(seconds) == narrow
    assert t.age(seconds, 6) == wide


@given(st.floats(0, 1e7))
def test_ages_are_never_more_than_true_and_steps_are_stable(seconds: float) -> None:
    step = t.age_step(seconds)
    assert step <= seconds
    assert t.age_step(step) == step


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, "0%"), (0.004, "<1%"), (0.29, "29%"), (0.97, "97%"), (0.999, "99%"), (1, "100%"), (1.2, "120%")],
)
def test_percent(share: float, expected: str) -> None:
    assert t.percent(share) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.4, "0s"), (42, "42s"), (252, "4m12s"), (540, "9m"), (7980, "2h13m"), (187200, "2d4h"), (12 * 86400, "12d")],
)
def test_duration(seconds: float, expected: str) -> None:
    assert t.duration(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0s"),
        (0.44, "0.4s"),
        (9.94, "9.9s"),
        (9.96, "9.9s"),
        (10, "10s"),
        (252, "4m12s"),
        (5999, "1h39m"),
        (7980, "2h13m"),
    ],
)
def test_took(seconds: float, expected: str) -> None:
    assert t.took(seconds) == expected
    assert len(expected) <= 6


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "$0.000"),
        (0.0004, "<$0.001"),
        (-0.0004, "-$0.000"),
        (0.034, "$0.034"),
        (9.9994, "$9.999"),
        (9.9996, "$10.00"),
        (999.4, "$999.40"),
        (-12.3, "-$12.30"),
        (1234, "$1.2k"),
    ],
)
def test_dollars(value: float, expected: str) -> None:
    assert t.dollars(value) == expected
    assert len(expected) <= 7


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1, ""),
        (0, ""),
        (0.5, "0s"),
        (15.9, "15s"),
        (60, "1m"),
        (359, "5m"),
        (3600, "1h 0m"),
        (25560, "7h 6m"),
        (86400, "1d 0h"),
        (176399, "2d 0h"),
    ],
)
def test_osapi_age(seconds: float, expected: str) -> None:
    assert t.osapi_age(seconds) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(512, "512 B"), (5120, "5.0 KB"), (3 * 1024**2, "3.0 MB"), (2 * 1024**3, "2.0 GB"), (5 * 1024**4, "5120.0 GB")],
)
def test_osapi_bytes(number: int, expected: str) -> None:
    assert t.osapi_bytes(number) == expected
