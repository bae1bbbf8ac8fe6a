"""The filter line of a list: words, `/regex/`, `!word`, `column:word`, `column>number` with units."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence

from widgets.columns import Column, MadeCells, Row, name_index

Match = Callable[[Row], bool]
_Test = Callable[[Row], bool]
_Bound = Callable[[float, str], float]
"""What to compare a cell's value with, given the value and how it is shown."""

_SPLIT = re.compile(r"!?/(?:\\.|[^/\\])*/?(?=\s|$)|\S+")
_COMPARE = re.compile(r"(?P<column>[^\s:<>=]+)(?P<sign>>=|<=|>|<|=)(?P<value>.*)")
_COLUMN = re.compile(r"(?P<column>[\w.-]+):(?P<word>.*)")
_NUMBER = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?P<unit>\D*)")
_PERIODS = re.compile(r"(?:\d+[dhms])+")

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}
_RATES = {"/s": 1.0, "/m": 1 / 60, "/min": 1 / 60, "/h": 1 / 3600}

_LONGEST_PATTERN = 200


class FilterError(ValueError):
    """What is wrong with a filter, as one sentence for the line below it."""

    @property
    def sentence(self) -> str:
        return str(self.args[0])


def parse(text: str, columns: Sequence[Column]) -> Match:
    """A test for rows. All terms must hold; words are looked for in `Row.search` and all cells that hold no figure,
    case ignored.

    `column>5m` compares `Cell.sort`: seconds for `5m` (`ms s m h d`, also `2h13m`), `k M G T` of 1024 where the cell
    shows bytes and of 1000 where not (`KB MiB` always of 1024), a share for `90%` (0.9 where the cell holds shares of
    1), per second for `10/s 30/m`, else the number. Rows without a value never pass a comparison.
    Raises FilterError.
    """
    words: list[tuple[str, bool]] = []
    tests: list[_Test] = []
    for term in _SPLIT.findall(text):
        test = _term(term, columns)
        if isinstance(test, tuple):
            words.append(test)
        else:
            tests.append(test)
    if words:
        # Last, and all of them at once: putting the words of a row together is the dear part.
        tests.append(lambda row: _has_words(row, words))
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def _has_words(row: Row, words: Sequence[tuple[str, bool]]) -> bool:
    text = _words(row).casefold()
    return all((word in text) is wanted for word, wanted in words)


def _term(term: str, columns: Sequence[Column]) -> _Test | tuple[str, bool]:
    """A test, or a plain word and whether it must be there."""
    if term.startswith("!") and len(term) > 1:
        test = _term(term[1:], columns)
        if isinstance(test, tuple):
            return test[0], not test[1]
        return lambda row: not test(row)
    if term.startswith("/"):
        return _regex(term)
    if found := _COMPARE.fullmatch(term):
        return _comparison(found["column"], found["sign"], found["value"], columns)
    if (found := _COLUMN.fullmatch(term)) and (index := _index(found["column"], columns)) is not None:
        return _in_column(found["word"], index)
    if found and found["column"].isalpha() and not found["word"].startswith("/"):
        raise _unknown(found["column"], columns)
    return term.casefold(), True


def _words(row: Row) -> str:
    """All that a word may be found in: no figures, else `4` would find every row; comparisons find those.

    A name may be shown cut or translated; what it sorts by is whole.
    """
    cells = row.cells
    if type(cells) is not tuple and isinstance(cells, MadeCells):
        return cells.words()
    parts = [row.search]
    for cell in cells:
        value = cell.sort
        kind = type(value)
        if kind is str:
            parts.append(value)
        if kind is not int and kind is not float:
            parts.append(cell.text)
    return "\n".join(parts)


def _cell_words(row: Row, index: int) -> tuple[str, str]:
    if index >= len(row.cells):
        return "", ""
    cell = row.cells[index]
    return cell.text.casefold(), cell.sort.casefold() if isinstance(cell.sort, str) else ""


def _in_column(word: str, index: int) -> _Test:
    wanted = word.casefold()
    return lambda row: any(wanted in text for text in _cell_words(row, index))


