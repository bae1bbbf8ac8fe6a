"""Lane: threads that run work on database connections of their own, in the order in which it came."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from app.store.errors import StoreFailed, StoreRefused, damaged, passing, situation

T = TypeVar("T")
Work = Callable[[Connection], T]
PATIENCE = 30.0
"""Seconds that one piece of work may take before its thread is called stuck."""


class Lane:
    """One thread or more, each with a connection that is made when it is first needed.

    Work runs in a transaction of its own and is rolled back if it raises. The threads are daemons: a disk that hangs
    keeps no process alive. `outcome` hears after each piece of work why the database could not be used, empty if it
    could, and whether that was because the file is damaged. Whenever there was nothing to do for as many seconds as
    `pause` says, `idle` is run; without an `idle` the connection is closed until it is needed again.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        *,
        threads: int = 1,
        outcome: Callable[[str, bool], None],
        idle: Work[None] | None = None,
        pause: Callable[[], float],
    ) -> None:
        self._connect = connect
        self._outcome = outcome
        self._idle = idle
        self._pause = pause
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Work[Any]] | None] = queue.SimpleQueue()
        self._ending = False
        self._since: dict[int, float] = {}  # by thread: when the work that it does now was begun
        self._threads = [threading.Thread(target=self._run, name=f"{name}-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work[T]) -> Future[T]:
        """Puts work in the queue. Its future raises StoreFailed if the database could not be used."""
        future: Future[T] = Future()
        if self._ending:
            future.set_exception(StoreFailed("session store is closed"))
        else:
            self._jobs.put((future, work))
        return future

    async def run(self, work: Work[T]) -> T:
        """Does work and gives what it gives; the event loop goes on meanwhile."""
        return await asyncio.wrap_future(self.submit(work))

    @property
    def turning(self) -> bool:
        """Whether no thread is stuck or has ended."""
        oldest = min(list(self._since.values()), default=None)
        stuck = oldest is not None and time.monotonic() - oldest > PATIENCE
        return not stuck and (self._ending or all(thread.is_alive() for thread in self._threads))

    def finish(self) -> None:
        """Takes no more work; what is in the queue is still done, then the connections are closed."""
        if not self._ending:
            self._ending = True
            for _ in self._threads:
                self._jobs.put(None)

    def join(self, within: float) -> bool:
        """Waits until all is done; False if that took longer than `within` seconds."""
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        connection: Connection | None = None
        while True:
            try:
                job = self._jobs.get(timeout=None if connection is None and self._idle is None else self._pause())
            except queue.Empty:
                if self._idle is None:
                    _close(connection)
                    connection = None
                    continue
                job = Future(), self._idle
            if job is None:
                break
            future, work = job
            if future.set_running_or_notify_cancel():
                self._since[threading.get_ident()] = time.monotonic()
                connection = self._do(connection, future, work)
                self._since.pop(threading.get_ident(), None)
            del job, future, work  # what they hold must not wait for the next
        _close(connection)

    def _do(self, connection: Connection | None, future: Future[T], work: Work[T]) -> Connection | None:
        """Runs one piece of work; gives the connection for the next one, None if it must be made anew."""
        try:
            connection = connection or self._connect()
            with connection.begin():
                result = work(connection)
        except BaseException as error:
            trouble = str(error) if isinstance(error, StoreFailed | StoreRefused) else situation(error)
            if not trouble:  # a fault of our own: the file is as good as before
                future.set_exception(error)
                return connection
            self._outcome(trouble, damaged(error))
            future.set_exception(error if isinstance(error, StoreRefused) else StoreFailed(trouble))
            if passing(error):
                return connection
            _close(connection)
            return None
        self._outcome("", False)
        future.set_result(result)
        return connection


def _close(connection: Connection | None) -> None:
    if connection is not None:
        with suppress(Exception):  # it may be the very file that cannot be used
            connection.close()
