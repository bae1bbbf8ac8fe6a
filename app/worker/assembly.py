"""Assembly: makes one Snapshot out of what the sources brought, and says whether anything in it is new."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import is_
from typing import Protocol, TypeVar

from app import __version__
from app.model.attention import Mark
from app.model.broker import Account, Connection, Flow, ServerInfo
from app.model.components import Component
from app.model.events import Advisory
from app.model.findings import Finding
from app.model.metrics import Lately
from app.model.scoring import Standards
from app.model.sessions import Intake, IntakeState, Session
from app.model.snapshot import SECTIONS, Capability, Count, Site, Snapshot, SourceState, SourceStatus, Verdict
from app.sources.jetstream import BrokerFacts
from app.sources.jobs import JobFacts
from app.sources.registry import FleetFacts
from app.sources.services import ServiceFacts
from app.worker.events import EventLog
from app.worker.scorekeeper import NO_SESSIONS, SessionFacts

_log = logging.getLogger(__name__)
Row = TypeVar("Row")


class Judge(Protocol):
    """What makes flows, findings, counts and the verdict of a snapshot that has the sources' facts in it."""

    def observe(self, snapshot: Snapshot) -> None:
        """Takes note of new facts; called once per collection that brought any."""

    def flows(self) -> Mapping[str, Flow]: ...

    def findings(self, snapshot: Snapshot) -> Mapping[str, Finding]: ...

    def counts(self, snapshot: Snapshot) -> Mapping[str, Count]: ...

    def verdict(self, snapshot: Snapshot) -> Verdict: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What one assembly is made of. `states` are the sources' states as they must be shown now."""

    at: datetime
    connection: Connection
    server: ServerInfo | None
    clock_offset: float
    lag: float
    broker: BrokerFacts
    fleet: FleetFacts
    jobs: JobFacts
    services: ServiceFacts
    host: Mapping[str, Component]
    own: Mapping[str, Component]  # watchdeck's own parts
    beside: Mapping[str, Component] = field(default_factory=dict)  # what is watched without NATS
    beside_sessions: Mapping[str, Session] = field(default_factory=dict)  # that others than the store tell of
    advisories: tuple[Advisory, ...]
    states: Mapping[str, SourceState]
    marks: Mapping[str, Mark] = field(default_factory=dict)
    sessions: SessionFacts = NO_SESSIONS
    intake: Intake = Intake()
    lately: Lately = Lately()
    store_damage: str = ""
    set_aside: str = ""


class Assembly:
    """Makes the snapshots of one run of a worker; rows and tables that did not change stay the same objects."""

    def __init__(
        self, judge: Judge, *, site: str, namespace: str, actions: bool, standards: Standards = Standards()
    ) -> None:
        self._judge = judge
        self._site_name = site
        self.namespace = namespace  # as configured or chosen; `auto`: found by what is there
        self._actions = actions
        self._standards = standards
        self._since: datetime | None = None
        self._seen: tuple[object, ...] = ()
        self._failing = False
        self.events = EventLog()
        self._tables: tuple[Mapping[str, Component], ...] = ()  # what the components were made of
        self._session_parts: tuple[Mapping[str, Session], ...] = ()  # what all sessions were made of
        self._all_sessions: Mapping[str, Session] = {}
        self.last = Snapshot(epoch=secrets.token_hex(6))

    def next(self, gathered: Gathered) -> Snapshot:
        """The snapshot of now. Its seq is one more than the last one's only if something but the clocks changed."""
        last, broker, fleet = self.last, gathered.broker, gathered.fleet
        seen = (broker, fleet, gathered.jobs, gathered.services, gathered.connection.state)
        snapshot = replace(
            last,
            at=gathered.at,
            site=self._site(gathered),
            sources=gathered.states,
            streams=_kept(last.streams, broker.streams),
            consumers=_kept(last.consumers, broker.consumers),
            agents=_kept(last.agents, fleet.agents),
            vitals=_kept(last.vitals, fleet.vitals),
            facts=_kept(last.facts, fleet.facts),
            components=_kept(last.components, self._components(gathered)),
            services=_kept(last.services, gathered.services.services),
            jobs=_kept(last.jobs, gathered.jobs.jobs),
            deadletters=_kept(last.deadletters, gathered.jobs.deadletters),
            queue=gathered.jobs.queue,
            live_keys=fleet.live_keys,
            marks=_kept(last.marks, gathered.marks),
            ai=gathered.sessions.ai,
            scores=gathered.sessions.scores,
            sessions=self._sessions(gathered),
        )
        snapshot = self._judged(snapshot, new=self._seen != seen)
        snapshot = replace(snapshot, events=self.events.observe(snapshot, gathered.advisories, fleet.namespace))
        self._seen = seen
        if _differ(last, snapshot):
            snapshot = replace(snapshot, seq=last.seq + 1)
        self.last = snapshot
        return snapshot

    def _judged(self, snapshot: Snapshot, *, new: bool) -> Snapshot:
        """With flows, findings, counts and verdict. A fault in the judging keeps the last ones and is logged once."""
        try:
            if new:
                self._judge.observe(snapshot)
            snapshot = replace(snapshot, flows=_kept(snapshot.flows, self._judge.flows()))
            snapshot = replace(snapshot, findings=_kept(snapshot.findings, self._judge.findings(snapshot)))
            snapshot = replace(snapshot, counts=_kept(snapshot.counts, self._judge.counts(snapshot), equal=True))
            snapshot = replace(snapshot, verdict=self._judge.verdict(snapshot))
        except Exception:
            if not self._failing:
                _log.exception("judging failed")
            self._failing = True
            return replace(snapshot, verdict=Verdict())
        self._failing = False
        return snapshot

    def _components(self, gathered: Gathered) -> Mapping[str, Component]:
        """The parts of everything, in one table; the last one while none of them brought another."""
        tables = (
            gathered.own, gathered.host, gathered.fleet.components, gathered.services.components, gathered.beside,
        )  # fmt: skip
        if len(tables) == len(self._tables) and all(map(is_, tables, self._tables)):
            return self.last.components
        self._tables = tables
        return {key: row for table in tables for key, row in table.items()}

    def _sessions(self, gathered: Gathered) -> Mapping[str, Session]:
        """Sessions of the store and those that others tell of, in one table."""
        kept, told = gathered.sessions.sessions, gathered.beside_sessions
        if not told:
            return kept
        if len(self._session_parts) != 2 or self._session_parts[0] is not kept or self._session_parts[1] is not told:
            self._session_parts = (kept, told)
            self._all_sessions = {**kept, **told}
        return self._all_sessions

    def _site(self, gathered: Gathered) -> Site:
        broker, fleet = gathered.broker, gathered.fleet
        if self._since is None and gathered.server is not None:
            self._since = gathered.at
        site = Site(
            name=self._site_name,
            connection=gathered.connection,
            server=gathered.server,
            account=broker.account,
            capabilities=_capabilities(gathered),
            namespace=fleet.namespace if self.namespace == "auto" else self.namespace,
            namespace_found=self.namespace == "auto" and fleet.found,
            namespaces=fleet.namespaces,
            interval=broker.interval,
            clock_offset=gathered.clock_offset,
            lag=gathered.lag,
            watching_since=self._since,
            version=__version__,
            actions=self._actions,
            api=broker.api,
            intake=gathered.intake,
            lately=gathered.lately,
            window=self._standards.window,
            bands=self._standards.bands,
            store_damage=gathered.store_damage,
            set_aside=gathered.set_aside,
        )
        return self.last.site if site == self.last.site else site


