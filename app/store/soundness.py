"""Whether a database file is sound: looked at in a thread of its own, so that a large one delays no start."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from app.store.errors import damaged
from app.store.raw import open_to_read


class SoundnessCheck:
    """One `PRAGMA quick_check`. `found` is called once with what is wrong, if that comes to light after `wait`."""

    def __init__(self, database: Path, found: Callable[[str], None]) -> None:
        self._database = database
        self._found = found
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.Lock()
        self._waited = False
        self._verdict: str | None = None
        self._thread = threading.Thread(target=self._run, name="store-check", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> str | None:
        """What is wrong with it, empty if nothing; None if that is not known yet."""
        self._thread.join(seconds)
        with self._turn:
            self._waited = True
            return self._verdict

    def stop(self) -> None:
        """Gives up a check that still runs."""
        connection = self._connection
        if connection is not None:
            connection.interrupt()
        self._thread.join(1.0)

    def _run(self) -> None:
        verdict = self._look()
        with self._turn:
            self._verdict = verdict
            late = self._waited
        if late and verdict:
            self._found(verdict)

    def _look(self) -> str:
        try:
            self._connection = connection = open_to_read(self._database)
            try:
                said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            finally:
                self._connection = None
                connection.close()
        except sqlite3.Error as error:  # locked or interrupted is not damaged
            return str(error) if damaged(error) else ""
        return "" if said == "ok" else said
