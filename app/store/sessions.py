"""Sessions: read from the store by whoever shows them; written by the intake alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from app.model.sessions import AiAgent, Session, SessionDetail, SessionStatus
from app.model.text import clean
from app.store import timelines
from app.store.access import Access
from app.store.sessionrows import SESSION, agent_of, idle_before, instant, millis, session_of, spellings
from app.store.timelines import EventsAsked, FoundEvent

_COUNTED_LETTERS = 10_000
_DAY = 86_400_000
_AGENT = (
    "SELECT a.id, a.name, a.first_seen, a.last_seen,"
    " (SELECT COUNT(*) FROM session s WHERE s.agent_n = a.n),"
    " (SELECT COUNT(*) FROM session s WHERE s.agent_n = a.n AND s.status = 'active' AND s.last_at >= 0),"
    " (SELECT COUNT(*) FROM session s WHERE s.agent_n = a.n AND s.status = 'active' AND s.last_at >= ?),"
    " (SELECT s.status FROM session s WHERE s.agent_n = a.n ORDER BY s.started_at DESC, s.n DESC LIMIT 1)"
    " FROM ai_agent a"
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Something on the sessions stream that is no event, and why. `place` is in its message; -1: all of it."""

    stream: str
    seq: int
    place: int
    at: datetime  # when it was put aside
    subject: str
    reason: str
    body: str  # its beginning, cleaned


