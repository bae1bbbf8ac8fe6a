"""What has happened, before it is an event: not numbered, not folded, not yet in the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from operator import is_not
from typing import TypeVar

from app.model.events import EventKind
from app.model.findings import Severity

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Draft:
    """One thing that happened; the fields are an Event's.

    `same`: what it must have in common with another to be folded with it, else subject and what. `group`: the many
    that this may have happened to at once, `consumers of JOBS`, and `group_ref` the row that they belong to.
    """

    kind: EventKind
    subject: str
    what: str
    severity: Severity = Severity.INFO
    refs: tuple[str, ...] = ()
    minor: bool = False
    who: str = ""
    at: datetime | None = None  # our clock; None: now
    same: str = ""
    group: str = ""
    group_ref: str = ""


def changed(old: Mapping[str, Row], new: Mapping[str, Row]) -> Iterator[tuple[Row | None, Row]]:
    """Rows that are other objects than before, with what they were before (None: they are new)."""
    if old is new:
        return
    before = map(old.get, new)
    for key in compress(new, map(is_not, before, new.values())):
        yield old.get(key), new[key]


def vanished(old: Mapping[str, Row], new: Mapping[str, Row]) -> Iterator[Row]:
    """Rows that are there no more."""
    if old is not new:
        for key in old.keys() - new.keys():
            yield old[key]


def ways(before: str, after: str) -> str:
    """`ready → gone`."""
    return f"{before or 'nothing'} → {after or 'nothing'}"
