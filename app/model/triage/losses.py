"""Losses: the messages that were dropped before a consumer got them, kept until somebody has seen it.

The broker has no counter for them. Two things tell: the first message of the stream lies beyond what the consumer was
given (only without a filter), and pending fell by more than was delivered (a lower bound, right with a filter too).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from app.model.broker import Consumer, Stream
from app.model.text import count, duration, size


@dataclass(frozen=True, slots=True)
class Loss:
    """What one consumer has lost. `exact` is false for a lower bound; `limit` is what dropped the last of it."""

    count: int
    exact: bool
    since: datetime  # when it was first seen
    last: datetime  # when more of it was last seen
    limit: str = ""


class Losses:
    """What was seen of each durable on a stream with limits retention, and what it has lost."""

    def __init__(self) -> None:
        self._seen: dict[str, Consumer] = {}
        self._counted: dict[str, int] = {}  # up to which sequence of the stream losses are counted
        self._lost: dict[str, Loss] = {}

    def of(self, key: str) -> Loss | None:
        return self._lost.get(key)

    def see(
        self, key: str, consumer: Consumer, stream: Stream, comparable: Callable[[], bool]
    ) -> tuple[int, bool] | None:
        """How many more messages are gone since the last look, and whether that is exact; None if none is.

        `comparable` says whether two looks may be compared: not right after a reconnect or a change of leader.
        """
        before = self._seen.get(key)
        self._seen[key] = consumer
        if before is not None and before.created != consumer.created:
            self._counted.pop(key, None)
            self._lost.pop(key, None)
            before = None
        if consumer.deliver_policy == "last_per_subject":
            return None  # it is not meant to get the others
        if consumer.filters:
            fallen = 0 if before is None or before is consumer else _fallen(before, consumer)
            return (fallen, False) if fallen and comparable() else None
        front = stream.first_seq - 1
        if (consumer if before is None else before).delivered_stream_seq >= front:
            return None
        return self._passed(key, consumer, stream, before if before is not None and comparable() else None)

    def _passed(self, key: str, consumer: Consumer, stream: Stream, before: Consumer | None) -> tuple[int, bool] | None:
        """Sequences that the front of the stream has passed, and the consumer was not given."""
        front, counted = stream.first_seq - 1, self._counted.get(key, 0)
        if counted >= front:
            return None
        skipped = 0
        if before is not None and consumer.delivered_stream_seq > before.delivered_stream_seq:
            given = consumer.delivered_consumer_seq - before.delivered_consumer_seq
            low = max(counted, before.delivered_stream_seq)
            skipped = max(0, min(front, consumer.delivered_stream_seq) - low - max(0, given))
        ahead = max(0, front - max(counted, consumer.delivered_stream_seq))
        self._counted[key] = front
        return (skipped + ahead, skipped == 0 and stream.deleted == 0) if skipped or ahead else None

    def add(self, key: str, stream: Stream, gone: tuple[int, bool], now: datetime) -> None:
        """Keeps what `see` has found."""
        number, exact = gone
        old = self._lost.get(key)
        since, before = (now, 0) if old is None else (old.since, old.count)
        exact = exact and (old is None or old.exact)
        self._lost[key] = Loss(before + number, exact, since, now, dropping_limit(stream))

    def settle(self, key: str) -> None:
        """Somebody has seen what it lost, or it is too long ago: only what goes from now on is news."""
        self._lost.pop(key, None)

    def keep_only(self, keys: Collection[str]) -> None:
        """Forgets consumers that are there no more."""
        for key in [key for key in self._seen if key not in keys]:
            del self._seen[key]
            self._counted.pop(key, None)
            self._lost.pop(key, None)

    @property
    def size(self) -> int:
        """How many consumers are remembered."""
        return len(self._seen)


def _fallen(before: Consumer, now: Consumer) -> int:
    """By how much pending fell more than was delivered. What was published meanwhile makes it less, never more."""
    if now.pending >= before.pending or before.filters != now.filters:
        return 0  # another filter counts other messages
    given = now.delivered_consumer_seq - before.delivered_consumer_seq
    return 0 if given < 0 else max(0, before.pending - now.pending - given)


def dropping_limit(stream: Stream) -> str:
    """What drops the first messages of a stream, as its owner wrote it."""
    if 0 < stream.max_messages <= stream.messages:
        return f"max_msgs {stream.max_messages if stream.max_messages < 100_000 else count(stream.max_messages)}"
    if stream.max_bytes > 0 and stream.bytes >= 0.9 * stream.max_bytes:
        return f"max_bytes {size(stream.max_bytes)}"
    return f"max_age {duration(stream.max_age)}" if stream.max_age > 0 else "purged or deleted"