def _capabilities(gathered: Gathered) -> frozenset[Capability]:
    broker = gathered.broker
    found = set()
    if broker.account is not None or gathered.states["streams"].good_at is not None:
        found.add(Capability.BROKER)
    if gathered.fleet.present:
        found.add(Capability.FLEET)
    if gathered.services.services:
        found.add(Capability.SERVICES)
    if gathered.sessions.present or gathered.intake.state is IntakeState.READING:
        found.add(Capability.SESSIONS)
    if any(stream.cluster is not None and stream.cluster.peers for stream in broker.streams.values()):
        found.add(Capability.CLUSTER)
    return frozenset(found)


def _kept(old: Mapping[str, Row], new: Mapping[str, Row], *, equal: bool = False) -> Mapping[str, Row]:
    """The old table if the new one holds the same objects (or, with `equal`, equal ones), else the new one."""
    if new is old or len(new) != len(old):
        return new if new is not old else old
    if equal:
        return old if new == old else new
    return old if all(map(is_, map(old.get, new), new.values())) else new


def _differ(old: Snapshot, new: Snapshot) -> bool:
    """Whether a deck must hear of it: rows, verdict, counts, the site, and how the sources do; not when they did it."""
    if any(old.section(name) is not new.section(name) for name in SECTIONS):
        return True
    if (
        old.verdict != new.verdict
        or old.queue != new.queue
        or old.counts is not new.counts
        or _still(old.site) != _still(new.site)
    ):
        return True
    return {name: replace(state, good_at=None) for name, state in old.sources.items()} != {
        name: replace(state, good_at=None) for name, state in new.sources.items()
    }


def _still(site: Site) -> Site:
    """The site without what moves with every look: times of travel, clocks, totals of requests and of events."""
    account: Account | None = site.account and replace(site.account, api_total=0, api_errors=0)
    api = replace(site.api, calls=0, failed=0)
    intake = replace(
        site.intake, pending=min(site.intake.pending, 1), behind=0.0, last=None, taken=0, duplicates=0, put_aside=0
    )
    link = replace(site.connection, rtt=None)
    short = replace(site.lately, tasks=min(site.lately.tasks, 1), throughput=0, error_rate_pct=0.0, hours=(), errors=())
    return replace(site, connection=link, clock_offset=0.0, account=account, api=api, intake=intake, lately=short)


def failed(state: SourceState, error: str) -> SourceState:
    """The state of a source whose facts are only the last known ones."""
    return replace(state, status=SourceStatus.FAILED, error=error)
