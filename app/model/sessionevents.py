"""Session events: read from what somebody sent, by AgentLens's rules and in its words."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from app.model.eventshapes import FILLED, LARGEST, MISSING, PAYLOADS, RECORD, STRING, Problem, expected, one_of
from app.model.sessions import SessionEvent
from app.model.text import clean

SEVERITIES = ("debug", "info", "warn", "error", "critical")
NAME_LONGEST = 300
"""Characters of a session's or an agent's id."""
ID_LONGEST = 200
"""Characters of an event's id."""
DEEPEST = 100
"""Objects and arrays within one another."""
FIRST_YEAR, LAST_YEAR = 1970, 2200
TOGETHER_MOST = 10_000
"""Events in one message."""
TOLD_MOST = 20
"""Problems that are told of one event."""
_SEVERITY = one_of(SEVERITIES)
_TYPE = one_of(tuple(PAYLOADS))
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,60})?)?)Z")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - both ends of the difference are in UTC
_SECOND = timedelta(seconds=1)


class BadEvent(ValueError):
    """What was sent is no event that may come from a client. `problems` says where and why."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        first = problems[0]
        where = f"{first.path}: " if first.path else ""
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{where}{first.message}{more}")


def read_event(raw: object, received: int, path: str = "") -> SessionEvent:
    """The event that decoded JSON stands for, or BadEvent.

    `received` is its time, in milliseconds since 1970 in UTC, if it names none. `path` is where it stood
    (`events.0`): paths of problems begin with it.
    """
    reader = _Reader(path)
    event = reader.read(raw, received)
    if event is None or reader.problems:
        raise BadEvent(tuple(reader.problems[:TOLD_MOST]))
    return event


def read_many(raw: object, received: int) -> list[SessionEvent | BadEvent]:
    """The events of one message in their order: an object, an array of them, or `{"events": [...]}`.

    What is no event is a BadEvent in its place; a message of more than `TOGETHER_MOST` is one BadEvent. An empty
    array holds none.
    """
    if type(raw) is dict and "events" in raw and "eventType" not in raw:
        raw = raw["events"]
        if type(raw) is not list:
            return [BadEvent((Problem("events", expected("array", raw)),))]
    if type(raw) is not list:
        return [_read_or_why(raw, received)]
    if len(raw) > TOGETHER_MOST:
        return [BadEvent((Problem("", f"Too big: expected array to have <={TOGETHER_MOST} items"),))]
    return [_read_or_why(each, received) for each in raw]


def moment(text: str) -> int | None:
    """Milliseconds since 1970 of a time in ISO 8601 that ends in `Z`; None for any other text. Cut, never rounded."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    base, _, fraction = found[1].partition(".")
    try:
        seconds = (datetime.fromisoformat(base) - _EPOCH) // _SECOND
    except ValueError:  # no such day
        return None
    return seconds * 1000 + (int((fraction + "00")[:3]) if fraction else 0)


def _read_or_why(raw: object, received: int) -> SessionEvent | BadEvent:
    try:
        return read_event(raw, received)
    except BadEvent as bad:
        return bad


class _Reader:
    """Reads one event and gathers what is wrong with it."""

    __slots__ = ("_path", "problems")

    def __init__(self, path: str) -> None:
        self._path = f"{path}." if path else ""
        self.problems: list[Problem] = []

    def read(self, raw: Any, received: int) -> SessionEvent | None:
        if type(raw) is not dict:
            self.problems.append(Problem(self._path.removesuffix("."), expected("object", raw)))
            return None
        get = raw.get
        session = self._name("sessionId", get("sessionId", MISSING))
        agent = self._name("agentId", get("agentId", MISSING))
        type_ = get("eventType", MISSING)
        known = _TYPE.fits(type_)
        if not known:
            self._wrong(_TYPE, type_, "eventType")
        severity = get("severity", "info")
        if not _SEVERITY.fits(severity):
            self._wrong(_SEVERITY, severity, "severity")
        payload, metadata = get("payload", MISSING), get("metadata", MISSING)
        metadata = {} if metadata is MISSING else metadata
        self._content("payload", payload)
        if metadata != {}:
            self._content("metadata", metadata)
        if known and type(payload) is dict and not PAYLOADS[type_].fits(payload):
            self._wrong(PAYLOADS[type_], payload, "payload")
        at = self._time(get("timestamp", MISSING), received)
        id = self._id(get("id", MISSING))
        return None if self.problems else SessionEvent(session, agent, type_, severity, at, payload, metadata, id)

    def _name(self, field: str, value: Any) -> str:
        if type(value) is not str:
            self._wrong(STRING, value, field)
            return ""
        if len(value) > NAME_LONGEST:
            self._say(field, f"Too big: expected string to have <={NAME_LONGEST} characters")
            return ""
        name = clean(value, NAME_LONGEST)
        if not name:
            self._say(field, f"{field} is required")
        return name

    def _content(self, field: str, value: Any) -> None:
        if type(value) is not dict:
            self._wrong(RECORD, value, field)
        elif why := _unusable(value):
            self._say(field, why)

    def _time(self, value: Any, received: int) -> int:
        if value is MISSING:
            return received
        if type(value) is not str:
            self._wrong(STRING, value, "timestamp")
            return 0
        at = moment(value)
        if at is None:
            self._say("timestamp", "Invalid ISO datetime")
        elif not FIRST_YEAR <= int(value[:4]) <= LAST_YEAR:
            self._say("timestamp", f"Invalid ISO datetime: expected a year from {FIRST_YEAR} to {LAST_YEAR}")
        return at or 0

    def _id(self, value: Any) -> str:
        if value is MISSING:
            return ""
        if not FILLED.fits(value):
            self._wrong(FILLED, value, "id")
        elif len(value) > ID_LONGEST:
            self._say("id", f"Too big: expected string to have <={ID_LONGEST} characters")
        elif clean(value, ID_LONGEST) != value:  # cleaned, two ids could become one
            self._say("id", "Invalid input: expected string without control characters")
        else:
            return str(value)
        return ""

    def _wrong(self, kind: Any, value: Any, field: str) -> None:
        self.problems.extend(islice(kind.faults(value, self._path + field), TOLD_MOST))

    def _say(self, field: str, message: str) -> None:
        self.problems.append(Problem(self._path + field, message))


def _unusable(content: Any) -> str:
    """Why an object cannot be kept as JSON: something in it that JSON has not, or too deep. Empty if it can."""
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for each in level:
            for value in each.values() if type(each) is dict else each:
                kind = type(value)
                if kind is dict or kind is list:
                    if value:
                        below.append(value)
                elif kind is float:
                    if not math.isfinite(value):
                        return expected("number", value)
                elif kind is int:
                    if not -LARGEST <= value <= LARGEST:
                        return expected("number", value)
                elif not (kind is str or kind is bool or value is None):
                    return "Invalid input: expected JSON"
        if not below:
            return ""
        level = below
    return f"Too big: expected objects within one another <={DEEPEST}"
