"""Jobs as the fleet's job queue tells them, the dead letters behind some of them, and the queue in figures.

Layout and rules of the status: OSAPI's, unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobStatus(StrEnum):
    """The value is OSAPI's word; `word` is what a screen has room for."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    PARTIAL = "partial_failure"
    SKIPPED = "skipped"

    @property
    def word(self) -> str:
        return "partial" if self is JobStatus.PARTIAL else self.value

    @property
    def finished(self) -> bool:
        return self not in (JobStatus.SUBMITTED, JobStatus.PROCESSING)


API_HOST = "_api"
"""The host name under which OSAPI's controller writes its own events."""


@dataclass(frozen=True, slots=True)
class JobAgent:
    """What one host has made of a job. Its times are those in the names of its events, by the host's own clock."""

    host: str  # as keys spell it: sanitised, `-` kept
    event: str = ""  # of the highest rank by OSAPI's order: acknowledged, started, failed, skipped, completed, retried
    acknowledged_at: datetime | None = None  # the first
    started_at: datetime | None = None  # the first
    ended_at: datetime | None = None  # the last completed, failed or skipped
    tries: int = 0  # how often it was started, or acknowledged where nothing was started


@dataclass(frozen=True, slots=True)
class Job:
    """One job. `status` follows OSAPI's rule over the names of its status keys; one with none is submitted.

    `target` is the subject's tail in words: `_any`, `_all`, a machine id (`host.` dropped) or `key:value`.
    """

    key: str  # the job id
    status: JobStatus = JobStatus.SUBMITTED
    created: datetime | None = None  # the broker's time of `jobs.<id>` where its value says nothing usable
    operation: str = ""  # node.disk.get
    verb: str = ""  # query or modify
    target: str = ""
    agents: tuple[JobAgent, ...] = ()  # by host name
    expected: int | None = None  # agents that should answer, where the target says it (`_all`); None: not known
    counted: bool = False  # has at least one well-formed status key: OSAPI's health summary counts it
    deleted: bool = False  # its `jobs.` key is gone while status keys are left
    updated: datetime | None = None  # of its newest event
    retried_as: str = ""  # id of the job that repeats it
    retry_of: str = ""
    error: str = ""  # the last error that a failed or skipped event tells, once read
    dead: int = 0  # dead letters with this job behind them

    @property
    def unclaimed(self) -> bool:
        """No agent has acknowledged it."""
        return self.status is JobStatus.SUBMITTED and not self.deleted

    @property
    def claimed_at(self) -> datetime | None:
        """When an agent first acknowledged or started it."""
        seen = [at for each in self.agents if (at := each.acknowledged_at or each.started_at) is not None]
        return min(seen, default=None)

    @property
    def finished_at(self) -> datetime | None:
        """When the last host ended it; None while it runs."""
        ends = [each.ended_at for each in self.agents if each.ended_at is not None]
        return max(ends, default=None) if self.status.finished else None

    @property
    def tries(self) -> int:
        """The most tries that any host needed."""
        return max((each.tries for each in self.agents), default=0)


@dataclass(frozen=True, slots=True)
class Queue:
    """The job queue in figures, counted as OSAPI's health summary counts, and what that leaves out.

    `total` counts jobs with at least one status key; `submitted` to `skipped` are parts of it. `unclaimed` are jobs
    without any, which OSAPI does not see.
    """

    total: int = 0
    submitted: int = 0
    processing: int = 0
    completed: int = 0
    failed: int = 0
    partial: int = 0
    skipped: int = 0
    unclaimed: int = 0
    dead: int = 0  # messages in the streams that keep the dead letters of the job stream
    finished_15m: int = 0  # jobs that ended in the last 15 min, and how many of these failed, wholly or in part
    failed_15m: int = 0


class DeadKind(StrEnum):
    """Why a message is dead."""

    MAX_DELIVER = "gave up"  # delivered as often as it may be
    TERMINATED = "terminated"  # its reader refused it
    DELETED = "deleted"  # by the stream's limits or by somebody, while its reader had not acknowledged it
    COPY = "copied"  # somebody published it on a dead-letter stream


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that nobody will process any more. `key` is `STREAM/SEQUENCE` of where it is kept.

    Where no stream keeps such letters, `stream` is empty and the key is `advisory/<origin stream>/<sequence>`: seen by
    watchdeck only.
    """

    key: str
    kind: DeadKind = DeadKind.MAX_DELIVER
    at: datetime | None = None  # the broker's
    stream: str = ""  # that keeps it
    sequence: int = 0
    origin: str = ""  # stream of the message
    consumer: str = ""  # that gave up
    origin_sequence: int = 0
    deliveries: int = 0
    subject: str = ""  # of the original message, where it still exists
    job: str = ""  # id of the job behind it
    operation: str = ""
    host: str = ""  # of the agent whose consumer it was
    error: str = ""  # what the agent said last, or the reason of a termination


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's timeline."""

    at: datetime
    event: str
    host: str = ""
    message: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobAgentState:
    """What one host has made of a job by the values of its events (OSAPI's `agent_states`). `took` in seconds."""

    host: str
    status: str
    error: str = ""
    took: float | None = None


@dataclass(frozen=True, slots=True)
class JobResponse:
    """What one host answered. `data` is JSON text as it was sent, cleaned; at most 4 KiB of it."""

    host: str
    status: str
    at: datetime | None = None
    data: str = ""
    error: str = ""
    changed: bool | None = None


@dataclass(frozen=True, slots=True)
class JobDetail:
    """Everything of one job, read when its detail is open. `status` follows OSAPI's rule over the events' values.

    `retried` and the like are in the timeline; `operation_data` is JSON text.
    """

    key: str
    status: JobStatus
    operation_data: str = ""
    subject: str = ""
    error: str = ""
    updated: datetime | None = None
    agents: tuple[JobAgentState, ...] = ()
    timeline: tuple[JobEvent, ...] = ()  # oldest first
    responses: tuple[JobResponse, ...] = ()
    dead: tuple[DeadLetter, ...] = ()