class Sessions:
    """Agents, sessions and their events in one store. `now` says which sessions are idle; everything may raise
    StoreFailed."""

    def __init__(self, store: Access) -> None:
        self._store = store

    async def session(self, id: str, now: datetime) -> Session | None:
        def read(connection: Connection) -> Session | None:
            row = connection.exec_driver_sql(f"{SESSION} AND s.id = ?", (id,)).first()
            return None if row is None else session_of(row, millis(now))

        return await self._store.read(read)

    async def recent(self, limit: int, now: datetime, offset: int = 0) -> list[Session]:
        """The sessions that were heard of last, newest event first, `offset` of them passed over."""
        asked = f"{SESSION} ORDER BY s.last_at DESC, s.n DESC LIMIT ? OFFSET ?"
        return await self._store.read(lambda connection: _sessions(connection, asked, (limit, offset), now))

    async def listed(
        self, now: datetime, *, agent: str | None = None, statuses: Sequence[SessionStatus] = (),
        begins: datetime | None = None, ends: datetime | None = None, tags: Sequence[str] = (), limit: int,
        offset: int = 0,
    ) -> tuple[list[Session], int]:  # fmt: skip
        """Sessions of an agent (id), of any of these statuses, that began between two instants (inclusive) and have
        any of these tags: the ones that began last first, and how many there are in all."""
        where, values = _conditions(millis(now), agent, statuses, begins, ends, tags)

        def read(connection: Connection) -> tuple[list[Session], int]:
            counting = f"SELECT COUNT(*) FROM session s WHERE {where}"  # noqa: S608
            total = int(connection.exec_driver_sql(counting, values).scalar_one())
            if not limit or offset >= total:
                return [], total
            order = "s.started_at DESC, s.n DESC" if agent else "s.day DESC, s.started_at DESC, s.n DESC"
            asked = f"{SESSION} AND {where} ORDER BY {order} LIMIT ? OFFSET ?"
            return _sessions(connection, asked, (*values, limit, offset), now), total

        return await self._store.read(read)

    async def timeline(
        self, id: str, *, around: str = "", first: int | None = None, limit: int, now: datetime
    ) -> SessionDetail | None:
        """A session with at most `limit` of its events by time: those around the event of this id if there is such a
        one, else those from the place `first` on, else those around the one to look at first. None if there is no
        such session."""

        def read(connection: Connection) -> SessionDetail | None:
            row = connection.exec_driver_sql(f"{SESSION} AND s.id = ?", (id,)).first()
            if row is None:
                return None
            n = row[-1]
            found = session_of(row, millis(now))
            total, worst = timelines.counted(connection, n), timelines.worst(connection, n, found)
            place = timelines.place(connection, n, around) if around else None
            begin = first or 0
            if place is None and first is None and worst and limit < total:
                place = timelines.place(connection, n, worst)
            if place is not None:
                begin = max(0, min(place - limit // 2, total - limit))
            return SessionDetail(found, timelines.window(connection, n, begin, limit), total, begin, worst)

        return await self._store.read(read)

    async def events(
        self, *, session: str = "", agent: str = "", types: Sequence[str] = (), severities: Sequence[str] = (),
        begins: datetime | None = None, ends: datetime | None = None, search: str = "", limit: int, offset: int = 0,
        newest_first: bool = True,
    ) -> tuple[list[FoundEvent], int]:  # fmt: skip
        """Events that fit every condition that is given, and how many there are in all; see `timelines.found` for
        where they are looked for."""
        asked = EventsAsked(
            session, agent, types, severities,
            None if begins is None else millis(begins), None if ends is None else millis(ends), search,
        )  # fmt: skip
        return await self._store.read(
            lambda connection: timelines.found(connection, asked, limit, offset, newest_first)
        )

    async def agents(self, now: datetime) -> list[AiAgent]:
        """Every agent, the one that was heard of last first."""
        return await self._store.read(
            lambda connection: _agents(connection, f"{_AGENT} ORDER BY a.last_seen DESC, a.id", (), now)
        )

    async def agent(self, id: str, now: datetime) -> AiAgent | None:
        def read(connection: Connection) -> AiAgent | None:
            found = _agents(connection, f"{_AGENT} WHERE a.id = ?", (id,), now)
            return found[0] if found else None

        return await self._store.read(read)

    async def dead_letters(self, limit: int) -> list[DeadLetter]:
        """What was put aside last, newest first."""

        def read(connection: Connection) -> list[DeadLetter]:
            asked = (
                "SELECT o.stream, d.seq, d.place, d.at, d.subject, d.reason, d.body"
                " FROM dead_letter d CROSS JOIN origin o WHERE o.n = d.origin_n ORDER BY d.n DESC LIMIT ?"
            )
            return [
                DeadLetter(stream, seq, place, instant(at), clean(subject), clean(reason), clean(body, len(body)))
                for stream, seq, place, at, subject, reason, body in connection.exec_driver_sql(asked, (limit,))
            ]

        return await self._store.read(read)

    async def dead_since(self, ms: int) -> tuple[int, str]:
        """How many were put aside since an instant (milliseconds; at most 10,000 are counted), and of the last of
        them where it stood and why; empty without any."""

        def read(connection: Connection) -> tuple[int, str]:
            rows = connection.exec_driver_sql(
                "SELECT COUNT(*), MAX(n) FROM (SELECT n, at FROM dead_letter ORDER BY n DESC LIMIT ?) AS newest"
                " WHERE at >= ?",
                (_COUNTED_LETTERS, ms),
            ).one()
            if not rows[0]:
                return 0, ""
            last = connection.exec_driver_sql("SELECT seq, reason FROM dead_letter WHERE n = ?", (rows[1],)).one()
            return rows[0], f"message {last[0]}: {clean(last[1])}"

        return await self._store.read(read)


def _sessions(connection: Connection, asked: str, values: tuple[Any, ...], now: datetime) -> list[Session]:
    at = millis(now)
    return [session_of(row, at) for row in connection.exec_driver_sql(asked, values)]


def _agents(connection: Connection, asked: str, values: tuple[Any, ...], now: datetime) -> list[AiAgent]:
    at = millis(now)
    return [agent_of(row, at) for row in connection.exec_driver_sql(asked, (idle_before(at), *values))]


def _conditions(
    now: int, agent: str | None, statuses: Sequence[SessionStatus], begins: datetime | None, ends: datetime | None,
    tags: Sequence[str],
) -> tuple[str, tuple[Any, ...]]:  # fmt: skip
    where, values = ["1 = 1"], list[Any]()
    if agent is not None:
        where.append("s.agent_n = (SELECT n FROM ai_agent WHERE id = ?)")
        values.append(agent)
    if statuses:
        where.append("(" + " OR ".join(_STANDING[status] for status in statuses) + ")")
        values += [idle_before(now) for status in statuses if "?" in _STANDING[status]]
    for sign, at in ((">=", begins), ("<=", ends)):
        if at is not None:
            where.append(f"s.day {sign} ? AND s.started_at {sign} ?")
            values += [millis(at) // _DAY, millis(at)]
    if tags:  # a tag as it stands in the JSON array; replace() tells whether it is there, in every database
        spelled = [f'"{form}"' for tag in tags for form in spellings(tag)]
        where.append("(" + " OR ".join(["replace(s.tags, ?, '') <> s.tags"] * len(spelled)) + ")")
        values += spelled
    return " AND ".join(where), tuple(values)


_STANDING = {
    SessionStatus.ACTIVE: "(s.status = 'active' AND s.last_at >= ?)",
    SessionStatus.IDLE: "(s.status = 'active' AND s.last_at < ?)",
    SessionStatus.COMPLETED: "s.status = 'completed'",
    SessionStatus.ERROR: "s.status = 'error'",
}
