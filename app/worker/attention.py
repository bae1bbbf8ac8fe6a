"""The attention desk: takes what people say of findings, keeps it, and sees when it is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from app.model.attention import Mark, MarkKind
from app.model.events import EventKind
from app.model.findings import Finding
from app.model.health import Health
from app.model.snapshot import Snapshot
from app.model.text import clean
from app.model.triage.attention import settle
from app.model.triage.rules import RULES
from app.worker.board import Board

NOTE = 500
"""Characters of a note at most."""
SUBJECT = 300
MOST = 2000
"""Marks at most: each is looked at on every tick."""
UNHEARD = timedelta(minutes=15)
"""After a start, how long a finding that was acknowledged before may take to be seen again."""

_PATIENCE = 2.0
_DONE = {MarkKind.ACK: "acknowledged", MarkKind.SNOOZE: "snoozed", MarkKind.MUTE: "muted"}
_log = logging.getLogger(__name__)


class UnknownFinding(LookupError):
    """There is no such finding now."""


class AttentionDesk:
    """What people have said of findings, in force now. Belongs to the worker's event loop.

    Marks are kept in the store, where there is one. One that cannot be written holds until the worker ends: whoever
    takes care of a finding must not be kept from saying so by a full disk.
    """

    def __init__(self, board: Board, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._board = board
        self._clock = clock
        self._marks: Mapping[str, Mark] = MappingProxyType({})
        self._began = clock()
        self._seen: set[str] = set()  # acknowledged findings that were there since the start
        self._writing: set[asyncio.Task[None]] = set()
        self._order = asyncio.Lock()
        self._failing = False

    @property
    def marks(self) -> Mapping[str, Mark]:
        """By key; another mapping when anything changed."""
        return self._marks

    async def load(self) -> None:
        """Takes over what was kept before this start."""
        if self._board.store is None:
            return
        try:
            kept = await self._board.store.marks.load()
        except Exception as error:  # a store in trouble: there is a finding about it
            _log.warning("what was said of findings could not be read: %s", error)
            return
        self._put(*kept)

    async def acknowledge(self, finding_id: str, by: str, note: str = "") -> Mark:
        """Somebody takes care of a finding. Raises UnknownFinding, or ValueError with a sentence."""
        finding = self._finding(finding_id)
        return await self._keep(
            Mark(
                f"{MarkKind.ACK}|{finding.id}",
                MarkKind.ACK,
                _who(by),
                self._clock(),
                finding=finding.id,
                rule=finding.rule,
                subject=finding.subject,
                note=_note(note),
                level=finding.severity,
                measured=finding.measured,
                joined=finding.folded,
            ),
            "finding.ack",
        )

    async def snooze(self, finding_id: str, until: datetime, by: str, note: str = "") -> Mark:
        """A finding is hidden until a time. Raises UnknownFinding, or ValueError with a sentence."""
        finding = self._finding(finding_id)
        return await self._keep(
            Mark(
                f"{MarkKind.SNOOZE}|{finding.id}",
                MarkKind.SNOOZE,
                _who(by),
                self._clock(),
                finding=finding.id,
                rule=finding.rule,
                subject=finding.subject,
                until=self._ahead(until),
                note=_note(note),
            ),
            "finding.snooze",
        )

    async def mute(self, rule: str, subject: str, until: datetime, by: str, note: str = "") -> Mark:
        """A rule is silent about subjects like a pattern until a time. Raises ValueError with a sentence."""
        if all(rule != each.id for each in RULES):
            raise ValueError(f"there is no rule {clean(rule, 100)}")
        subject = clean(subject, SUBJECT + 1).strip()
        if not subject or len(subject) > SUBJECT:
            raise ValueError(f"a subject pattern has 1 to {SUBJECT} characters")
        return await self._keep(
            Mark(
                f"{MarkKind.MUTE}|{rule}|{subject}",
                MarkKind.MUTE,
                _who(by),
                self._clock(),
                rule=rule,
                subject=subject,
                until=self._ahead(until),
                note=_note(note),
            ),
            "finding.mute",
        )

    async def take_back(self, mark_key: str, by: str) -> bool:
        """Takes a mark back; False if there is none."""
        mark = self._marks.get(mark_key)
        if mark is None:
            return False
        self._drop(mark_key)
        self._tell(mark, f"{mark.kind} taken back", _who(by))
        self._board.request_refresh()
        await self._write(lambda: self._removed(mark_key, _who(by), "finding.take_back", _subject(mark)))
        return True

    def review(self, snapshot: Snapshot) -> None:
        """Looks at what a new snapshot means for the marks; writes what changed in the background."""
        if not self._marks or snapshot.at is None:
            return
        here = snapshot.findings.keys()
        self._seen.update(mark.finding for mark in self._marks.values() if mark.finding in here)
        known = snapshot.verdict.health is not Health.UNKNOWN
        settled_by_now = snapshot.at - self._began >= UNHEARD

        def cleared(finding: str) -> bool:
            return known and (settled_by_now or finding in self._seen)

        settled = settle(self._marks, snapshot.findings, snapshot.at, cleared)
        if not settled.lapsed and not settled.over:
            return
        over = [self._marks[key] for key in settled.over]
        self._put(*settled.lapsed)
        self._drop(*settled.over)
        for mark in settled.lapsed:
            self._aside(self._replaced(mark))
        for mark in over:
            self._aside(self._removed(mark.key, "watchdeck", "finding.mark_over", _subject(mark)))

    async def close(self) -> None:
        """Waits for what is still to be written, a little."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=_PATIENCE)

    # --- keeping

    def _finding(self, finding_id: str) -> Finding:
        finding = self._board.snapshot.findings.get(finding_id)
        if finding is None:
            raise UnknownFinding("there is no such finding")
        return finding

    def _ahead(self, until: datetime) -> datetime:
        if until.tzinfo is None:
            raise ValueError("until must carry its zone")
        if until <= self._clock():
            raise ValueError("until must lie ahead")
        return until.astimezone(UTC)

    async def _keep(self, mark: Mark, action: str) -> Mark:
        if mark.key not in self._marks and len(self._marks) >= MOST:
            raise ValueError(f"there are {MOST} marks already: take some back first")
        self._seen.add(mark.finding)
        self._put(mark)
        self._tell(mark, _DONE[mark.kind], mark.by)
        self._board.request_refresh()
        until = f"until {mark.until:%Y-%m-%d %H:%MZ}" if mark.until is not None else ""
        detail = ": ".join(filter(None, (until, mark.note)))
        await self._write(lambda: self._written(mark, action, detail))
        return mark

    def _tell(self, mark: Mark, what: str, who: str) -> None:
        """What somebody did is an event, which leads to the finding."""
        if self._board.events is None:
            return
        finding = self._board.snapshot.findings.get(mark.finding)
        subject = finding.subject if finding is not None else f"{mark.rule} {mark.subject}"
        until = f" until {mark.until:%H:%MZ}" if mark.until is not None and mark.kind is not MarkKind.ACK else ""
        note = f': "{mark.note}"' if mark.note else ""
        refs = (f"finding:{finding.id}", *finding.refs) if finding is not None else ()
        self._board.events.note(EventKind.ACTION, subject, f"{what}{until}{note}", who, refs)

    def _put(self, *marks: Mark) -> None:
        if marks:
            self._marks = MappingProxyType({**self._marks, **{mark.key: mark for mark in marks}})

    def _drop(self, *keys: str) -> None:
        self._seen -= {self._marks[key].finding for key in keys if self._marks[key].kind is MarkKind.ACK}
        self._marks = MappingProxyType({key: mark for key, mark in self._marks.items() if key not in keys})

    def _aside(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(self._write(lambda: work))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, work: Callable[[], Awaitable[None]]) -> None:
        """One after the other, so that the store ends with what was said last."""
        async with self._order:
            try:
                await work()
            except Exception as error:  # a store in trouble: there is a finding about it
                if not self._failing:
                    _log.warning("what was said of findings could not be written: %s", error)
                self._failing = True
            else:
                self._failing = False

    async def _written(self, mark: Mark, action: str, detail: str) -> None:
        if (store := self._board.store) is not None:
            await store.marks.put(mark)
            await store.audit.write(mark.by, action, _subject(mark), "ok", detail)

    async def _replaced(self, mark: Mark) -> None:
        if (store := self._board.store) is not None:
            await store.marks.put(mark)

    async def _removed(self, key: str, who: str, action: str, subject: str) -> None:
        if (store := self._board.store) is not None:
            await store.marks.remove(key)
            await store.audit.write(who, action, subject, "ok", key)


def _subject(mark: Mark) -> str:
    return mark.finding or f"{mark.rule} {mark.subject}"


def _who(by: str) -> str:
    return clean(by, 100) or "somebody"


def _note(note: str) -> str:
    note = clean(note, NOTE + 1).strip()
    if len(note) > NOTE:
        raise ValueError(f"a note has at most {NOTE} characters")
    return note
