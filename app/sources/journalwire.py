"""Journal entries as `journalctl -o json` writes them: read, cleaned, and without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec

from app.model.text import clean
from app.model.units import LogLine
from app.settings.scrub import scrub

TEXT_MOST = 16_000
"""Characters of one entry that are kept."""
LINES_MOST = 400
"""Lines of one entry that are kept."""
INFO = 6
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN = re.compile(rb'"(__CURSOR|__REALTIME_TIMESTAMP|PRIORITY)"\s*:\s*"([^"\\]{1,500})"')
_KEY_BEGINS = re.compile(r"-----BEGIN [^-]{1,60}-----(?!.*-----END )", re.DOTALL)
_KEY_ENDS = re.compile(r"-----END [^-]{1,60}-----")
_KEY_LONGEST = 200
"""Lines that a key may go on for."""
_HIDDEN = "(credentials)"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, its text as it came."""

    cursor: str
    at: datetime | None
    priority: int
    message: str | bytes
    source: str = ""
    pid: int = 0
    whole: bool = True

    def shown(self) -> LogLine:
        """As it may be shown."""
        text = self.message.decode("utf-8", "replace") if isinstance(self.message, bytes) else self.message
        lines = text.strip("\r\n").splitlines()
        kept = "\n".join(clean(line, TEXT_MOST).rstrip() for line in lines[:LINES_MOST])
        masked = scrub(kept)
        return LogLine(
            self.cursor, self.at, self.priority, masked[:TEXT_MOST], self.source, self.pid,
            cut=not self.whole or len(lines) > LINES_MOST or len(masked) > TEXT_MOST
            or any(len(line) > TEXT_MOST for line in lines),
        )  # fmt: skip


class Masked:
    """Hides keys that were logged a line an entry: what is between their first line and their last."""

    def __init__(self) -> None:
        self._left: dict[int, int] = {}  # by process: how many lines its key may still go on

    def over(self, lines: Iterable[LogLine]) -> tuple[LogLine, ...]:
        """The lines, oldest first."""
        return tuple(map(self._one, lines))

    def _one(self, line: LogLine) -> LogLine:
        left = self._left.pop(line.pid, 0)
        if left:
            if _KEY_ENDS.search(line.text):
                return replace(line, text=_HIDDEN)
            self._left[line.pid] = left - 1
            return replace(line, text=_HIDDEN)
        if line.text.endswith(_HIDDEN):  # a key began, and did not end, in this entry
            self._left[line.pid] = _KEY_LONGEST
        return line


def read_entry(line: bytes | None) -> Entry | None:
    """An entry of one line of JSON; None for what is none. One too long to be read is told by its head."""
    if not line:
        return None
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _head(line)
    if not isinstance(fields, dict) or not (cursor := _text(fields.get("__CURSOR"))):
        return None
    return Entry(
        clean(cursor, 500),
        _time(fields.get("__REALTIME_TIMESTAMP")),
        _priority(fields.get("PRIORITY")),
        _message(fields.get("MESSAGE")),
        clean(_text(fields.get("SYSLOG_IDENTIFIER")) or _text(fields.get("_COMM")), 60),
        _number(fields.get("_PID")) or _number(fields.get("SYSLOG_PID")) or 0,
    )


def realtime_of(line: bytes) -> datetime | None:
    """When an entry was written."""
    entry = read_entry(line)
    return entry.at if entry is not None else None


def _head(line: bytes) -> Entry | None:
    found = {name: value.decode("ascii", "replace") for name, value in _WRITTEN.findall(line)}
    cursor = found.get(b"__CURSOR", "")
    if not cursor:
        return None
    priority = _priority(found.get(b"PRIORITY"))
    at = _time(found.get(b"__REALTIME_TIMESTAMP"))
    return Entry(clean(cursor, 500), at, priority, "(an entry that cannot be read, or is too long)", whole=False)


def _message(value: object) -> str | bytes:
    """A text; bytes of what is not text come as an array of numbers, several messages of one entry as an array."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        if all(isinstance(each, int) and not isinstance(each, bool) and 0 <= each < 256 for each in value):
            return bytes(value)
        several = (_message(each) for each in value[:LINES_MOST])
        return "\n".join(each if isinstance(each, str) else each.decode("utf-8", "replace") for each in several)
    return ""


def _text(value: object) -> str:
    if isinstance(value, list) and value and isinstance(value[0], str):
        value = value[0]
    if isinstance(value, str):
        return value
    found = _message(value)
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else found


def _number(value: object) -> int | None:
    text = _text(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


def _priority(value: object) -> int:
    found = _number(value)
    return found if found is not None and found <= 7 else INFO


def _time(value: object) -> datetime | None:
    microseconds = _number(value)
    if microseconds is None:
        return None
    try:
        return _UNIX + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
