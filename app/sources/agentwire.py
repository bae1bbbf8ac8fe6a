"""Values of the registry, facts and state buckets, as OSAPI's Go programs write them.

Inner keys of Go structs without JSON tags are capitalised; durations are nanoseconds; maps come sorted. Whatever does
not fit is Unreadable: a value may be anybody's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from sys import intern
from typing import Any

import msgspec

from app.model.broker import Pairs
from app.model.fleet import Agent, Condition, HostFacts, SubComponent, TimelineEvent, Vitals
from app.model.text import clean

_MOST = 100
"""Labels, conditions, sub-components and interfaces that are taken of one value."""
_NANO = 1e9
_LARGEST = 2**63 - 1
_NULL = msgspec.Raw(b"null")


class Unreadable(Exception):
    """A value that is not what its key promises."""


class _OsInfo(msgspec.Struct, gc=False):
    Distribution: str = ""
    Version: str = ""


class _Loads(msgspec.Struct, gc=False):
    Load1: float | None = None
    Load5: float | None = None
    Load15: float | None = None


class _Memory(msgspec.Struct, gc=False):
    Total: int | None = None
    Available: int | None = None


class Process(msgspec.Struct, gc=False):
    """What a process costs: percent of one core, bytes."""

    cpu_percent: float | None = None
    rss_bytes: int | None = None


class _Condition(msgspec.Struct, gc=False):
    type: str
    status: bool = False
    reason: str = ""
    last_transition_time: str = ""


class _SubComponent(msgspec.Struct, gc=False):
    status: str = ""
    address: str = ""


class Registration(msgspec.Struct, gc=False):
    """An agent's registration. What seldom changes stays bytes until it does."""

    machine_id: str = ""
    hostname: str = ""
    started_at: str = ""
    agent_version: str = ""
    state: str = ""
    labels: msgspec.Raw = _NULL
    os_info: msgspec.Raw = _NULL
    conditions: msgspec.Raw = _NULL
    sub_components: msgspec.Raw = _NULL
    registered_at: str = ""
    uptime: int | None = None
    load_averages: _Loads | None = None
    memory_stats: _Memory | None = None
    process: Process | None = None

    def still(self) -> bytes:
        """A digest of what does not change with every heartbeat: the bytes themselves are the most of a fleet."""
        texts = (self.machine_id, self.hostname, self.started_at, self.agent_version, self.state)
        digest = blake2b(repr(texts).encode(), digest_size=16)
        for raw in (self.labels, self.os_info, self.conditions, self.sub_components):
            digest.update(raw)
            digest.update(b"\n")
        return digest.digest()


class _Interface(msgspec.Struct):
    name: str = ""
    ipv4: str = ""
    ipv6: str = ""


class _Facts(msgspec.Struct):
    architecture: str = ""
    kernel_version: str = ""
    cpu_count: int | None = None
    fqdn: str = ""
    service_mgr: str = ""
    package_mgr: str = ""
    containerized: bool | None = None
    primary_interface: str = ""
    interfaces: list[_Interface] | None = None
    facts: dict[str, Any] | None = None


class _Event(msgspec.Struct):
    timestamp: str = ""
    event: str = ""
    hostname: str = ""
    message: str = ""
    error: str = ""


_registrations = msgspec.json.Decoder(Registration)
_labels = msgspec.json.Decoder(dict[str, str] | None)
_os_infos = msgspec.json.Decoder(_OsInfo | None)
_conditions = msgspec.json.Decoder(list[_Condition] | None)
_sub_components = msgspec.json.Decoder(dict[str, _SubComponent] | None)
_facts = msgspec.json.Decoder(_Facts)
_events = msgspec.json.Decoder(_Event)


def registration(value: bytes) -> Registration:
    """Reads an agent's registration. Raises Unreadable."""
    decoded: Registration = decode(_registrations, value)
    if not (decoded.machine_id or decoded.hostname):
        raise Unreadable("neither machine id nor hostname")
    return decoded


def agent(key: str, wire: Registration) -> Agent:
    """The still part of an agent, present and as registered. Raises Unreadable."""
    labels: dict[str, str] | None = decode(_labels, wire.labels)
    os_info: _OsInfo = decode(_os_infos, wire.os_info) or _OsInfo()
    return Agent(
        key=clean(key, 255),
        machine_id=clean(wire.machine_id, 255),
        hostname=clean(wire.hostname or key, 255),
        state=_word(wire.state, 40) or "Ready",
        labels=_pairs(labels),
        started_at=moment(wire.started_at),
        os=_word(f"{os_info.Distribution[:100]} {os_info.Version[:100]}".strip(), 100),
        version=_word(wire.agent_version, 60),
        conditions=conditions(wire.conditions),
        sub_components=sub_components(wire.sub_components),
    )


