"""Status: the health of the whole as OSAPI's status endpoint tells it, made of one snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app import __version__
from app.api.causes import Causes
from app.model.broker import LinkState, Stream, StreamKind
from app.model.components import Component, ComponentKind
from app.model.fleet import Agent, Presence
from app.model.snapshot import Snapshot
from app.model.text import osapi_age

Body = dict[str, Any]
_BUCKETS = (StreamKind.KV, StreamKind.OBJECT)
_DEGRADING = ("controller", "nats")
_NOT_THERE = ("gone", "left")


@dataclass(frozen=True, slots=True)
class Status:
    """The body, and whether it is good."""

    ok: bool
    body: Body


def status_of(snapshot: Snapshot, causes: Causes, *, now: datetime, uptime: float, store: str) -> Status:
    """The status at `now`. `uptime` in seconds; `store` is `ok`, `disabled` while there is none, or why it is bad."""
    parts = dict(_parts(snapshot, causes, store))
    ok = not causes.bad and not _broken_control(snapshot)
    body: Body = {
        "status": "ok" if ok else "degraded",
        "components": dict(sorted(parts.items())),
        "version": __version__,
        "uptime": uptime_text(uptime),
    }
    site = snapshot.site
    if site.connection.state is LinkState.CONNECTED and site.connection.url:
        body["nats"] = {"url": site.connection.url, "version": site.server.version if site.server else ""}
    if _fresh(snapshot, "streams"):
        body.update(_storage(snapshot))
    if snapshot.queue is not None and _fresh(snapshot, "jobs"):
        queue = snapshot.queue
        body["jobs"] = {
            "total": queue.total + queue.unclaimed,
            "unprocessed": queue.submitted + queue.unclaimed,
            "processing": queue.processing,
            "completed": queue.completed,
            "failed": queue.failed,
            "dlq": queue.dead,
        }
    if causes.fleet and _fresh(snapshot, "registry"):
        body["agents"] = _agents(snapshot, now)
    if _fresh(snapshot, "streams") and _fresh(snapshot, "consumers"):
        body["consumers"] = _consumers(snapshot)
    if causes.fleet and _fresh(snapshot, "registry"):
        body["registry"] = _registry(snapshot, now)
    return Status(ok, body)


def uptime_text(seconds: float) -> str:
    """Seconds as `45s`, `5m20s`, `2h30m`, `170h6m`: two units at most, never days, cut."""
    whole = max(0, int(seconds))
    if whole >= 3600:
        return f"{whole // 3600}h{whole % 3600 // 60}m"
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"


def _fresh(snapshot: Snapshot, source: str) -> bool:
    state = snapshot.sources.get(source)
    return state is not None and state.fresh


# --- components


def _parts(snapshot: Snapshot, causes: Causes, store: str) -> Iterator[tuple[str, Body]]:
    """Every component under its name, with its host behind it where several hosts publish it."""
    site = snapshot.site
    own = {
        "nats": _part(causes.nats, site.connection.url),
        "kv": _part(causes.kv) if causes.fleet else {"status": "disabled"},
        "store": {"status": store} if store in ("ok", "disabled") else _part(store),
        "worker": _part(causes.worker),
    }
    yield from own.items()
    published = list(_published(snapshot))
    hosts = Counter(name for name, _ in {(name, host) for name, host, _ in published})
    for name, host, body in published:
        yield (f"{name} ({host})" if hosts[name] > 1 or name in own else name), body


def _part(error: str, address: str = "") -> Body:
    body: Body = {"status": "error", "error": error} if error else {"status": "ok"}
    if address:
        body["address"] = address
    return body


def _published(snapshot: Snapshot) -> Iterator[tuple[str, str, Body]]:
    """Sub-components of all that is registered now: name, host, body."""
    alike: dict[tuple[str, str], Body] = {}  # tens of thousands of parts say one of a few things
    for agent in snapshot.agents.values():
        if _registered(agent):
            for part in agent.sub_components:
                said = (part.status, part.address)
                body = alike.get(said)
                if body is None:
                    body = alike[said] = {"status": part.status, **({"address": part.address} if part.address else {})}
                yield part.name, agent.hostname, body
    for component in _control(snapshot, parts=True):
        body = {"status": component.state}
        if component.reason and component.state == "error":
            body["error"] = component.reason
        if component.address:
            body["address"] = component.address
        yield component.name, component.host, body


def _control(snapshot: Snapshot, *, parts: bool) -> Iterator[Component]:
    """Entries of the registry that are no agents, or the parts of those that are still there."""
    for component in snapshot.components.values():
        if component.kind is not ComponentKind.CONTROL or bool(component.parent) != parts:
            continue
        parent = snapshot.components.get(component.parent)
        entry = parent if parts else component
        if entry is not None and entry.state not in (_NOT_THERE if parts else ("left",)):
            yield component


def _broken_control(snapshot: Snapshot) -> bool:
    """Whether a part of a controller or NATS entry says `error`."""
    return any(
        component.state == "error" and snapshot.components[component.parent].type in _DEGRADING
        for component in _control(snapshot, parts=True)
    )


def _registered(agent: Agent) -> bool:
    return agent.presence in (Presence.LIVE, Presence.STALE)


# --- sections


def _storage(snapshot: Snapshot) -> Body:
    """Streams, KV buckets and object stores, each sorted by name."""
    rows = sorted(snapshot.streams.values(), key=lambda stream: stream.name)
    own = Counter(consumer.stream for consumer in snapshot.consumers.values() if consumer.own)
    return {
        "streams": [
            {
                "name": row.name,
                "messages": row.messages,
                "bytes": row.bytes,
                "consumers": max(0, row.consumers - own[row.name]),
            }
            for row in rows
            if row.kind not in _BUCKETS
        ],
        "kv_buckets": [
            {"name": row.label, "keys": _keys(snapshot, row), "bytes": row.bytes}
            for row in rows
            if row.kind is StreamKind.KV
        ],
        "object_stores": [{"name": row.label, "size": row.bytes} for row in rows if row.kind is StreamKind.OBJECT],
    }


def _keys(snapshot: Snapshot, bucket: Stream) -> int:
    """Live keys where the bucket is held in memory; else its subjects, which count keys that were deleted too."""
    held = snapshot.live_keys.get(bucket.name)
    return held if held is not None else bucket.subject_count


def _consumers(snapshot: Snapshot) -> Body:
    rows = [
        {
            "name": consumer.name,
            "pending": consumer.pending,
            "ack_pending": consumer.ack_pending,
            "redelivered": consumer.redelivered,
        }
        for _, consumer in sorted(snapshot.consumers.items())
        if not consumer.own and _of_a_stream(snapshot, consumer.stream)
    ]
    return {"total": len(rows), "consumers": rows} if rows else {"total": 0}


def _of_a_stream(snapshot: Snapshot, name: str) -> bool:
    stream = snapshot.streams.get(name)
    return stream is not None and stream.kind not in _BUCKETS


def _agents(snapshot: Snapshot, now: datetime) -> Body:
    known = [agent for agent in snapshot.agents.values() if agent.presence is not Presence.LEFT]
    rows = []
    for agent in sorted(known, key=lambda agent: (agent.hostname, agent.key)):
        row: Body = {"hostname": agent.hostname}
        if agent.labels:
            row["labels"] = ", ".join(f"{key}={value}" for key, value in agent.labels)
        vitals = snapshot.vitals.get(agent.key)
        beat = (vitals.registered_at or vitals.beat) if vitals else None
        row["registered"] = f"{_age(now, beat)} ago"
        rows.append(row)
    ready = sum(agent.presence is Presence.LIVE and agent.state == "Ready" for agent in known)
    return {"total": len(known), "ready": ready, **({"agents": rows} if rows else {})}


def _registry(snapshot: Snapshot, now: datetime) -> list[Body]:
    rows = []
    for agent in snapshot.agents.values():
        if agent.presence is not Presence.LEFT:
            vitals = snapshot.vitals.get(agent.key)
            state = agent.state if agent.presence is Presence.LIVE else agent.presence.value.capitalize()
            active = [condition.type for condition in agent.active_conditions]
            usage = (vitals.cpu, vitals.rss) if vitals else (None, None)
            rows.append(_entry("agent", agent.hostname, state, active, _age(now, agent.started_at), *usage))
    for component in _control(snapshot, parts=False):
        active = [condition.type for condition in component.conditions if condition.status]
        age = _age(now, component.started_at)
        state = component.state.capitalize()
        rows.append(
            _entry(component.type or component.name, component.host, state, active, age, component.cpu, component.rss)
        )
    return sorted(rows, key=lambda row: (row["type"], row["hostname"]))


def _entry(
    type: str, hostname: str, status: str, conditions: list[str], age: str, cpu: float | None, rss: int | None
) -> Body:
    row: Body = {"type": type, "hostname": hostname, "status": status}
    if conditions:
        row["conditions"] = conditions
    return {**row, "age": age, "cpu_percent": cpu or 0.0, "mem_bytes": rss or 0}


def _age(now: datetime, since: datetime | None) -> str:
    if since is None:
        return ""
    passed: timedelta = now - since
    return osapi_age(passed.total_seconds())
