"""Times of messages that cannot be read: what was known of an earlier one is not said of the next."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.model.broker import Consumer, Stream
from app.sources.errors import NotPermitted, RequestTimeout, SourceError
from app.sources.lookups import Lookups
from app.sources.tables import ConsumerEntry, StreamEntry
from app.sources.wire import Message, MessageGet

FIRST = datetime(2026, 11, 22, 14, tzinfo=UTC)


class Api:
    """Answers each question with a message of `FIRST`, or fails."""

    fails: SourceError | None = None
    calls = 0

    def spelling(self, name: str) -> str:
        return f"publish on {name}"

    async def call(self, name: str, kind: type, payload: Any = None, timeout: float = 1.0) -> MessageGet:
        self.calls += 1
        if self.fails is not None:
            raise self.fails
        return MessageGet(message=Message(seq=payload["seq"], time=FIRST))


@pytest.mark.parametrize("fails", [RequestTimeout("late"), NotPermitted("publish", "x"), SourceError("odd")])
async def test_an_old_time_is_not_kept_for_another_message(fails: SourceError) -> None:
    consumer = Consumer("S", "c", pending=3, delivered_stream_seq=4)
    entry = ConsumerEntry("c", consumer, filters=("a",))
    stream = StreamEntry("S", Stream("S", messages=9, first_seq=1, last_seq=9), consumers={"c": entry})
    api, flight = Api(), asyncio.Semaphore(1)
    lookups = Lookups(api)  # type: ignore[arg-type]
    await lookups.fill({"S": stream}, frozenset(), flight, 16)
    assert entry.record.next_at == FIRST
    api.fails = fails
    await lookups.fill({"S": stream}, frozenset(), flight, 16)
    assert entry.record.next_at == FIRST, "the same message still"
    entry.record = replace(entry.record, delivered_stream_seq=5)
    await lookups.fill({"S": stream}, frozenset(), flight, 16)
    assert entry.record.next_at is None


async def test_messages_are_read_within_the_budget_of_requests() -> None:
    entries = {
        name: ConsumerEntry(name, Consumer("S", name, pending=3, delivered_stream_seq=4), filters=("a", "b"))
        for name in ("c", "d", "e")
    }
    stream = StreamEntry("S", Stream("S", messages=9, first_seq=1, last_seq=9), consumers=entries)
    api, flight = Api(), asyncio.Semaphore(1)
    lookups = Lookups(api)  # type: ignore[arg-type]
    await lookups.fill({"S": stream}, frozenset(), flight, 0)
    assert api.calls == 0
    assert lookups.asking == 6, "what is kept for it of the next collection's requests"
    await lookups.fill({"S": stream}, frozenset(), flight, 5)
    assert api.calls == 4
    await lookups.fill({"S": stream}, frozenset(), flight, 5)
    assert [entry.record.next_at for entry in entries.values()] == [FIRST] * 3
    assert lookups.asking == 2
