"""A KV bucket held in memory: one ephemeral ordered push consumer brings the listing, then every change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nats.nuid import NUID

from app.model.broker import Stream
from app.sources import jsapi
from app.sources.client import fields, status
from app.sources.connection import NatsLink
from app.sources.errors import ApiError, LinkDown, NotPermitted, SourceError
from app.sources.jsapi import JetStreamApi
from app.sources.kvmessage import NANO, Entry, marker, position
from app.sources.kvpoll import POLL_EVERY, last_values, subjects_of
from app.sources.tasks import ended, happened
from app.sources.wire import ConsumerMade, Head

HEARTBEAT = 2.0
"""Seconds between the server's signs of life on an idle consumer."""
SILENT = 5.0
"""Seconds without a message or sign of life after which the consumer is made anew."""
THRESHOLD = 5.0
"""Seconds after which the server removes a consumer that nobody listens to."""
_RETRY = 1.0
_NEVER = datetime.min.replace(tzinfo=UTC)

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Feed:
    """One consumer of ours, and how far it has come."""

    name: str
    generation: int
    end: Callable[[], Awaitable[None]]
    heard: float
    delivered: int = 0  # consumer sequence
    seen: set[str] | None = None  # keys of the listing while it runs
    broken: str = ""


class Bucket:
    """The live keys and markers of one bucket, in `entries`, by key.

    Remade by itself after a reconnect, a gap or silence; `check()` adds what only the list of streams can tell.
    `filter_subject` narrows it to a part of the bucket (`jobs.>`). `headers_only`: values are not sent, an entry's
    value is empty. `written_once`: no key is ever written twice, so that without a consumer each is read only once
    (a deletion is then not seen).
    """

    def __init__(
        self,
        link: NatsLink,
        bucket: str,
        filter_subject: str = ">",
        *,
        api: JetStreamApi,
        headers_only: bool = False,
        written_once: bool = False,
    ) -> None:
        self._link = link
        self._api = api
        self.bucket = bucket
        self.stream = f"KV_{bucket}"
        self._prefix = f"$KV.{bucket}."
        self._subject = self._prefix + filter_subject
        self._whole = filter_subject == ">"
        self._headers_only = headers_only
        self._written_once = written_once
        self._in_order = True  # entries stand in the order of the stream
        self.entries: dict[str, Entry] = {}
        self._markers = 0  # of these
        self._loaded = 0  # generation of the link in which a whole listing was taken in; 0: none since the last break
        self.error: SourceError | None = None
        self.good_at: datetime | None = None  # our clock, when the entries were last known to be true
        self.polling = False  # the server lets us make no consumer
        self._changed: set[str] = set()
        self._feed: _Feed | None = None
        self._made: datetime | None = None  # when the stream was created
        self._last = 0  # stream sequence up to which everything was taken in
        self._stream_last = 0
        self._last_checked = -1
        self._ahead = 0  # collections in a row
        self._short = 0
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._no_consumer_until = 0.0

    @property
    def loaded(self) -> bool:
        """Whether the entries are all there is, and every change comes in."""
        return self._link.up and self._loaded == self._link.generation

    def changes(self) -> set[str]:
        """Keys that were written, deleted or dropped since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def revision(self, key: str) -> int:
        """Stream sequence of the last message of a key; 0 where it is not known."""
        entry = self.entries.get(key)
        return entry.revision if entry is not None else 0

    @property
    def live(self) -> int:
        """How many keys there are, without markers."""
        return len(self.entries) - self._markers

    def release(self, keys: Iterable[str]) -> None:
        """The keys' values were read and will not be asked for again: their memory is given back."""
        for key in keys:
            entry = self.entries.get(key)
            if entry is not None and entry.value:
                self.entries[key] = Entry(b"", entry.revision, entry.at, entry.marker)

    def check(self, stream: Stream | None, broker_now: datetime) -> None:
        """Compares with the stream as just listed: re-created, ahead of us, purged, expired. Call once a collection.

        None: the list of streams is not permitted, nothing can be compared.
        """
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep(), name=f"kv {self.bucket}")
        if stream is None:
            return
        if stream.created != self._made:
            if self._made is not None:
                self._forget()
            self._made = stream.created
        self._expire(stream, broker_now)
        self._compare(stream)
        self._stream_last = stream.last_seq
        again = self._loaded and not self.loaded
        if self._link.up and (again or isinstance(self.error, LinkDown)):
            self.error = None
            self._unload()
            self._settled.clear()
            self._wake.set()

    def _compare(self, stream: Stream) -> None:
        if not self.loaded or self.polling:
            self._ahead = self._short = 0
            return
        behind = self._whole and stream.last_seq > self._last == self._last_checked
        self._last_checked = self._last
        self._ahead = self._ahead + 1 if behind else 0
        self._short = self._short + 1 if self._misses(stream) else 0
        if self._ahead >= 2:
            self._break("behind the stream")
        elif self._short >= 2:
            self._break("the bucket was purged")

    def _misses(self, stream: Stream) -> bool:
        """Whether the stream holds fewer messages than we hold entries; a purge sends nothing either."""
        if stream.messages >= len(self.entries):
            return False
        # What was written after that list of streams was made proves nothing.
        return stream.messages < sum(1 for entry in self.entries.values() if entry.revision <= stream.last_seq)

    def _expire(self, stream: Stream, broker_now: datetime) -> None:
        """Expiry sends nothing: entries age out by the broker's time of the message, on the broker's clock.

        What stands before the stream's first message is gone too, be it by age, by a limit or by a purge.
        """
        oldest = broker_now - timedelta(seconds=stream.max_age) if stream.max_age > 0 else _NEVER
        gone = []
        for key, entry in self.entries.items():
            if entry.at < oldest or 0 < entry.revision < stream.first_seq:
                gone.append(key)
            elif self._in_order:
                break
        for key in gone:
            self._drop(key)

    async def settle(self, timeout: float) -> None:
        """Waits until a listing that runs is complete, or has failed."""
        if not self.loaded:
            await happened(self._settled, timeout)

    async def close(self) -> None:
        """Ends the consumer, as far as the server allows."""
        task, self._task = self._task, None
        if task is not None:
            await ended(task)
        await self._end_feed()

    # --- keeping it alive

    async def _keep(self) -> None:
        while True:
            pause = _RETRY
            try:
                pause = await self._tend()
            except LinkDown as error:
                self._failed(error)
                pause = _RETRY / 4
            except SourceError as error:
                self._failed(error)
            except Exception:
                _log.exception("the bucket could not be read")
                self._failed(SourceError("internal error, see the log"))
            await happened(self._wake, pause)
            self._wake.clear()

    async def _tend(self) -> float:
        """Does what is due; returns the seconds until it looks again at the latest."""
        if not self._link.up:
            self._unload()
            raise LinkDown(self._link.connection.error or "not connected")
        feed = self._feed
        clock = time.monotonic()
        if feed is not None and feed.generation == self._link.generation and not feed.broken:
            if clock - feed.heard > SILENT:
                await self._link.drained()  # its messages may stand behind another listing's
            if time.monotonic() - feed.heard <= SILENT:
                if self.loaded:
                    self.good_at = self._link.now()
                return _RETRY
            feed.broken = "silent"
        self._unload()
        if clock < self._no_consumer_until:
            return await self._poll()
        try:
            await self._make()
        except NotPermitted:
            self._no_consumer_until = clock + 60.0
            return await self._poll()
        except ApiError as error:
            if error.number == jsapi.NO_STREAM:
                raise
            _log.info("no consumer for bucket %s: %s", self.bucket, error)
            self._no_consumer_until = clock + 60.0
            return await self._poll()
        self.polling = False
        return _RETRY

    async def _make(self) -> None:
        await self._end_feed()
        name = f"watchdeck-{NUID().next().decode()}"
        feed: _Feed | None = None

        def take(subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
            if feed is not None and feed is self._feed:
                self._take(feed, subject, reply, payload, headers)

        inbox, end = await self._link.subscribe(take)
        feed = _Feed(name, self._link.generation, end, time.monotonic(), seen=set())
        self._feed = feed
        covered = self._stream_last
        config = {
            "name": name,
            "deliver_subject": inbox,
            "deliver_policy": "last_per_subject",
            "ack_policy": "none",
            "replay_policy": "instant",
            "filter_subject": self._subject,
            "idle_heartbeat": int(HEARTBEAT * NANO),
            "inactive_threshold": int(THRESHOLD * NANO),
            "mem_storage": True,
            "num_replicas": 1,
            "max_deliver": 1,
            "headers_only": self._headers_only,
        }
        request = {"stream_name": self.stream, "config": config, "action": "create"}
        call = f"CONSUMER.CREATE.{self.stream}.{name}.{self._subject}"
        try:
            made = await self._api.call(call, ConsumerMade, request)
        except SourceError:
            await self._end_feed(delete=False)
            raise
        # The listing begins after that list of streams: all that it counted is covered, also what is gone by now.
        self._last = max(self._last, covered)
        if made.num_pending == 0 and feed.delivered == 0:
            self._complete(feed)

    async def _end_feed(self, *, delete: bool = True) -> None:
        feed, self._feed = self._feed, None
        if feed is None:
            return
        with contextlib.suppress(SourceError):
            await feed.end()
            if delete and self._link.up and feed.generation == self._link.generation:
                await self._api.call(f"CONSUMER.DELETE.{self.stream}.{feed.name}", Head, timeout=1.0)

    async def _poll(self) -> float:
        """The way without a consumer: keys by `STREAM.INFO`, values by `DIRECT.GET`."""
        self.polling = True
        self._in_order = False
        subjects = await subjects_of(self._api, self.stream, self._subject)
        keys = {subject.removeprefix(self._prefix): subject for subject in subjects}
        if self._headers_only or self._written_once:
            wanted = [subject for key, subject in keys.items() if key not in self.entries]
        else:
            wanted = subjects
        if self._headers_only:
            now = self._link.now()
            for subject in wanted:
                self._put(subject.removeprefix(self._prefix), Entry(b"", 0, now))
        else:
            found = await last_values(self._api, self.stream, wanted)
            for subject, (value, revision, at, headers) in found.items():
                self._put(subject.removeprefix(self._prefix), Entry(value, revision, at, marker(headers)))
            for subject in wanted:
                if subject not in found:
                    keys.pop(subject.removeprefix(self._prefix), None)
        for key in self.entries.keys() - keys.keys():
            self._drop(key)
        self._done()
        return POLL_EVERY

    # --- what comes in

    def _take(self, feed: _Feed, subject: bytes, reply: bytes, payload: bytes, headers: bytes | None) -> None:
        feed.heard = time.monotonic()
        if headers is not None and not reply.startswith(b"$JS.ACK.") and status(headers) is not None:
            self._sign_of_life(feed, headers)
            return
        place = position(reply)
        if place is None or feed.broken:
            return
        sequence, delivered, at, pending = place
        if delivered != feed.delivered + 1:
            self._break("a gap in the bucket's changes")
            return
        feed.delivered = delivered
        key = subject[len(self._prefix) :].decode("utf-8", "replace")
        self._put(key, Entry(payload, sequence, at, marker(headers)))
        self._last = max(self._last, sequence)
        if feed.seen is not None:
            feed.seen.add(key)
            if pending == 0:
                self._complete(feed)

    def _sign_of_life(self, feed: _Feed, headers: bytes) -> None:
        """An idle heartbeat says how far the server believes we are; anything else ends the consumer."""
        if status(headers) != 100:
            self._break("the server ended the consumer")
            return
        last = fields(headers).get("Nats-Last-Consumer", "")
        if last.isdigit() and int(last) != feed.delivered:
            self._break("a gap in the bucket's changes")

    def _complete(self, feed: _Feed) -> None:
        """The listing is whole: what was not in it is there no more."""
        for key in self.entries.keys() - (feed.seen or set()):
            self._drop(key)
        feed.seen = None
        self._done()

    def _done(self) -> None:
        self._loaded = self._link.generation
        self.error = None
        self.good_at = self._link.now()
        self._ahead = self._short = 0
        self._settled.set()

    def _put(self, key: str, entry: Entry) -> None:
        before = self.entries.get(key)
        if before is not None:
            if before.revision == entry.revision > 0 and before.at == entry.at:
                return  # a new listing brings again what is known
            if self._in_order:
                del self.entries[key]
            self._markers -= bool(before.marker)
        self._markers += bool(entry.marker)
        self.entries[key] = entry
        self._changed.add(key)

    def _drop(self, key: str) -> None:
        self._markers -= bool(self.entries.pop(key).marker)
        self._changed.add(key)

    def _break(self, why: str) -> None:
        """Has the consumer made anew, now."""
        if self._feed is not None:
            self._feed.broken = why
        self._unload()
        self._wake.set()

    def _unload(self) -> None:
        if self._loaded:
            self._loaded = 0
            self._settled.clear()

    def _failed(self, error: SourceError) -> None:
        self._unload()
        self.error = error
        self._settled.set()

    def _forget(self) -> None:
        """Another bucket of the same name: nothing of the old one is there."""
        self._changed.update(self.entries)
        self.entries.clear()
        self._markers = 0
        self._last = self._stream_last = 0
        self._break("the bucket was re-created")
