"""Tasks: what agents were given to do, as it went through its statuses: jobs of the queue, and task events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TaskStatus(StrEnum):
    """How a task stands (Mission Control)."""

    INBOX = "inbox"
    IN_PROGRESS = "in_progress"
    REVIEW = "review"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it stands now. It outlives the job that it may have come from."""

    key: str
    title: str
    status: TaskStatus
    board_id: str
    board: str
    created: datetime
    updated: datetime  # of its last transition
    group: str = ""
    agent: str = ""  # who has it, or had it last
    failed: bool = False
    cycle_hours: float | None = None  # from its first work on it to review or done; None while it did not get there
    job: str = ""  # id of the job it came from


@dataclass(frozen=True, slots=True)
class TaskList:
    """Tasks behind a point of a series, or all of a range, newest first."""

    tasks: tuple[Task, ...]
    total: int
