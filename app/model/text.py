"""Text as it may be shown: foreign text made safe, names cut to cells, figures as people read them.

`clean()` leaves only characters on whose width terminals agree, so that `cell_width()` is what a terminal draws.
"""

from __future__ import annotations

import math
import re
import unicodedata

REPLACEMENT = "\ufffd"
UNKNOWN = "?"
"""Shown for a figure that is not known (None, not a number)."""

_MARKS_KEPT = 4
"""Combining marks kept on one base character; more paint over the lines above and below."""

# A string sequence (OSC, DCS, APC, PM, SOS) reaches to its terminator; without one, to the end of the text. One that
# begins with a single C1 byte is only taken with a terminator: in mis-decoded text it is nothing but a wrong letter.
_SEQUENCE = re.compile(
    r"\x1b[\]PX^_][^\x07\x18\x1a\x1b\x9c]*(?:\x07|\x1b\\|\x9c|\x18|\x1a)?"
    r"|[\x90\x98\x9d-\x9f][^\x07\x18\x1a\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-Z\\a-~]"
)

# Drawn by nobody, or only as a change of the character before them, which terminals measure differently.
_DROPPED = re.compile(
    "[\u00ad\u034f\u115f\u17b4\u17b5\u180b-\u180f\u200c\u200d\u2060\u20e3\ufe00-\ufe0f\ufeff"
    "\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]"
)

# Characters that some terminals draw in one cell and others in two or none: flag letters, conjoining Hangul vowels and
# tails, fillers, and what Unicode 16 widened.
_DISPUTED = re.compile(
    "[\u1160-\u11ff\u2630-\u2637\u268a-\u268f\u302e\u302f\u3164\u31e4\u31e5\u4dc0-\u4dff\ua8fa\ud7b0-\ud7ff"
    "\uffa0\U00016fe4\U0001d300-\U0001d376\U0001f1e6-\U0001f1ff]"
)

_SPACES = frozenset(("Zs", "Zl", "Zp"))
_MARKS = frozenset(("Mn", "Me"))
_REPLACED = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Mc"))
_WIDE = frozenset(("W", "F"))


def clean(text: str | bytes, limit: int = 1000) -> str:
    """Foreign text as it may be shown: at most `limit` characters, none of which is more than a character.

    Whole terminal sequences, variation selectors, joiners and skin tones are dropped; line ends, tabs and other blanks
    become a space; every other control, direction, tag, private or unassigned character becomes U+FFFD, and so does one
    whose width terminals do not agree on. Idempotent.
    """
    if isinstance(text, bytes):
        text = text[: limit * 4].decode("utf-8", "replace")
    if len(text) > limit:
        text = text[: max(0, limit)]
    if text.isprintable() and (text.isascii() or max(text) < "\u00ad"):
        return text
    text = _SEQUENCE.sub("", text)
    text = _DISPUTED.sub(REPLACEMENT, _DROPPED.sub("", text))
    if text.isprintable() and (text.isascii() or max(text) < "\u0300"):
        return text
    return _characters(text)


def _characters(text: str) -> str:
    kept: list[str] = []
    marks = -1  # none may come before the first base character
    for character in text:
        category = unicodedata.category(character)
        if category in _MARKS:
            if 0 <= marks < _MARKS_KEPT:
                kept.append(character)
                marks += 1
            continue
        marks = 0
        if category in _SPACES or character in "\n\r\t\v\f":
            kept.append(" ")
        else:
            kept.append(REPLACEMENT if category in _REPLACED else character)
    return "".join(kept)


def cell_width(text: str) -> int:
    """Cells that cleaned text takes on a terminal."""
    if text.isascii() or max(text) < "\u0300":
        return len(text)
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in _MARKS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def cut(text: str, cells: int, ascii: bool = False) -> str:
    """Cleaned text in at most `cells` cells, cut in the middle: names of the field differ at their tails."""
    if cells <= 0:
        return ""
    if cell_width(text) <= cells:
        return text
    ellipsis = ("." if cells < 4 else "..") if ascii else "…"
    room = cells - len(ellipsis)
    tail = room // 2
    if len(text) == cell_width(text) and text.isascii():
        return text[: room - tail] + ellipsis + (text[-tail:] if tail else "")
    head = _head(text, room - tail)
    return head + ellipsis + _tail(text, room - cell_width(head))


def _head(text: str, cells: int) -> str:
    used = 0
    for at, character in enumerate(text):
        used += _width(character)
        if used > cells:
            return text[:at]
    return text


def _tail(text: str, cells: int) -> str:
    used, start = 0, len(text)
    for at in range(len(text) - 1, -1, -1):
        width = _width(text[at])
        used += width
        if used > cells:
            break
        if width:  # a mark is only taken with what it stands on
            start = at
    return text[start:]


def count(number: float | None) -> str:
    """A number of things in at most 5 cells: `999 1.2k 12k 1.2M`. Never more than there are: digits are cut off."""
    return _scaled(number, 1000, "kMGTPE", "")


def size(number: float | None) -> str:
    """Bytes in at most 5 cells, by 1024: `512B 64K 1.2M 2.0G`."""
    return _scaled(number, 1024, "KMGTPE", "B")


