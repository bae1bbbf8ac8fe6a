"""Events: what has happened, newest first, as advisories, comparison of snapshots and people's acts tell it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.model.findings import Severity


class EventKind(StrEnum):
    """The word in the KIND column."""

    ADVISORY = "advisory"
    CONFIG = "config"  # fields of a stream or consumer that changed
    LEADER = "leader"
    FINDING = "finding"  # raised, worse, better, cleared
    AGENT = "agent"  # came, left, drained
    COMPONENT = "component"
    ACTION = "action"  # what somebody did through watchdeck
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; equal ones within a minute are one, `times` says how many."""

    key: str  # unique within a worker's run, rising with time
    at: datetime  # of the last of them
    kind: EventKind
    subject: str
    what: str
    severity: Severity = Severity.INFO
    times: int = 1
    first_at: datetime | None = None  # of the first of several
    who: str = ""
    refs: tuple[str, ...] = ()  # rows that it is about; the first is where Enter leads
    minor: bool = False  # hidden until asked for: created, deleted, acknowledged samples


DELETED_REASONS = frozenset({"Unacknowledged message was deleted", "Message deleted by stream limits"})
"""With these the server tells of a message that was deleted while a reader had it: it calls that terminated, as if the
reader had refused it."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """One message of `$JS.EVENT.ADVISORY.STREAM.>` or `.CONSUMER.>`, read and cleaned. Sent at most once."""

    at: datetime
    type: str  # the last part of its type: max_deliver, leader_elected, stream_action …
    stream: str
    consumer: str = ""
    action: str = ""  # create, modify, delete
    sequence: int = 0  # stream sequence of the message it is about
    deliveries: int = 0
    leader: str = ""
    reason: str = ""
    own: bool = False  # about a consumer of watchdeck itself
