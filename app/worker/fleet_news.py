"""What happened to agents and components, as the comparison of two looks tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from app.model.components import Component, ComponentKind
from app.model.events import EventKind
from app.model.findings import Severity
from app.model.fleet import Agent, Presence
from app.model.health import Health
from app.model.snapshot import Snapshot
from app.worker.draft import Draft, changed, ways

RECENT = timedelta(minutes=2)
"""How old what a timeline says may be and still be said."""
_THERE = (Presence.LIVE, Presence.STALE)
_DRAINED = ("Cordoned", "Draining")
_DRAINS = ("drain", "cordoned")
_UNDRAINS = ("undrain", "ready")
_SEVERITY = {Health.CRIT: Severity.CRIT, Health.WARN: Severity.WARN}
_SOURCE = {
    ComponentKind.CONTROL: "registry",
    ComponentKind.AGENT: "registry",
    ComponentKind.SERVICE: "services",
    ComponentKind.WORKER: "",
    ComponentKind.GATEWAY: "",
    ComponentKind.UNIT: "",
    ComponentKind.PROBE: "",
}
"""The source that components rest on; none of our own parts, and of what is watched without NATS."""


class FleetNews:
    """Follows agents and components. Another fleet is seen for the first time."""

    def __init__(self) -> None:
        self._namespace = ""
        self._agents: Mapping[str, Agent] | None = None
        self._table: Mapping[str, Component] | None = None  # the last table that was looked at
        self._fresh: frozenset[str] = frozenset()
        self._parts: dict[str, dict[str, Component]] = {}  # by source, once it was fresh

    def observe(self, snapshot: Snapshot, fresh: frozenset[str], namespace: str) -> Iterator[Draft]:
        """What is new in a snapshot of now, whose fleet is that of `namespace`."""
        now = snapshot.at
        if now is None:
            return
        if namespace != self._namespace:
            self._namespace = namespace
            self._agents = None
            self._table = None
            self._parts.pop("registry", None)
        if "registry" in fresh:
            before, self._agents = self._agents, snapshot.agents
            for old, agent in changed(before, snapshot.agents) if before is not None else ():
                yield from _agent(old, agent, now + timedelta(seconds=snapshot.site.clock_offset))
        if self._table is not snapshot.components or self._fresh != fresh:
            self._table, self._fresh = snapshot.components, fresh
            yield from self._components(snapshot.components, fresh)

    def _components(self, table: Mapping[str, Component], fresh: frozenset[str]) -> Iterator[Draft]:
        split: dict[str, dict[str, Component]] = {source: {} for source in {*_SOURCE.values()}}
        for key, row in table.items():
            if (source := _SOURCE.get(row.kind)) is not None:
                split[source][key] = row
        for source, rows in split.items():
            if source and source not in fresh:
                continue
            before = self._parts.get(source)
            self._parts[source] = rows
            for old, row in changed(before, rows) if before is not None else ():
                yield from _component(old, row)


def _agent(old: Agent | None, agent: Agent, broker_now: datetime) -> Iterator[Draft]:
    def happened(what: str, severity: Severity = Severity.INFO, *, minor: bool = False, group: str = "") -> Draft:
        refs = (f"agent:{agent.key}",)
        return Draft(EventKind.AGENT, agent.hostname, what, severity, refs, minor, group=group)

    if old is None:
        if agent.presence in _THERE:
            yield happened("came: it was not registered before", group="agents")
        return
    if old.presence is not agent.presence:
        if agent.presence is Presence.GONE:
            yield happened("gone without a farewell", Severity.WARN, group="agents")
        elif agent.presence is Presence.LEFT:
            yield happened("left: it said goodbye", group="agents")
        elif agent.presence is Presence.LIVE:
            back = old.presence not in _THERE
            yield happened("came back" if back else "its heartbeat is back", minor=not back, group="agents")
        else:
            yield happened("its heartbeat is late", minor=True, group="agents")
    if old.started_at != agent.started_at and old.started_at is not None and agent.started_at is not None:
        yield happened("restarted", group="agents")
    if old.version != agent.version and old.version and agent.version:
        yield happened(f"version {ways(old.version, agent.version)}", group="agents")
    if old.hostname != agent.hostname:
        yield happened(f"was called {old.hostname}")
    for event in reversed(agent.timeline[:10]) if old.timeline is not agent.timeline else ():
        if event not in old.timeline and broker_now - event.at < RECENT:
            told = event.error or event.message
            yield happened(f"{event.event}: {told}" if told else event.event)
    if (what := _drained(old, agent, broker_now)) is not None:
        yield happened(what, group="agents")


def _drained(old: Agent, agent: Agent, broker_now: datetime) -> str | None:
    """The change of its state, if its timeline does not tell it too."""
    if old.state == agent.state:
        return None
    said = {event.event for event in agent.timeline[:10] if broker_now - event.at < RECENT}
    was, is_ = old.state in _DRAINED, agent.state in _DRAINED
    if is_ and not was:
        return None if said.intersection(_DRAINS) else f"drained: {ways(old.state, agent.state)}"
    if was and not is_:
        return None if said.intersection(_UNDRAINS) else f"undrained: {ways(old.state, agent.state)}"
    return f"state {ways(old.state, agent.state)}"


def _component(old: Component | None, row: Component) -> Iterator[Draft]:
    """Of agents only the row folded over hosts speaks; the connection to NATS is told by itself."""
    if row.key == "worker:nats" or (row.kind is ComponentKind.AGENT and row.parent):
        return
    subject = f"{row.name} · {row.host}" if row.host and row.kind is ComponentKind.CONTROL else row.name
    if row.kind is ComponentKind.PROBE and row.parent:
        subject = f"{row.parent.partition(':')[2].strip('/')} › {row.name}"
    service, entry = row.kind is ComponentKind.SERVICE, row.kind is ComponentKind.CONTROL and not row.parent

    def happened(what: str, severity: Severity = Severity.INFO, *, minor: bool = False) -> Draft:
        return Draft(EventKind.COMPONENT, subject, what, severity, (f"component:{row.key}",), minor, group="components")

    if old is None:
        if entry or service:
            yield happened(f"came: {row.state}", _SEVERITY.get(row.health, Severity.INFO))
        return
    if old.state != row.state:
        minor = service and row.state.startswith("up ") and old.state.startswith("up ")
        first = old.state == "connecting" or (old.state == "waiting" and row.health is Health.OK)
        minor = minor or first  # it is seen for the first time
        why = f": {row.reason}" if row.reason and row.health is not Health.OK else ""
        yield happened(ways(old.state, row.state) + why, _SEVERITY.get(row.health, Severity.INFO), minor=minor)
    if old.version != row.version and old.version and row.version:
        yield happened(f"version {ways(old.version, row.version)}")
    if entry and old.started_at != row.started_at and old.started_at is not None and row.started_at is not None:
        yield happened("restarted")
