"""Payloads: what an event carries, read field by field; its JSON may be cut, gone, or not what its type promises."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from app.model import text
from app.model.sessions import TimelineEvent

LONGEST = 300
"""Characters of one value in a line."""
_NUMBER_MOST = 1e15
_decoder = json.JSONDecoder()
_BLANKS = " \t\r\n"


class Payload:
    """The fields of a payload. A field that is not there, or of another type, is empty or None. `kept`: there is any;
    `cut`: only its beginning is."""

    __slots__ = ("cut", "fields", "kept")

    def __init__(self, event: TimelineEvent) -> None:
        self.kept = bool(event.payload)
        self.cut = event.size > 0
        self.fields: Mapping[str, Any] = _read(event.payload, self.cut)

    def text(self, name: str, longest: int = LONGEST) -> str:
        """A field in one line, whatever it is."""
        return in_line(self.fields.get(name), longest)

    def number(self, name: str) -> float | None:
        return number(self.fields.get(name))

    def part(self, name: str) -> Mapping[str, Any]:
        value = self.fields.get(name)
        return value if isinstance(value, dict) else {}

    def all(self, name: str) -> list[Any]:
        value = self.fields.get(name)
        return value if isinstance(value, list) else []


def number(value: Any) -> float | None:
    """A number of reasonable size; None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -_NUMBER_MOST <= value <= _NUMBER_MOST and math.isfinite(value) else None


def in_line(value: Any, longest: int = LONGEST) -> str:
    """Any value of JSON in one line that may be shown."""
    if value is None:
        return ""
    if isinstance(value, str):
        return text.clean(value, longest).strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        known = number(value)
        return "" if known is None else f"{known:g}" if known != int(known) else str(int(known))
    try:
        return text.clean(json.dumps(value, ensure_ascii=False), longest)
    except (ValueError, RecursionError):
        return ""


def beginning(told: str) -> dict[str, Any]:
    """The members of an object of which only the beginning is there; a text that breaks off is taken as far as it
    goes."""
    found: dict[str, Any] = {}
    at = told.find("{") + 1
    while at:
        at = _past(told, at, _BLANKS + ",")
        name, at = _value(told, at)
        if not isinstance(name, str) or at < 0:
            break
        at = _past(told, at, _BLANKS + ":")
        value, end = _value(told, at)
        if end < 0 and told[at : at + 1] == '"':
            value = told[at + 1 :] + "…"
        if value is not None:
            found[name] = value
        at = max(0, end)
    return found


def _value(told: str, at: int) -> tuple[Any, int]:
    """The value that begins at a place, and where it ends; None and -1 if it does not end. A number ends where
    something else follows."""
    try:
        value, end = _decoder.raw_decode(told, at)
    except (ValueError, RecursionError):
        return None, -1
    whole = (
        isinstance(value, bool) or not isinstance(value, int | float) or told[end : end + 1] in tuple(",}" + _BLANKS)
    )
    return (value, end) if whole else (None, -1)


def _past(told: str, at: int, characters: str) -> int:
    while at < len(told) and told[at] in characters:
        at += 1
    return at


def _read(told: str, cut: bool) -> Mapping[str, Any]:
    try:
        read = json.loads(told) if told else {}
    except (ValueError, RecursionError):
        return beginning(told)
    if not isinstance(read, dict):
        return {}
    data = read.get("data")
    if cut and read.get("type") == "_truncated" and isinstance(data, dict):
        preview = data.get("preview")
        return beginning(preview) if isinstance(preview, str) else {}
    return read
