"""Dead letters: read from the end of the streams that keep them, and from live advisories where no stream does."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.model.broker import Stream
from app.model.deadstreams import keeps_advisories_of, keeps_dead_letters
from app.model.events import DELETED_REASONS, Advisory
from app.model.fleet import Agent, parse_consumer, sanitise_host
from app.model.jobs import DeadKind, DeadLetter
from app.model.text import REPLACEMENT, clean
from app.sources.deadscan import Backwards
from app.sources.errors import LinkDown, SourceError
from app.sources.jobtable import JobTable
from app.sources.jobwire import DeadAdvisory, dead_advisory, job_id
from app.sources.shapes import shown_name
from app.sources.stored import Stored, StoredMessages

PER_TICK = 16
"""Messages read in one collection."""
COUNTED = 4
"""Of these, requests that count towards the budget, which is the broker's source's own."""
KEPT = 1000
_PAUSE = 10.0
"""Seconds until a stream that could not be read is tried again."""
_LOOKS = 3
"""How often an original message is asked for that is not there: the first asked may lag behind."""


@dataclass(slots=True, eq=False)
class _Letter:
    """One dead letter. `original`: stream (as the server spells it) and sequence of a message not looked up yet."""

    record: DeadLetter
    order: tuple[datetime, int]
    machine: str = ""
    original: tuple[str, int] | None = None
    looks: int = 0


@dataclass(slots=True, eq=False)
class _Kept:
    """One stream of dead letters."""

    stream: Stream
    scan: Backwards = field(default_factory=Backwards)
    letters: dict[int, _Letter] = field(default_factory=dict)
    doubted: set[int] = field(default_factory=set)  # letters that a look from the beginning has not found yet
    differing: int = 0  # collections in a row in which the stream holds another number than we know
    resume: float = 0.0  # monotonic; nothing is read before that


class DeadLetters:
    """The newest dead letters of an account. `records` are by key."""

    def __init__(self, stored: StoredMessages, patterns: Iterable[str], dlq: str, jobs_stream: str) -> None:
        self._stored = stored
        self._patterns = tuple(patterns)
        self._dlq = dlq
        self._jobs_stream = jobs_stream
        self._streams: dict[str, _Kept] = {}
        self._noted: dict[str, _Letter] = {}
        self._namespace = ""
        self._fleet = False
        self._all: Mapping[str, Stream] = {}
        self._shown_of: tuple[DeadLetter, ...] = ()
        self.records: dict[str, DeadLetter] = {}
        self.error: SourceError | None = None  # of the last reading
        self.dead = 0  # messages in the dead-letter streams of the fleet's job stream

    # --- which streams

    def look(self, streams: Mapping[str, Stream], namespace: str, fleet: bool) -> None:
        """Takes in the streams as just listed: which keep dead letters, and what is in them no more."""
        if (self._namespace, self._fleet) != (namespace, fleet):
            self._streams.clear()  # what the letters say of jobs and hosts was another fleet's, or nothing
        self._all, self._namespace, self._fleet = streams, namespace, fleet
        found = {name: stream for name, stream in streams.items() if self._keeps(stream)}
        for name in self._streams.keys() - found.keys():
            del self._streams[name]
        for name, stream in found.items():
            kept = self._streams.get(name)
            if kept is None or kept.scan.created != stream.created:
                kept = self._streams[name] = _Kept(stream)
                kept.scan.created = stream.created
            kept.stream = stream
            _follow(kept)
        self.dead = sum(stream.messages for stream in found.values() if self._of_the_fleet(stream)) if fleet else 0

    def _keeps(self, stream: Stream) -> bool:
        if REPLACEMENT in stream.name:
            return False  # its name cannot be asked for as it is shown
        return keeps_dead_letters(stream, self._patterns) or (self._fleet and stream.name == self._infra(self._dlq))

    def _of_the_fleet(self, stream: Stream) -> bool:
        jobs = self._infra(self._jobs_stream)
        return stream.name == self._infra(self._dlq) or keeps_advisories_of([stream], jobs)

    def _infra(self, name: str) -> str:
        return f"{self._namespace}-{name}" if self._namespace else name

    @property
    def any(self) -> bool:
        """Whether there is a stream of dead letters."""
        return bool(self._streams)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be read."""
        return not any(self._wants(kept) for kept in self._streams.values())

    def note(self, advisories: Iterable[Advisory]) -> None:
        """Takes in live advisories; those that a stream keeps are read from there."""
        for one in advisories:
            if one.own or one.type not in ("max_deliver", "terminated"):
                continue
            terminated = one.type == "terminated"
            if keeps_advisories_of((kept.stream for kept in self._streams.values()), one.stream, terminated=terminated):
                continue
            record = DeadLetter(f"advisory/{one.stream}/{one.sequence}", at=one.at)
            told = DeadAdvisory(terminated, one.stream, one.consumer, one.sequence, one.deliveries, one.reason)
            self._noted.pop(record.key, None)
            self._noted[record.key] = self._letter(record, told, one.at)
        for key in list(self._noted)[:-KEPT]:
            del self._noted[key]

    # --- reading

    async def read(self) -> None:
        """Reads what is not known yet, the newest first, as much as one collection may. Raises LinkDown only."""
        left, counted, clock = PER_TICK, COUNTED, time.monotonic()
        self.error = None
        for kept in self._streams.values():
            while left > 0 and self._wants(kept) and kept.resume <= clock:
                cost = self._stored.counted(kept.stream.allow_direct)
                if cost > counted:
                    break
                left, counted = left - 1, counted - cost
                await self._read_one(kept)
        await self._resolve(left, counted)

    def _wants(self, kept: _Kept) -> bool:
        """Whether a message of this stream would be among the newest that are kept."""
        return bool(kept.scan.ranges) and (len(kept.letters) < KEPT or kept.scan.ranges[-1][1] > min(kept.letters))

    async def _read_one(self, kept: _Kept) -> None:
        asked = kept.scan.probe()
        name = kept.stream.name
        try:
            message = await self._stored.at(name, asked, ">", direct=kept.stream.allow_direct)
        except LinkDown:
            raise
        except SourceError as error:
            kept.resume = time.monotonic() + _PAUSE
            self.error = error
            return
        if kept.scan.found(asked, message.sequence if message else None) and message is not None:
            kept.doubted.discard(message.sequence)
            if message.sequence not in kept.letters:
                kept.letters[message.sequence] = self._made_of(kept.stream, message)
            if len(kept.letters) > KEPT:
                del kept.letters[min(kept.letters)]

    def _made_of(self, stream: Stream, message: Stored) -> _Letter:
        record = DeadLetter(
            f"{stream.name}/{message.sequence}", at=message.at, stream=stream.name, sequence=message.sequence
        )
        told = dead_advisory(message.payload)
        if told is not None:
            return self._letter(record, told, message.at)
        record = replace(record, kind=DeadKind.COPY, subject=clean(message.subject, 255))
        if _is_uuid(id_ := job_id(message.payload)):
            record = replace(record, job=id_)
        return _Letter(record, (message.at, message.sequence))

    def _letter(self, record: DeadLetter, told: DeadAdvisory, at: datetime) -> _Letter:
        parsed = parse_consumer(told.consumer) if told.stream == self._infra(self._jobs_stream) else None
        record = replace(
            record,
            kind=_kind(told),
            origin=shown_name(told.stream),
            consumer=shown_name(told.consumer),
            origin_sequence=told.sequence,
            deliveries=told.deliveries,
            error="" if told.reason in DELETED_REASONS else told.reason,
        )
        original = (told.stream, told.sequence) if told.sequence else None
        machine = parsed.machine if parsed else ""
        return _Letter(record, (at, record.sequence or told.sequence), machine, original)

    async def _resolve(self, left: int, counted: int) -> None:
        """Looks up the original messages, of the newest letters first."""
        chosen: list[Awaitable[None]] = []
        open_ = [letter for letter in self._letters() if letter.original is not None]
        for letter in heapq.nlargest(left, open_, key=lambda one: one.order):
            name, sequence = letter.original or ("", 0)
            origin = self._all.get(name)
            if origin is None or sequence < origin.first_seq:
                letter.original = None  # the message is gone
                continue
            cost = self._stored.counted(origin.allow_direct)
            if cost <= counted:
                counted -= cost
                chosen.append(self._look_up(letter, origin, sequence))
        await asyncio.gather(*chosen)

    async def _look_up(self, letter: _Letter, origin: Stream, sequence: int) -> None:
        letter.looks += 1
        message = None
        try:
            message = await self._stored.at(origin.name, sequence, direct=origin.allow_direct)
        except LinkDown:
            raise
        except SourceError as error:
            self.error = error
        if message is not None:
            id_ = job_id(message.payload) if self._fleet and origin.name == self._infra(self._jobs_stream) else ""
            letter.record = replace(letter.record, subject=clean(message.subject, 255), job=id_)
        if message is not None or letter.looks >= _LOOKS:
            letter.original = None

    def _letters(self) -> Iterable[_Letter]:
        for kept in self._streams.values():
            yield from kept.letters.values()
        yield from self._noted.values()

    # --- what is shown

    def show(self, jobs: JobTable, agents: Mapping[str, Agent]) -> bool:
        """Adds what is known of the jobs and hosts behind the letters; True where `records` are others than before."""
        newest = heapq.nlargest(KEPT, self._letters(), key=lambda one: one.order)
        for letter in newest:
            _complete(letter, jobs, agents)
        shown = tuple(letter.record for letter in newest)
        if len(shown) == len(self._shown_of) and all(map(_is, shown, self._shown_of)):
            return False
        self._shown_of = shown
        self.records = {record.key: record for record in shown}
        return True

    def by_job(self) -> dict[str, int]:
        """How many letters each job has."""
        found: dict[str, int] = {}
        for record in self.records.values():
            if record.job:
                found[record.job] = found.get(record.job, 0) + 1
        return found


