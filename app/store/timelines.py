"""Timelines: the events of sessions, read by time, and which of them to look at first."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy.engine import Connection

from app.model.sessions import Session, TimelineEvent
from app.store.eventids import made, parts
from app.store.sessionrows import EVENT, event_of, spellings

SESSIONS_LOOKED_AT = 1000
EVENTS_LOOKED_AT = 100_000
"""Where no session is named, events are looked for in the newest sessions only: so many, with so many events."""
_WEIGHED = 5000
"""Events whose cost is compared, at most."""


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """An event, and the session that it is of."""

    session: str
    event: TimelineEvent


@dataclass(frozen=True, slots=True)
class EventsAsked:
    """Which events: all that fit every condition that is given. Instants are milliseconds, both inclusive."""

    session: str = ""
    agent: str = ""
    types: Sequence[str] = ()
    severities: Sequence[str] = ()
    begins: int | None = None
    ends: int | None = None
    search: str = ""  # somewhere in the payload, in whatever case


class _Told(msgspec.Struct):
    """What a payload says that makes an event worth a look, named as it is there."""

    isError: Any = None
    costUsd: Any = None


_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_told = msgspec.json.Decoder(_Told)


def window(connection: Connection, session_n: int, first: int, limit: int) -> tuple[TimelineEvent, ...]:
    """Events of a session by time from a place on."""
    asked = f"{EVENT} AND e.session_n = ? ORDER BY e.at, e.n LIMIT ? OFFSET ?"
    return tuple(map(event_of, connection.exec_driver_sql(asked, (session_n, limit, first)).all()))


def counted(connection: Connection, session_n: int) -> int:
    return _number(connection, "SELECT COUNT(*) FROM event WHERE session_n = ?", (session_n,))


def place(connection: Connection, session_n: int, id: str) -> int | None:
    """How many events of the session come before the one that is told by this id; None if there is no such one."""
    own = "SELECT at, n FROM event WHERE session_n = ? AND id = ? ORDER BY at, n LIMIT 1"
    found = connection.exec_driver_sql(own, (session_n, id)).first()
    if found is None and (named := parts(id)) is not None:
        given = "SELECT at, n FROM event WHERE session_n = ? AND at = ? AND n = ? AND id IS NULL"
        found = connection.exec_driver_sql(given, (session_n, *named)).first()
    if found is None:
        return None
    at, n = found
    before = "SELECT COUNT(*) FROM event WHERE session_n = ? AND (at < ? OR (at = ? AND n < ?))"
    return _number(connection, before, (session_n, at, at, n))


def worst(connection: Connection, session_n: int, session: Session) -> str:
    """Id of the event of a session to look at first: the first error, else the first tool that failed, else what cost
    most; empty if there is none of these. What the session has none of is not looked for."""
    row: Sequence[Any] | None = None
    if session.errors:
        row = connection.exec_driver_sql(
            "SELECT at, n, id FROM event WHERE session_n = ?"
            " AND (severity IN ('error', 'critical') OR type = 'tool_error') ORDER BY at, n LIMIT 1",
            (session_n,),
        ).first()
    if row is None and session.tool_failures:
        row = _first_failed(connection, session_n)
    if row is None and session.cost:
        row = _dearest(connection, session_n)
    return (row[2] or made(row[0], row[1])) if row else ""


def found(
    connection: Connection, asked: EventsAsked, limit: int, offset: int, newest_first: bool
) -> tuple[list[FoundEvent], int]:
    """Events that fit, by time, and how many there are in all. See `SESSIONS_LOOKED_AT` for where they are looked
    for; with an agent, in the sessions of this agent."""
    where, values = _conditions(asked)
    within = _sessions(connection, asked)
    if not within:
        return [], 0
    where = [f"e.session_n IN ({_marks(within)})", *where]
    values = [*within, *values]
    conditions = " AND ".join(where)
    counting = f"SELECT COUNT(*) FROM event e CROSS JOIN ai_agent a WHERE a.n = e.agent_n AND {conditions}"  # noqa: S608
    total = _number(connection, counting, tuple(values))
    order = "DESC" if newest_first else "ASC"
    reading = f"{EVENT} AND {conditions} ORDER BY e.at {order}, e.n {order} LIMIT ? OFFSET ?"
    rows = connection.exec_driver_sql(reading, (*values, limit, offset)).all()
    return [FoundEvent(within[row[9]], event_of(row)) for row in rows], total


def _sessions(connection: Connection, asked: EventsAsked) -> dict[int, str]:
    """Numbers and ids of the sessions in which to look."""
    where: list[str] = ["1 = 1"]
    values: list[Any] = []
    if asked.session:
        where, values = ["id = ?"], [asked.session]
    elif asked.agent:
        where, values = ["agent_n = (SELECT n FROM ai_agent WHERE id = ?)"], [asked.agent]
    if asked.begins is not None:
        where, values = [*where, "last_at >= ?"], [*values, asked.begins]
    if asked.ends is not None:
        where, values = [*where, "started_at <= ?"], [*values, asked.ends]
    rows = connection.exec_driver_sql(
        f"SELECT n, id, events FROM session WHERE {' AND '.join(where)} ORDER BY last_at DESC LIMIT ?",  # noqa: S608
        (*values, SESSIONS_LOOKED_AT),
    ).all()
    looked_at: dict[int, str] = {}
    events = 0
    for n, id, size in rows:
        events += size
        if looked_at and events > EVENTS_LOOKED_AT:
            break
        looked_at[n] = id
    return looked_at


def _conditions(asked: EventsAsked) -> tuple[list[str], list[Any]]:
    where: list[str] = []
    values: list[Any] = []
    for column, wanted in (("e.type", asked.types), ("e.severity", asked.severities)):
        if wanted:
            where.append(f"{column} IN ({_marks(wanted)})")
            values += wanted
    for condition, value in (("a.id = ?", asked.agent), ("e.at >= ?", asked.begins), ("e.at <= ?", asked.ends)):
        if value is not None and value != "":
            where.append(condition)
            values.append(value)
    if asked.search:
        forms = spellings(asked.search)
        where.append("(" + " OR ".join(["lower(e.payload) LIKE ? ESCAPE '!'"] * len(forms)) + ")")
        values += [f"%{_literal(form)}%" for form in forms]
    return where, values


def _literal(text: str) -> str:
    """A text as a pattern that stands for itself, in lower case as the database makes it."""
    text = text.translate(_LOWER)
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _first_failed(connection: Connection, session_n: int) -> Sequence[Any] | None:
    likely = connection.exec_driver_sql(
        "SELECT at, n, id, payload FROM event WHERE session_n = ? AND type = 'tool_response'"
        " AND payload LIKE ? ORDER BY at, n",
        (session_n, '%"isError"%true%'),
    )
    with likely:
        for row in likely:
            told = _read(row[3])
            if told is not None and told.isError is True:
                return row
    # its payload is no longer kept, or not whole: the failures that were counted at its instant are
    return connection.exec_driver_sql(
        "SELECT e.at, e.n, e.id FROM event e, tool t WHERE e.session_n = ? AND e.type = 'tool_response'"
        " AND t.day = e.at / 86400000 AND t.agent_n = e.agent_n AND t.at = e.at AND t.failures > 0"
        " ORDER BY e.at, e.n LIMIT 1",
        (session_n,),
    ).first()


def _dearest(connection: Connection, session_n: int) -> Sequence[Any] | None:
    rows = connection.exec_driver_sql(
        "SELECT at, n, id, payload FROM event WHERE session_n = ? AND type IN ('cost_tracked', 'llm_response')"
        " AND payload IS NOT NULL ORDER BY at, n LIMIT ?",
        (session_n, _WEIGHED),
    )
    dearest: Sequence[Any] | None = None
    most = 0.0
    with rows:
        for row in rows:
            told = _read(row[3])
            cost = told.costUsd if told is not None else None
            if isinstance(cost, int | float) and cost > most:
                dearest, most = row, cost
    return dearest


def _read(payload: str) -> _Told | None:
    try:
        return _told.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return None


def _marks(values: Any) -> str:
    return ", ".join("?" * len(values))


def _number(connection: Connection, asked: str, values: tuple[Any, ...]) -> int:
    return int(connection.exec_driver_sql(asked, values).scalar_one())
