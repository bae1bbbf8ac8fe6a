"""The tables, in words that every database understands. `migrations/` makes them; a test compares the two.

Instants are whole microseconds since 1970 in UTC (`moments`), numbers are integers, JSON is text.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, LargeBinary, Text
from sqlmodel import Field, SQLModel

_COUNTED = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only what it calls INTEGER


class MetaRow(SQLModel, table=True):
    """What the database says of itself: `id`, `clean`, `version` of the program, `alive`."""

    __tablename__ = "meta"

    name: str = Field(primary_key=True)
    value: str


class TokenRow(SQLModel, table=True):
    """A token. Of its secret only a hash is kept."""

    __tablename__ = "token"

    id: str = Field(primary_key=True)
    secret_hash: bytes = Field(sa_type=LargeBinary)
    name: str
    role: str
    created_by: str
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    last_used_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class AuditEntry(SQLModel, table=True):
    """One thing that somebody did through watchdeck."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, primary_key=True, sa_type=_COUNTED)
    at: int = Field(sa_type=BigInteger)
    who: str
    action: str
    subject: str
    outcome: str
    detail: str = Field(sa_type=Text)


class SettingRow(SQLModel, table=True):
    """A setting that is changed while the worker runs, as JSON text."""

    __tablename__ = "setting"

    key: str = Field(primary_key=True)
    value: str = Field(sa_type=Text)


class MarkRow(SQLModel, table=True):
    """What somebody said of a finding: `app.model.attention.Mark`, field for field."""

    __tablename__ = "mark"

    key: str = Field(primary_key=True)
    kind: str
    by: str
    at: int = Field(sa_type=BigInteger)
    finding: str
    rule: str
    subject: str
    until: int | None = Field(default=None, sa_type=BigInteger)
    note: str = Field(sa_type=Text)
    level: str | None = None
    measured: float | None = None
    joined: int


METADATA = SQLModel.metadata
"""All tables above."""
