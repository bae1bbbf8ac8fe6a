"""Session bodies: agents, sessions and events as AgentLens's clients read them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
from pydantic import BaseModel

from app.model.sessions import AiAgent, Session, SessionEvent, TimelineEvent
from app.store import contents

TENANT = "default"
"""AgentLens keeps tenants apart; here is one."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANO = 1_000_000_000
_JS_WHOLE = 1e21  # below this JavaScript writes a whole number without exponent


class SessionBody(BaseModel):
    """A session. What is not known is left out."""

    id: str
    agentId: str
    agentName: str = ""
    startedAt: datetime
    endedAt: datetime | None = None
    status: Literal["active", "idle", "completed", "error"]
    eventCount: int
    toolCallCount: int
    errorCount: int
    totalCostUsd: float
    llmCallCount: int
    totalInputTokens: int
    totalOutputTokens: int
    tags: list[str]
    tenantId: str


class SessionPage(BaseModel):
    """Sessions, the ones that began last first; with `countOnly=true` nothing but `count`."""

    sessions: list[SessionBody] = []
    total: int = 0
    hasMore: bool = False
    count: int = 0


class EventBody(BaseModel):
    """An event. Its hash is of itself alone: events are not chained."""

    id: str
    timestamp: datetime
    sessionId: str
    agentId: str
    eventType: str
    severity: Literal["debug", "info", "warn", "error", "critical"]
    payload: dict[str, Any]
    metadata: dict[str, Any]
    prevHash: None
    hash: str
    tenantId: str


class EventsPage(BaseModel):
    """Events, newest first unless `order=asc`."""

    events: list[EventBody]
    total: int
    hasMore: bool


class Timeline(BaseModel):
    """Events of one session by time, the first 2000 from `offset` on."""

    events: list[EventBody]
    chainValid: bool
    chained: bool
    total: int
    hasMore: bool


class TakenBody(BaseModel):
    """What each event is called, grouped by session. `notes`: what is wrong with events that mean to be of a task; they
    are kept as events, and of no task."""

    class Named(BaseModel):
        id: str
        hash: str

    class Note(BaseModel):
        path: str
        message: str

    ingested: int
    events: list[Named]
    notes: list[Note] = []


class AgentBody(BaseModel):
    """An agent that publishes session events."""

    id: str
    name: str
    firstSeenAt: datetime
    lastSeenAt: datetime
    sessionCount: int
    tenantId: str


class AgentPage(BaseModel):
    """Every agent, the one that was heard of last first."""

    agents: list[AgentBody]


def session_body(session: Session) -> dict[str, Any]:
    body = {
        "id": session.key,
        "agentId": session.agent,
        "agentName": session.agent_name,
        "startedAt": iso(session.began),
        "endedAt": iso(session.ended) if session.ended else "",
        "status": session.status.value,
        "eventCount": session.events,
        "toolCallCount": session.tool_calls,
        "errorCount": session.errors,
        "totalCostUsd": session.cost / _NANO,
        "llmCallCount": session.llm_calls,
        "totalInputTokens": session.input_tokens,
        "totalOutputTokens": session.output_tokens,
        "tags": session.tags,
        "tenantId": TENANT,
    }
    return {name: value for name, value in body.items() if value != ""}


def agent_body(agent: AiAgent) -> dict[str, Any]:
    return {
        "id": agent.key,
        "name": agent.name or agent.key,
        "firstSeenAt": iso(agent.first_seen),
        "lastSeenAt": iso(agent.last_seen),
        "sessionCount": agent.sessions,
        "tenantId": TENANT,
    }


def event_body(session: str, event: TimelineEvent) -> dict[str, Any]:
    """An event as it is kept. Payload and metadata are empty once they are no longer kept."""
    payload, metadata = event.payload or "{}", event.metadata or "{}"
    told = {
        "id": event.id,
        "timestamp": iso(event.at),
        "sessionId": session,
        "agentId": event.agent,
        "eventType": event.type,
        "severity": event.severity,
    }
    return {
        **told,
        "payload": msgspec.Raw(payload.encode()),
        "metadata": msgspec.Raw(metadata.encode()),
        "prevHash": None,
        "hash": _hash({**told, "payload": json.loads(payload), "metadata": json.loads(metadata)}),
        "tenantId": TENANT,
    }


def hash_of(id: str, event: SessionEvent) -> str:
    """The hash of an event that was posted, as it is told of what is kept of it."""
    text, size = contents.kept(contents.written(event.payload))
    return _hash(
        {
            "id": id,
            "timestamp": iso(_EPOCH + timedelta(milliseconds=event.at)),
            "sessionId": event.session,
            "agentId": event.agent,
            "eventType": event.type,
            "severity": event.severity,
            "payload": json.loads(text) if size else event.payload,
            "metadata": event.metadata,
        }
    )


def iso(at: datetime) -> str:
    """An instant as JavaScript writes it: `2026-11-22T14:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _hash(event: Mapping[str, Any]) -> str:
    """AgentLens's hash of an event that follows no other: SHA-256 of its JSON with these keys in this order."""
    whole = {"v": 2, **{name: _as_js(value) for name, value in event.items()}, "prevHash": None}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _as_js(value: Any) -> Any:
    """A value whose numbers are written as JavaScript writes them: whole ones without a fraction."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _JS_WHOLE:
        return int(value)
    if isinstance(value, Mapping):
        return {name: _as_js(held) for name, held in value.items()}
    if isinstance(value, list):
        return [_as_js(held) for held in value]
    return value