def conditions(value: msgspec.Raw) -> tuple[Condition, ...]:
    """The conditions of a registration. Raises Unreadable."""
    rows: list[_Condition] = (decode(_conditions, value) or [])[:_MOST]
    return tuple(
        Condition(_word(one.type, 60), one.status, clean(one.reason), moment(one.last_transition_time)) for one in rows
    )


def sub_components(value: msgspec.Raw) -> tuple[SubComponent, ...]:
    """The sub-components of a registration, by name. Raises Unreadable."""
    rows: list[tuple[str, _SubComponent]] = sorted((decode(_sub_components, value) or {}).items())
    return tuple(
        SubComponent(_word(name, 100), _word(part.status, 40), clean(part.address, 200)) for name, part in rows[:_MOST]
    )


def vitals(key: str, wire: Registration, beat: datetime) -> Vitals:
    """What beats. `beat` is the broker's time of the registration."""
    loads = wire.load_averages or _Loads()
    memory = wire.memory_stats or _Memory()
    process = wire.process or Process()
    return Vitals(
        key=clean(key, 255),
        beat=beat,
        registered_at=moment(wire.registered_at),
        cpu=real(process.cpu_percent),
        rss=whole(process.rss_bytes),
        load1=real(loads.Load1),
        load5=real(loads.Load5),
        load15=real(loads.Load15),
        memory_total=whole(memory.Total),
        memory_available=whole(memory.Available),
        uptime=wire.uptime / _NANO if wire.uptime is not None and 0 <= wire.uptime <= _LARGEST else None,
    )


def host_facts(key: str, value: bytes, at: datetime) -> HostFacts:
    """An agent's slow facts. Raises Unreadable."""
    wire: _Facts = decode(_facts, value)
    interfaces = {
        one.name: ", ".join(address[:60] for address in (one.ipv4, one.ipv6) if address)
        for one in (wire.interfaces or [])[:_MOST]
    }
    return HostFacts(
        key=clean(key, 255),
        at=at,
        architecture=_word(wire.architecture, 40),
        kernel=_word(wire.kernel_version, 100),
        cpus=whole(wire.cpu_count),
        fqdn=clean(wire.fqdn, 255),
        service_manager=_word(wire.service_mgr, 60),
        package_manager=_word(wire.package_mgr, 60),
        containerized=wire.containerized,
        primary_interface=_word(wire.primary_interface, 60),
        interfaces=_pairs(interfaces),
        extra=_pairs({name: _plain(value) for name, value in list((wire.facts or {}).items())[:_MOST]}),
    )


def timeline_event(value: bytes, at: datetime) -> TimelineEvent:
    """One event of an agent's timeline; without a readable time of its own it has the broker's. Raises Unreadable."""
    wire: _Event = decode(_events, value)
    return TimelineEvent(
        moment(wire.timestamp) or at,
        clean(wire.event, 60),
        clean(wire.hostname, 255),
        clean(wire.message),
        clean(wire.error),
    )


def moment(text: str) -> datetime | None:
    """A time as Go writes it: RFC 3339 with up to nine digits of a second. None where it is none."""
    if not text or len(text) > 40:
        return None
    try:
        value = datetime.fromisoformat(text)
        value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return value if value.year > 1 else None


def decode(decoder: msgspec.json.Decoder[Any], value: bytes | msgspec.Raw) -> Any:
    """A value as its decoder reads it. Raises Unreadable."""
    try:
        return decoder.decode(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError) as error:
        raise Unreadable(type(error).__name__) from error


def _pairs(values: Mapping[str, str] | None) -> Pairs:
    some = list((values or {}).items())[:_MOST]
    return tuple(sorted((_word(name, 200), clean(value, 500)) for name, value in some))


def _word(text: str, limit: int) -> str:
    """A text that many hosts say alike, cleaned and held once for all of them."""
    return intern(clean(text, limit))


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return msgspec.json.encode(value)[:2000].decode("utf-8", "replace")
    except (msgspec.MsgspecError, RecursionError, TypeError, ValueError):
        return "?"


def whole(number: int | None) -> int | None:
    """A count or size, if it is one that can be meant."""
    return number if number is not None and 0 <= number <= _LARGEST else None


def real(number: float | None) -> float | None:
    """A measured figure, if it is one that can be meant."""
    return number if number is not None and math.isfinite(number) and abs(number) < 1e12 else None
