"""Tokens: how those who ask the worker over the network say who they are."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Update, update
from sqlalchemy.engine import Connection
from sqlmodel import Session, col, select

from app.model.access import Role
from app.model.text import clean
from app.store.access import Access
from app.store.audit import noted
from app.store.errors import StoreFailed
from app.store.moments import restored, restored_or_none, stored, stored_or_none
from app.store.tables import TokenRow

USE_NOTED = timedelta(minutes=1)
"""Least time between two notes of when a token was used."""
NAME_LIMIT = 100
_LONGEST = 200  # characters of a token that are worth a look
_NOBODY = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token without its secret."""

    id: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None  # to the minute
    revoked_at: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """Neither revoked nor run out."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Tokens:
    """The tokens of one store: `wd_<id>_<secret>`.

    Of a secret only its SHA-256 is kept. That is enough: a secret is 32 random bytes, too many to be guessed however
    fast a hash is; slow hashes are for passwords, which people choose. Tokens are answered from memory once they have
    been read, so a store in trouble locks nobody out.
    """

    def __init__(self, store: Access, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[TokenRecord, bytes]] | None = None
        self._noted: dict[str, datetime] = {}

    async def create(self, role: Role, name: str, expires_at: datetime | None, by: str) -> tuple[TokenRecord, str]:
        """A new token and its text, which is told this once. The audit trail has it in the same transaction."""
        known = await self._all()
        secret = secrets.token_urlsafe(32)
        record = TokenRecord(secrets.token_hex(6), clean(name, NAME_LIMIT), role, self._clock(), expires_at)
        digest = _digest(secret)

        def keep(connection: Connection) -> None:
            with Session(connection) as session:
                session.add(_row(record, digest, by))
                session.flush()
            ends = f", until {expires_at:%Y-%m-%dT%H:%M:%SZ}" if expires_at else ""
            detail = f"{record.role.value} {record.name}{ends}".strip()
            noted(connection, record.created_at, by, "token.create", record.id, "ok", detail)

        await self._store.write(keep)
        known[record.id] = record, digest
        return record, f"wd_{record.id}_{secret}"

    async def list(self) -> list[TokenRecord]:
        """All tokens in the order in which they were made, revoked and expired ones too."""
        records = [record for record, _ in (await self._all()).values()]
        return sorted(records, key=lambda record: (record.created_at, record.id))

    async def revoke(self, id: str, by: str) -> bool:
        """Ends a token at once and for good; False if there is none of that id, or it was revoked before."""
        known = await self._all()
        found = known.get(id)
        if found is None or found[0].revoked_at is not None:
            return False
        at, (record, digest) = self._clock(), found
        # Before it is written: whoever wanted it gone wants no moment of waiting for a disk.
        known[id] = replace(record, revoked_at=at), digest

        def end(connection: Connection) -> None:
            connection.execute(update(TokenRow).where(col(TokenRow.id) == id).values(revoked_at=stored(at)))
            noted(connection, at, by, "token.revoke", id, "ok", record.name)

        try:
            await self._store.write(end)
        except StoreFailed:
            known[id] = record, digest
            raise
        return True

    async def verify(self, text: str) -> TokenRecord | None:
        """The token that a text is, if it is valid now; takes as long for an unknown id as for a wrong secret.

        Raises StoreFailed only where no token could be read since the worker started.
        """
        kind, _, rest = text.partition("_")
        id, _, secret = rest.partition("_")
        if kind != "wd" or not secret or len(text) > _LONGEST:
            return None
        known = await self._all()
        record, digest = known.get(id, (None, _NOBODY))
        right = hmac.compare_digest(_digest(secret), digest)
        now = self._clock()
        if record is None or not right or not record.valid(now):
            return None
        return self._used(record, digest, now)

    def _used(self, record: TokenRecord, digest: bytes, now: datetime) -> TokenRecord:
        """Notes that a token was used, at most once a minute and without waiting for it."""
        last = self._noted.get(record.id)
        if self._known is None or (last is not None and now - last < USE_NOTED):
            return record
        self._noted[record.id] = now
        record = replace(record, last_used_at=now)
        self._known[record.id] = record, digest
        used = update(TokenRow).where(col(TokenRow.id) == record.id).values(last_used_at=stored(now))
        self._store.write_soon(lambda connection: _run(connection, used))
        return record

    async def _all(self) -> dict[str, tuple[TokenRecord, bytes]]:
        if self._known is None:
            known = await self._store.read(_read)
            if self._known is None:  # another request may have read them meanwhile
                self._known = known
        return self._known


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def _run(connection: Connection, statement: Update) -> None:
    connection.execute(statement)


def _read(connection: Connection) -> dict[str, tuple[TokenRecord, bytes]]:
    with Session(connection) as session:
        return {row.id: (_record(row), row.secret_hash) for row in session.exec(select(TokenRow))}


def _row(record: TokenRecord, digest: bytes, by: str) -> TokenRow:
    return TokenRow(
        id=record.id,
        secret_hash=digest,
        name=record.name,
        role=record.role.value,
        created_by=by,
        created_at=stored(record.created_at),
        expires_at=stored_or_none(record.expires_at),
    )


def _record(row: TokenRow) -> TokenRecord:
    return TokenRecord(
        row.id,
        row.name,
        Role(row.role),
        restored(row.created_at),
        restored_or_none(row.expires_at),
        restored_or_none(row.last_used_at),
        restored_or_none(row.revoked_at),
    )
