"""Two messages of a consumer, their times and sequences: the next to be delivered, and what holds its floor.

The counters say how many, only the messages say since when. One message is read per question, always by "next by
subject", since a deleted sequence has no answer; kept until the sequence moves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from app.model.broker import Answer
from app.sources.client import fields
from app.sources.errors import ApiError, LinkDown, NotPermitted, RequestTimeout, SourceError
from app.sources.jsapi import JetStreamApi
from app.sources.shapes import moment
from app.sources.tables import ConsumerEntry, StreamEntry
from app.sources.wire import MessageGet

PER_TICK = 16
"""Messages read in one collection."""
_TIMEOUT = 2.0
_LARGE = 65_536
"""Bytes of a message, on average, that cost as much as another lookup."""
_FILTERS = 8
"""Filters of one consumer up to which each is asked for."""
_PAUSE = 10
"""Collections until a question without an answer is asked again."""
_AGAIN = 60.0
"""Seconds until a refused way is tried again."""

_Key = tuple[str, str, datetime | None]
"""Consumer, field, and when the consumer was made: another of the same name shares nothing with it."""

_times = msgspec.json.Decoder(datetime)


@dataclass(slots=True)
class _Known:
    """What was found from one sequence on: the message's sequence (0: none there) and time."""

    asked: int
    sequence: int
    at: datetime | None
    turn: int


