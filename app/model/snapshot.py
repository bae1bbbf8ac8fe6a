"""Snapshot: everything known at one instant, with the state and age of each source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from app.model.attention import Mark
from app.model.broker import Account, Connection, Consumer, Flow, ServerInfo, Stream
from app.model.components import Component, Service
from app.model.events import Event
from app.model.findings import Finding
from app.model.fleet import Agent, HostFacts, Vitals
from app.model.health import Health
from app.model.jobs import DeadLetter, Job, Queue
from app.model.metrics import Lately
from app.model.scoring import Bands, Score
from app.model.sessions import AiAgent, Intake, Session


class SourceStatus(StrEnum):
    """Where a source stands. Only OK and PARTIAL bring fresh facts."""

    WAITING = "waiting"  # nothing collected yet
    OK = "ok"
    PARTIAL = "partial"  # some rows did not answer
    ABSENT = "absent"  # the outside thing is not there: no such bucket, no JetStream
    DENIED = "denied"  # not permitted; `denied` names the subjects
    FAILED = "failed"  # `error` says why; the facts shown are the last known ones


@dataclass(frozen=True, slots=True)
class SourceState:
    """How one source does. `good_at` is when its facts were last true; None: never."""

    name: str
    status: SourceStatus = SourceStatus.WAITING
    good_at: datetime | None = None
    error: str = ""  # one cleaned sentence
    denied: tuple[str, ...] = ()  # subjects in our own spelling: `publish on $JS.API.CONSUMER.LIST.>`
    interval: float = 1.0  # seconds planned between two collections of all its facts

    @property
    def fresh(self) -> bool:
        return self.status in (SourceStatus.OK, SourceStatus.PARTIAL)


class Capability(StrEnum):
    """What there is to see here; the deck lays itself out by these."""

    BROKER = "broker"
    FLEET = "fleet"
    CLUSTER = "cluster"
    SERVICES = "services"
    SESSIONS = "sessions"
    SERVERS = "servers"


@dataclass(frozen=True, slots=True)
class ApiUse:
    """How the JetStream API has answered us in the last minute."""

    calls: int = 0
    failed: int = 0  # with an error in the answer, or none in time; what is not permitted or not there is no failure
    error: str = ""  # of the last failure
    silent_since: datetime | None = None  # since the first call that got no answer, with none answered after it


@dataclass(frozen=True, slots=True)
class Site:
    """One account on one cluster, and the worker that watches it."""

    name: str = "default"
    connection: Connection = Connection()
    server: ServerInfo | None = None
    account: Account | None = None
    capabilities: frozenset[Capability] = frozenset()
    namespace: str = ""
    namespace_found: bool = False  # found by itself rather than configured
    namespaces: tuple[str, ...] = ()  # all that were found, when more than one fits
    interval: float = 1.0  # seconds between two collections, as in force now
    clock_offset: float = 0.0  # seconds the broker's clock is ahead of the worker's
    lag: float = 0.0  # seconds by which the worker itself was late at its last collection; under a second is none
    watching_since: datetime | None = None
    version: str = ""  # of the worker
    actions: bool = False
    api: ApiUse = ApiUse()
    intake: Intake = Intake()
    window: int = 7  # days of the scores that findings are about, and that are shown where no other window is chosen
    bands: Bands = Bands()
    lately: Lately = Lately()  # what got done in the last 24 hours
    store_damage: str = ""  # what is wrong with the worker's store, if it was found damaged while in use
    set_aside: str = ""  # what was done with a damaged store at the worker's start


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows of a section are in which state; hidden and own rows are not counted."""

    ok: int = 0
    warn: int = 0
    crit: int = 0
    unknown: int = 0
    stale: int = 0

    @property
    def total(self) -> int:
        return self.ok + self.warn + self.crit + self.unknown + self.stale


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one line: how bad is it all. UNKNOWN whenever the facts behind it are not fresh.

    What was acknowledged, snoozed or muted is counted as that only.
    """

    health: Health = Health.UNKNOWN
    crit: int = 0
    warn: int = 0
    info: int = 0
    acked: int = 0
    snoozed: int = 0  # and muted


SECTIONS: Mapping[str, type] = MappingProxyType(
    {
        "findings": Finding,
        "streams": Stream,
        "consumers": Consumer,
        "flows": Flow,
        "agents": Agent,
        "vitals": Vitals,
        "facts": HostFacts,
        "components": Component,
        "services": Service,
        "jobs": Job,
        "deadletters": DeadLetter,
        "events": Event,
        "marks": Mark,
        "ai": AiAgent,
        "scores": Score,
        "sessions": Session,
    }
)
"""The tables of a snapshot, by name, and the record in each. Every record has a `key`."""

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Everything known at one instant. Compared by identity; a row that did not change is the same object as before.

    A deck's snapshot holds only the sections that it asked for; `counts`, `queue` and `verdict` are always whole.
    """

    epoch: str = ""  # of the worker's run: another epoch shares nothing with this one
    seq: int = 0
    at: datetime | None = None  # the worker's clock
    site: Site = Site()
    sources: Mapping[str, SourceState] = field(default_factory=lambda: _EMPTY)
    verdict: Verdict = Verdict()
    counts: Mapping[str, Count] = field(default_factory=lambda: _EMPTY)
    queue: Queue | None = None  # None: there is no job queue to read
    live_keys: Mapping[str, int] = field(default_factory=lambda: _EMPTY)  # stream of a bucket -> keys, if all are known
    findings: Mapping[str, Finding] = field(default_factory=lambda: _EMPTY)
    streams: Mapping[str, Stream] = field(default_factory=lambda: _EMPTY)
    consumers: Mapping[str, Consumer] = field(default_factory=lambda: _EMPTY)
    flows: Mapping[str, Flow] = field(default_factory=lambda: _EMPTY)
    agents: Mapping[str, Agent] = field(default_factory=lambda: _EMPTY)
    vitals: Mapping[str, Vitals] = field(default_factory=lambda: _EMPTY)
    facts: Mapping[str, HostFacts] = field(default_factory=lambda: _EMPTY)
    components: Mapping[str, Component] = field(default_factory=lambda: _EMPTY)
    services: Mapping[str, Service] = field(default_factory=lambda: _EMPTY)
    jobs: Mapping[str, Job] = field(default_factory=lambda: _EMPTY)
    deadletters: Mapping[str, DeadLetter] = field(default_factory=lambda: _EMPTY)
    events: Mapping[str, Event] = field(default_factory=lambda: _EMPTY)  # newest last
    marks: Mapping[str, Mark] = field(default_factory=lambda: _EMPTY)
    ai: Mapping[str, AiAgent] = field(default_factory=lambda: _EMPTY)  # agents that publish session events
    scores: Mapping[str, Score] = field(default_factory=lambda: _EMPTY)  # of `site.window`, and of windows looked at
    sessions: Mapping[str, Session] = field(default_factory=lambda: _EMPTY)  # those last heard of

    def section(self, name: str) -> Mapping[str, Any]:
        """One table by its name in `SECTIONS`."""
        if name not in SECTIONS:
            raise KeyError(name)
        table: Mapping[str, Any] = getattr(self, name)
        return table
