"""The model's records made of JetStream API answers. Everything foreign is cleaned here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

from app.model.broker import Account, Cluster, Pairs, Peer, SourceLag, StreamKind, Tier
from app.model.text import REPLACEMENT, clean
from app.sources.wire import (
    AccountInfo,
    ClusterRow,
    ConsumerConfig,
    ConsumerRow,
    SourceRow,
    StreamConfig,
    StreamRow,
    TierRow,
)

_NANO = 1e9
_ZERO_YEAR = 1  # Go's zero time is the year 1
_SEEN_STEP = 5.0
"""Seconds: "last seen" moves all the time and would make every row of a cluster new on every look."""


def moment(value: datetime | None) -> datetime | None:
    """A broker's time as aware UTC; Go's zero time is none."""
    if value is None or value.year <= _ZERO_YEAR:
        return None
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def shown_name(name: str) -> str:
    """A stream's or consumer's name as it is shown, and as the key of its row.

    One that is changed by cleaning gets a mark of its own: it must not take the place of another that is really
    called so, nor stand in a command.
    """
    plain = clean(name, 255)
    return plain if plain == name else f"{plain}{REPLACEMENT}{crc32(name.encode('utf-8', 'surrogatepass')):08x}"


def pairs(values: Mapping[str, str] | None) -> Pairs:
    """Foreign metadata, cleaned and sorted, without the server's own."""
    if not values:
        return ()
    return tuple(
        sorted((clean(name, 200), clean(value, 500)) for name, value in values.items() if not name.startswith("_nats."))
    )


def cluster(row: ClusterRow | None) -> Cluster | None:
    """The cluster section; None on a single server, which sends none or one without a name."""
    if row is None or not (row.name or row.replicas):
        return None
    peers = tuple(
        Peer(clean(peer.name, 100), peer.current, peer.offline, _seen(peer.active), peer.lag)
        for peer in row.replicas or ()
    )
    return Cluster(clean(row.name, 100), clean(row.leader, 100), peers, moment(row.leader_since))


def source(row: SourceRow) -> SourceLag:
    """A mirror's origin or a source; the server's -1 of `active` means that it was never seen."""
    error = clean(row.error.description, 300) if row.error else ""
    return SourceLag(clean(row.name, 255), row.lag, _seen(row.active) if row.active >= 0 else None, error)


def _seen(nanoseconds: int) -> float:
    return nanoseconds / _NANO // _SEEN_STEP * _SEEN_STEP


def stream_config(config: StreamConfig) -> dict[str, Any]:
    """The part of a Stream that its configuration decides."""
    metadata = config.metadata or {}
    level = metadata.get("_nats.req.level", "0")
    return {
        "name": shown_name(config.name),
        "kind": _kind(config),
        "subjects": tuple(clean(subject, 255) for subject in config.subjects or ()),
        "description": clean(config.description),
        "retention": clean(config.retention, 20),
        "storage": clean(config.storage, 20),
        "discard": clean(config.discard, 20),
        "replicas": config.num_replicas,
        "max_messages": config.max_msgs if config.max_msgs > 0 else -1,
        "max_bytes": config.max_bytes if config.max_bytes > 0 else -1,
        "max_age": config.max_age / _NANO,
        "max_message_size": config.max_msg_size,
        "max_per_subject": config.max_msgs_per_subject if config.max_msgs_per_subject > 0 else -1,
        "max_consumers": config.max_consumers if config.max_consumers > 0 else -1,
        "duplicate_window": config.duplicate_window / _NANO,
        "allow_direct": config.allow_direct,
        "sealed": config.sealed,
        "metadata": pairs(metadata),
        "api_level": int(level) if level.isdigit() else 0,
    }


def _kind(config: StreamConfig) -> StreamKind:
    if config.name.startswith("KV_"):
        return StreamKind.KV
    if config.name.startswith("OBJ_"):
        return StreamKind.OBJECT
    if config.mirror is not None:
        return StreamKind.MIRROR
    return {"workqueue": StreamKind.QUEUE, "interest": StreamKind.INTEREST}.get(config.retention, StreamKind.STREAM)


def stream_state(row: StreamRow) -> dict[str, Any]:
    """The part of a Stream that moves."""
    state = row.state
    return {
        "created": moment(row.created),
        "messages": state.messages,
        "bytes": state.bytes,
        "first_seq": state.first_seq,
        "last_seq": state.last_seq,
        "first_at": moment(state.first_ts),
        "last_at": moment(state.last_ts),
        "consumers": state.consumer_count,
        "subject_count": state.num_subjects,
        "deleted": state.num_deleted,
        "lost": len(state.lost.msgs or ()) if state.lost else 0,
        "cluster": cluster(row.cluster),
        "mirror": source(row.mirror) if row.mirror else None,
        "sources": tuple(source(one) for one in row.sources or ()),
    }


def consumer_config(config: ConsumerConfig) -> dict[str, Any]:
    """The part of a Consumer that its configuration decides."""
    filters = config.filter_subjects or ([config.filter_subject] if config.filter_subject else [])
    return {
        "durable": bool(config.durable_name),
        "push": bool(config.deliver_subject),
        "deliver_subject": clean(config.deliver_subject, 255),
        "description": clean(config.description),
        "ack_policy": clean(config.ack_policy, 20),
        "ack_wait": config.ack_wait / _NANO,
        "max_deliver": config.max_deliver,
        "back_off": tuple(pause / _NANO for pause in config.backoff or ()),
        "max_ack_pending": config.max_ack_pending if config.max_ack_pending > 0 else -1,
        "max_waiting": config.max_waiting,
        "filters": tuple(clean(subject, 255) for subject in filters),
        "deliver_policy": clean(config.deliver_policy, 40),
        "idle_heartbeat": config.idle_heartbeat / _NANO,
        "inactive_threshold": config.inactive_threshold / _NANO,
        "pause_until": moment(config.pause_until),
        "priority": "" if config.priority_policy == "none" else clean(config.priority_policy, 20),
        "priority_groups": len(config.priority_groups or ()),
        "metadata": pairs(config.metadata),
    }


def consumer_state(row: ConsumerRow) -> dict[str, Any]:
    """The part of a Consumer that moves."""
    return {
        "created": moment(row.created),
        "paused": row.paused,
        "pending": row.num_pending,
        "ack_pending": row.num_ack_pending,
        "redelivered": row.num_redelivered,
        "waiting": row.num_waiting,
        "push_bound": row.push_bound,
        "delivered_stream_seq": row.delivered.stream_seq,
        "delivered_consumer_seq": row.delivered.consumer_seq,
        "delivered_at": moment(row.delivered.last_active),
        "floor_stream_seq": row.ack_floor.stream_seq,
        "floor_consumer_seq": row.ack_floor.consumer_seq,
        "acked_at": moment(row.ack_floor.last_active),
        "pinned_groups": sum(1 for group in row.priority_groups or () if group.pinned_client_id),
        "cluster": cluster(row.cluster),
    }


def account(info: AccountInfo, name: str) -> Account:
    """`$JS.API.INFO`; without tiers the account itself is the one tier, named by the empty string."""
    rows = info.tiers or {"": info}
    tiers = tuple(_tier(clean(tier, 40), row) for tier, row in sorted(rows.items()))
    return Account(clean(name, 100), tiers, info.api.total, info.api.errors, clean(info.domain, 100))


def _tier(name: str, row: TierRow) -> Tier:
    limits = row.limits
    return Tier(
        name,
        row.memory,
        row.storage,
        row.streams,
        row.consumers,
        limits.max_memory,
        limits.max_storage,
        limits.max_streams,
        limits.max_consumers,
    )
