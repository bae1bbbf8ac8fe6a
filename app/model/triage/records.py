"""Records: what the rules said of each record, kept for as long as they would say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from app.model.broker import Consumer
from app.model.fleet import Agent
from app.model.triage.candidates import Candidate, Context, Judged

Record = TypeVar("Record", Agent, Consumer)


class Records(Generic[Record]):
    """Judges the rows of one section, each again only when it changed or when its last judgement is due."""

    def __init__(self, judge: Callable[[Record, Context], Judged]) -> None:
        self._judge: Callable[[Record, Context], Judged] = judge
        self._known: dict[str, tuple[Record, Judged]] = {}
        self._busy: dict[str, None] = {}  # keys with candidates

    def again(self, keys: Iterable[str]) -> None:
        """What was said of some rows is no more to be relied on."""
        for key in keys:
            self._known.pop(key, None)
            self._busy.pop(key, None)

    def candidates(self, table: Mapping[str, Record], context: Context) -> Iterator[Candidate]:
        """What the rules say of all rows of a section now."""
        known, now = self._known, context.now.timestamp()
        for key, record in table.items():
            last = known.get(key)
            if last is not None and last[0] is record and now < last[1].due:
                continue
            judged = self._judge(record, context)
            known[key] = (record, judged)
            if judged.candidates:
                self._busy[key] = None
            else:
                self._busy.pop(key, None)
        if len(known) > len(table):
            for key in known.keys() - table.keys():
                del known[key]
                self._busy.pop(key, None)
        for key in self._busy:
            yield from known[key][1].candidates
