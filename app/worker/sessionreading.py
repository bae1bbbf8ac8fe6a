"""One reading of the sessions stream: batches from our consumer to disk, acknowledged once they are there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.model.sessions import IntakeState
from app.sources.errors import LinkDown, SourceError
from app.sources.sessionfeed import BATCH, Message, SessionFeed, SessionStream
from app.sources.tasks import happened
from app.store.errors import StoreFailed
from app.store.intake import Origin
from app.store.store import Store
from app.worker.sessionbatch import Batch, put_aside, read_into

RETRY = 2.0
"""Seconds between two tries while the store cannot be written."""
GATHER = 0.01
"""Seconds that are waited for more once something has come."""
TICK = 0.5
CAREFUL = 10
"""Messages that are tried together after the store has failed."""
LARGE = 50_000
"""Bytes of a message from which on it is read beside the event loop."""
AT_ONCE = 50
"""Messages read without giving others their turn."""
LAST_WORDS = 2.0
"""Seconds that the last acknowledgements may take at the end."""
_INTERNAL = "internal error, see the log"
_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Progress:
    """How far the intake has come, from reading to reading. Times are the broker's, in milliseconds since 1970."""

    state: IntakeState = IntakeState.WAITING
    why: str = ""
    stream: str = ""
    left: int = 0  # messages that were not delivered yet
    given: int = 0  # messages that are not in our hands, and that the server gives again
    oldest: int = 0  # time of the oldest message that could not be kept; 0: all could
    last: int = 0  # time of the last message that was kept
    taken: int = 0
    duplicates: int = 0
    put_aside: int = 0  # elements that were not understood

    def say(self, state: IntakeState, why: str = "") -> None:
        if (state, why) != (self.state, self.why):
            level = logging.INFO if state in (IntakeState.READING, IntakeState.OFF) else logging.WARNING
            _log.log(level, "session events: %s%s", state.value, f": {why}" if why else "")
        self.state, self.why = state, why


