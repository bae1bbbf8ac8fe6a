"""Agents from the registry, facts and state buckets of a fleet."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.model.broker import Answer
from app.model.fleet import Agent, HostFacts, TimelineEvent, Vitals, sanitise_key
from app.model.snapshot import SourceState, SourceStatus
from app.model.text import clean
from app.sources import agentwire, jsapi
from app.sources.agentwire import Registration, Unreadable
from app.sources.connection import NatsLink
from app.sources.errors import ApiError, NotPermitted
from app.sources.jetstream import BrokerFacts
from app.sources.jsapi import JetStreamApi
from app.sources.keyvalue import Bucket, Entry
from app.sources.kvpoll import POLL_EVERY
from app.sources.namespace import AUTO, Fleet, discover
from app.sources.presence import GRACE, LIVE, STALE_AFTER, Standing, forgotten, judge
from app.sources.states import States

SETTLE = 2.0
"""Seconds that a collection waits for a listing that has just begun."""
_AGENTS = "agents."
_FACTS = "facts."
_DRAIN = "drain."
_TIMELINE = "timeline."
_EVENTS_KEPT = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class FleetFacts:
    """What one collection knows of the fleet. Records that did not change are the same objects as before.

    `found`: the namespace was found by itself; `namespaces`: all that fit, when several do; `present`: there is a
    registry to read.
    """

    agents: Mapping[str, Agent] = field(default_factory=dict)
    vitals: Mapping[str, Vitals] = field(default_factory=dict)
    facts: Mapping[str, HostFacts] = field(default_factory=dict)
    states: tuple[SourceState, ...] = ()
    namespace: str = ""
    namespaces: tuple[str, ...] = ()
    found: bool = False
    present: bool = False


@dataclass(slots=True, eq=False)
class _Member:
    """One agent: its last registration, and what was made of it."""

    key: str
    wire: Registration
    base: Agent  # as registered: no presence, drain or timeline in it
    vitals: Vitals
    beat: datetime
    there: bool = True  # the bucket holds its key
    farewell: datetime | None = None
    standing: Standing = LIVE
    shown: Agent | None = None
    shown_of: tuple[Agent, Standing, int] | None = None  # what it was made of; the number is the state bucket's


class FleetSource:
    """Collects the fleet's facts. Never raises; keeps the last facts while the broker does not answer."""

    def __init__(
        self,
        link: NatsLink,
        *,
        registry: str = "agent-registry",
        facts: str = "agent-facts",
        state: str = "agent-state",
        job_queue: str = "job-queue",
        namespace: str = AUTO,
        domain: str = "",
        api_prefix: str = "",
    ) -> None:
        self._link = link
        self._api = JetStreamApi(link, domain=domain, api_prefix=api_prefix)
        self._names = {"registry": registry, "facts": facts, "state": state}
        self._job_queue = job_queue
        self._configured = namespace
        self._fleet = Fleet(None)
        self._buckets: dict[str, Bucket] = {}
        self._made: dict[str, datetime | None] = {}
        self._members: dict[str, _Member] = {}
        self._facts: dict[str, HostFacts] = {}
        self._timelines: dict[str, dict[str, TimelineEvent]] = defaultdict(dict)  # by host, by key
        self._state_number = 0  # grows with every change in the state bucket
        self._unreadable: dict[str, set[str]] = {name: set() for name in self._names}
        self._states = States(*self._names)
        self._moved = True  # something differs from the tables
        self._tables: tuple[dict[str, Agent], dict[str, Vitals], dict[str, HostFacts]] = ({}, {}, {})
        self._generation = 0
        self._grace_until: datetime | None = None
        self.collected = FleetFacts(states=self._states.all())

    async def collect(self, now: datetime, broker: BrokerFacts) -> FleetFacts:
        """One collection, after the broker's. `now` is our clock."""
        try:
            await self._collect(now, broker)
        except Exception:
            _log.exception("the fleet's facts could not be collected")
            self._states.failed(self._states.names, "internal error, see the log")
        self.collected = self._assemble()
        return self.collected

    async def choose(self, namespace: str) -> None:
        """Looks at the fleet of this namespace from now on; `auto` looks for it again."""
        self._configured = namespace

    async def close(self) -> None:
        """Lets go of the buckets."""
        for name in tuple(self._buckets):
            await self._close(name)

    async def _collect(self, now: datetime, broker: BrokerFacts) -> None:
        if not self._link.up:
            for name in self._buckets or self._states.names:
                self._down(name)
            return
        listed = {state.name: state for state in broker.states}["streams"]
        await self._find(broker, listed)
        broker_now = now + timedelta(seconds=self._link.clock_offset)
        self._reconnected(broker_now)
        for bucket in self._buckets.values():
            bucket.check(broker.streams.get(bucket.stream) if listed.fresh else None, broker_now)
        for bucket in self._buckets.values():
            await bucket.settle(SETTLE)
        self._take_registry(now, broker_now)
        self._take_facts(now)
        self._take_state(now)
        self._show()

    def _reconnected(self, broker_now: datetime) -> None:
        if self._generation != self._link.generation:
            if self._generation:
                self._grace_until = broker_now + timedelta(seconds=GRACE)
            self._generation = self._link.generation

    # --- which fleet

    async def _find(self, broker: BrokerFacts, listed: SourceState) -> None:
        """Opens the buckets that are there, closes those that are not."""
        known = listed.fresh or listed.status is SourceStatus.ABSENT
        if not known and not (listed.status is SourceStatus.DENIED and self._configured != AUTO):
            return
        current = self._fleet.namespace if self._fleet.found else None
        fleet = discover(broker.streams, self._names["registry"], self._job_queue, self._configured, current)
        if fleet.namespace != self._fleet.namespace:
            await self.close()
        self._fleet = fleet
        for name, plain in self._names.items():
            bucket = fleet.bucket(plain)
            stream = broker.streams.get(f"KV_{bucket}")
            if fleet.namespace is None or (known and stream is None):
                await self._close(name)
                self._states.absent((name,), self._missing(bucket), self._link.now())
                continue
            if stream is not None and stream.answer is Answer.OK:
                if self._made.get(name, stream.created) != stream.created:
                    self._forget(name)
                self._made[name] = stream.created
            if name not in self._buckets:
                self._buckets[name] = Bucket(self._link, bucket, api=self._api)

    def _missing(self, bucket: str) -> str:
        if self._fleet.namespace is not None:
            return f"no bucket {clean(bucket, 100)}"
        if self._fleet.namespaces:
            names = ", ".join(clean(name, 40) or '""' for name in self._fleet.namespaces)
            return f"several fleets: {names}: choose one with :namespace or --namespace"
        return f"no bucket {self._names['registry']} with a {self._job_queue} beside it"

    async def _close(self, name: str) -> None:
        bucket = self._buckets.pop(name, None)
        self._made.pop(name, None)
        self._forget(name)
        if bucket is not None:
            await bucket.close()

    def _forget(self, name: str) -> None:
        """The bucket is gone or another one: nothing of it is there."""
        self._moved = True
        self._unreadable[name].clear()
        if name == "registry":
            self._members.clear()
        elif name == "facts":
            self._facts.clear()
        else:
            self._timelines.clear()
            self._state_number += 1

    # --- the registry

    def _take_registry(self, now: datetime, broker_now: datetime) -> None:
        bucket = self._buckets.get("registry")
        if bucket is None:
            return
        for key in bucket.changes():
            if key.startswith(_AGENTS):
                self._take_agent(key, bucket.entries.get(key))
        self._judge_source("registry", bucket, now)
        if bucket.loaded:  # else heartbeats cannot be seen: nobody is judged by their absence
            self._judge_members(broker_now)

    def _judge_members(self, broker_now: datetime) -> None:
        grace = self._grace_until is not None and broker_now < self._grace_until
        fresh = broker_now - timedelta(seconds=STALE_AFTER)
        for key, member in list(self._members.items()):
            if member.standing is LIVE and member.there and member.beat >= fresh:
                continue
            standing = judge(member.standing, member.beat, member.farewell, member.there, broker_now, grace)
            member.standing = standing if standing != member.standing else member.standing
            if forgotten(standing, broker_now):
                del self._members[key]
                self._moved = True

    def _take_agent(self, full: str, entry: Entry | None) -> None:
        self._moved = True
        key = full.removeprefix(_AGENTS)
        member = self._members.get(key)
        if entry is None or entry.marker:
            self._unreadable["registry"].discard(full)
            if member is not None:
                member.there = False
                if entry is not None and entry.marker in ("DEL", "PURGE"):
                    member.farewell = entry.at
            return
        if member is not None:  # readable or not, it does beat
            member.there, member.beat, member.farewell = True, entry.at, None
        try:
            self._register(key, member, agentwire.registration(entry.value), entry.at)
            self._unreadable["registry"].discard(full)
        except Unreadable:
            self._unreadable["registry"].add(full)
            if member is not None:
                member.vitals = replace(member.vitals, beat=entry.at)

    def _register(self, key: str, member: _Member | None, wire: Registration, at: datetime) -> None:
        vitals = agentwire.vitals(key, wire, at)
        if member is None:
            self._members[key] = _Member(key, wire, agentwire.agent(key, wire), vitals, at)
            return
        if member.wire.still() != wire.still():
            base = agentwire.agent(key, wire)
            member.base = base if base != member.base else member.base
        member.wire = wire
        member.vitals = vitals if vitals != member.vitals else member.vitals

    # --- facts and state

    def _take_facts(self, now: datetime) -> None:
        bucket = self._buckets.get("facts")
        if bucket is None:
            return
        for full in bucket.changes():
            if not full.startswith(_FACTS):
                continue
            key, entry = full.removeprefix(_FACTS), bucket.entries.get(full)
            self._moved = True
            self._unreadable["facts"].discard(full)
            if entry is None or entry.marker:
                self._facts.pop(key, None)
                continue
            try:
                # The key that OSAPI writes is sanitised, and so is an Agent's.
                self._facts[key] = agentwire.host_facts(sanitise_key(key), entry.value, entry.at)
            except Unreadable:
                self._unreadable["facts"].add(full)
        self._judge_source("facts", bucket, now)

    def _take_state(self, now: datetime) -> None:
        bucket = self._buckets.get("state")
        if bucket is None:
            return
        changes = bucket.changes()
        self._state_number += bool(changes)
        for full in changes:
            if not full.startswith(_TIMELINE):
                continue
            host, entry = full.removeprefix(_TIMELINE).partition(".")[0], bucket.entries.get(full)
            self._unreadable["state"].discard(full)
            if entry is None or entry.marker:
                self._timelines[host].pop(full, None)
                continue
            try:
                self._timelines[host][full] = agentwire.timeline_event(entry.value, entry.at)
            except Unreadable:
                self._unreadable["state"].add(full)
        self._judge_source("state", bucket, now)

    def _drained(self, agent: Agent) -> bool:
        bucket = self._buckets.get("state")
        if bucket is None:
            return False
        for name in (agent.machine_id, agent.key):
            entry = bucket.entries.get(_DRAIN + name)
            if entry is not None and not entry.marker:
                return True
        return False

    def _timeline(self, agent: Agent) -> tuple[TimelineEvent, ...]:
        """Newest first. An operator who gave a machine id instead of a hostname has filed it under that."""
        hosts = {sanitise_key(agent.hostname), sanitise_key(agent.machine_id)}
        events: Iterable[TimelineEvent] = (
            event for host in hosts if host in self._timelines for event in self._timelines[host].values()
        )
        return tuple(sorted(events, key=lambda event: event.at, reverse=True)[:_EVENTS_KEPT])

    # --- together

    def _show(self) -> None:
        """Makes the agent that is shown of what is known; the old one where nothing differs."""
        for member in self._members.values():
            base = member.base
            made_of = (base, member.standing, self._state_number)
            before = member.shown_of
            if before is not None and before[0] is base and before[1:] == made_of[1:]:
                continue
            member.shown_of = made_of
            shown = replace(
                base,
                presence=member.standing.presence,
                since=member.standing.since,
                state="Cordoned" if self._drained(base) else base.state,
                timeline=self._timeline(base),
            )
            if shown != member.shown:
                member.shown = shown
                self._moved = True

    def _host_facts(self) -> dict[str, HostFacts]:
        found: dict[str, HostFacts] = {}
        for member in self._members.values():
            facts = self._facts.get(member.key) or self._facts.get(member.base.machine_id)
            if facts is not None:
                found[member.base.key] = facts
        return found

    def _assemble(self) -> FleetFacts:
        if self._moved:
            self._moved = False
            members = [member for member in self._members.values() if member.shown is not None]
            self._tables = (
                {member.base.key: member.shown for member in members if member.shown is not None},
                {member.base.key: member.vitals for member in members},
                self._host_facts(),
            )
        agents, vitals, facts = self._tables
        return FleetFacts(
            agents,
            vitals,
            facts,
            states=self._states.all(),
            namespace=clean(self._fleet.namespace or "", 100),
            namespaces=tuple(clean(name, 100) for name in self._fleet.namespaces),
            found=self._fleet.found,
            present="registry" in self._buckets,
        )

    # --- states

    def _down(self, name: str) -> None:
        if self._states[name].good_at is not None:
            self._states.failed((name,), self._link.connection.error or "not connected")

    def _judge_source(self, name: str, bucket: Bucket, now: datetime) -> None:
        error = bucket.error
        if bucket.loaded:
            good_at = bucket.good_at if bucket.polling else now
            bad = len(self._unreadable[name])
            if bad:
                self._states.partial(name, good_at, f"{bad} values cannot be read")
            else:
                self._states.good(name, good_at or now)
            self._states.set(name, interval=POLL_EVERY if bucket.polling else 1.0)
        elif isinstance(error, NotPermitted):
            self._states.denied(name, error.needs)
        elif isinstance(error, ApiError) and error.number == jsapi.NO_STREAM:
            self._states.absent((name,), f"no bucket {bucket.bucket}", now)
        else:
            self._states.failed((name,), str(error) if error else "the listing is not complete")
