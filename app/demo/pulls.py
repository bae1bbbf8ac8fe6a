"""Clients of pull consumers: each asks for messages, handles them, acknowledges them, and asks again."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from app.demo.link import FAILURES, Link, encode

EXPIRES = 30.0
"""Seconds that a pull waits at the server."""
GRACE = 5.0
"""Seconds after which a pull without an answer counts as lost: the server was restarted, or lost the consumer."""
RETRY = 2.0
"""Seconds before the next pull when the server refused one."""
_PATIENT = {"404", "408"}  # nothing there, expired: the next pull follows at once

Handle: TypeAlias = Callable[[str, Msg], Awaitable[bool]]
"""Called with the consumer's name and a message. True: done, acknowledge it. False: leave it unacknowledged."""


@dataclass(slots=True)
class _Slot:
    """One consumer of a client, with the pull that is out for it."""

    stream: str
    consumer: str
    batch: int
    serial: int = 0  # of the pull that is out; what comes in answer to an older one is passed over
    wanted: int = 0  # messages that the pull may still bring
    in_hand: int = 0  # messages that are being handled
    deadline: float = 0.0  # on the loop's clock: when an unanswered pull counts as lost
    queue: asyncio.Queue[Msg] = field(default_factory=asyncio.Queue)
    worker: asyncio.Task[None] | None = None


class Client:
    """One process's pulls on some consumers, under an inbox of its own.

    `leave()` ends it as the end of its process would: its inbox is gone at once, so the server drops its pulls, and
    what it had in hand stays unacknowledged.
    """

    def __init__(self, link: Link, handle: Handle, rng: random.Random) -> None:
        self._link = link
        self._handle = handle
        self._rng = rng
        self._slots: list[_Slot] = []
        self._index: dict[str, int] = {}
        self._inbox = ""
        self._subscription: Subscription | None = None
        self.acknowledging = True
        """Cleared: it goes on pulling, and acknowledges nothing any more (a client that hangs)."""

    @property
    def joined(self) -> bool:
        return self._subscription is not None

    @property
    def busy(self) -> bool:
        """Whether a message is being handled."""
        return any(slot.in_hand for slot in self._slots)

    def add(self, stream: str, consumer: str, batch: int = 1) -> None:
        """Will pull from this consumer, `batch` messages at a time, once joined."""
        self._index[consumer] = len(self._slots)
        self._slots.append(_Slot(stream, consumer, batch))

    async def join(self) -> None:
        """Subscribes and begins to pull."""
        self.acknowledging = True
        self._inbox = self._link.nc.new_inbox()
        self._subscription = await self._link.nc.subscribe(f"{self._inbox}.>", cb=self._receive)
        for index in range(len(self._slots)):
            await self._pull(index)

    async def leave(self) -> None:
        """Ends at once, whatever is in hand."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with contextlib.suppress(*FAILURES):
                await subscription.unsubscribe()
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.cancel()
            slot.worker, slot.wanted, slot.in_hand, slot.queue = None, 0, 0, asyncio.Queue()

    async def finish(self) -> None:
        """Ends in good order: asks for nothing more, and acknowledges what it has in hand."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with contextlib.suppress(*FAILURES):
                await subscription.drain()  # type: ignore[no-untyped-call]  # what was sent already still comes

    async def look_after(self) -> None:
        """Pulls again where a pull was lost. To be called every few seconds."""
        now = asyncio.get_running_loop().time()
        for index, slot in enumerate(self._slots):
            if self.joined and not slot.in_hand and now > slot.deadline:
                await self._pull(index)

    async def pull_again(self) -> None:
        """All pulls are lost: the connection is a new one."""
        for index, slot in enumerate(self._slots):
            if self.joined and not slot.in_hand:
                await self._pull(index)

    async def _pull(self, index: int) -> None:
        slot = self._slots[index]
        expires = EXPIRES * self._rng.uniform(0.8, 1.0)  # so that they do not all expire together
        slot.serial += 1
        slot.wanted, slot.deadline = slot.batch, asyncio.get_running_loop().time() + expires + GRACE
        body = {"batch": slot.batch, "expires": int(expires * 1e9)}
        with contextlib.suppress(*FAILURES):
            subject = f"{self._link.prefix}.CONSUMER.MSG.NEXT.{slot.stream}.{slot.consumer}"
            await self._link.nc.publish(subject, encode(body), reply=f"{self._inbox}.{index}.{slot.serial}")

    async def _receive(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status") if not message.reply else None
        if status is not None:  # under the inbox's subject; messages come under their own
            index, serial = (int(token) for token in message.subject.split(".")[-2:])
            await self._refused(index, serial, status)
            return
        index = self._index[message.metadata.consumer]
        slot = self._slots[index]
        slot.wanted -= 1
        slot.in_hand += 1
        slot.queue.put_nowait(message)
        if slot.worker is None or slot.worker.done():
            slot.worker = asyncio.create_task(self._work(index))

    async def _refused(self, index: int, serial: int, status: str) -> None:
        slot = self._slots[index]
        if serial != slot.serial:
            return
        slot.wanted = 0
        if status not in _PATIENT:
            slot.deadline = asyncio.get_running_loop().time() + RETRY  # `look_after` tries again
        elif not slot.in_hand:
            await self._pull(index)

    async def _work(self, index: int) -> None:
        """Handles what has come, one after the other, then pulls again."""
        slot = self._slots[index]
        while not slot.queue.empty():
            message = slot.queue.get_nowait()
            try:
                done = await self._handle(slot.consumer, message)
            except FAILURES:  # the broker is away: it will deliver this again
                done = False
            if done and self.acknowledging:
                await self._link.publish(message.reply, b"+ACK")
            slot.in_hand -= 1
        if self.joined and slot.wanted <= 0:
            await self._pull(index)
