"""News: what happened since the last frame was taken, merged, so that a slow deck is told once and nothing is lost."""

from __future__ import annotations

import asyncio
import time

from app.feed.assembler import Step
from app.feed.protocol import FeedState, Frame
from app.model.snapshot import Snapshot

NOTE_AGE = 10.0
"""Seconds for which live frames go on saying what happened to the worker."""


class News:
    """Gathers steps and states; `take` makes a frame of them and begins anew."""

    def __init__(self) -> None:
        self.state = FeedState.STARTING
        self._snapshot = Snapshot()
        self._note = ""
        self._noted = 0.0
        self._changed: dict[str, frozenset[str]] = {}
        self._gone: dict[str, frozenset[str]] = {}
        self._whole: frozenset[str] = frozenset()
        self._waiting = asyncio.Event()
        self._waiting.set()  # the first frame says that a worker is looked for

    async def wait(self) -> None:
        """Returns once there is something to take."""
        await self._waiting.wait()

    def wake(self) -> None:
        """Ends a `wait` though nothing happened."""
        self._waiting.set()

    def say(self, state: FeedState, note: str) -> None:
        """How the deck stands to its worker, and what happened; a live worker's note is kept for a while."""
        if note or state is not FeedState.LIVE or self.state is not FeedState.LIVE:
            self._note, self._noted = note, time.monotonic()
        self.state = state
        self._waiting.set()

    def absorb(self, step: Step) -> None:
        """Adds what an answer changed."""
        self._snapshot = step.snapshot
        self._whole = (self._whole | step.whole) & step.held
        for section in step.changed.keys() | step.gone.keys():
            changed = step.changed.get(section, frozenset())
            gone = step.gone.get(section, frozenset())
            self._changed[section] = (self._changed.get(section, frozenset()) - gone) | changed
            self._gone[section] = (self._gone.get(section, frozenset()) - changed) | gone
        for gathered in (self._changed, self._gone):
            for section in gathered.keys() - (step.held - self._whole):
                del gathered[section]

    def take(self, heard: float) -> Frame:
        """The frame of everything since the last one."""
        self._waiting.clear()
        if self.state is FeedState.LIVE and time.monotonic() - self._noted > NOTE_AGE:
            self._note = ""
        changed = {name: keys for name, keys in self._changed.items() if keys}
        gone = {name: keys for name, keys in self._gone.items() if keys}
        frame = Frame(self._snapshot, self.state, self._note, changed, gone, self._whole, heard)
        self._changed, self._gone, self._whole = {}, {}, frozenset()
        return frame
