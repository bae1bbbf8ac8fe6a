"""Agents and components from the registry, facts and state buckets of a fleet."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.model.broker import Answer
from app.model.components import Component
from app.model.fleet import Agent, HostFacts, Vitals, sanitise_key
from app.model.snapshot import SourceState, SourceStatus
from app.model.text import clean
from app.sources import agentwire, jsapi
from app.sources.agentwire import Unreadable
from app.sources.connection import NatsLink
from app.sources.controls import Controls
from app.sources.errors import ApiError, NotPermitted
from app.sources.hoststate import HostStates
from app.sources.jetstream import BrokerFacts
from app.sources.jsapi import JetStreamApi
from app.sources.keyvalue import Bucket
from app.sources.kvmessage import Entry
from app.sources.kvpoll import POLL_EVERY
from app.sources.members import Member, Members
from app.sources.namespace import AUTO, Fleet, discover
from app.sources.presence import GRACE
from app.sources.states import States

SETTLE = 2.0
"""Seconds that a collection waits for a listing that has just begun."""
_FACTS = "facts."

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
    components: Mapping[str, Component] = field(default_factory=dict)
    states: tuple[SourceState, ...] = ()
    namespace: str = ""
    namespaces: tuple[str, ...] = ()
    found: bool = False
    present: bool = False
    live_keys: Mapping[str, int] = field(default_factory=dict)  # stream of a bucket -> its keys without markers


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
        self._members = Members()
        self._controls = Controls()
        self._components: dict[str, Component] = {}
        self._hosts = HostStates()
        self._facts: dict[str, HostFacts] = {}
        self._unreadable_facts: set[str] = set()
        self._states = States(*self._names)
        self._facts_new: set[str] = set()  # keys of facts that are not shown yet
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
        self._members.show(self._hosts)

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
        if name == "registry":
            self._members = Members()
            self._controls.clear()
        elif name == "state":
            self._hosts.clear()
        else:
            self._facts_new.update(self._facts)
            self._facts.clear()
            self._unreadable_facts.clear()

    # --- the registry

    def _take_registry(self, now: datetime, broker_now: datetime) -> None:
        bucket = self._buckets.get("registry")
        if bucket is None:
            return
        changes = bucket.changes()
        self._members.take(changes, bucket.entries)
        self._controls.take(changes, bucket.entries)
        bucket.release(changes)
        self._judge_source("registry", bucket, now, len(self._members.unreadable) + len(self._controls.unreadable))
        if bucket.loaded:  # else heartbeats cannot be seen: nobody is judged by their absence
            grace = self._grace_until is not None and broker_now < self._grace_until
            self._members.judge(broker_now, grace)
            self._controls.judge(broker_now, grace)

    # --- facts and state

    def _take_facts(self, now: datetime) -> None:
        bucket = self._buckets.get("facts")
        if bucket is None:
            return
        changes = bucket.changes()
        for full in changes:
            if full.startswith(_FACTS):
                self._take_host_facts(full, bucket.entries.get(full))
        bucket.release(changes)
        self._judge_source("facts", bucket, now, len(self._unreadable_facts))

    def _take_host_facts(self, full: str, entry: Entry | None) -> None:
        key = full.removeprefix(_FACTS)
        self._facts_new.add(key)
        self._unreadable_facts.discard(full)
        if entry is None or entry.marker:
            self._facts.pop(key, None)
            return
        try:
            # The key that OSAPI writes is sanitised, and so is an Agent's.
            self._facts[key] = agentwire.host_facts(sanitise_key(key), entry.value, entry.at)
        except Unreadable:
            self._unreadable_facts.add(full)

    def _take_state(self, now: datetime) -> None:
        bucket = self._buckets.get("state")
        if bucket is not None:
            self._hosts.take(bucket.changes(), bucket.entries)
            self._judge_source("state", bucket, now, len(self._hosts.unreadable))

    # --- together

    def _assemble(self) -> FleetFacts:
        members = self._members
        agents, vitals, facts = self._tables
        if members.moved or self._facts_new:
            facts = self._host_facts() if members.moved else self._with_new(facts)
            self._facts_new.clear()
        if members.moved:
            agents = dict(members.agents)
        if members.beaten:
            vitals = dict(members.vitals)
        self._tables = agents, vitals, facts
        members.moved = members.beaten = False
        parts = members.parts
        if parts.moved or self._controls.moved:
            parts.moved = self._controls.moved = False
            self._components = {**self._controls.components(), **parts.components()}
        return FleetFacts(
            agents,
            vitals,
            facts,
            self._components,
            states=self._states.all(),
            namespace=clean(self._fleet.namespace or "", 100),
            namespaces=tuple(clean(name, 100) for name in self._fleet.namespaces),
            found=self._fleet.found,
            present="registry" in self._buckets,
            live_keys={bucket.stream: bucket.live for bucket in self._buckets.values() if bucket.loaded},
        )

    def _host_facts(self) -> dict[str, HostFacts]:
        return {member.base.key: facts for member in self._members if (facts := self._facts_of(member)) is not None}

    def _facts_of(self, member: Member) -> HostFacts | None:
        return self._facts.get(member.key) or self._facts.get(member.base.machine_id)

    def _with_new(self, known: Mapping[str, HostFacts]) -> dict[str, HostFacts]:
        """The same with what is new: of ten thousand hosts few have other facts at a time."""
        shown = dict(known)
        for key in self._facts_new:
            member = self._members.get(key)
            if member is None:
                return self._host_facts()  # it is under a name that is not its own
            facts = self._facts_of(member)
            if facts is not None:
                shown[member.base.key] = facts
            else:
                shown.pop(member.base.key, None)
        return shown

    # --- states

    def _down(self, name: str) -> None:
        if self._states[name].good_at is not None:
            self._states.failed((name,), self._link.connection.error or "not connected")

    def _judge_source(self, name: str, bucket: Bucket, now: datetime, bad: int) -> None:
        error = bucket.error
        if bucket.loaded:
            good_at = bucket.good_at if bucket.polling else now
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
