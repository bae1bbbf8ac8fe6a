"""The sessions stream as it is read: found, made where that is wanted, and pulled from by a durable consumer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from app.sources import jsapi
from app.sources.client import status
from app.sources.connection import NatsLink
from app.sources.errors import ApiError, LinkDown, NotPermitted, SourceError
from app.sources.jsapi import JetStreamApi
from app.sources.sessionstream import configuration
from app.sources.wire import Error, Head

ACK_WAIT = 30.0
"""Seconds after which the server gives a message again that was not acknowledged."""
UNACKNOWLEDGED_MOST = 2000
"""Messages out at most: ten batches, so that those of a worker that was killed do not hold up the next."""
BATCH = 200
"""Messages of one pull."""
BATCH_BYTES = 1024 * 1024
EXPIRES = 5.0
"""Seconds that a pull stands."""
GRACE = 2.0
"""Seconds after that in which its end must have been told, or it counts as lost."""
AGAIN = 0.5
"""Seconds until the next pull after one that the server ended early without a message: it is going down, or votes."""
NAK_DELAY = 2.0
"""Seconds before the server gives a message again that we could not keep."""
_NANO = 1_000_000_000
_ACK = b"+ACK"
_TERM = b"+TERM"


class Found(NamedTuple):
    """A stream as the server tells it; `created` in the server's own writing."""

    created: str
    config: Mapping[str, Any]


class Message(NamedTuple):
    """One message of the stream. `at` is the broker's time of it in milliseconds since 1970, in UTC."""

    reply: bytes
    subject: bytes
    payload: bytes
    headers: bytes | None
    seq: int
    at: int
    pending: int  # messages after it that were not delivered yet


class _Info(msgspec.Struct):
    error: Error | None = None
    created: str = ""
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    num_pending: int = 0
    num_ack_pending: int = 0


class SessionStream:
    """A stream of session events, over a link."""

    def __init__(self, api: JetStreamApi, name: str, subject: str) -> None:
        self.api = api
        self.name = name
        self.subject = subject

    async def find(self) -> Found | None:
        """The stream as it is now; None: there is none. Raises SourceError."""
        try:
            info = await self.api.call(f"STREAM.INFO.{self.name}", _Info)
        except ApiError as error:
            if error.number == jsapi.NO_STREAM:
                return None
            raise
        return Found(info.created, info.config)

    async def create(self) -> None:
        """Makes it. Raises SourceError."""
        config = configuration(self.name, self.subject)
        await self.api.call(f"STREAM.CREATE.{self.name}", Head, config)

    async def make_consumer(self, durable: str, config: Mapping[str, Any], ttl: float) -> None:
        """Makes our durable consumer, or has it as it should be; `ttl` as in the settings. Raises SourceError.

        `config`: of the stream. What it takes besides session events is not asked for.
        """
        wanted: dict[str, Any] = {
            "name": durable,
            "durable_name": durable,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": int(ACK_WAIT * _NANO),
            "max_ack_pending": UNACKNOWLEDGED_MOST,
            "max_deliver": -1,
            "replay_policy": "instant",
            "inactive_threshold": int(ttl * _NANO),
        }
        call = f"CONSUMER.CREATE.{self.name}.{durable}"
        if config.get("subjects") != [self.subject]:
            wanted["filter_subject"] = self.subject
            call += f".{self.subject}"
        await self.api.call(call, Head, {"stream_name": self.name, "config": wanted})

    async def left(self, durable: str) -> tuple[int, int]:
        """How many messages the consumer has not given, and given and not heard of. Raises SourceError."""
        info = await self.api.call(f"CONSUMER.INFO.{self.name}.{durable}", _Info, timeout=2.0)
        return info.num_pending, info.num_ack_pending


@dataclass(slots=True, eq=False)
class _Pull:
    """A request for messages that stands."""

    number: int
    wanted: int
    until: float  # monotonic
    received: int = 0
    over: bool = False


@dataclass(slots=True, eq=False)
class _Inbox:
    subject: str
    end: Callable[[], Awaitable[None]]
    forget: tuple[Callable[[], None], ...] = field(default=())


