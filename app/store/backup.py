"""Backup: a consistent copy of the database while it is in use, and the way back."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from app.store.errors import StoreFailed, StoreRefused, situation
from app.store.opening import new_id, require_database, schema_of
from app.store.place import make_private, move_aside
from app.store.raw import look_into, plain


def back_up(database: Path, target: Path, *, replace: bool = False) -> None:
    """Copies the database to a file of its own (0600), whole or not at all; another process may be writing.

    Raises StoreRefused if there is no such database or the file may not be written, StoreFailed if copying failed.
    """
    if not database.exists():
        raise StoreRefused(f"there is no session store at {database}")
    if target.is_dir():
        raise StoreRefused(f"{target} is a folder: name a file")
    if target.exists() and target.samefile(database):
        raise StoreRefused(f"{target} is the session store itself")
    if target.exists() and not replace:
        raise StoreRefused(f"{target} exists: --force replaces it")
    _require_ours(database)
    part = _copy(database, target)
    try:
        if replace:
            part.replace(target)
        else:
            os.link(part, target)  # unlike a rename it never replaces what has come meanwhile
            part.unlink()
    except FileExistsError:
        part.unlink()
        raise StoreRefused(f"{target} exists: --force replaces it") from None
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StoreFailed(f"cannot write {target}: {error.strerror or error}") from None


def restore(source: Path, database: Path, *, clock: Callable[[], datetime]) -> Path | None:
    """Puts a backup in the place of the database, which nobody may have open; gives where the old one is kept.

    The restored store has an id of its own: its reader of session events is not that of the store that was copied,
    and reads again what has come since. Raises StoreRefused unless the backup is a sound store of a schema that this
    version reads; then nothing is changed.
    """
    if not source.is_file():
        raise StoreRefused(f"there is no file {source}")
    if database.exists() and source.samefile(database):
        raise StoreRefused(f"{source} is the session store itself")
    _require_ours(source)
    part = _copy(source, database, id=new_id())
    try:
        kept = move_aside(database, "before-restore", clock()) if os.path.lexists(database) else None
        part.replace(database)
        make_private(database)
        database.with_name(database.name + ".damaged").unlink(missing_ok=True)
    except OSError as error:
        raise StoreFailed(f"cannot write {database}: {error.strerror or error}") from None
    return kept


def _require_ours(file: Path) -> None:
    """A StoreRefused unless the file is a store that this version can read, and sound throughout."""
    try:
        require_database(file)
        raw = look_into(file)
        try:
            schema = schema_of(raw, file)
            said = str(raw.execute("PRAGMA integrity_check(1)").fetchone()[0])
        finally:
            raw.close()
    except sqlite3.Error as error:
        raise StoreRefused(f"{file} cannot be used: {error}") from None
    except ValueError as error:
        raise StoreRefused(f"{file} is no session store: {error}") from None
    if not schema:
        raise StoreRefused(f"{file} is no session store: it is empty")
    if said != "ok":
        raise StoreRefused(f"{file} is damaged: {said}")


def _copy(source: Path, beside: Path, *, id: str = "") -> Path:
    """A copy in the folder where it is wanted, under a name that nobody uses, on disk and in one file. Of another id,
    if one is given."""
    part = beside.with_name(f".{beside.name}.{secrets.token_hex(4)}")
    try:
        make_private(part)
        theirs, ours = look_into(source), plain(part)
        try:
            theirs.backup(ours)
            ours.execute("PRAGMA journal_mode = DELETE")
            ours.execute("UPDATE meta SET value = '1' WHERE name = 'clean'")
            if id:
                ours.execute("UPDATE meta SET value = ? WHERE name = 'id'", (id,))
        finally:
            ours.close()
            theirs.close()
        with part.open("rb") as copied:
            os.fsync(copied.fileno())
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise StoreFailed(f"cannot copy to {beside.parent}: {situation(error) or error}") from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part
