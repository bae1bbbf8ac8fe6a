"""Wire: how a snapshot travels from worker to deck. Lines of JSON: a head, lines of rows by section, an end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from app.model.jobs import Queue
from app.model.snapshot import SECTIONS, Count, Site, Snapshot, SourceState, Verdict
from app.model.text import clean

T = TypeVar("T")
WIRE = 4
"""The number of this format. Another number is another language: the deck says so and reads no further."""
ROWS_PER_LINE = 500
"""At most so many rows a line, so that reading one never holds up an event loop."""
ALWAYS = frozenset({"findings"})
"""Sections that are in every answer, asked for or not."""
END = b'{"end":true}\n'
BYE = b'{"bye":true}\n'
"""The whole answer of a worker that is stopping."""


class WireError(Exception):
    """An answer that cannot be read; the text says why in one sentence."""


class WireMismatch(WireError):
    """The worker speaks another wire; the sentence names both numbers and what to update."""


class WorkerLeaving(WireError):
    """The worker said goodbye: it is stopping."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a deck has read: the worker's run, and the seq of the last snapshot taken in."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Mark:
        """Reads `<epoch>.<seq>`; ValueError if it is not that."""
        epoch, dot, seq = text.rpartition(".")
        if not dot or not (seq.isascii() and seq.isdecimal()) or len(seq) > 15:
            raise ValueError("not <epoch>.<seq>")
        return cls(epoch, int(seq))


class Head(msgspec.Struct, frozen=True):
    """First line: whose answer, as of when, and what is always whole. `at` is the worker's clock."""

    wire: int
    version: str
    epoch: str
    seq: int
    at: datetime | None
    site: Site
    sources: dict[str, SourceState]
    verdict: Verdict
    counts: dict[str, Count]
    queue: Queue | None = None


class Rows(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of one section. `whole` is on a section's first line only: forget what you had of it."""

    section: str
    whole: bool = False
    rows: msgspec.Raw = msgspec.Raw(b"[]")
    gone: list[str] = []


class _Greeting(msgspec.Struct):
    """What every wire's first line must tell."""

    wire: int = 0
    version: str = ""
    bye: bool = False


class _End(msgspec.Struct):
    end: bool


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A whole answer: its head, and its lines as they came."""

    head: Head
    lines: tuple[Rows, ...]


_ENCODER = msgspec.json.Encoder()
_GREETING = msgspec.json.Decoder(_Greeting)
_HEAD = msgspec.json.Decoder(Head)
_ROWS = msgspec.json.Decoder(Rows)
_END = msgspec.json.Decoder(_End)
_RECORDS = {name: msgspec.json.Decoder(list[record]) for name, record in SECTIONS.items()}  # type: ignore[valid-type]


def encode_record(record: Any) -> bytes:
    """One row as JSON."""
    return _ENCODER.encode(record)


def encode_head(snapshot: Snapshot) -> bytes:
    """The head line of a snapshot."""
    head = Head(
        wire=WIRE,
        version=snapshot.site.version,
        epoch=snapshot.epoch,
        seq=snapshot.seq,
        at=snapshot.at,
        site=snapshot.site,
        sources=dict(snapshot.sources),
        verdict=snapshot.verdict,
        counts=dict(snapshot.counts),
        queue=snapshot.queue,
    )
    return _ENCODER.encode(head) + b"\n"


def encode_rows(section: str, whole: bool, rows: Collection[bytes], gone: Collection[str]) -> bytes:
    """One line of a section, of rows that are encoded already."""
    line = Rows(section, whole, msgspec.Raw(b"[" + b",".join(rows) + b"]"), list(gone))
    return _ENCODER.encode(line) + b"\n"


def decode_answer(body: bytes, version: str = "") -> Answer:
    """Reads an answer's frame; its rows are read by `decode_records`, a line at a time.

    `version` is this program's, for the sentence of a mismatch. Raises WireMismatch, WorkerLeaving, or WireError
    for everything else that is not a whole answer.
    """
    lines = _lines(body)
    if not lines:
        raise WireError("the worker's answer is empty")
    try:
        greeting = _GREETING.decode(lines[0])
        if greeting.bye:
            raise WorkerLeaving("the worker is stopping")
        if greeting.wire != WIRE:
            raise WireMismatch(_mismatch(greeting, version))
        head = _HEAD.decode(lines[0])
        if len(lines) == 1 or not _END.decode(lines[-1]).end:
            raise WireError("the worker's answer ends early")
        return Answer(head, tuple(map(_ROWS.decode, lines[1:-1])))
    except msgspec.MsgspecError as error:
        raise WireError(f"the worker's answer cannot be read: {clean(str(error), 200)}") from error
    except UnicodeDecodeError as error:
        raise WireError("the worker's answer cannot be read: not UTF-8") from error


def _lines(body: bytes) -> list[memoryview]:
    """The lines of a body, none of them copied: a large fleet's first answer is tens of megabytes."""
    view, lines, start = memoryview(body), [], 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        lines.append(view[start:end])
        start = end + 1
    return lines


def decode_records(line: Rows) -> list[Any]:
    """The records of one line; WireError if they are not what the section holds."""
    decoder = _RECORDS.get(line.section)
    if decoder is None:
        raise WireError(f"the worker's answer cannot be read: unknown section {clean(line.section, 40)!r}")
    try:
        records: list[Any] = decoder.decode(line.rows)
        return records
    except msgspec.MsgspecError as error:
        raise WireError(f"the worker's answer cannot be read: {line.section}: {clean(str(error), 200)}") from error
    except UnicodeDecodeError as error:
        raise WireError(f"the worker's answer cannot be read: {line.section}: not UTF-8") from error


def decode_answer_to(body: bytes, kind: type[T]) -> T:
    """The answer to a question, as what it is; WireError if it is not that."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise WireError(f"the worker's answer cannot be read: {clean(str(error), 200)}") from error


def _mismatch(theirs: _Greeting, version: str) -> str:
    if theirs.wire == 0:
        return f"what answers is not a watchdeck worker, or one without a wire; this deck speaks wire {WIRE}"
    worker = f"worker {clean(theirs.version, 40)}".rstrip()
    deck = f"this deck {version}".rstrip()
    older = "update this deck" if theirs.wire > WIRE else "update the worker, then start it again"
    return f"{worker} speaks wire {theirs.wire}, {deck} speaks wire {WIRE}: {older}"