def _scaled(number: float | None, base: int, units: str, unit: str) -> str:
    if number is None or math.isnan(number):
        return UNKNOWN
    sign, value = ("-" if number <= -1 else ""), abs(number)
    if value < 1000 or (value < base and not sign):
        return f"{sign}{int(value)}{unit}"
    for letter in units:
        value /= base
        if value < 10:
            return f"{sign}{min(9.9, math.floor(value * 10 + 1e-9) / 10):.1f}{letter}"
        if value < 1000 or (value < base and not sign):
            return f"{sign}{int(value)}{letter}"
    return f"{sign or '>'}999{units[-1]}"


def rate(per_second: float | None, signed: bool = False) -> str:
    """A rate in at most 6 cells: `412/s`, `12/m` under one a second, `0`; with `signed` `+40/s`, `-12/s`."""
    if per_second is None or math.isnan(per_second):
        return UNKNOWN
    if per_second == 0:
        return "0"
    sign = "-" if per_second < 0 else "+" if signed else ""
    value = abs(per_second)
    if value >= 1:
        if value < 9.95 and value != int(value):
            number = f"{value:.1f}"
        else:
            number = count(round(value) if value < 1000 else value)
        return f"{sign}{number}/s" if len(sign) + len(number) <= 4 else f"{sign}{number}"
    minutes = round(value * 60)
    if minutes >= 60:
        return f"{sign}1/s"
    return f"{sign}{minutes}/m" if minutes else f"{sign}<1/m"


def age_step(seconds: float) -> float:
    """An age cut to the step in which it is shown: 1 s up to 10 s, 5 s up to a minute, then minutes.

    What is counted in such steps stays equal between them, so that an unchanged row stays unchanged.
    """
    if seconds < 10:
        return float(int(seconds))
    if seconds < 60:
        return float(int(seconds) // 5 * 5)
    if seconds < 600:
        return float(int(seconds) // 15 * 15)
    return float(int(seconds) // 60 * 60)


def age(seconds: float | None, cells: int = 4) -> str:
    """An age in at most `cells` cells (4 or more): `4s 12m 3h 2d`; from 6 cells on two units from an hour: `2h13m`."""
    if seconds is None or math.isnan(seconds):
        return UNKNOWN
    if seconds < 60:
        return f"{int(age_step(max(0.0, seconds)))}s"
    if seconds >= 1000 * 86400:
        years = seconds / (365 * 86400)
        return f"{int(years)}y" if years < 1000 else ">1ky"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        return _two(whole // 3600, "h", whole % 3600 // 60, "m", cells)
    return _two(whole // 86400, "d", whole % 86400 // 3600, "h", cells)


def _two(large: int, large_unit: str, small: int, small_unit: str, cells: int) -> str:
    both = f"{large}{large_unit}{small}{small_unit}"
    return both if small and cells >= 6 and len(both) <= cells else f"{large}{large_unit}"


def percent(share: float | None) -> str:
    """A share of 1 in at most 4 cells: `97%`. 100% is written only of the whole, `<1%` of what is not nothing."""
    if share is None or math.isnan(share):
        return UNKNOWN
    if 0 < share < 0.01:
        return "<1%"
    if share >= 9.99:
        return "999%"
    return f"{math.floor(max(-0.99, share) * 100 + 1e-9)}%"


def duration(seconds: float | None) -> str:
    """A length of time for a sentence, in at most two units: `42s 4m12s 9m 2h13m 2d4h 12d`."""
    if seconds is None or math.isnan(seconds):
        return UNKNOWN
    if seconds < 60:
        return f"{int(max(0.0, seconds))}s"
    if seconds >= 1000 * 86400:
        return age(seconds)
    whole = int(seconds)
    if whole < 3600:
        return _two(whole // 60, "m", whole % 60, "s", 6)
    return age(whole, 6) if whole < 10 * 86400 else age(whole)


def took(seconds: float) -> str:
    """How long something took, in at most 6 cells: `0.4s 12s 4m12s 2h13m`."""
    return f"{min(seconds, 9.9):.1f}s" if seconds < 10 else duration(seconds)


def dollars(value: float) -> str:
    """A cost in at most 7 cells: `$0.034 $12.30 $1.2k`. `<$0.001` of what is not nothing."""
    if 0 < abs(value) < 0.0005:
        return "<$0.001" if value > 0 else "-$0.000"
    sign, size = ("-" if value < 0 else ""), abs(value)
    if size >= 999.5:
        return f"{sign}${count(round(size))}"
    return f"{sign}${size:.3f}" if size < 9.9995 else f"{sign}${size:.2f}"


def osapi_age(seconds: float) -> str:
    """An age as OSAPI writes it: `15s`, `5m`, `7h 6m`, `2d 0h`; empty if not positive. Cut, never rounded."""
    if not seconds > 0:
        return ""
    whole = int(seconds)
    if whole >= 86400:
        return f"{whole // 86400}d {whole % 86400 // 3600}h"
    if whole >= 3600:
        return f"{whole // 3600}h {whole % 3600 // 60}m"
    return f"{whole // 60}m" if whole >= 60 else f"{whole}s"


def osapi_bytes(number: int) -> str:
    """Bytes as OSAPI's command line writes them: by 1024, one decimal, no unit above GB."""
    if number < 1024:
        return f"{number} B"
    value = float(number)
    for unit in ("KB", "MB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} GB"
