"""Requests over one connection: one inbox for all answers, refusals matched to the request they belong to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from nats import errors as nats_errors
from nats.nuid import NUID

from app.model.text import clean
from app.sources.client import RawClient, status
from app.sources.errors import LinkDown, NoResponders, NotPermitted, RequestTimeout, SourceError

_REFUSAL = re.compile(r'permissions violation for (publish|subscription).*? to "(.*)"')
_DOUBT = 1.0
"""Seconds that requests get whose subjects differ in case only, when one of them was refused."""


class Reply(NamedTuple):
    """An answer as it came."""

    payload: bytes
    headers: bytes | None

    @property
    def status(self) -> int | None:
        """The status code in the headers; None of an ordinary answer."""
        return status(self.headers)


@dataclass(slots=True, eq=False)
class _Pending:
    subject: str
    answer: asyncio.Future[Reply]
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Gathering(_Pending):
    """A question to many: `answer` is the last word, the replies are collected until it is quiet."""

    most: int = 0
    quiet: float = 0.0  # seconds
    replies: list[bytes] = field(default_factory=list)
    hush: asyncio.TimerHandle | None = None

    def take(self, reply: Reply) -> None:
        if self.answer.done():
            return
        if not (reply.status == 503 and not reply.payload):
            self.replies.append(reply.payload)
            if len(self.replies) < self.most:
                self._wait()
                return
        self.answer.set_result(reply)

    def _wait(self) -> None:
        if self.hush is not None:
            self.hush.cancel()
        self.hush = asyncio.get_running_loop().call_later(self.quiet, _done, self)


class Requests:
    """All requests in flight on one client."""

    def __init__(self, client: RawClient, inbox_prefix: str) -> None:
        self._client = client
        self._prefix = inbox_prefix
        self._inbox = f"{inbox_prefix}.{NUID().next().decode()}."
        self._pending: dict[int, _Pending] = {}
        self._last = 0
        self._closed = False
        self._deaf = False
        self._listening: dict[str, Callable[[], None]] = {}
        self._publishing: dict[str, Callable[[], None]] = {}

    async def open(self) -> None:
        """Subscribes the inbox. Raises what nats-py raises."""
        await self._client.listen(self._inbox + "*", self._take)

    def close(self) -> None:
        """Fails every request in flight with LinkDown."""
        self._closed = True
        for pending in list(self._pending.values()):
            _fail(pending, LinkDown("connection lost"))

    async def ask(self, subject: str, payload: bytes, timeout: float) -> Reply:
        """One request. Raises LinkDown, NoResponders, NotPermitted or RequestTimeout."""
        loop = asyncio.get_running_loop()
        pending = _Pending(subject, loop.create_future())
        late = RequestTimeout(f"no answer within {timeout:g} s")
        pending.timers.append(loop.call_later(timeout, _fail, pending, late))
        reply = await self._asked(pending, payload)
        if reply.status == 503 and not reply.payload:
            raise NoResponders(f"nobody answers on {clean(subject, 100)}")
        return reply

    async def gather(self, subject: str, payload: bytes, *, quiet: float, longest: float, most: int) -> list[bytes]:
        """What everybody answers who listens there: until nobody has answered for `quiet` seconds after the first,
        `longest` seconds in all and `most` answers at most. Nobody: an empty list. Raises LinkDown or NotPermitted.
        """
        loop = asyncio.get_running_loop()
        gathering = _Gathering(subject, loop.create_future(), most=most, quiet=quiet)
        gathering.timers.append(loop.call_later(longest, _done, gathering))
        try:
            await self._asked(gathering, payload)
        finally:
            if gathering.hush is not None:
                gathering.hush.cancel()
        return gathering.replies

    async def _asked(self, pending: _Pending, payload: bytes) -> Reply:
        try:
            if self._deaf:
                raise NotPermitted("subscribe", f"{self._prefix}.>")
            if self._closed:
                raise LinkDown("connection lost")
            self._last += 1
            number = self._last
            self._pending[number] = pending
            try:
                await self._publish(pending.subject, payload, f"{self._inbox}{number}")
                return await pending.answer
            finally:
                del self._pending[number]
        finally:
            for timer in pending.timers:
                timer.cancel()

    def listening(self, subject: str, refused: Callable[[], None]) -> None:
        """`refused` is called should the server refuse a subscription to this subject."""
        self._listening[subject.lower()] = refused

    def publishing(self, prefix: str, refused: Callable[[], None]) -> Callable[[], None]:
        """`refused` is called should the server refuse to let us publish on a subject that begins so, until the
        function that this gives is called."""
        key = prefix.lower()
        self._publishing[key] = refused

        def forget() -> None:
            if self._publishing.get(key) is refused:
                del self._publishing[key]

        return forget

    async def _publish(self, subject: str, payload: bytes, reply: str) -> None:
        try:
            await self._client.publish(subject, payload, reply)
        except (nats_errors.ConnectionClosedError, nats_errors.ConnectionDrainingError, OSError) as error:
            raise LinkDown("connection lost") from error
        except nats_errors.Error as error:
            raise SourceError(clean(str(error), 200)) from error

    def _take(self, subject: bytes, _reply: bytes, payload: bytes, headers: bytes | None) -> None:
        tail = subject[len(self._inbox) :]
        pending = self._pending.get(int(tail)) if tail.isdigit() else None
        if isinstance(pending, _Gathering):
            pending.take(Reply(payload, headers))
        elif pending is not None and not pending.answer.done():
            pending.answer.set_result(Reply(payload, headers))

    def refused(self, text: str) -> None:
        """Takes an asynchronous error of the client; a permissions violation fails the request it belongs to."""
        match = _REFUSAL.search(text.lower())
        if match is None:
            return
        action, subject = match.groups()
        if action == "subscription":
            self._refused_subscription(subject)
            return
        for prefix, tell in list(self._publishing.items()):
            if subject.startswith(prefix):
                tell()
        hit = [pending for pending in self._pending.values() if pending.subject.lower() == subject]
        spellings = {pending.subject for pending in hit}
        for pending in hit:
            refusal = NotPermitted("publish", pending.subject)
            if len(spellings) == 1:
                _fail(pending, refusal)
            else:
                # The server's text comes in lower case: which of them it means shows by which gets an answer.
                loop = asyncio.get_running_loop()
                pending.timers.append(loop.call_later(_DOUBT, _fail, pending, refusal))

    def _refused_subscription(self, subject: str) -> None:
        if subject == f"{self._inbox}*".lower():
            self._deaf = True
            for pending in list(self._pending.values()):
                _fail(pending, NotPermitted("subscribe", f"{self._prefix}.>"))
        elif (tell := self._listening.get(subject)) is not None:
            tell()


def _fail(pending: _Pending, error: SourceError) -> None:
    if not pending.answer.done():
        pending.answer.set_exception(error)


def _done(gathering: _Gathering) -> None:
    if not gathering.answer.done():
        gathering.answer.set_result(Reply(b"", None))
