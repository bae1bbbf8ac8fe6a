"""Marks: what people have said of findings, kept until it is taken back or has run out."""

from __future__ import annotations

from sqlalchemy.engine import Connection
from sqlmodel import Session, select

from app.model.attention import Mark, MarkKind
from app.model.findings import Severity
from app.store.access import Access
from app.store.moments import restored, restored_or_none, stored, stored_or_none
from app.store.tables import MarkRow


class Marks:
    """The marks of one store, by key."""

    def __init__(self, store: Access) -> None:
        self._store = store

    async def load(self) -> list[Mark]:
        """All marks, also those that have run out: whoever keeps them in force removes them."""

        def marks(connection: Connection) -> list[Mark]:
            with Session(connection) as session:
                return [_mark(row) for row in session.exec(select(MarkRow))]

        return await self._store.read(marks)

    async def put(self, mark: Mark) -> None:
        """Keeps a mark in place of an earlier one with its key."""

        def keep(connection: Connection) -> None:
            with Session(connection) as session:
                session.merge(_row(mark))
                session.flush()

        await self._store.write(keep)

    async def remove(self, key: str) -> None:
        """Forgets a mark; nothing happens if there is none."""

        def forget(connection: Connection) -> None:
            with Session(connection) as session:
                row = session.get(MarkRow, key)
                if row is not None:
                    session.delete(row)
                    session.flush()

        await self._store.write(forget)


def _row(mark: Mark) -> MarkRow:
    return MarkRow(
        key=mark.key,
        kind=mark.kind.value,
        by=mark.by,
        at=stored(mark.at),
        finding=mark.finding,
        rule=mark.rule,
        subject=mark.subject,
        until=stored_or_none(mark.until),
        note=mark.note,
        level=mark.level and mark.level.value,
        measured=mark.measured,
        joined=mark.joined,
    )


def _mark(row: MarkRow) -> Mark:
    return Mark(
        key=row.key,
        kind=MarkKind(row.kind),
        by=row.by,
        at=restored(row.at),
        finding=row.finding,
        rule=row.rule,
        subject=row.subject,
        until=restored_or_none(row.until),
        note=row.note,
        level=Severity(row.level) if row.level else None,
        measured=row.measured,
        joined=row.joined,
    )
