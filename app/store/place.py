"""Where the database is, and how its files are made, named and moved aside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from app.store.errors import StoreRefused

DATABASE = "watchdeck.db"
_COMPANIONS = ("-wal", "-shm", "-journal")  # files that SQLite keeps beside a database
_OTHERS = 0o077


def database_path(url: str, state_dir: Path) -> Path:
    """The database file that a URL names; a StoreRefused if it names none that can be used.

    Empty: `watchdeck.db` in the state folder. `sqlite:////a/b.db` is the file /a/b.db; `sqlite:///b.db` is b.db in the
    state folder, because a worker may be started in any folder.
    """
    if not url:
        return state_dir / DATABASE
    scheme, separator, rest = url.partition("://")
    if scheme.partition("+")[0] in ("postgresql", "postgres"):
        raise StoreRefused(
            "a store in PostgreSQL is not built yet: leave url under [store] empty to keep it in the state folder"
        )
    if not separator or scheme != "sqlite":
        raise StoreRefused("url under [store] (--database) is not sqlite:////PATH: leave it empty for the state folder")
    path = rest.removeprefix("/")
    if not rest.startswith("/") or not path or path == ":memory:" or "?" in path or "\0" in path:
        raise StoreRefused("url under [store] (--database) names no file: write sqlite:////PATH, without options")
    return state_dir / path


def companions(database: Path) -> Iterator[tuple[Path, str]]:
    """The files that SQLite keeps beside a database, with what their names end in."""
    for ending in _COMPANIONS:
        yield database.with_name(database.name + ending), ending


def make_private(database: Path) -> None:
    """Makes the folder (0700) and an empty file (0600) where there are none; a StoreRefused if that is not allowed.

    A file that others can read is closed to them: what it holds is nobody else's. Must not be called while this process
    has the database open: closing a file ends all its locks of the process.
    """
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            mode = database.stat().st_mode
            if mode & _OTHERS:
                database.chmod(mode & 0o700)
    except PermissionError as error:
        raise StoreRefused(f"cannot write in the folder {database.parent}: {error.strerror}") from None


def free_space(database: Path) -> int:
    """Bytes that we may still write on the disk of a database; 0 where its folder is gone."""
    try:
        disk = os.statvfs(database.parent)
    except OSError:
        return 0
    return disk.f_bavail * disk.f_frsize


def free_companions(database: Path) -> None:
    """What SQLite made beside a database while that was read-only may be written again once the database may."""
    mode = database.stat().st_mode & 0o777
    for file, _ in companions(database):
        with suppress(OSError):
            if file.stat().st_mode & 0o777 != mode:
                file.chmod(mode)


def move_aside(database: Path, why: str, at: datetime) -> Path:
    """Renames a database and the files beside it to `<name>.<why>-<UTC time>`; gives the new name. Removes nothing."""
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    aside = database.with_name(f"{database.name}.{why}-{stamp}")
    number = 1
    while os.path.lexists(aside):
        number += 1
        aside = database.with_name(f"{database.name}.{why}-{stamp}-{number}")
    for file, ending in companions(database):
        if os.path.lexists(file):
            file.rename(aside.with_name(aside.name + ending))
    database.rename(aside)
    return aside
