"""Records: what the rules said of each record, kept for as long as they would say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from app.model.broker import Consumer
from app.model.changes import Changes
from app.model.fleet import Agent
from app.model.triage.candidates import NEVER, Candidate, Context, Judged

Record = TypeVar("Record", Agent, Consumer)


class Records(Generic[Record]):
    """Judges the rows of one section, each again only when it changed or when its last judgement is due."""

    def __init__(self, judge: Callable[[Record, Context], Judged]) -> None:
        self._judge: Callable[[Record, Context], Judged] = judge
        self._changes: Changes[Record] = Changes()
        self._busy: dict[str, tuple[Candidate, ...]] = {}
        self._due: dict[str, float] = {}  # when those are judged again that will not say the same for ever
        self._next = NEVER

    def again(self, keys: Iterable[str]) -> None:
        """What was said of some rows is no more to be relied on."""
        for key in keys:
            self._due[key] = self._next = 0.0

    def candidates(self, table: Mapping[str, Record], context: Context) -> Iterator[Candidate]:
        """What the rules say of all rows of a section now."""
        now = context.now.timestamp()
        changed, gone = self._changes.of(table)
        for key in gone:
            self._busy.pop(key, None)
            self._due.pop(key, None)
        if now >= self._next:
            known = frozenset(changed)
            changed += [key for key, due in self._due.items() if due <= now and key in table and key not in known]
        for key in changed:
            self._look(key, table[key], context)
        if now >= self._next:
            self._next = min(self._due.values(), default=NEVER)
        for candidates in self._busy.values():
            yield from candidates

    def _look(self, key: str, record: Record, context: Context) -> None:
        judged = self._judge(record, context)
        if judged.candidates:
            self._busy[key] = judged.candidates
        else:
            self._busy.pop(key, None)
        if judged.due < NEVER:
            self._due[key] = judged.due
            self._next = min(self._next, judged.due)
        else:
            self._due.pop(key, None)
