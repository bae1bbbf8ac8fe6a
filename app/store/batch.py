"""Batch: events into rows, all within one transaction; what is there already is left out, sums follow the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from app.model.folding import Folded, OrderKey, agent_name, begun, order_key, order_mark, read_keys, tools
from app.model.sessions import SessionEvent, SessionStatus
from app.model.taskwords import task_word
from app.store import contents, taskbatch
from app.store.daysums import DAY, DaySums, Sum
from app.store.sightings import AI, Sightings

Placed = tuple[SessionEvent, int | None, int | None]
"""An event, its message's sequence, and its place in the message."""
_NAMES = 500  # names in one statement
_ROWS = 64  # rows in one statement
_EVENT = (
    "INSERT INTO event (n, session_n, agent_n, at, type, severity, id, origin_n, seq, place, size, payload, metadata)"
)
_FOLDED = (
    "started_at", "last_at", "ended_at", "status", "events", "errors", "tool_calls", "tool_failures", "cost",
    "llm_calls", "input_tokens", "output_tokens", "agent_name", "model", "channel", "label", "tags", "keys",
)  # fmt: skip
_SESSION = (
    f"SELECT s.n, s.id, s.agent_n, a.id, {', '.join(f's.{name}' for name in _FOLDED)}"  # noqa: S608 (our own names)
    " FROM session s JOIN ai_agent a ON a.n = s.agent_n WHERE s.id IN"
)
T = TypeVar("T")


@dataclass(slots=True)
class _Agent:
    n: int
    id: str
    name: str = ""
    name_key: OrderKey = ""
    first_seen: int = 0
    last_seen: int = 0
    new: bool = True
    changed: bool = False

    def saw(self, key: OrderKey, event: SessionEvent) -> None:
        """An agent is called what its first event calls it (AgentLens)."""
        if not self.name_key or key < self.name_key:
            self.name, self.name_key = agent_name(event), key
        self.first_seen = min(self.first_seen, event.at) if self.first_seen else event.at
        self.last_seen = max(self.last_seen, event.at)
        self.changed = True


@dataclass(slots=True)
class _Session:
    n: int
    id: str
    agent_n: int = 0
    folded: Folded | None = None  # None: nothing of it is known yet
    before: Sum | None = None  # what it has brought to its day so far
    before_at: tuple[int, int] = (0, 0)  # day and agent


@dataclass(slots=True)
class Kept:
    """`rows`: for each event its row and its instant; `agents`: those whose figures may be others now; `tasks`: how
    many of these are others now."""

    rows: list[tuple[int, int]] = field(default_factory=list)
    stored: int = 0
    tasks: int = 0
    agents: set[str] = field(default_factory=set)