class SessionFeed:
    """What our durable consumer gives on this connection. `broken` says why it gives no more, None while it does.

    At most one pull stands, for at most `BATCH` messages; the next is sent by `pull()`.
    """

    def __init__(self, stream: SessionStream, durable: str) -> None:
        self._stream = stream
        self._link: NatsLink = stream.api.link
        self._generation = self._link.generation
        self._next = stream.api.subject(f"CONSUMER.MSG.NEXT.{stream.name}.{durable}")
        self._messages: list[Message] = []
        self._pull: _Pull | None = None
        self._pulls = 0
        self._inbox: _Inbox | None = None
        self._single = False  # the next message is larger than a batch may be
        self._broken: SourceError | None = None
        self._not_before = 0.0
        self.arrived = asyncio.Event()
        self.filled = asyncio.Event()  # a pull has ended: no more comes without another one
        self.left = 0  # messages of the stream that were not delivered yet, as far as is known
        self.quiet = False  # a pull has ended for want of messages

    async def open(self) -> None:
        """Raises LinkDown."""
        name = self._stream.name
        inbox, end = await self._link.subscribe(self._take, tail=".*")
        self._inbox = _Inbox(inbox, end)
        self._inbox.forget = (
            self._link.publishing(self._next, lambda: self._break(NotPermitted("publish", self._next))),
            self._link.publishing("$JS.ACK.", lambda: self._break(NotPermitted("publish", f"$JS.ACK.{name}.>"))),
        )

    async def close(self) -> None:
        """Nothing arrives any more; what has arrived can still be taken."""
        inbox, self._inbox = self._inbox, None
        if inbox is not None:
            for forget in inbox.forget:
                forget()
            with contextlib.suppress(SourceError):
                await inbox.end()

    @property
    def broken(self) -> SourceError | None:
        if self._broken is None and (not self._link.up or self._link.generation != self._generation):
            self._broken = LinkDown(self._link.connection.error or "connection lost")
        return self._broken

    def __len__(self) -> int:
        return len(self._messages)

    def take(self) -> list[Message]:
        """What has arrived since the last call, in the order in which it came."""
        taken, self._messages = self._messages, []
        self.arrived.clear()
        self.filled.clear()
        return taken

    async def pull(self, most: int = BATCH) -> None:
        """Asks for `most` messages, unless a pull still stands or has brought what was not taken. Raises LinkDown."""
        now = time.monotonic()
        if (
            self._messages
            or self._stands(now)
            or now < self._not_before
            or self._inbox is None
            or self.broken is not None
        ):
            return
        wanted = {"batch": most, "max_bytes": BATCH_BYTES, "expires": int(EXPIRES * _NANO)}
        if self._single:
            wanted = {"batch": 1, "expires": int(EXPIRES * _NANO)}
            self._single = False
        self._pulls += 1
        self._pull = _Pull(self._pulls, wanted["batch"], now + EXPIRES + GRACE)
        self.filled.clear()
        reply = f"{self._inbox.subject}.{self._pulls}".encode()
        await self._link.send([(self._next.encode(), reply, msgspec.json.encode(wanted))])

    async def settle(self, kept: Iterable[Message], useless: Iterable[Message] = ()) -> None:
        """Acknowledges what is on disk, terminates what nothing can be made of. Raises LinkDown."""
        answers = [(message.reply, b"", _ACK) for message in kept]
        answers += [(message.reply, b"", _TERM) for message in useless]
        if answers and self.broken is None:
            await self._link.send(answers)

    async def give_back(self, messages: Iterable[Message]) -> None:
        """Has the server give messages again, in `NAK_DELAY` seconds. On a connection that is gone it does anyway."""
        answer = b'-NAK {"delay": %d}' % int(NAK_DELAY * _NANO)
        answers = [(message.reply, b"", answer) for message in messages]
        if answers and self._link.up and self._link.generation == self._generation:
            with contextlib.suppress(SourceError):
                await self._link.send(answers)

    def _stands(self, now: float) -> bool:
        pull = self._pull
        return pull is not None and not pull.over and now < pull.until

    def _break(self, why: SourceError) -> None:
        self._broken = self._broken or why
        self.arrived.set()
        self.filled.set()

    def _take(self, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        if not reply.startswith(b"$JS.ACK."):
            self._told(subject, status(headers), headers)
            return
        parts = reply.split(b".")
        first = 5 if len(parts) == 9 else 7
        try:
            seq, nanoseconds, pending = int(parts[first]), int(parts[first + 2]), int(parts[first + 3])
        except (ValueError, IndexError):
            return
        self._messages.append(Message(reply, subject, payload, headers, seq, nanoseconds // 1_000_000, pending))
        self.left, self.quiet = pending, False
        pull = self._pull
        if pull is not None:
            pull.received += 1
            if pull.received >= pull.wanted:
                pull.over = True
                self.filled.set()
        self.arrived.set()

    def _told(self, subject: bytes, code: int | None, headers: bytes | None) -> None:
        """The end of a pull, or of the consumer."""
        pull = self._pull
        if code is None or code == 100 or pull is None or subject.rpartition(b".")[2] != b"%d" % pull.number:
            return
        said = (headers or b"").partition(b"\r\n")[0][12:].strip().lower()
        if code == 503 or b"consumer deleted" in said or b"push based" in said:
            self._break(SourceError("the consumer is gone"))
        elif code == 409 and b"maxbytes" in said:
            self._single = not pull.received
        elif code in (404, 408):
            self.quiet = True
        if not pull.received and time.monotonic() < pull.until - GRACE - EXPIRES / 2 and not self._single:
            self._not_before = time.monotonic() + AGAIN
        pull.over = True
        self.arrived.set()
        self.filled.set()
