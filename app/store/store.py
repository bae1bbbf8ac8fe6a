"""Store: what the worker keeps on disk; opened once, written by one thread, told apart from trouble that passes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy.engine import Connection

from app import __version__
from app.model.scoring import Standards
from app.store.audit import Audit
from app.store.errors import FULL, SITUATIONS, StoreFailed
from app.store.intake import Intake
from app.store.lane import Lane, Work
from app.store.marks import Marks
from app.store.metrics import Metrics
from app.store.opening import Opening
from app.store.place import database_path, free_space
from app.store.retention import Retention
from app.store.scores import Scores
from app.store.sessions import Sessions
from app.store.settings_table import SettingsTable
from app.store.tokens import Tokens

PROBE = 30.0
"""Seconds without a write after which a light one shows whether the store can still be written."""
PROBE_IN_TROUBLE = 2.0
"""Seconds between two tries while it cannot."""
ROOM = 4 * 1024 * 1024
"""Bytes that must be free on a disk that was full before it counts as one that can be written."""
KEEP_PAYLOADS = timedelta(days=90)
READERS = 2
READER_KEPT = 5.0
"""Seconds that an idle reader keeps its connection. While one is open, SQLite takes what it once found read-only for
read-only still."""
_CLOSING = 2.0
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Store:
    """One database. Its repositories are asynchronous: the event loop never waits for the disk.

    What cannot be written raises StoreFailed and is not kept; `trouble` then says why until a write succeeds again,
    which is tried every `PROBE_IN_TROUBLE` seconds. `set_aside` is a sentence if a damaged file was put aside at this
    start, else empty. `id` is made once per database; empty only while a store that is in trouble since its start has
    not been read yet.
    """

    def __init__(
        self,
        opening: Opening,
        clock: Callable[[], datetime],
        standards: Standards = Standards(),
        keep_payloads: timedelta = KEEP_PAYLOADS,
    ) -> None:
        self._opening = opening
        self._clock = clock
        self._last_write = time.monotonic()
        self._open = False
        self.trouble = ""
        self.good_at: datetime | None = None
        self._writer = Lane(
            "store-writer", opening.connect, outcome=self._written, idle=self._sign_of_life, pause=self._pause
        )
        self._readers = Lane(
            "store-reader", opening.connect_to_read, threads=READERS, outcome=self._seen, pause=lambda: READER_KEPT
        )
        self.tokens = Tokens(self, clock)
        self.audit = Audit(self, clock)
        self.settings = SettingsTable(self)
        self.marks = Marks(self)
        keep = keep_payloads // timedelta(milliseconds=1)
        self.intake = Intake(self, keep_payloads=keep, now=lambda: clock().timestamp())
        self.retention = Retention(self, keep_payloads=keep)
        self.sessions = Sessions(self)
        self.standards = standards
        self.scores = Scores(self, clock, standards, self.sessions, self.intake)
        self.metrics = Metrics(self, self.intake)

    @classmethod
    def open(
        cls,
        url: str,
        state_dir: Path,
        *,
        clock: Callable[[], datetime],
        standards: Standards = Standards(),
        keep_payloads: timedelta = KEEP_PAYLOADS,
    ) -> Store:
        """Opens the store of a URL (`place.database_path`), or begins it; waits for the disk. Payload and metadata of
        session events are kept as long as `keep_payloads` says.

        Migrates an older schema and sets a damaged file aside. A StoreRefused says why it can never be used as things
        are; what may pass (locked, full, read-only) gives a store in trouble.
        """
        store = cls(Opening(database_path(url, state_dir), clock), clock, standards, keep_payloads)
        try:
            store._writer.submit(store._sign_of_life).result()
        except StoreFailed:
            pass  # `trouble` says it
        except BaseException:
            store._writer.finish()
            store._readers.finish()
            raise
        store._open = True
        if store.trouble:
            _log.warning("%s: nothing is recorded", store.trouble)
        return store

    @property
    def id(self) -> str:
        return self._opening.id

    @property
    def unclean(self) -> bool:
        """Whether the worker before this one was killed, or could not close the store."""
        return self._opening.unclean

    @property
    def damage(self) -> str:
        """What was found damaged in it while it was in use; empty while it is sound."""
        return self._opening.damage

    @property
    def full(self) -> bool:
        """Whether its disk is full: what removes something may still succeed."""
        return self.trouble == SITUATIONS[FULL]

    @property
    def set_aside(self) -> str:
        return self._opening.set_aside

    @property
    def turning(self) -> bool:
        """Whether the thread that writes is not stuck."""
        return self._writer.turning

    async def write(self, work: Work[T]) -> T:
        """Does work in one transaction of the writing thread; it is on disk once this returns. Or StoreFailed."""
        return await self._writer.run(self._on_our_file(work))

    def write_soon(self, work: Work[None]) -> None:
        """Does work in one transaction when its turn comes; nobody hears whether it was kept."""
        self._writer.submit(self._on_our_file(work))

    async def read(self, work: Work[T]) -> T:
        """Does work that only reads, on what was committed last. May raise StoreFailed."""
        return await self._readers.run(work)

    async def close(self) -> None:
        """Finishes what was begun and closes the files; gives up after two seconds."""
        self._readers.finish()
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        """The writer last: only it folds its log into the file, and only while nobody else has that open."""
        self._opening.end()
        deadline = time.monotonic() + _CLOSING
        done = self._readers.join(_CLOSING / 2)
        if not self._opening.damage:
            self._writer.submit(_closed)
        self._writer.finish()
        if not self._writer.join(max(0.0, deadline - time.monotonic())) or not done:
            _log.warning("session store did not close in %g s", _CLOSING)

    def _on_our_file(self, work: Work[T]) -> Work[T]:
        def guarded(connection: Connection) -> T:
            self._opening.require_usable()
            return work(connection)

        return guarded

    def _pause(self) -> float:
        if self.trouble:
            return PROBE_IN_TROUBLE
        return max(0.0, self._last_write + PROBE - time.monotonic())

    def _sign_of_life(self, connection: Connection) -> None:
        """Writes that it is in use, and since when it was not closed."""
        self._opening.require_usable()
        values = {"clean": "0", "version": __version__, "alive": self._clock().isoformat(timespec="seconds")}
        _set(connection, values)

    def _written(self, trouble: str, damaged: bool) -> None:
        """Called by the writing thread after each piece of work."""
        self._last_write = time.monotonic()
        if not trouble:
            self.good_at = self._clock()
            if self.full and free_space(self._opening.database) < ROOM:
                return  # there is room for a light write; what ingest brings fails again
        if trouble != self.trouble and self._open:
            _log.warning("%s: nothing is recorded", trouble) if trouble else _log.info("session store is written again")
        self.trouble = trouble
        self._seen(trouble, damaged)

    def _seen(self, trouble: str, damaged: bool) -> None:
        if damaged:
            self.trouble = trouble
            try:
                self._opening.found_damaged(trouble)
            except OSError as error:
                _log.warning("cannot note that the session store is damaged: %s", error.strerror)


def _closed(connection: Connection) -> None:
    _set(connection, {"clean": "1"})


def _set(connection: Connection, values: dict[str, str]) -> None:
    for name, value in values.items():
        connection.exec_driver_sql(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
        )
