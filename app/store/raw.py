"""Plain SQLite connections, and SQLAlchemy's on top of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

BUSY = 3.0
"""Seconds that a statement waits for the lock of another process."""
APPLICATION = 0x77646B31
"""What marks a file as watchdeck's, in the header that SQLite keeps for this."""
_LOG_LIMIT = 64 * 1024 * 1024


def open_to_write(database: Path) -> sqlite3.Connection:
    """The connection that writes, to a file that exists; what is committed through it survives a loss of power."""
    connection = _connect(database, "rw")
    try:
        if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
            # Only now can it be said: space of what is removed can be given back later. Said again, it would write.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_LIMIT}")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(database: Path) -> sqlite3.Connection:
    """A connection that cannot write; readers hold up nobody."""
    connection = _connect(database, "ro")
    connection.execute("PRAGMA query_only = ON")
    return connection


def look_into(database: Path) -> sqlite3.Connection:
    """A connection that cannot write, to a file that nobody may have open: unlike a reader's it tidies up after it."""
    connection = _connect(database, "rw")
    connection.execute("PRAGMA query_only = ON")
    return connection


def plain(database: Path) -> sqlite3.Connection:
    """A connection to a file that exists, as SQLite makes it."""
    return _connect(database, "rw")


def _connect(database: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(database))}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def over(raw: sqlite3.Connection, *, begin: str) -> Connection:
    """SQLAlchemy's connection over a plain one; its transactions start with `begin`. Closing it closes both.

    A transaction that reads first and then writes fails at once if another process wrote in between, however long the
    patience: what may write says so at its beginning, with BEGIN IMMEDIATE.
    """
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine.connect()


def rows(connection: Connection, asked: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of a statement, as plain tuples: SQLAlchemy's cost more than finding them where there are many small
    statements."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(asked, values)
        return list(cursor.fetchall())
    finally:
        cursor.close()
