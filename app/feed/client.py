"""The feed of a real worker, near or far: a long poll with one request in flight, that mends itself."""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
import time
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from app import __version__
from app.feed.acts import Act, Refresh
from app.feed.assembler import Assembler, Step
from app.feed.link import Ended, Link, LinkError, Refused, decompress, open_link
from app.feed.news import News
from app.feed.protocol import Feed, FeedState, Frame
from app.feed.questions import Question, Unanswered
from app.feed.target import Locate, NoWorker, Target, WrongWorker
from app.feed.wire import ALWAYS, Mark, WireError, WireMismatch, WorkerLeaving, decode_answer_to
from app.model.snapshot import SECTIONS
from app.model.text import clean

SILENCE = 12.0
"""Seconds without a word from the worker after which everything shown is called stale."""
REFUSED_PAUSE = 10.0
"""Seconds until somebody who refused us is asked again."""
CLOSE_TIMEOUT = 2.0
_PAUSES = (0.1, 0.3, 1.0, 2.0, 5.0)
_STOOD_STILL = 1.0  # seconds later than asked for: more than a busy event loop
_LOOK_MOST = 64
_LARGE = 64 * 1024  # bytes of an answer from which on it is read in a thread
_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class WorkerFeed(Feed):
    """Frames of the worker that `locate` finds or starts, and finds or starts again when it is lost.

    What the outside does never raises here: it is said in the frames' `state` and `note`.
    """

    def __init__(self, locate: Locate, *, silence: float = SILENCE, refused_pause: float = REFUSED_PAUSE) -> None:
        self._locate = locate
        self._silence = silence
        self._refused_pause = refused_pause
        self._deck = secrets.token_hex(8)
        self._assembler = Assembler(__version__)
        self._news = News()
        self._steps: list[Step] = []  # taken, not told yet
        self._wanted = ALWAYS
        self._look: frozenset[str] = frozenset()
        self._target: Target | None = None
        self._link: Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._interrupt = asyncio.Event()  # the question changed, or somebody wants an answer now
        self._heard = 0.0
        self._shown: Mark | None = None  # what the last live frame told
        self._lost = False  # since the last answer the worker was given up
        self._failures = 0

    # what a screen may ask

    def watch(self, sections: Collection[str]) -> None:
        wanted = ALWAYS.union(sections)
        if unknown := wanted - SECTIONS.keys():
            raise KeyError(min(unknown))
        if wanted != self._wanted:
            self._wanted = wanted
            self._interrupt.set()

    def look(self, refs: Collection[str]) -> None:
        """Tells the worker which rows are on the screen (`stream:NAME`, `consumer:STREAM/NAME`): asked for first.

        It hears of it with the next question; of very many it is told some.
        """
        self._look = frozenset(sorted(refs)[:_LOOK_MOST])

    async def frames(self) -> AsyncIterator[Frame]:
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name="feed")
        while True:
            await self._news.wait()
            if self._closed:
                return
            yield self._news.take(self._heard)

    async def ask(self, question: Question[T]) -> T | Unanswered:
        if self._link is None:
            return Unanswered("there is no worker to be asked")
        try:
            body = await self._link.get(question.path)
            answer: T = await _decoded(body, question.answer)
        except (LinkError, WireError) as error:
            return Unanswered(str(error))
        return answer

    async def act(self, act: Act) -> str:
        if self._link is None or (self._news.state is not FeedState.LIVE and isinstance(act, Refresh)):
            self._interrupt.set()  # looked for at once
        if self._link is None:
            return "there is no worker to be told"
        try:
            await self._link.post(act.path, act.body)
        except LinkError as error:
            return str(error)
        return ""

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._news.wake()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE_TIMEOUT)
        await self._let_go()

    # the loop behind the frames

    async def _run(self) -> None:
        while not self._closed:
            try:
                if self._link is None:
                    self._target = await self._locate()
                    self._link = await open_link(self._target)
                await self._turn(self._link)
            except (WrongWorker, Refused, WireMismatch) as error:
                await self._refused(str(error))
            except (NoWorker, LinkError, WireError) as error:
                await self._failed(error)
            except Exception as error:
                _LOG.exception("the feed failed")
                await self._failed(Ended(f"the feed failed: {clean(str(error), 200) or type(error).__name__}"))

    async def _turn(self, link: Link) -> None:
        """One question and its answer."""
        self._interrupt.clear()
        wanted = self._wanted
        self._assembler.keep(wanted)
        lacking = self._assembler.lacks(wanted)
        since, asked = (None, lacking) if lacking else (self._assembler.mark, wanted)
        answer = await self._ask(link, since, asked)
        if answer is None:
            return
        step = await self._read(*answer, asked)
        self._assembler.take(step)
        self._steps.append(step)
        self._failures = 0
        if self._assembler.lacks(wanted):
            return  # another worker's answer to half of the question: not shown until the other half is there
        for step in self._steps:
            self._news.absorb(step)
        self._steps.clear()
        self._news.say(FeedState.LIVE, self._what_happened(step))
        self._shown, self._lost = step.mark, False

    async def _ask(self, link: Link, since: Mark | None, asked: frozenset[str]) -> tuple[bytes, str] | None:
        """Waits for an answer, LOST meanwhile if it is long in coming; None if the question changed."""
        began = time.monotonic()
        poll = asyncio.create_task(self._poll(link, since, asked))
        changed = asyncio.create_task(self._interrupt.wait())
        try:
            while True:
                due = max(began, self._heard) + self._silence
                timeout = None if self._news.state is FeedState.LOST else max(due - time.monotonic(), 0)
                await asyncio.wait({poll, changed}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                if poll.done():
                    return poll.result()
                if changed.done():
                    return None
                late = time.monotonic() - max(due, self._heard + self._silence)
                if late > _STOOD_STILL:
                    # This process was stopped, not the worker: its answer may be waiting to be read.
                    began = time.monotonic() + _STOOD_STILL - self._silence
                elif late >= 0:
                    self._news.say(FeedState.LOST, f"the worker has said nothing for {self._silence:.0f}s")
        finally:
            for task in (poll, changed):
                task.cancel()
            await asyncio.gather(poll, changed, return_exceptions=True)

    def _poll(self, link: Link, since: Mark | None, asked: frozenset[str]) -> Coroutine[Any, Any, tuple[bytes, str]]:
        # Who shows that nobody answers does not wait for news to take it back.
        wait = self._news.state is FeedState.LIVE
        return link.poll(since, asked, deck=self._deck, look=self._look, wait=wait, heard=self._hear)

    def _hear(self) -> None:
        self._heard = time.monotonic()

    async def _read(self, body: bytes, encoding: str, asked: frozenset[str]) -> Step:
        """Reads an answer, a large one in a thread: the deck's loop never waits for it."""

        def read() -> Step:
            return self._assembler.read(decompress(body, encoding), asked)

        if encoding or len(body) > _LARGE:
            return await asyncio.to_thread(read)
        return read()

    def _what_happened(self, step: Step) -> str:
        before, target = self._shown, self._target
        note = target.note if target is not None else ""
        if before is None or not before.epoch:
            return note if self._news.state is not FeedState.LIVE else ""
        if before.epoch != step.mark.epoch:
            again = "started again" if target is not None and target.started else "another one answers"
            return f"worker ended, {again}" + (f": {note}" if note else "")
        return "worker answers again" if self._lost else ""

    async def _refused(self, sentence: str) -> None:
        self._news.say(FeedState.REFUSED, sentence)
        self._lost = True
        await self._let_go()
        await self._pause(self._refused_pause)

    async def _failed(self, error: Exception) -> None:
        self._failures += 1
        if isinstance(error, WireError) and not isinstance(error, WorkerLeaving):
            self._assembler.forget()
        if self._failures == 1 and type(error) is Ended and self._news.state is FeedState.LIVE:
            return  # a connection breaks more often than a worker ends: one more try before anything is said
        self._lost = True
        self._news.say(FeedState.LOST, str(error))
        if not isinstance(error, WireError) or isinstance(error, WorkerLeaving):
            await self._let_go()
        await self._pause(_PAUSES[min(self._failures, len(_PAUSES)) - 1])

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._interrupt.wait()
        self._interrupt.clear()

    async def _let_go(self) -> None:
        """Closes the link and lets go of the target; quick, and silent about faults."""
        link, self._link = self._link, None
        target, self._target = self._target, None
        if link is not None:
            await _bounded(link.close())
        if target is not None:
            await _bounded(_closing(target))


async def _closing(target: Target) -> None:
    result = target.close()
    if inspect.isawaitable(result):
        await result


async def _bounded(work: Coroutine[Any, Any, None]) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await work
    except Exception as error:
        _LOG.info("closing: %r", error)


async def _decoded(body: bytes, kind: type[T]) -> T:
    """The answer to a question; of a large one in a thread."""
    return await asyncio.to_thread(decode_answer_to, body, kind) if len(body) > _LARGE else decode_answer_to(body, kind)