class SessionReading:
    """Two batches are in memory at most: one on its way to disk, and the next that comes in meanwhile."""

    def __init__(
        self,
        stream: SessionStream,
        durable: str,
        origin: Origin,
        store: Store,
        progress: Progress,
        *,
        stopping: asyncio.Event,
        fits: Callable[[], bool],
    ) -> None:
        self._stream = stream
        self._durable = durable
        self._origin = origin
        self._store = store
        self._progress = progress
        self._stopping = stopping
        self._fits = fits
        self._feed = SessionFeed(stream, durable)
        self._in_hand: list[Batch] = []
        self._commit: asyncio.Task[None] | None = None
        self._trouble = ""
        self._most = BATCH

    @property
    def unkept(self) -> int:
        """Messages in memory that are not on disk."""
        return len(self._feed) + sum(len(batch.messages) for batch in self._in_hand)

    @property
    def oldest(self) -> int:
        """Time of the oldest of them that is looked at, 0 without any."""
        return self._in_hand[0].messages[0].at if self._in_hand else 0

    async def run(self) -> None:
        """Reads until the worker stops, `fits` says no or the consumer breaks; that is raised then, a SourceError."""
        await self._feed.open()
        try:
            await self._ask()
            while self._feed.broken is None and not self._stopping.is_set() and self._fits():
                trouble = self._trouble or self._store.trouble
                await (self._wait_out(trouble) if trouble else self._turn())
        except LinkDown:
            pass  # so is the feed
        finally:
            await self._end()
        if self._feed.broken is not None:
            raise self._feed.broken

    async def _turn(self) -> None:
        feed = self._feed
        await feed.pull(self._most)
        messages = await self._some()
        if messages:
            await self._pass_on(messages)
        elif self._commit is None or self._commit.done():
            self._progress.say(IntakeState.READING)
            if feed.quiet and (feed.left or self._progress.given):
                await self._ask()
        self._progress.left = feed.left

    async def _some(self) -> list[Message]:
        """What a pull has brought, once it is over or the store is free for it; nothing after a while without."""
        feed, commit = self._feed, self._commit
        if commit is not None and not commit.done():
            filled = asyncio.ensure_future(feed.filled.wait())
            try:
                await asyncio.wait({filled, commit}, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
            finally:
                filled.cancel()
            return feed.take() if feed.filled.is_set() else []
        if len(feed) or await happened(feed.arrived, TICK):
            await happened(feed.filled, GATHER)
        return feed.take()

    async def _pass_on(self, messages: Sequence[Message]) -> None:
        """Reads messages while the batch before them is still on its way to disk, then sends them after it."""
        batch = Batch(messages)
        self._in_hand.append(batch)
        await read_all(batch)
        await self._committed()
        if self._trouble:
            await self._give_back(batch)
        else:
            self._commit = asyncio.create_task(self._keep(batch), name="keep session events")

    async def _committed(self) -> None:
        commit, self._commit = self._commit, None
        if commit is not None:
            await commit

    async def _keep(self, batch: Batch) -> None:
        """Brings a batch to disk and then acknowledges it. Never raises: what was not kept is given back."""
        try:
            await self._take(batch)
        except StoreFailed as failed:
            self._trouble = str(failed)
            await self._give_back(batch)
            return
        except Exception:
            _log.exception("session events could not be kept")
            self._trouble = _INTERNAL
            await self._give_back(batch)
            return
        progress = self._progress
        progress.say(IntakeState.READING)
        progress.oldest = 0
        progress.last = max(progress.last, batch.messages[-1].at)
        self._most = min(BATCH, self._most * 2)
        with contextlib.suppress(SourceError):  # else the server gives them again, and they are duplicates
            await self._feed.settle(batch.kept, batch.useless)
        self._in_hand.remove(batch)

    async def _take(self, batch: Batch) -> None:
        try:
            await self._commit_of(batch)
        except StoreFailed:
            raise
        except Exception:
            # A fault of our own with one message must not stop all others for ever.
            _log.exception("a batch of session events could not be kept; its messages are tried one by one")
            batch.kept, batch.useless = [], []
            for message in batch.messages:
                alone = Batch([message])
                await read_all(alone)
                try:
                    await self._commit_of(alone)
                except StoreFailed:
                    raise
                except Exception:
                    alone = Batch([message])
                    put_aside(alone, message, _INTERNAL)
                    await self._commit_of(alone)
                batch.kept += alone.kept
                batch.useless += alone.useless

    async def _commit_of(self, batch: Batch) -> None:
        taken = await self._store.intake.take(batch.arrived, origin=self._origin, unusable=batch.unusable)
        self._progress.taken += taken.stored
        self._progress.duplicates += taken.duplicates
        self._progress.put_aside += len(batch.unusable)

    async def _give_back(self, batch: Batch) -> None:
        progress = self._progress
        progress.oldest = min(progress.oldest or batch.messages[0].at, batch.messages[0].at)
        progress.given += len(batch.messages)
        self._in_hand.remove(batch)
        await self._feed.give_back(batch.messages)

    async def _wait_out(self, trouble: str) -> None:
        """The store cannot be written: nothing is fetched, what comes all the same is given back."""
        await self._committed()
        self._progress.say(IntakeState.FAILED, trouble)
        self._most = CAREFUL
        for _ in range(2):
            if len(self._feed):
                batch = Batch(self._feed.take())
                self._in_hand.append(batch)
                await self._give_back(batch)
            if self._trouble or self._store.trouble:
                await happened(self._stopping, RETRY / 2)
        self._trouble = ""
        await self._ask()

    async def _ask(self) -> None:
        """Has the server say how much is left."""
        with contextlib.suppress(SourceError):
            self._feed.left, self._progress.given = await self._stream.left(self._durable)
            self._progress.given = max(0, self._progress.given - self.unkept)
            self._progress.left = self._feed.left

    async def _end(self) -> None:
        """What has come is still brought to disk; the acknowledgements are on their way when this returns."""
        await self._feed.close()
        await self._committed()
        messages = self._feed.take()
        if messages:
            await self._pass_on(messages)
            await self._committed()
        if self._feed.broken is None:
            with contextlib.suppress(SourceError, TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await self._stream.api.link.drained()


async def read_all(batch: Batch) -> None:
    """Reads the messages of a batch; others get their turn meanwhile."""
    for number, message in enumerate(batch.messages, 1):
        if len(message.payload) > LARGE:
            await asyncio.to_thread(read_into, batch, message)
        else:
            read_into(batch, message)
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