def _regex(term: str) -> _Test:
    pattern = term[1:-1] if len(term) > 1 and term.endswith("/") else term[1:]
    if len(pattern) > _LONGEST_PATTERN:
        raise FilterError(f"a pattern may have {_LONGEST_PATTERN} characters")
    try:
        search = re.compile(pattern, re.IGNORECASE | re.MULTILINE).search
    except (re.error, RecursionError, OverflowError) as error:
        reason = error.msg if isinstance(error, re.error) else "too large"
        raise FilterError(f"/{pattern}/ is not a pattern: {reason}") from None

    return lambda row: search(_words(row)) is not None


def _comparison(name: str, sign: str, value: str, columns: Sequence[Column]) -> _Test:
    index = _index(name, columns)
    if index is None:
        raise _unknown(name, columns)
    bound = _bound(value)
    if bound is None:
        if sign == "=" and value:
            wanted = value.casefold()
            return lambda row: wanted in _cell_words(row, index)
        raise FilterError(f"`{name}{sign}` needs a number: {name}{sign}5m, {name}{sign}1G, {name}{sign}90%")
    compare = _SIGNS[sign]

    def test(row: Row) -> bool:
        cell = row.cells[index] if index < len(row.cells) else None
        if cell is None or isinstance(cell.sort, bool) or not isinstance(cell.sort, int | float):
            return False
        return compare(cell.sort, bound(cell.sort, cell.text))

    return test


_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda value, bound: value > bound,
    "<": lambda value, bound: value < bound,
    ">=": lambda value, bound: value >= bound,
    "<=": lambda value, bound: value <= bound,
    "=": lambda value, bound: value == bound,
}


def _bound(text: str) -> _Bound | None:
    """A number with its unit, as something to compare a cell with; None for what is no number."""
    if _PERIODS.fullmatch(text):
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+)([dhms])", text))
        return lambda value, shown: seconds
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    number, unit = float(found["number"]), found["unit"].strip()
    if unit in ("", "%"):
        return lambda value, shown: _as_shown(number, value, shown, percent=bool(unit))
    factor = _SECONDS.get(unit) or _RATES.get(unit.lower())
    if factor is not None:
        return lambda value, shown: number * factor
    letter = unit.lower().removesuffix("ib").removesuffix("b")
    if letter not in _POWERS and unit.lower() != "b":
        return None
    power = _POWERS.get(letter, 0)
    if unit.lower().endswith("b"):
        return lambda value, shown: number * 1024.0**power
    return lambda value, shown: number * (1024.0 if _bytes_shown(value, shown) else 1000.0) ** power


def _as_shown(number: float, value: float, shown: str, *, percent: bool) -> float:
    """A bare number in the unit that the cell is shown in: a share of 0.94 is shown as `94%`, and `>90` means that."""
    if percent or shown.endswith("%"):
        figure = _NUMBER.match(shown)
        share = abs(value * 100 - float(figure["number"])) < 1.01 if figure and value else abs(value) <= 1
        return number / 100 if share else number
    return number


def _bytes_shown(value: float, shown: str) -> bool:
    """Whether a cell shows bytes (`64K 1.2G`, of 1024) and not a count (`1.2k`, of 1000)."""
    unit = shown[-1:]
    if unit != "M":
        return unit in ("B", "K", "G", "T")
    figure = _NUMBER.match(shown)
    if not figure:
        return False
    number = float(figure["number"])
    return abs(number - value / 1024**2) < abs(number - value / 1000**2)


def _index(name: str, columns: Sequence[Column]) -> int | None:
    """A column by its id or title, or by the only one that begins so."""
    wanted = name.casefold()
    exact = [i for i, column in enumerate(columns) if wanted in (column.id.casefold(), column.title.casefold())]
    if exact:
        return exact[0]
    begins = [i for i, column in enumerate(columns) if column.title.casefold().startswith(wanted) and column.title]
    return begins[0] if len(begins) == 1 else None


def _unknown(name: str, columns: Sequence[Column]) -> FilterError:
    names = [column.title.lower() for column in columns if column.title]
    near = difflib.get_close_matches(name.casefold(), names, 1, cutoff=0.0)
    hint = near[0] if near else columns[name_index(columns)].title.lower()
    return FilterError(f"no column `{name}` here; nearest: {hint}")
