"""What can go wrong with the store, told in sentences."""

from __future__ import annotations

import errno
import sqlite3

FULL, _BUSY, _LOCKED, _READONLY = 13, 5, 6, 8
_CORRUPT, _NOT_A_DATABASE = 11, 26
_UNREACHABLE = {3, 10, 14, 15, 22}  # permission, input/output, cannot open, locking protocol, file too large
SITUATIONS = {
    FULL: "session store is full",
    _BUSY: "session store is locked by another process",
    _LOCKED: "session store is locked by another process",
    _READONLY: "session store is read-only",
    _CORRUPT: "session store is damaged",
    _NOT_A_DATABASE: "session store is damaged",
}
_AS_SQLITE = {errno.ENOSPC: FULL, errno.EDQUOT: FULL, errno.EROFS: _READONLY}


class StoreRefused(Exception):
    """The store cannot be used at all; the text says why and what to do. Trying again does not help."""


class StoreFailed(Exception):
    """A read or a write failed; the text is a sentence for people. Nothing of that write is kept."""


def situation(error: BaseException) -> str:
    """Why the database could not be read or written, in words; empty if the error says nothing about the file.

    What a statement of our own did wrong (a syntax, a constraint) is no situation.
    """
    cause = getattr(error, "orig", None) or error  # SQLAlchemy wraps the driver's error
    if isinstance(cause, OSError):
        known = SITUATIONS.get(_AS_SQLITE.get(cause.errno or 0, 0), "")
        return known or f"session store cannot be read or written: {cause.strerror or cause}"
    code = _primary(cause)
    if code is None:
        return ""
    if code in _UNREACHABLE:
        return f"session store cannot be read or written: {cause}"
    return SITUATIONS.get(code, "")


def damaged(error: BaseException) -> bool:
    """Whether the database file itself is not sound."""
    return _primary(getattr(error, "orig", None) or error) in (_CORRUPT, _NOT_A_DATABASE)


def passing(error: BaseException) -> bool:
    """Whether the connection may be kept: the file was only full or locked."""
    return _primary(getattr(error, "orig", None) or error) in (FULL, _BUSY, _LOCKED)


def _primary(error: BaseException) -> int | None:
    """SQLite's own code of an error without what extends it; None if it is not SQLite's."""
    code = getattr(error, "sqlite_errorcode", None) if isinstance(error, sqlite3.Error) else None
    return None if code is None else code & 0xFF
