"""Services made of what their instances tell from asking to asking: who is there, at which rates, who went."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.model.components import Component, ComponentKind, Instance, Service
from app.model.health import Health
from app.sources.srv import Told

MOST_SERVICES = 500
MOST_INSTANCES = 5000
MISSES = 3
"""Askings in a row without an answer after which an instance is taken for gone: half a minute."""
GONE_KEPT = timedelta(hours=24)


@dataclass(slots=True)
class _Known:
    """One instance as it was last told. `at` is when that was, `missed` how many askings it has not answered since."""

    told: Told
    at: datetime
    shown: Instance
    missed: int = 0


@dataclass(slots=True)
class _Work:
    """What was done between two askings, all instances together."""

    requests: int = 0
    errors: int = 0
    busy: float = 0.0  # seconds
    measured: float = 0.0  # seconds between the askings; 0: nothing can be said yet


@dataclass(slots=True)
class _Place:
    """One service."""

    instances: dict[str, _Known] = field(default_factory=dict)
    description: str = ""
    described: bool = False
    heard: datetime | None = None  # when any instance last answered
    mean: float | None = None
    last_error: str = ""
    state_since: datetime | None = None
    service: Service | None = None
    component: Component | None = None


class Instances:
    """All services that answer or did. Records that did not change stay the same objects."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self.left_out = 0  # answers that were too many in the last asking

    @property
    def undescribed(self) -> bool:
        """Whether there is a service whose description is not known: INFO alone tells it."""
        return any(place.instances and not place.described for place in self._places.values())

    def describe(self, answers: Iterable[Told]) -> None:
        """Takes answers to INFO in. A service without a description is not asked about again."""
        said = {told.service: told.description for told in answers if told.description}
        for name, place in self._places.items():
            if place.instances:
                place.description = said.get(name, place.description)
                place.described = True

    def take(self, answers: Collection[Told], at: datetime) -> None:
        """Takes the answers of one asking in, at our time."""
        self.left_out = 0
        work: defaultdict[str, _Work] = defaultdict(_Work)
        heard: set[tuple[str, str]] = set()
        total = sum(len(place.instances) for place in self._places.values())
        for told in answers:
            place = self._places.get(told.service)
            known = place.instances.get(told.id) if place is not None else None
            if known is None and (total >= MOST_INSTANCES or (place is None and len(self._places) >= MOST_SERVICES)):
                self.left_out += 1
                continue
            if place is None:
                place = self._places[told.service] = _Place()
            if known is None:
                total += 1
            else:
                _add(work[told.service], known, told, at)
            place.instances[told.id] = _again(known, told, at)
            place.heard = at
            heard.add((told.service, told.id))
        for name, place in list(self._places.items()):
            self._miss(name, place, heard, at)
            self._show(name, place, work[name], at)

    def services(self) -> dict[str, Service]:
        return {place.service.key: place.service for place in self._places.values() if place.service is not None}

    def components(self) -> dict[str, Component]:
        rows = (place.component for place in self._places.values())
        return {row.key: row for row in rows if row is not None}

    def _miss(self, name: str, place: _Place, heard: Collection[tuple[str, str]], at: datetime) -> None:
        for id, known in list(place.instances.items()):
            if (name, id) in heard:
                continue
            known.missed += 1
            if known.missed >= MISSES:
                del place.instances[id]
            elif known.shown.seen is None:
                known.shown = replace(known.shown, seen=known.at)
        gone = place.service.gone_since if place.service is not None else None
        if not place.instances and gone is not None and at - gone > GONE_KEPT:
            del self._places[name]

    def _show(self, name: str, place: _Place, work: _Work, at: datetime) -> None:
        before = place.service
        rows = sorted(place.instances.values(), key=lambda known: (known.shown.started_at or at, known.shown.id))
        if work.requests:
            place.mean = round(work.busy / work.requests, 6)
        errors = [one.last_error for known in rows for one in known.told.endpoints if one.last_error]
        place.last_error = errors[-1] if errors else place.last_error
        gone = None
        if not rows:
            gone = before.gone_since if before is not None and before.gone_since is not None else place.heard
        service = Service(
            name,
            place.description,
            _versions(rows) or (before.version if before is not None else ""),
            tuple(known.shown for known in rows),
            round(work.requests / work.measured, 2) if work.measured else None,
            round(work.errors / work.requests, 4) if work.requests else None,
            place.mean,
            place.last_error,
            gone,
        )
        if service != before:
            place.service = service
        place.component = _component(place, service, at)


def _again(known: _Known | None, told: Told, at: datetime) -> _Known:
    shown = Instance(told.id, told.version, told.started, None, told.endpoints)
    return _Known(told, at, known.shown if known is not None and known.shown == shown else shown)


def _add(work: _Work, known: _Known, told: Told, at: datetime) -> None:
    """Adds what an instance did since it was last told. One that began anew counts from nothing."""
    if not told.endpoints:
        return
    work.measured = max(work.measured, (at - known.at).total_seconds())
    before = {
        (one.name, one.subject): (one.requests, one.errors, busy)
        for one, busy in zip(known.told.endpoints, known.told.busy, strict=True)
    }
    anew = told.started != known.told.started
    for one, busy in zip(told.endpoints, told.busy, strict=True):
        requests, errors, worked = before.get((one.name, one.subject), (0, 0, 0.0))
        if anew or one.requests < requests:
            requests = errors = 0
            worked = 0.0
        work.requests += one.requests - requests
        work.errors += max(0, one.errors - errors)
        work.busy += max(0.0, busy - worked)


def _versions(rows: Collection[_Known]) -> str:
    return ", ".join(sorted({known.told.version for known in rows if known.told.version})[:3])


def _component(place: _Place, service: Service, at: datetime) -> Component:
    before = place.component
    gone = service.gone_since is not None
    state = "gone" if gone else f"up {len(service.instances)}"
    if before is None:
        place.state_since = max((one.started_at for one in service.instances if one.started_at), default=None)
    elif before.state != state:
        place.state_since = service.gone_since or at
    began = [one.started_at for one in service.instances if one.started_at]
    component = Component(
        f"service:{service.key}",
        ComponentKind.SERVICE,
        service.key,
        Health.WARN if gone else Health.OK,
        state,
        since=place.state_since,
        reason="no instance answers" if gone else service.last_error,
        latency=service.mean,
        requests=None if gone else service.requests,
        errors=None if gone else service.errors,
        started_at=min(began, default=None),
        version=service.version,
    )
    return before if component == before else component
