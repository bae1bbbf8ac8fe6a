"""One worker owns a state folder: held by `flock`, so it is free again whatever way its owner ended."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec

from app.settings import places
from app.settings.lockfile import LOCK_NAME, LockRecord, read_lock


class LockHeld(Exception):
    """Another worker owns the state folder; the text is a sentence that names it."""


class StateLock:
    """The lock of one state folder, held from `acquire` to `release` or to the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, state: Path) -> StateLock:
        """Takes the lock or raises LockHeld at once; never waits. Makes the folder."""
        places.private_dir(state)
        descriptor = places.private_file(state / LOCK_NAME)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            owner = read_lock(state)
            who = f"process {owner.pid}" if owner else "another process"
            raise LockHeld(f"a worker is already running on {state}: {who}") from None
        os.ftruncate(descriptor, 0)
        return cls(descriptor)

    def publish(self, record: LockRecord) -> None:
        """Says in the lock file who holds it and where to reach it."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, msgspec.json.encode(record) + b"\n", 0)

    def release(self) -> None:
        """Empties the file and frees the lock. The file stays: removing it would race with the next owner."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
