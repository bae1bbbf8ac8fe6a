"""Sessions: what AI agents did, run by run, as their events tell it (AgentLens's event form)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

IDLE_AFTER = timedelta(minutes=30)
"""Time without an event after which a session that has not ended is idle (AgentLens)."""
QUIET_AFTER = timedelta(hours=24)
"""Time without an event after which an agent is quiet."""
UNTOLD = datetime(1970, 1, 1, tzinfo=UTC)
"""The beginning, or the last sign, of a session whose gateway does not tell it."""


class SessionStatus(StrEnum):
    """How a session stands. IDLE is never kept: it is an active one that nothing was heard of for `IDLE_AFTER`."""

    ACTIVE = "active"
    IDLE = "idle"
    COMPLETED = "completed"
    ERROR = "error"


class AiState(StrEnum):
    """How an AI agent stands, by its sessions."""

    ACTIVE = "active"  # a session of it is active
    IDLE = "idle"  # none is, but it was heard of within `QUIET_AFTER`
    ERROR = "error"  # its newest session ended in error, and none is active
    QUIET = "quiet"  # nothing was heard of it for `QUIET_AFTER`


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """One event that was read and found valid. Names are cleaned; what is in it is as it came."""

    session: str
    agent: str
    type: str  # `tool_call`, `session_ended` …
    severity: str  # debug, info, warn, error, critical
    at: int  # milliseconds since 1970 in UTC, as the client says; ours where it does not
    payload: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""  # as the client gave it: unique within agent and session; empty without one


@dataclass(frozen=True, slots=True)
class Session:
    """One run of an AI agent. Counters are of all events that came, in whatever order."""

    key: str  # its id
    agent: str  # id of the agent of its first event
    status: SessionStatus
    began: datetime
    last: datetime  # of its last event
    ended: datetime | None = None
    agent_name: str = ""
    events: int = 0
    errors: int = 0
    tool_calls: int = 0
    tool_failures: int = 0
    cost: int = 0  # nano-dollars
    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    model: str = ""  # that it used last
    channel: str = ""
    label: str = ""
    tags: tuple[str, ...] = ()
    gateway: str = ""  # name of the gateway that tells of it; empty: it is in the store
    context_used: int | None = None  # tokens
    context_most: int | None = None

    @property
    def running(self) -> bool:
        return self.status in (SessionStatus.ACTIVE, SessionStatus.IDLE)


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One event as it is kept. Payload and metadata are JSON text, cleaned; empty once they are no longer kept."""

    id: str
    at: datetime
    type: str
    severity: str
    agent: str
    payload: str = ""
    metadata: str = ""
    size: int = 0  # bytes of the payload as it came, if only its beginning is kept; else 0


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """A session with its events by time: at most as many as were asked for, from the place that was asked for."""

    session: Session
    events: tuple[TimelineEvent, ...]
    total: int
    first: int = 0  # place of the first of `events` among all
    worst: str = ""  # id of the event to look at first: the first error, else the first failed tool, else the dearest


@dataclass(frozen=True, slots=True)
class SessionList:
    """Some sessions, the one that was heard of last first."""

    sessions: tuple[Session, ...] = ()


@dataclass(frozen=True, slots=True)
class AiAgent:
    """An agent that publishes session events."""

    key: str  # its id
    state: AiState
    first_seen: datetime
    last_seen: datetime
    name: str = ""
    sessions: int = 0  # all that are kept
    running: int = 0  # active or idle
    history: tuple[float | None, ...] = ()  # overall scores of 30 days, oldest first, today's last; None: a gap


class IntakeState(StrEnum):
    """Whether session events are taken in."""

    OFF = "off"  # switched off by the settings
    WAITING = "waiting"  # not looked yet
    ABSENT = "absent"  # there is no such stream
    REFUSED = "refused"  # there is one that must not be read; `why` says it
    DENIED = "denied"  # not permitted
    FAILED = "failed"  # NATS does not answer, or the store cannot be written
    READING = "reading"


@dataclass(frozen=True, slots=True)
class Intake:
    """How the events of the sessions stream are taken in."""

    state: IntakeState = IntakeState.WAITING
    stream: str = ""
    why: str = ""  # one sentence, empty while it reads
    pending: int = 0  # messages that are stored and not taken in yet
    behind: float = 0.0  # seconds since the oldest of them was stored; 0 without any
    last: datetime | None = None  # broker's time of the last message that was taken in
    taken: int = 0  # events taken in since the worker began, duplicates left out
    duplicates: int = 0
    dead: int = 0  # elements not understood in the last 15 minutes
    dead_why: str = ""  # of the last of them: where it stood, and why
    put_aside: int = 0  # elements not understood since the worker began
