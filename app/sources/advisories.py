"""Advisories of streams and consumers, as they come: each is sent once, to whoever listens."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from app.model.events import Advisory
from app.model.snapshot import SourceState
from app.model.text import clean
from app.sources.agentwire import moment
from app.sources.connection import NatsLink
from app.sources.errors import NotPermitted, SourceError
from app.sources.shapes import shown_name
from app.sources.states import States

ADVISORY_SOURCE = "advisories"
SUBJECTS = ("$JS.EVENT.ADVISORY.STREAM.>", "$JS.EVENT.ADVISORY.CONSUMER.>")
"""Not `$JS.EVENT.ADVISORY.>`: under `API` the server repeats every answer of its API, ours too."""
MOST = 10_000
"""Advisories that wait to be taken at most."""
_LARGEST = 2**63 - 1

_log = logging.getLogger(__name__)


class _Wire(msgspec.Struct, gc=False):
    """What the kinds of advisories have, all together; each has only some of it."""

    type: str = ""
    timestamp: str = ""
    stream: str = ""
    consumer: str = ""
    action: str = ""
    stream_seq: int = 0
    deliveries: int = 0
    leader: str = ""
    reason: str = ""
    paused: bool | None = None
    pause_until: str = ""


_wires = msgspec.json.Decoder(_Wire)


class AdvisorySource:
    """Listens on the advisories of streams and of consumers. Never raises."""

    def __init__(self, link: NatsLink, *, most: int = MOST) -> None:
        self._link = link
        self._waiting: deque[Advisory] = deque(maxlen=most)
        self._states = States(ADVISORY_SOURCE)
        self._ends: list[Callable[[], Awaitable[None]]] = []
        self._denied: tuple[str, ...] = ()
        self._generation = 0
        self._dropped = 0
        self._told = 0

    @property
    def dropped(self) -> int:
        """How many were lost because nobody took them in time, since the start."""
        return self._dropped

    async def collect(self, now: datetime) -> SourceState:
        """Sees to it that we listen; says how that stands."""
        try:
            if not self._link.up:
                raise SourceError(self._link.connection.error or "not connected")
            if self._generation != self._link.generation:
                await self._listen()
            self._judge(now)
        except SourceError as error:
            if self._states[ADVISORY_SOURCE].good_at is not None:
                self._states.failed((ADVISORY_SOURCE,), str(error))
        except Exception:
            _log.exception("advisories cannot be listened to")
            self._states.failed((ADVISORY_SOURCE,), "internal error, see the log")
        return self._states[ADVISORY_SOURCE]

    def take(self) -> tuple[Advisory, ...]:
        """What came since the last call, oldest first."""
        if not self._waiting:
            return ()
        taken = tuple(self._waiting)
        self._waiting.clear()
        return taken

    async def close(self) -> None:
        """Ends the listening."""
        ends, self._ends = self._ends, []
        for end in ends:
            await end()

    async def _listen(self) -> None:
        await self.close()
        generation, denied = self._link.generation, []
        for subject in SUBJECTS:
            try:
                self._ends.append(await self._link.listen(subject, self._heard))
            except NotPermitted as error:
                denied.append(error.needs)
        self._denied = tuple(denied)
        self._generation = generation

    def _judge(self, now: datetime) -> None:
        lost, self._told = self._dropped - self._told, self._dropped
        if len(self._denied) == len(SUBJECTS):
            self._states.denied(ADVISORY_SOURCE, *self._denied)
        elif self._denied:
            self._states.partial(ADVISORY_SOURCE, now, f"not permitted: {', '.join(self._denied)}", self._denied)
        elif lost:
            self._states.partial(ADVISORY_SOURCE, now, f"{lost} advisories came too fast and were dropped")
        else:
            self._states.good(ADVISORY_SOURCE, now)

    def _heard(self, _subject: bytes, _reply: bytes, payload: bytes, _headers: bytes | None) -> None:
        advisory = read(payload, self._link.now())
        if advisory is None:
            return
        self._dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(advisory)


def read(payload: bytes, now: datetime) -> Advisory | None:
    """One advisory; None if it is none. One without a readable time has ours."""
    try:
        wire = _wires.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError):
        return None
    kind = wire.type.rpartition(".")[2]
    if not kind or not wire.stream:
        return None
    action = wire.action
    if wire.paused is not None:
        action = "pause" if wire.paused else "resume"
    return Advisory(
        at=moment(wire.timestamp) or now,
        type=clean(kind, 60),
        stream=shown_name(wire.stream),
        consumer=shown_name(wire.consumer) if wire.consumer else "",
        action=clean(action, 20),
        sequence=_whole(wire.stream_seq),
        deliveries=_whole(wire.deliveries),
        leader=clean(wire.leader, 100),
        reason=clean(wire.reason, 300),
        own=wire.consumer.startswith("watchdeck-"),
    )


def _whole(number: int) -> int:
    return number if 0 <= number <= _LARGEST else 0
