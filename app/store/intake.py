"""Intake: takes session events into the store, each once, and keeps sessions and sums of days true to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from app.model.sessions import SessionEvent
from app.model.text import clean
from app.store import daysums
from app.store.access import Access
from app.store.batch import Batch
from app.store.contents import first_bytes
from app.store.eventids import made

REASON_LONGEST = 500
BODY_MOST = 10_240
"""Bytes that are kept of what is not understood."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A stream in one of its lives: `created` as the server writes it. Made again, it counts from 1 again."""

    stream: str
    created: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event, and where it stood: its message's sequence, and its place in the message. Neither over HTTP."""

    event: SessionEvent
    seq: int | None = None
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something in a message that is no event, and why. Place -1: the message as a whole."""

    seq: int
    place: int
    subject: str
    reason: str
    body: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch. `ids` are of the arrived events, in their order, as they are told outside; those of
    duplicates are of the event that is kept. `agents`: those whose figures may be others now; `tasks`: how many of
    these are."""

    ids: tuple[str, ...]
    stored: int
    duplicates: int
    agents: frozenset[str]
    tasks: int = 0


class Intake:
    """Takes in batches. `touched` counts for each agent the batches that stored something of it, `generation` all,
    `tasks` those that changed any task; they belong to the event loop."""

    def __init__(self, store: Access, *, keep_payloads: int, now: Callable[[], float] = time.time) -> None:
        """`keep_payloads`: milliseconds; of older events only the figures are taken."""
        self._store = store
        self._keep_payloads = keep_payloads
        self._now = now
        self.touched: dict[str, int] = {}
        self.generation = 0
        self.tasks = 0

    async def take(
        self, arrived: Sequence[Arrived], *, origin: Origin | None = None, unusable: Sequence[Unusable] = ()
    ) -> Taken:
        """Takes in all of it in one transaction; it is on disk once this returns. StoreFailed: nothing of it is kept.

        An event that is there already (by its place in the origin, or by its id within agent and session) changes
        nothing.
        """
        now = int(self._now() * 1000)

        def work(connection: Connection) -> Taken:
            source = None if origin is None else _origin(connection, origin)
            batch = Batch(connection, source, payloads_from=now - self._keep_payloads)
            places = [(each.event, each.seq, each.place) for each in arrived]
            kept = batch.take(places)
            if source is not None and unusable:
                _put_aside(connection, source, unusable, now)
            ids = tuple(event.id or made(at, n) for (event, _, _), (n, at) in zip(places, kept.rows, strict=True))
            return Taken(ids, kept.stored, len(places) - kept.stored, frozenset(kept.agents), kept.tasks)

        taken = await self._store.write(work)
        if taken.stored:
            self.generation += 1
            self.tasks += bool(taken.tasks)
            for agent in taken.agents:
                self.touched[agent] = self.touched.get(agent, 0) + 1
        return taken

    async def verify(self) -> list[str]:
        """What the kept sums of days are not what their sessions and tool calls sum up to; empty: all is well."""
        return await self._store.read(daysums.differences)

    async def repair(self) -> None:
        """Sums up all days anew. The figures of every agent may be others then."""

        def work(connection: Connection) -> list[str]:
            daysums.rebuild(connection)
            return list(connection.exec_driver_sql("SELECT id FROM ai_agent").scalars())

        for agent in await self._store.write(work):
            self.touched[agent] = self.touched.get(agent, 0) + 1
        self.generation += 1


def _origin(connection: Connection, origin: Origin) -> int:
    connection.exec_driver_sql(
        "INSERT INTO origin (stream, created) VALUES (?, ?) ON CONFLICT DO NOTHING", (origin.stream, origin.created)
    )
    asked = "SELECT n FROM origin WHERE stream = ? AND created = ?"
    return int(connection.exec_driver_sql(asked, (origin.stream, origin.created)).scalar_one())


def _put_aside(connection: Connection, origin: int, unusable: Sequence[Unusable], now: int) -> None:
    connection.exec_driver_sql(
        "INSERT INTO dead_letter (origin_n, seq, place, at, subject, reason, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [
            (
                origin, each.seq, each.place, now, clean(each.subject), clean(each.reason, REASON_LONGEST),
                first_bytes(each.body, BODY_MOST),
            )
            for each in unusable
        ],
    )  # fmt: skip