class Batch:
    """One batch in one transaction."""

    def __init__(self, connection: Connection, origin: int | None, *, payloads_from: int) -> None:
        """Of events before `payloads_from` (milliseconds) the content is not kept."""
        self._connection = connection
        self._origin = origin
        self._payloads_from = payloads_from
        self._agents: dict[str, _Agent] = {}
        self._agents_by_n: dict[int, str] = {}
        self._sessions: dict[str, _Session] = {}

    def take(self, placed: Sequence[Placed]) -> Kept:
        kept = Kept()
        if not placed:
            return kept
        self._know_agents({event.agent for event, _, _ in placed})
        self._know_sessions({event.session for event, _, _ in placed})
        rows, keys = self._event_rows(placed)
        fresh = self._insert(rows)
        kept.rows = [
            (n, event.at) if (n := row[0]) in fresh else self._known(row)
            for (event, _, _), row in zip(placed, rows, strict=True)
        ]
        kept.stored = len(fresh)
        if fresh:
            new = [(keys[at], event) for at, (event, _, _) in enumerate(placed) if rows[at][0] in fresh]
            sums = self._fold(new, kept)
            self._write_agents()
            self._write_sessions({event.session for _, event in new}, kept)
            sums.write(self._connection)
            kept.tasks = self._take_tasks(new)
        return kept

    # -- what is known ---------------------------------------------------------------------------------------------
    def _know_agents(self, ids: set[str]) -> None:
        asked = "SELECT n, id, name, name_key, first_seen, last_seen FROM ai_agent WHERE id IN"
        for n, id, name, name_key, first_seen, last_seen in self._named(asked, ids):
            self._agents[id] = _Agent(n, id, name, name_key, first_seen, last_seen, new=False)
        free = self._free("ai_agent")
        for id in sorted(ids - self._agents.keys()):
            self._agents[id] = _Agent(free, id)
            free += 1
        self._agents_by_n = {agent.n: id for id, agent in self._agents.items()}

    def _know_sessions(self, ids: set[str]) -> None:
        for n, id, agent_n, agent, *values in self._named(_SESSION, ids):
            folded = _folded(agent, values)
            self._agents_by_n.setdefault(agent_n, agent)
            at = (folded.started_at // DAY, agent_n)
            self._sessions[id] = _Session(n, id, agent_n, folded, Sum.of_session(folded), at)
        free = self._free("session")
        for id in sorted(ids - self._sessions.keys()):
            self._sessions[id] = _Session(free, id)
            free += 1

    def _named(self, asked: str, ids: set[str]) -> Iterator[Any]:
        for some in _parts(sorted(ids), _NAMES):
            marks = ", ".join("?" * len(some))
            yield from self._connection.exec_driver_sql(f"{asked} ({marks})", tuple(some))

    def _free(self, table: str) -> int:
        """The next number for a row. One transaction writes at a time, so nobody else takes it."""
        asked = f"SELECT COALESCE(MAX(n), 0) + 1 FROM {table}"  # noqa: S608 (our own names)
        return int(self._connection.exec_driver_sql(asked).scalar_one())

    # -- events ----------------------------------------------------------------------------------------------------
    def _event_rows(self, placed: Sequence[Placed]) -> tuple[list[tuple[Any, ...]], list[OrderKey]]:
        n = self._free("event")
        rows, keys = [], []
        for event, seq, place in placed:
            payload, metadata = contents.written(event.payload), contents.written(event.metadata)
            digest = contents.digest(event.id, event.agent, event.type, event.severity, payload, metadata)
            keys.append(order_key(event, digest))
            text, size = contents.kept(payload)
            told = contents.kept(metadata)[0] if event.at >= self._payloads_from else None
            rows.append((
                n, self._sessions[event.session].n, self._agents[event.agent].n, event.at, event.type, event.severity,
                event.id or None, None if seq is None else self._origin, seq, place, size,
                text if told is not None else None, told,
            ))  # fmt: skip
            n += 1
        return rows, keys

    def _insert(self, rows: Sequence[tuple[Any, ...]]) -> set[int]:
        """Writes those that are not there yet, by the table's own rules of what is the same; gives their numbers."""
        fresh: set[int] = set()
        one = f"({', '.join('?' * len(rows[0]))})"
        for some in _parts(rows, _ROWS):
            statement = f"{_EVENT} VALUES {', '.join([one] * len(some))} ON CONFLICT DO NOTHING RETURNING n"
            values = tuple(value for row in some for value in row)
            fresh.update(n for (n,) in self._connection.exec_driver_sql(statement, values))
        return fresh

    def _known(self, row: tuple[Any, ...]) -> tuple[int, int]:
        """Row and instant of the event that is there in the place of this one."""
        _, session_n, agent_n, _, _, _, id, origin, seq, place, *_ = row
        found = None
        if origin is not None:
            asked = "SELECT n, at FROM event WHERE origin_n = ? AND seq = ? AND place = ?"
            found = self._connection.exec_driver_sql(asked, (origin, seq, place)).first()
        if found is None:
            asked = "SELECT n, at FROM event WHERE session_n = ? AND agent_n = ? AND id = ?"
            found = self._connection.exec_driver_sql(asked, (session_n, agent_n, id)).first()
        return (row[0], row[3]) if found is None else (int(found[0]), int(found[1]))

    # -- what follows from them ------------------------------------------------------------------------------------
    def _fold(self, new: Sequence[tuple[OrderKey, SessionEvent]], kept: Kept) -> DaySums:
        sums, seen = DaySums(), Sightings(AI)
        by_session: dict[str, list[tuple[OrderKey, SessionEvent]]] = {}
        for key, event in new:
            by_session.setdefault(event.session, []).append((key, event))
            agent = self._agents[event.agent]
            agent.saw(key, event)
            kept.agents.add(event.agent)
            seen.add(agent.n, event.at)
            calls, failures = tools(event)
            if calls or failures:
                sums.add_tools(agent.n, event.at, calls, failures)
        for id, events in by_session.items():
            session = self._sessions[id]
            folded = session.folded or begun(events[0][1])
            folded.fold(events)
            session.folded = folded
            if session.before is not None:
                sums.add(*session.before_at, session.before, -1)
                kept.agents.add(self._agents_by_n[session.agent_n])
            session.agent_n = self._number_of(folded.agent, session)
            sums.add(folded.started_at // DAY, session.agent_n, Sum.of_session(folded))
        seen.write(self._connection)
        return sums

    def _take_tasks(self, new: Sequence[tuple[OrderKey, SessionEvent]]) -> int:
        words = [task_word(event, order_mark(key)) for key, event in new if event.type == "custom"]
        return taskbatch.take(self._connection, [word for word in words if word is not None])

    def _number_of(self, agent: str, session: _Session) -> int:
        """Of the agent of a session: one of the batch, else the one that it was of before."""
        known = self._agents.get(agent)
        return session.agent_n if known is None else known.n

    def _write_agents(self) -> None:
        fresh = [agent for agent in self._agents.values() if agent.new and agent.changed]
        if fresh:
            self._connection.exec_driver_sql(
                "INSERT INTO ai_agent (n, id, name, name_key, first_seen, last_seen) VALUES (?, ?, ?, ?, ?, ?)",
                [(a.n, a.id, a.name, a.name_key, a.first_seen, a.last_seen) for a in fresh],
            )
        known = [agent for agent in self._agents.values() if not agent.new and agent.changed]
        if known:
            self._connection.exec_driver_sql(
                "UPDATE ai_agent SET name = ?, name_key = ?, first_seen = ?, last_seen = ? WHERE n = ?",
                [(a.name, a.name_key, a.first_seen, a.last_seen, a.n) for a in known],
            )

    def _write_sessions(self, ids: set[str], kept: Kept) -> None:
        fresh: list[tuple[int, str, tuple[Any, ...]]] = []
        known: list[tuple[int, str, tuple[Any, ...]]] = []
        for id in ids:
            session = self._sessions[id]
            folded = session.folded
            if folded is None:
                continue
            kept.agents.add(folded.agent)
            values = (session.agent_n, folded.started_at // DAY, *_values(folded))
            (fresh if session.before is None else known).append((session.n, id, values))
        columns = ("agent_n", "day", *_FOLDED)
        if fresh:
            marks = ", ".join("?" * (len(columns) + 2))
            statement = f"INSERT INTO session (n, id, {', '.join(columns)}) VALUES ({marks})"  # noqa: S608
            self._connection.exec_driver_sql(statement, [(n, id, *values) for n, id, values in fresh])
        if known:
            setting = ", ".join(f"{name} = ?" for name in columns)
            statement = f"UPDATE session SET {setting} WHERE n = ?"  # noqa: S608
            self._connection.exec_driver_sql(statement, [(*values, n) for n, _, values in known])


def _folded(agent: str, values: Sequence[Any]) -> Folded:
    held = dict(zip(_FOLDED, values, strict=True))
    held["status"] = SessionStatus(held["status"])
    held["tags"] = tuple(json.loads(held["tags"])) if held["tags"] else ()
    held["keys"] = read_keys(held["keys"])
    return Folded(agent=agent, **held)


def _values(folded: Folded) -> tuple[Any, ...]:
    written = {
        "status": folded.status.value,
        "tags": json.dumps(folded.tags, ensure_ascii=False) if folded.tags else "",
        "keys": folded.written_keys(),
    }
    return tuple(written.get(name) if name in written else getattr(folded, name) for name in _FOLDED)


def _parts(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
