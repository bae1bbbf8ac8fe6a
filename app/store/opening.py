"""Opening: makes the database ready to be used, whatever state the last worker left it in."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Connection

from app import __version__
from app.model.text import clean
from app.store.errors import StoreFailed, StoreRefused, damaged
from app.store.migrations import SCHEMA, begin, migrate
from app.store.place import free_companions, make_private, move_aside
from app.store.raw import APPLICATION, open_to_read, open_to_write, over
from app.store.soundness import SoundnessCheck

_HEADER = b"SQLite format 3\0"
_CHECK_PATIENCE = 2.0
"""Seconds that a start waits for the check of a file that was not closed. A longer one goes on beside the work."""
_log = logging.getLogger(__name__)


class Damaged(ValueError):
    """The file is not a whole store; what is in it must not be lost."""


class Opening:
    """The connections to one database file. `connect` and `connect_to_read` are called in the threads that use them.

    `id` and `set_aside` are known once `ready`. Something that passes (a lock, a full disk) leaves it not ready, and
    the next `connect` tries again.
    """

    def __init__(self, database: Path, clock: Callable[[], datetime]) -> None:
        self.database = database
        self._clock = clock
        self._check: SoundnessCheck | None = None
        self._identity: tuple[int, int] | None = None
        self.ready = False
        self.unclean = False  # whoever used it last did not close it
        self.id = ""
        self.set_aside = ""
        self.damage = ""  # what was found while it was in use; the next start sets the file aside

    def connect(self) -> Connection:
        """The connection that writes. The first one sets aside what is damaged and migrates what is older."""
        if self.ready:
            self.require_usable()
            free_companions(self.database)
        raw = open_to_write(self.database) if self.ready else self._first()
        connection = over(raw, begin="BEGIN IMMEDIATE")
        if not self.ready:
            try:
                self._bring_up(raw, connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def connect_to_read(self) -> Connection:
        """A connection that only reads."""
        if not self.ready:
            raise StoreFailed("session store is not open yet")
        return over(open_to_read(self.database), begin="BEGIN")

    def require_usable(self) -> None:
        """A StoreFailed if the file is damaged or not the one that was opened: what is written now would be lost."""
        if self.damage:
            raise StoreFailed("session store is damaged: the worker sets it aside when it is started again")
        try:
            found = os.stat(self.database)
        except FileNotFoundError:
            raise StoreFailed(f"session store was removed from {self.database.parent}: restart the worker") from None
        if self._identity not in (None, (found.st_dev, found.st_ino)):
            raise StoreFailed("session store was replaced by another file: restart the worker")

    def found_damaged(self, why: str) -> None:
        """Remembers, across the end of the worker too, that the file is not sound."""
        if not self.damage:
            self.damage = why
            _log.error("session store is damaged: %s", why)
            self._marker.write_text(why)

    def end(self) -> None:
        """Stops what may still look at the file."""
        if self._check is not None:
            self._check.stop()

    @property
    def _marker(self) -> Path:
        return self.database.with_name(self.database.name + ".damaged")

    def _first(self) -> sqlite3.Connection:
        make_private(self.database)
        try:
            if self._marker.exists():
                raise Damaged(clean(self._marker.read_text(errors="replace"), 200) or "it was found damaged")
            require_database(self.database)
            return self._sound()
        except Damaged as found:
            why = str(found)
        except sqlite3.DatabaseError as error:
            if not damaged(error):
                raise
            why = str(error)
        self._move_aside(why)
        make_private(self.database)
        return self._sound()

    def _move_aside(self, why: str) -> None:
        try:
            aside = move_aside(self.database, "corrupt", self._clock())
            self._marker.unlink(missing_ok=True)
        except OSError as error:
            raise StoreRefused(
                f"session store {self.database} is damaged ({why}) and cannot be moved aside: {error.strerror or error}"
            ) from None
        self.set_aside = f"session store was damaged ({why}): it is kept as {aside.name}, and a new one was begun"
        _log.error("%s", self.set_aside)

    def _sound(self) -> sqlite3.Connection:
        """The plain connection to a file that is ours, of a schema that we can use, and sound as far as is known."""
        raw = open_to_write(self.database)
        try:
            if schema_of(raw, self.database) == SCHEMA and _meta(raw, "clean") != "1":
                self._require_sound()
                self.unclean = True
        except BaseException:
            raw.close()
            raise
        return raw

    def _require_sound(self) -> None:
        check = SoundnessCheck(self.database, self.found_damaged)
        verdict = check.wait(_CHECK_PATIENCE)
        if verdict:
            raise Damaged(clean(verdict, 200))
        self._check = check if verdict is None else None

    def _bring_up(self, raw: sqlite3.Connection, connection: Connection) -> None:
        """Migrates if need be, all or nothing, and reads who it is."""
        if schema_of(raw, self.database) != SCHEMA:
            with connection.begin():
                found = schema_of(raw, self.database)
                if found != SCHEMA:  # else another process was faster
                    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")
                    migrate(connection) if found else begin(connection)
                    for name, value in (("id", new_id()), ("clean", "1"), ("version", __version__)):
                        raw.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING", (name, value))
                    raw.execute("UPDATE meta SET value = ? WHERE name = 'version'", (__version__,))
        self.id = _meta(raw, "id")
        file = os.stat(self.database)
        self._identity = file.st_dev, file.st_ino
        self.ready = True


def new_id() -> str:
    """For a database that is like no other."""
    return secrets.token_hex(6)


def schema_of(raw: sqlite3.Connection, database: Path) -> str:
    """The schema of a database of ours, empty for one without tables; raises StoreRefused or Damaged."""
    application = raw.execute("PRAGMA application_id").fetchone()[0]
    tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables and application in (0, APPLICATION):
        return ""
    if application != APPLICATION:
        raise StoreRefused(f"{database} is a database of something else: choose another with --database")
    if not {"alembic_version", "meta"} <= tables:
        raise Damaged("tables are missing")
    found = raw.execute("SELECT version_num FROM alembic_version").fetchone()
    schema = str(found[0]) if found else ""
    if not schema or not _meta(raw, "id"):
        raise Damaged("it does not say what it is")
    if schema > SCHEMA:
        raise StoreRefused(
            f"session store {database} has schema {schema}, written by watchdeck {clean(_meta(raw, 'version'), 40)}; "
            f"this is watchdeck {__version__} with schema {SCHEMA}: install the newer one, or use another --database"
        )
    return schema


def _meta(raw: sqlite3.Connection, name: str) -> str:
    found = raw.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return str(found[0]) if found else ""


def require_database(database: Path) -> None:
    """Raises Damaged if the file is no SQLite database; an empty one is as good as none."""
    try:
        with database.open("rb") as file:
            header = file.read(len(_HEADER))
    except PermissionError as error:
        raise StoreRefused(f"cannot read the session store {database}: {error.strerror}") from None
    except IsADirectoryError:
        raise StoreRefused(f"the session store {database} is a folder: choose another with --database") from None
    if header and header != _HEADER:
        raise Damaged("it is no database")
