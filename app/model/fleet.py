"""The fleet: agents (hosts) as their registry, facts and state buckets tell them. Layout: OSAPI's, unchanged."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.model.broker import Pairs

HEARTBEAT = 10.0
"""Seconds between two heartbeats of an agent (OSAPI)."""
REGISTRY_TTL = 30.0
"""Seconds after which a registration expires (OSAPI)."""


class Presence(StrEnum):
    """Whether an agent is there, judged by the broker's time of its last heartbeat."""

    LIVE = "live"
    STALE = "stale"  # older than two heartbeats
    GONE = "gone"  # expired, or older than the registry's TTL, without a farewell
    LEFT = "left"  # said goodbye: its key was deleted


@dataclass(frozen=True, slots=True)
class Condition:
    type: str
    status: bool
    reason: str = ""
    since: datetime | None = None  # of the present status


@dataclass(frozen=True, slots=True)
class SubComponent:
    name: str
    status: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    at: datetime
    event: str
    hostname: str = ""
    message: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Agent:
    """A host of the fleet. What beats all the time is in `Vitals`, so that a heartbeat does not remake it."""

    key: str  # the registry key without `agents.`: the machine id, sanitised
    machine_id: str
    hostname: str
    presence: Presence = Presence.LIVE
    since: datetime | None = None  # of a presence that is not LIVE: the last heartbeat, or the farewell
    state: str = "Ready"  # Ready, Draining, Cordoned, Pending: as registered, Cordoned at once when a drain key exists
    labels: Pairs = ()
    started_at: datetime | None = None
    os: str = ""
    version: str = ""
    conditions: tuple[Condition, ...] = ()
    sub_components: tuple[SubComponent, ...] = ()
    timeline: tuple[TimelineEvent, ...] = ()  # newest first, at most 50

    @property
    def active_conditions(self) -> tuple[Condition, ...]:
        return tuple(condition for condition in self.conditions if condition.status)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What changes with every heartbeat. Memory in bytes, cpu in percent of one core, uptime in seconds."""

    key: str
    beat: datetime  # the broker's time of the last heartbeat
    registered_at: datetime | None = None  # the agent's own clock: shown, judges nothing
    cpu: float | None = None  # of the agent's process
    rss: int | None = None
    load1: float | None = None
    load5: float | None = None
    load15: float | None = None
    memory_total: int | None = None
    memory_available: int | None = None
    uptime: float | None = None

    @property
    def memory_used(self) -> float | None:
        """Share of memory in use, 0 to 1: (total - available) / total, as OSAPI's MemoryPressure counts it."""
        if not self.memory_total or self.memory_available is None:
            return None
        return (self.memory_total - self.memory_available) / self.memory_total


@dataclass(frozen=True, slots=True)
class HostFacts:
    """An agent's slow facts (every minute), read when its detail is open."""

    key: str
    at: datetime
    architecture: str = ""
    kernel: str = ""
    cpus: int | None = None
    fqdn: str = ""
    service_manager: str = ""
    package_manager: str = ""
    containerized: bool | None = None
    primary_interface: str = ""
    interfaces: Pairs = ()  # name, addresses
    extra: Pairs = ()


def sanitise_key(name: str) -> str:
    """OSAPI's sanitiser of consumer names, subjects, registry and facts keys: outside `[A-Za-z0-9_]` becomes `_`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def sanitise_host(name: str) -> str:
    """OSAPI's sanitiser of status and response keys: the same, but `-` stays."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


@dataclass(frozen=True, slots=True)
class AgentConsumer:
    """What the name of an OSAPI consumer says: `[<prefix>_]<query|modify>_<route>_<machine id>`."""

    verb: str  # query or modify
    route: str  # any, all, direct, or label·<key>·<value prefix>
    machine: str  # machine id, sanitised: an Agent's key

    @property
    def role(self) -> str:
        """What it is of its host's consumers: `query·any`."""
        return f"{self.verb}·{self.route}"

    def label(self, hostname: str | None) -> str:
        """The name as people say it: `query·any·web-03`; the first 8 of the machine id while nobody knows its host."""
        return f"{self.role}·{hostname or self.machine[:8]}"


_NAME = re.compile(r"(?:^|_)(?P<verb>query|modify)_(?P<route>any|all|direct|label_.+?)_(?P<machine>[A-Za-z0-9_]+)$")
_HEX32 = re.compile(r"_(?P<machine>[0-9a-f]{32})$")


def parse_consumer(name: str) -> AgentConsumer | None:
    """Reads an OSAPI consumer's name; None if it is not one.

    A label route may hold underscores, and so may a machine id: a tail of 32 hex digits is taken for the machine id
    where there is one, else the last word.
    """
    tail = _HEX32.search(name)
    match = _NAME.search(name)
    if match is None:
        return None
    verb, route, machine = match["verb"], match["route"], match["machine"]
    if tail is not None:
        machine = tail["machine"]
        route = name[match.start("route") : tail.start()]
    elif route.startswith("label_"):
        head, _, machine = name[match.start("route") :].rpartition("_")
        route = head
    if route.startswith("label_"):
        key, _, value = route.removeprefix("label_").partition("_")
        route = f"label·{key}·{value}" if value else f"label·{key}"
    return AgentConsumer(verb, route, machine)