def _kind(told: DeadAdvisory) -> DeadKind:
    if not told.terminated:
        return DeadKind.MAX_DELIVER
    return DeadKind.DELETED if told.reason in DELETED_REASONS else DeadKind.TERMINATED


def _follow(kept: _Kept) -> None:
    """Forgets what the stream has dropped, and looks again where its number of messages says that we err."""
    stream, scan = kept.stream, kept.scan
    if not scan.ranges and kept.doubted:
        for sequence in kept.doubted:
            kept.letters.pop(sequence, None)
        kept.doubted.clear()
    for sequence in [sequence for sequence in kept.letters if sequence < stream.first_seq]:
        del kept.letters[sequence]
    scan.extend(stream.first_seq if stream.messages else stream.last_seq + 1, stream.last_seq)
    known = len(kept.letters)
    differs = not scan.ranges and known < KEPT and known != stream.messages
    kept.differing = kept.differing + 1 if differs else 0
    if kept.differing >= 2:
        kept.differing = 0
        if known > stream.messages:  # single ones were deleted: which, nobody says
            kept.doubted = set(kept.letters)
        scan.again(kept.letters.keys() - kept.doubted, stream.first_seq, stream.last_seq)


def _complete(letter: _Letter, jobs: JobTable, agents: Mapping[str, Agent]) -> None:
    record = letter.record
    host = record.host
    if letter.machine:
        agent = agents.get(letter.machine)
        host = agent.hostname if agent is not None else host or letter.machine
    operation, error = record.operation, record.error
    if record.job:
        operation = jobs.operation(record.job) or operation
        error = jobs.error(record.job, sanitise_host(host) if host else "") or error
    if (host, operation, error) != (record.host, record.operation, record.error):
        letter.record = replace(record, host=host, operation=operation, error=error)


def _is(one: DeadLetter, other: DeadLetter) -> bool:
    return one is other


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4
