"""Assembler: the deck's side of the wire. It puts answers together into the snapshot as now known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from app.feed.sharing import Sharing
from app.feed.wire import ALWAYS, Answer, Mark, Rows, WireError, decode_answer, decode_records
from app.model.snapshot import SECTIONS, Snapshot

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one answer makes of what was known; nothing has happened until it is taken."""

    snapshot: Snapshot
    mark: Mark
    held: frozenset[str]
    changed: Mapping[str, frozenset[str]]
    gone: Mapping[str, frozenset[str]]
    whole: frozenset[str]


@dataclass(slots=True)
class _Draft:
    """A section while its lines are read."""

    old: Mapping[str, Any]
    new: dict[str, Any]
    changed: set[str]
    gone: set[str]


class Assembler:
    """Holds the sections read so far. A row that did not change stays the same object, also over a whole answer.

    `read` touches nothing and may run in a thread; `take` belongs to the event loop.
    """

    def __init__(self, version: str = "") -> None:
        self._version = version
        self.snapshot = Snapshot()
        self.mark: Mark | None = None
        self.held: frozenset[str] = frozenset()

    def lacks(self, sections: Collection[str]) -> frozenset[str]:
        """Which sections have to be asked for whole."""
        return ALWAYS.union(sections) - self.held

    def keep(self, sections: Collection[str]) -> None:
        """Lets go of sections that are no longer wanted: they would not be kept up to date."""
        wanted = ALWAYS.union(sections)
        self.held &= wanted
        dropped: dict[str, Any] = {name: {} for name in SECTIONS if name not in wanted and self.snapshot.section(name)}
        if dropped:
            self.snapshot = replace(self.snapshot, **dropped)

    def forget(self) -> None:
        """What was read is no longer built upon: the next question is for everything."""
        self.mark, self.held = None, frozenset()

    def read(self, body: bytes, asked: Collection[str]) -> Step:
        """Makes a step of an answer to a question for `asked`. Raises WireError and its kinds."""
        answer = decode_answer(body, self._version)
        known = self._known(answer)
        drafts: dict[str, _Draft] = {}
        sharing = Sharing()
        for line in answer.lines:
            self._absorb(line, drafts, known, sharing)
        held = drafts.keys() | (self.held if known else frozenset())
        if missing := ALWAYS.union(asked) - held:
            raise WireError(f"the worker's answer lacks {', '.join(sorted(missing))}")
        return self._step(answer, drafts, ALWAYS.union(asked), frozenset(held))

    def take(self, step: Step) -> None:
        """Makes a step's snapshot the one that is known."""
        self.snapshot, self.mark, self.held = step.snapshot, step.mark, step.held

    def _known(self, answer: Answer) -> bool:
        """Whether the answer is of the worker's run that was read before."""
        return self.mark is not None and self.mark.epoch == answer.head.epoch

    def _absorb(self, line: Rows, drafts: dict[str, _Draft], known: bool, sharing: Sharing) -> None:
        records = decode_records(line)
        name = line.section
        if name == "agents":
            records = list(map(sharing.agent, records))
        elif name == "jobs":
            records = list(map(sharing.job, records))
        held = name in self.held
        draft = drafts.get(name)
        if line.whole or draft is None:
            if not line.whole and not (held and known):
                raise WireError(f"the worker's answer tells changes of {name}, which was never whole")
            old = self.snapshot.section(name)
            draft = drafts[name] = _Draft(old, {} if line.whole else dict(old), set(), set())
            if line.whole:
                draft.gone.update(old)
        for record in records:
            key = record.key
            before = draft.old.get(key)
            if before is not None and before == record:
                draft.new[key] = before
            else:
                draft.new[key] = record
                draft.changed.add(key)
            draft.gone.discard(key)
        for key in line.gone:
            if draft.new.pop(key, None) is not None:
                draft.gone.add(key)
                draft.changed.discard(key)

    def _step(self, answer: Answer, drafts: dict[str, _Draft], asked: frozenset[str], held: frozenset[str]) -> Step:
        head, before = answer.head, self.snapshot
        known = self._known(answer)
        tables: dict[str, Any] = {name: {} for name in SECTIONS if name not in held and before.section(name)}
        tables |= {name: draft.new if draft.changed or draft.gone else draft.old for name, draft in drafts.items()}
        snapshot = replace(
            before,
            epoch=head.epoch,
            seq=head.seq,
            at=head.at,
            site=_same(before.site, head.site),
            sources=_same_rows(before.sources, head.sources),
            verdict=_same(before.verdict, head.verdict),
            counts=_same_rows(before.counts, head.counts),
            queue=head.queue,
            **tables,
        )
        # Sections that were not asked for stay as old as they were; what changed since is asked for next.
        behind = known and self.mark is not None and not self.held <= asked
        mark = self.mark if behind and self.mark else Mark(head.epoch, head.seq)
        whole = frozenset(name for name in drafts if not known or name not in self.held)
        told = {name: draft for name, draft in drafts.items() if name not in whole}
        return Step(
            snapshot=snapshot,
            mark=mark,
            held=held,
            changed={name: frozenset(draft.changed) for name, draft in told.items() if draft.changed},
            gone={name: frozenset(draft.gone) for name, draft in told.items() if draft.gone},
            whole=whole,
        )


def _same(before: _T, after: _T) -> _T:
    """The object known before, where the new one says nothing else."""
    return before if before == after else after


def _same_rows(before: Mapping[str, _T], after: Mapping[str, _T]) -> Mapping[str, _T]:
    rows = {key: _same(before.get(key, value), value) for key, value in after.items()}
    return before if rows == dict(before) else rows