@dataclass(frozen=True, slots=True)
class _Question:
    """`field` is the Consumer's field that the answer's time fills: `next_at` or `stuck_at`."""

    stream: StreamEntry
    consumer: ConsumerEntry
    field: str
    sequence: int
    turn: int
    on_screen: bool

    @property
    def key(self) -> _Key:
        return (self.consumer.record.key, self.field, self.consumer.record.created)

    @property
    def cost(self) -> int:
        stream = self.stream.record
        average = stream.bytes // stream.messages if stream.messages else 0
        return max(1, len(self.consumer.filters)) * (1 + average // _LARGE)


class Lookups:
    """Fills `next_at` and `stuck_at` of consumers, and the sequences beside them, a few a collection."""

    def __init__(self, api: JetStreamApi) -> None:
        self._api = api
        self._known: dict[_Key, _Known] = {}
        self._turn = 0
        self._resume = 0  # turn before which no message is read
        self._no_direct = 0.0  # monotonic until when it is not tried
        self._no_get = 0.0
        self.denied: tuple[str, ...] = ()
        self.asking = 0  # requests of the budget that the last collection had a use for, PER_TICK at most

    def forget(self) -> None:
        """After a reconnect: permissions and messages may be others."""
        self._known.clear()
        self._resume = 0
        self._no_direct = self._no_get = 0.0
        self.denied = ()

    async def fill(
        self, streams: Mapping[str, StreamEntry], looking_at: frozenset[str], flight: asyncio.Semaphore, budget: int
    ) -> None:
        """Answers what is free at once, then up to PER_TICK questions. Raises LinkDown only.

        `budget` is how many of them may be requests that count; `DIRECT.GET` does not.
        """
        self._turn += 1
        open_ = [question for question in self._questions(streams, looking_at) if not self._free(question)]
        open_.sort(key=lambda question: (not question.on_screen, question.turn))
        chosen: list[_Question] = []
        left = PER_TICK if self._turn >= self._resume else 0
        self.asking = 0
        for question in open_:
            if left <= 0:
                break
            if question.cost <= left or not chosen:
                counted = self._counted(question)
                self.asking = min(PER_TICK, self.asking + counted)
                if counted > budget:
                    continue
                budget -= counted
                chosen.append(question)
                left -= question.cost
        await asyncio.gather(*(self._answer(question, flight) for question in chosen))
        self._drop(streams)

    def _questions(self, streams: Mapping[str, StreamEntry], looking_at: frozenset[str]) -> Iterable[_Question]:
        for stream in streams.values():
            for consumer in stream.consumers.values():
                answers = stream.record.answer is consumer.record.answer is Answer.OK
                if not (answers and consumer.active):
                    continue
                record = consumer.record
                seen = f"consumer:{record.key}" in looking_at or f"stream:{record.stream}" in looking_at
                if record.pending:
                    yield self._question(stream, consumer, "next_at", record.delivered_stream_seq + 1, seen)
                if record.ack_pending:
                    yield self._question(stream, consumer, "stuck_at", record.floor_stream_seq + 1, seen)

    def _question(
        self, stream: StreamEntry, consumer: ConsumerEntry, name: str, sequence: int, seen: bool
    ) -> _Question:
        known = self._known.get((consumer.record.key, name, consumer.record.created))
        return _Question(stream, consumer, name, sequence, known.turn if known else -1, seen)

    def _free(self, question: _Question) -> bool:
        """Answers from what is known already: an earlier lookup, or the stream's own first and last message."""
        stream = question.stream.record
        known = self._known.get(question.key)
        if known is not None and known.asked == question.sequence:
            if known.sequence >= stream.first_seq and known.at is not None:
                _fill(question, known.sequence, known.at)
                return True
            if known.sequence == 0 and self._turn - known.turn < _PAUSE:
                return True
        if question.consumer.filters:
            return False
        if question.sequence <= stream.first_seq:
            self._keep(question, stream.first_seq, stream.first_at)
            return True
        if question.sequence == stream.last_seq:
            self._keep(question, stream.last_seq, stream.last_at)
            return True
        return False

    def _counted(self, question: _Question) -> int:
        """Requests of the budget that an answer takes."""
        direct = question.stream.record.allow_direct and time.monotonic() >= self._no_direct
        return 0 if direct else max(1, len(question.consumer.filters))

    async def _answer(self, question: _Question, flight: asyncio.Semaphore) -> None:
        filters = question.consumer.filters or (">",)
        if len(filters) > _FILTERS:
            self._keep(question, 0, None)
            return
        found: list[tuple[int, datetime]] = []
        try:
            for subject in filters:
                async with flight:
                    message = await self._read(question.stream, question.sequence, subject)
                if message is not None:
                    found.append(message)
        except LinkDown:
            raise
        except RequestTimeout:
            self._resume = self._turn + _PAUSE  # a collection must not wait for messages every time
            self._unanswered(question)
            return
        except SourceError:
            self._unanswered(question)
            self._known[question.key] = _Known(question.sequence, 0, None, self._turn)
            return
        sequence, at = min(found, default=(0, None))
        self._keep(question, sequence, at)

    async def _read(self, stream: StreamEntry, sequence: int, subject: str) -> tuple[int, datetime] | None:
        now = time.monotonic()
        if stream.record.allow_direct and now >= self._no_direct:
            try:
                return await self._direct(stream.name, sequence, subject)
            except NotPermitted:
                self._no_direct = now + _AGAIN
        if now < self._no_get:
            raise SourceError("not permitted")
        try:
            return await self._get(stream.name, sequence, subject)
        except NotPermitted:
            self._no_get = now + _AGAIN
            self.denied = (self._api.spelling("STREAM.MSG.GET.>"),)
            raise

    async def _direct(self, stream: str, sequence: int, subject: str) -> tuple[int, datetime] | None:
        body = msgspec.json.encode({"seq": sequence, "next_by_subj": subject})
        reply = await self._api.link.ask(self._api.subject(f"DIRECT.GET.{stream}"), body, _TIMEOUT)
        if reply.status is not None:
            return None  # 404: no such message any more; 408: not understood
        headers = fields(reply.headers)
        try:
            at = moment(_times.decode(msgspec.json.encode(headers["Nats-Time-Stamp"])))
            return (int(headers["Nats-Sequence"]), at) if at else None
        except (KeyError, ValueError) as error:
            raise SourceError("answer not understood") from error

    async def _get(self, stream: str, sequence: int, subject: str) -> tuple[int, datetime] | None:
        body = {"seq": sequence, "next_by_subj": subject}
        try:
            answer = await self._api.call(f"STREAM.MSG.GET.{stream}", MessageGet, body, _TIMEOUT)
        except ApiError:
            return None
        at = moment(answer.message.time) if answer.message else None
        return (answer.message.seq, at) if answer.message and at else None

    def _keep(self, question: _Question, sequence: int, at: datetime | None) -> None:
        self._known[question.key] = _Known(question.sequence, sequence, at, self._turn)
        _fill(question, sequence, at)

    def _unanswered(self, question: _Question) -> None:
        """What is known of an earlier message says nothing of this one."""
        known = self._known.get(question.key)
        if known is None or known.asked != question.sequence:
            _fill(question, 0, None)

    def _drop(self, streams: Mapping[str, StreamEntry]) -> None:
        """Forgets consumers that are gone, now and then."""
        if self._turn % 60 == 0:
            keys = {entry.record.key for stream in streams.values() for entry in stream.consumers.values()}
            self._known = {key: known for key, known in self._known.items() if key[0] in keys}


def _fill(question: _Question, sequence: int, at: datetime | None) -> None:
    consumer = question.consumer
    record = consumer.record
    if question.field == "next_at":
        if record.next_at != at or record.next_seq != sequence:
            consumer.record = replace(record, next_at=at, next_seq=sequence)
    elif record.stuck_at != at or record.stuck_seq != sequence:
        consumer.record = replace(record, stuck_at=at, stuck_seq=sequence)
