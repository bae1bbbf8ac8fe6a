"""The log of what has happened: numbered, folded, and only as long as anybody reads."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from app.model.broker import LinkState
from app.model.events import Advisory, Event, EventKind
from app.model.findings import Severity
from app.model.snapshot import Snapshot, SourceStatus
from app.model.text import clean
from app.worker.broker_news import BrokerNews
from app.worker.draft import Draft
from app.worker.fleet_news import FleetNews
from app.worker.watch_news import FindingNews, LinkNews

MOST = 2000
MOST_MINOR = 1000
"""Events that are kept; of the minor ones fewer, so that they do not push out the others."""
FOLD = timedelta(minutes=1)
"""Equal events within this time of the first are one."""
MANY = 10
"""The same happening to more than so many at once is one event."""
_CORE = ("streams", "consumers", "registry")
_LONGEST = 500

_log = logging.getLogger(__name__)


class EventLog:
    """What happened in this run of the worker, newest last. Everything goes by our clock."""

    def __init__(self) -> None:
        self._events: dict[str, Event] = {}
        self._shown: Mapping[str, Event] = {}
        self._folds: dict[tuple[object, ...], str] = {}
        self._number = 0
        self._began = False
        self._failing = False
        self._waiting: list[Draft] = []
        self._link = LinkNews()
        self._findings = FindingNews()
        self._broker = BrokerNews()
        self._fleet = FleetNews()

    def note(
        self,
        kind: EventKind,
        subject: str,
        what: str,
        who: str = "",
        refs: tuple[str, ...] = (),
        *,
        severity: Severity = Severity.INFO,
        at: datetime | None = None,
    ) -> None:
        """Takes down what somebody did or what cannot be seen; it is in the next snapshot. `refs`: Enter leads to the
        first."""
        self._waiting.append(Draft(kind, subject, what, severity, refs, who=who, at=at))

    def observe(self, snapshot: Snapshot, advisories: tuple[Advisory, ...], namespace: str) -> Mapping[str, Event]:
        """Compares with what was before, and gives all events; the same table while nothing happened.

        `namespace` is that of the fleet whose rows the snapshot holds. A fault of our own is logged once.
        """
        now = snapshot.at
        if now is None:
            return self._shown
        drafts: list[Draft] = []
        if not self._began:
            self._began = True
            drafts.append(Draft(EventKind.WORKER, "watchdeck", "watching began"))
        try:
            drafts += _gathered(list(self._news(snapshot, advisories, namespace)))
        except Exception:
            if not self._failing:
                _log.exception("what happened could not be told")
            self._failing = True
        else:
            self._failing = False
        waiting, self._waiting = self._waiting, []
        drafts += waiting
        if drafts:
            for draft in sorted(drafts, key=lambda draft: draft.at or now):
                self._add(draft, now)
            self._forget(now)
            self._shown = dict(self._events)
        return self._shown

    def _news(self, snapshot: Snapshot, advisories: tuple[Advisory, ...], namespace: str) -> Iterator[Draft]:
        fresh = _fresh(snapshot)
        yield from self._link.observe(snapshot)
        yield from self._broker.observe(snapshot, fresh, advisories)
        yield from self._fleet.observe(snapshot, fresh, namespace)
        yield from self._findings.observe(snapshot, _settled(snapshot), namespace)

    def _add(self, draft: Draft, now: datetime) -> None:
        at = min(draft.at or now, now)
        fold = (draft.kind, draft.same or (draft.subject, draft.what), draft.severity, draft.who, draft.minor)
        key = self._folds.get(fold, "")
        known = self._events.get(key)
        if known is not None and at - (known.first_at or known.at) <= FOLD:
            first = known.first_at or known.at
            event = replace(known, at=max(at, known.at), times=known.times + 1, first_at=first)
            event = replace(event, subject=clean(draft.subject, 300), what=clean(draft.what, _LONGEST), refs=draft.refs)
            self._events[key] = event
            return
        self._number += 1
        key = f"{self._number:08d}"
        self._events[key] = Event(
            key,
            at,
            draft.kind,
            clean(draft.subject, 300),
            clean(draft.what, _LONGEST),
            draft.severity,
            who=clean(draft.who, 100),
            refs=draft.refs,
            minor=draft.minor,
        )
        self._folds[fold] = key

    def _forget(self, now: datetime) -> None:
        """Lets go of the oldest, and puts the rest in order of time."""
        events = sorted(self._events.values(), key=lambda event: (event.at, event.key))
        minor = sum(event.minor for event in events)
        spare = max(0, minor - MOST_MINOR)
        kept = []
        for event in events:
            if event.minor and spare:
                spare -= 1
            else:
                kept.append(event)
        self._events = {event.key: event for event in kept[-MOST:]}
        young = {key for key, event in self._events.items() if now - (event.first_at or event.at) <= FOLD}
        self._folds = {fold: key for fold, key in self._folds.items() if key in young}


def _fresh(snapshot: Snapshot) -> frozenset[str]:
    """Sources whose facts are those of now; that no service answers is a fact too."""
    if snapshot.site.connection.state is not LinkState.CONNECTED:
        return frozenset()
    return frozenset(
        name
        for name, state in snapshot.sources.items()
        if state.fresh or (name == "services" and state.status is SourceStatus.ABSENT)
    )


def _settled(snapshot: Snapshot) -> bool:
    """Whether every core source has said how it stands."""
    states = [snapshot.sources.get(name) for name in _CORE]
    return all(state is not None and state.status is not SourceStatus.WAITING for state in states)


def _gathered(drafts: list[Draft]) -> Iterable[Draft]:
    """The same that happened to many at once is one: `120 consumers of JOBS`, `40 agents`."""
    if len(drafts) <= MANY:
        return drafts
    counts = Counter(_of_many(draft) for draft in drafts if draft.group)
    told: dict[object, Draft] = {}
    for number, draft in enumerate(drafts):
        many = _of_many(draft)
        times = counts[many] if draft.group else 1
        if times <= MANY:
            told[number] = draft
        elif many not in told:
            refs = (draft.group_ref,) if draft.group_ref else ()
            told[many] = replace(draft, subject=f"{times} {draft.group}", refs=refs, same="")
    return told.values()


def _of_many(draft: Draft) -> tuple[object, ...]:
    return (draft.kind, draft.group, draft.what, draft.severity, draft.minor)
