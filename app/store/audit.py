"""Audit: who did what through watchdeck, and what came of it; rows are added and read, never changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection
from sqlmodel import Session, col, select

from app.store.access import Access
from app.store.moments import restored, stored
from app.store.tables import AuditEntry


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that somebody did. `id` rises with time; `outcome` is `ok`, or why not."""

    id: int
    at: datetime
    who: str  # a token's name, or user@host
    action: str
    subject: str
    outcome: str
    detail: str = ""


class Audit:
    """The audit trail of one store."""

    def __init__(self, store: Access, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def write(self, who: str, action: str, subject: str, outcome: str, detail: str = "") -> None:
        """Adds a row with the present time; it is on disk once this returns."""
        at = self._clock()
        await self._store.write(lambda connection: noted(connection, at, who, action, subject, outcome, detail))

    async def recent(self, limit: int, before: int | None = None) -> list[AuditRow]:
        """The last rows, newest first; `before` goes on behind the row of that id."""

        def rows(connection: Connection) -> list[AuditRow]:
            wanted = select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(limit)
            if before is not None:
                wanted = wanted.where(col(AuditEntry.id) < before)
            with Session(connection) as session:
                return [_row(entry) for entry in session.exec(wanted)]

        return await self._store.read(rows)


def noted(
    connection: Connection, at: datetime, who: str, action: str, subject: str, outcome: str, detail: str = ""
) -> None:
    """Adds a row within a transaction that does more, so that neither is kept without the other."""
    with Session(connection) as session:
        session.add(AuditEntry(at=stored(at), who=who, action=action, subject=subject, outcome=outcome, detail=detail))
        session.flush()


def _row(entry: AuditEntry) -> AuditRow:
    return AuditRow(
        entry.id or 0, restored(entry.at), entry.who, entry.action, entry.subject, entry.outcome, entry.detail
    )
