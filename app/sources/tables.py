"""Streams and consumers as last listed: a row that did not change stays the same object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from app.model.broker import Answer, Consumer, Stream
from app.sources.shapes import consumer_config, consumer_state, shown_name, stream_config, stream_state
from app.sources.wire import ConsumerConfig, ConsumerRow, Page, StreamConfig, StreamName, StreamRow

_NOTHING = msgspec.Raw(b"")
_names = msgspec.json.Decoder(StreamName)
_stream_configs = msgspec.json.Decoder(StreamConfig)
_consumer_configs = msgspec.json.Decoder(ConsumerConfig)


@dataclass(slots=True, eq=False)
class ConsumerEntry:
    """A consumer, the bytes it was made of, and its filters as the server spells them."""

    name: str
    record: Consumer
    row: ConsumerRow | None = None
    config: bytes = b""
    shape: dict[str, Any] = field(default_factory=dict)
    filters: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Something is pending or unacknowledged, and it is no consumer of ours or of a client library's own."""
        record = self.record
        return bool(record.pending or record.ack_pending) and not (record.own or record.ordered)


@dataclass(slots=True, eq=False)
class StreamEntry:
    """A stream and its consumers, by the names that the server uses."""

    name: str
    record: Stream
    row: StreamRow | None = None
    config: bytes = b""
    shape: dict[str, Any] = field(default_factory=dict)
    consumers: dict[str, ConsumerEntry] = field(default_factory=dict)
    asked: int = -1  # number of the collection in which its consumers were last listed
    moved: bool = False  # something was stored since the collection before
    denied_until: float = 0.0  # monotonic; its consumers may not be listed before that

    @property
    def busy(self) -> bool:
        """Traffic, backlog or something unacknowledged: worth a look every time."""
        if self.moved and not self.record.name.startswith(("KV_", "OBJ_")):
            return True
        return any(entry.active for entry in self.consumers.values())


class Tables:
    """All streams of an account, by the server's names."""

    def __init__(self) -> None:
        self.streams: dict[str, StreamEntry] = {}

    def clear(self) -> None:
        self.streams.clear()

    def take_streams(self, pages: Sequence[Page]) -> datetime | None:
        """Takes a whole list in. What is in no page is gone. Returns the broker's clock as the list saw it."""
        listed: dict[str, StreamEntry] = {}
        clock: datetime | None = None
        for page in pages:
            for row in page.streams or ():
                clock = row.ts or clock
                entry = self._stream(row)
                listed[entry.name] = entry
        for page in pages:
            for name, answer in _silent(page).items():
                if name not in listed:
                    listed[name] = self._silent_stream(name, answer)
        self.streams = listed
        return clock

    def _stream(self, row: StreamRow) -> StreamEntry:
        config = bytes(row.config)
        row.ts, row.config = None, _NOTHING
        name = _names.decode(config).name
        entry = self.streams.get(name)
        if entry is None or entry.row is None or entry.row.created != row.created:
            entry = StreamEntry(name, Stream(name=shown_name(name)))
        elif entry.row == row and entry.config == config and entry.record.answer is Answer.OK:
            entry.moved = False
            return entry
        if entry.config != config:
            entry.config, entry.shape = config, stream_config(_stream_configs.decode(config))
        entry.moved = entry.row is not None and entry.row.state.last_seq != row.state.last_seq
        entry.row = row
        record = Stream(**entry.shape, **stream_state(row))
        if record != entry.record:
            entry.record = record
        if row.state.consumer_count == 0:
            entry.consumers = {}
        return entry

    def _silent_stream(self, name: str, answer: Answer) -> StreamEntry:
        entry = self.streams.get(name) or StreamEntry(name, Stream(name=shown_name(name)))
        if entry.record.answer is not answer:
            entry.record = replace(entry.record, answer=answer)
        entry.moved = False
        return entry

    def take_consumers(self, stream: StreamEntry, pages: Sequence[Page]) -> None:
        """Takes the whole list of one stream's consumers in."""
        listed: dict[str, ConsumerEntry] = {}
        for page in pages:
            for row in page.consumers or ():
                listed[row.name] = self._consumer(stream, row)
        for page in pages:
            for name, answer in _silent(page).items():
                if name not in listed:
                    listed[name] = self._silent_consumer(stream, name, answer)
        stream.consumers = listed

    def silence_consumers(self, stream: StreamEntry) -> None:
        """One stream's consumers were not told this time: what is known of them is the last known."""
        for name in stream.consumers:
            self._silent_consumer(stream, name, Answer.MISSING)

    def _consumer(self, stream: StreamEntry, row: ConsumerRow) -> ConsumerEntry:
        config, row.config = bytes(row.config), _NOTHING
        entry = stream.consumers.get(row.name)
        if entry is None or entry.row is None or entry.row.created != row.created:
            entry = ConsumerEntry(row.name, Consumer(stream=stream.record.name, name=shown_name(row.name)))
        elif entry.row == row and entry.config == config and entry.record.answer is Answer.OK:
            return entry
        if entry.config != config:
            decoded = _consumer_configs.decode(config)
            entry.config, entry.shape = config, consumer_config(decoded)
            entry.filters = tuple(decoded.filter_subjects or filter(None, (decoded.filter_subject,)))
        entry.row = row
        before = entry.record
        record = Consumer(
            stream=before.stream,
            name=before.name,
            next_at=before.next_at if row.num_pending else None,
            next_seq=before.next_seq if row.num_pending else 0,
            stuck_at=before.stuck_at if row.num_ack_pending else None,
            stuck_seq=before.stuck_seq if row.num_ack_pending else 0,
            **entry.shape,
            **consumer_state(row),
        )
        if record != before:
            entry.record = record
        return entry

    def _silent_consumer(self, stream: StreamEntry, name: str, answer: Answer) -> ConsumerEntry:
        entry = stream.consumers.get(name)
        if entry is None:
            entry = ConsumerEntry(name, Consumer(stream=stream.record.name, name=shown_name(name), answer=answer))
        elif entry.record.answer is not answer:
            entry.record = replace(entry.record, answer=answer)
        return entry

    def stream_records(self) -> dict[str, Stream]:
        return {entry.record.name: entry.record for entry in self.streams.values()}

    def consumer_records(self) -> dict[str, Consumer]:
        return {
            consumer.record.key: consumer.record
            for stream in self.streams.values()
            for consumer in stream.consumers.values()
        }


def _silent(page: Page) -> Mapping[str, Answer]:
    """Rows that the list knows by name only."""
    silent = dict.fromkeys(page.missing or (), Answer.MISSING)
    return {**silent, **dict.fromkeys(page.offline or (), Answer.OFFLINE)}
