"""Turns: the collections of one source, one after the other, each bounded in time, none of them ever failing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from app.model.text import clean

Facts = TypeVar("Facts")
_log = logging.getLogger(__name__)


class Turns(Generic[Facts]):
    """Runs a source's collections. `facts` are those of the last that succeeded, whatever came after it.

    `mark` is what the caller gave with the collection that brought `facts`; `taken` counts those that succeeded,
    `ended` all. `trouble` is a sentence on why the last one brought nothing, empty after one that did.
    """

    def __init__(self, name: str, facts: Facts, timeout: float, finished: Callable[[], None]) -> None:
        self.name = name
        self.facts = facts
        self.mark: int | None = None
        self.taken = 0
        self.ended = 0
        self._timeout = timeout  # seconds
        self._finished = finished
        self._failure = ""
        self._task: asyncio.Task[None] | None = None
        self._began = 0.0

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    @property
    def trouble(self) -> str:
        """Also set while a collection ignores its timeout."""
        if self.running and time.monotonic() - self._began > self._timeout:
            return self._late
        return self._failure

    @property
    def _late(self) -> str:
        return f"no answer within {self._timeout:g} s"

    def begin(self, collect: Callable[[], Awaitable[Facts]], mark: int) -> asyncio.Task[None]:
        """Starts a collection, unless one is still running: then that one is given back."""
        if self._task is None or self._task.done():
            self._began = time.monotonic()
            self._task = asyncio.create_task(self._run(collect, mark), name=f"collect {self.name}")
        return self._task

    async def end(self, patience: float = 1.0) -> None:
        """Cancels what runs and waits for it, `patience` seconds at most."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=patience)

    async def _run(self, collect: Callable[[], Awaitable[Facts]], mark: int) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                facts = await collect()
        except TimeoutError:
            self._failure = self._late
        except Exception as error:  # a source must not end the collector, whatever is wrong with it
            if not self._failure:
                _log.exception("collecting %s failed", self.name)
            self._failure = clean(f"{type(error).__name__}: {error}", 200)
        else:
            self.facts, self.mark, self._failure = facts, mark, ""
            self.taken += 1
        finally:
            self.ended += 1
            self._finished()
