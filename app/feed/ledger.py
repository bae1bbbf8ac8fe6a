"""Ledger: the worker's side of the wire. It knows when each row last changed, and answers with what a deck lacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.feed.wire import ALWAYS, END, ROWS_PER_LINE, Mark, encode_head, encode_record, encode_rows
from app.model.changes import Changes
from app.model.snapshot import SECTIONS, Snapshot

TOMBSTONE_AGE = 600.0
"""Seconds for which it is remembered that a row went; to a deck that was away longer the section is sent whole."""
_ANSWERS_KEPT = 8


@dataclass(slots=True, eq=False)
class _Row:
    """A record, and the seq at which it became what it is."""

    record: Any
    seq: int


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What one section contributes to one answer. Rows never change, so a part stays true while it is being sent."""

    section: str
    whole: bool
    rows: tuple[_Row, ...]
    gone: tuple[str, ...]


@dataclass(slots=True, eq=False)
class _Table:
    """One section: rows and tombstones, each in the order in which they last changed."""

    name: str
    rows: dict[str, _Row] = field(default_factory=dict)
    gone: dict[str, tuple[int, float]] = field(default_factory=dict)
    changes: Changes[Any] = field(default_factory=Changes)
    changed: int = 0  # seq of the last change
    forgotten: int = 0  # seq of the youngest tombstone that is no longer kept

    def update(self, table: Mapping[str, Any], seq: int, now: float) -> None:
        changed, gone = self.changes.of(table)
        rows = self.rows
        for key in changed:
            record, row = table[key], rows.get(key)
            if row is not None:
                if row.record is record:
                    continue
                if row.record == record:
                    row.record = record  # the same facts: the next comparison is by identity again
                    continue
                del rows[key]
            rows[key] = _Row(record, seq)
            self.gone.pop(key, None)
            self.changed = seq
        for key in gone:
            del rows[key]
            self.gone[key] = (seq, now)
            self.changed = seq

    def forget(self, before: float) -> None:
        """Lets go of tombstones older than `before`."""
        while self.gone:
            key = next(iter(self.gone))
            seq, at = self.gone[key]
            if at > before:
                return
            del self.gone[key]
            self.forgotten = seq

    def part(self, since: int | None) -> _Part | None:
        """What changed after `since`, or all; None when there is nothing to tell."""
        if since is None or since < self.forgotten:
            return _Part(self.name, True, tuple(self.rows.values()), ())
        if self.changed <= since:
            return None
        rows: list[_Row] = []
        for row in reversed(self.rows.values()):
            if row.seq <= since:
                break
            rows.append(row)
        gone: list[str] = []
        for key, (seq, _) in reversed(self.gone.items()):
            if seq <= since:
                break
            gone.append(key)
        return _Part(self.name, False, tuple(rows), tuple(gone))


class Ledger:
    """Answers any number of decks from one stream of snapshots. Belongs to one event loop.

    A row is the same while it is the same object or equal; each keeps the seq at which it last changed. The bytes of
    news are kept until there are others, so that ten decks cost what one costs; those of whole sections are not: few
    ask for them, and of a large fleet they weigh as much as all its records.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._snapshot = Snapshot()
        self._tables = {name: _Table(name) for name in SECTIONS}
        self._head = b""
        self._notable: object = None
        self._head_changed = 0
        self._answers: dict[tuple[Mark | None, frozenset[str]], bytes] = {}
        self._bytes: dict[_Row, bytes] = {}

    @property
    def mark(self) -> Mark:
        """The snapshot that answers tell about now."""
        return Mark(self._snapshot.epoch, self._snapshot.seq)

    def update(self, snapshot: Snapshot) -> None:
        """Takes in a newer snapshot; the one at hand already, or an older one of the same epoch, changes nothing."""
        if snapshot.epoch != self._snapshot.epoch:
            seq = snapshot.seq  # nothing is known of what went before it
            self._tables = {name: _Table(name, changed=seq, forgotten=seq) for name in SECTIONS}
            self._notable = None
        elif snapshot.seq <= self._snapshot.seq:
            return
        now = self._clock()
        self._snapshot = snapshot
        self._head = b""
        self._answers.clear()
        self._bytes.clear()
        notable = _notable(snapshot)
        if notable != self._notable:
            self._notable = notable
            self._head_changed = snapshot.seq
        for name, table in self._tables.items():
            table.update(snapshot.section(name), snapshot.seq, now)
            table.forget(now - TOMBSTONE_AGE)

    def news(self, since: Mark | None, sections: Collection[str]) -> bool:
        """Whether a deck that read up to `since` should be answered at once.

        Rows of its sections and the findings, the status and error of a source, the connection, what there is to
        see, the verdict and the counts are news. A round trip time and the age of facts are not: they come along.
        """
        if since is None or since.epoch != self._snapshot.epoch or since.seq > self._snapshot.seq:
            return True
        return self._head_changed > since.seq or any(
            self._tables[name].changed > since.seq for name in ALWAYS.union(sections)
        )

    def answer(self, since: Mark | None, sections: Collection[str]) -> bytes:
        """The answer as one piece. KeyError for a section that does not exist."""
        key = (since, ALWAYS.union(sections))
        answer = self._answers.get(key)
        if answer is None:
            answer = b"".join(self.lines(since, sections))
            while len(self._answers) >= _ANSWERS_KEPT:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = answer
        return answer

    def lines(self, since: Mark | None, sections: Collection[str]) -> Iterator[bytes]:
        """The answer line by line. What it tells is settled by this call; rows are encoded as lines are taken."""
        seq = since.seq if since is not None and since.epoch == self._snapshot.epoch else None
        if seq is not None and seq > self._snapshot.seq:
            seq = None
        asked = ALWAYS.union(sections)
        if unknown := asked - SECTIONS.keys():
            raise KeyError(min(unknown))
        parts = [part for name in SECTIONS if name in asked and (part := self._tables[name].part(seq)) is not None]
        if not self._head:
            self._head = encode_head(self._snapshot)
        return self._lines(self._head, parts)

    def size(self, since: Mark | None, sections: Collection[str]) -> int:
        """About how many rows an answer holds, to choose between one piece and lines."""
        if since is None or since.epoch != self._snapshot.epoch:
            return sum(len(self._tables[name].rows) for name in ALWAYS.union(sections))
        return sum(len(part.rows) for name in ALWAYS.union(sections) if (part := self._tables[name].part(since.seq)))

    def _lines(self, head: bytes, parts: list[_Part]) -> Iterator[bytes]:
        yield head
        for part in parts:
            for start in range(0, max(len(part.rows), 1), ROWS_PER_LINE):
                rows = part.rows[start : start + ROWS_PER_LINE]
                data = [encode_record(row.record) for row in rows] if part.whole else list(map(self._encoded, rows))
                first = start == 0
                yield encode_rows(part.section, part.whole and first, data, part.gone if first else ())
        yield END

    def _encoded(self, row: _Row) -> bytes:
        data = self._bytes.get(row)
        if data is None:
            data = self._bytes[row] = encode_record(row.record)
        return data


def _notable(snapshot: Snapshot) -> object:
    """What of the head is news when it changes."""
    site = snapshot.site
    return (
        replace(site.connection, rtt=None),
        (site.name, site.server, site.capabilities, site.namespace, site.namespaces, site.interval, site.actions),
        tuple((name, state.status, state.error, state.denied) for name, state in sorted(snapshot.sources.items())),
        snapshot.verdict,
        dict(snapshot.counts),
        snapshot.queue,
    )
