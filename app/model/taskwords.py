"""Task words: what somebody says of a task: a session event of ours, or a job of the queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from app.model.eventshapes import (
    BOOLEAN,
    FILLED,
    MISSING,
    STRING_OR_NULL,
    Field,
    Problem,
    object_of,
    one_of,
)
from app.model.ids import id_of
from app.model.jobs import Job
from app.model.sessions import SessionEvent
from app.model.taskhistory import CREATED, ORDER, TaskEvent, millis
from app.model.text import clean

NAME_LONGEST = 300
TITLE_LONGEST = 200
NO_BOARD = "default"
"""Where a task is that nobody puts on a board."""
UNKNOWN = "unknown"
"""The board of jobs whose operation is not known (any more)."""
_STRINGS = ("title", "boardId", "groupId", "agentId")
_DATA = object_of(
    Field("taskId", FILLED),
    Field("status", one_of(tuple(status.value for status in ORDER))),
    *(Field(name, STRING_OR_NULL, False) for name in _STRINGS),
    Field("failed", BOOLEAN, False),
)
_TARGETS = {"": "", "_any": "", "_all": " on all"}


@dataclass(frozen=True, slots=True)
class Named:
    """Something with an id of its own for clients that know UUIDs only."""

    id: str
    name: str


NOBODY = Named("", "")


@dataclass(frozen=True, slots=True)
class TaskWord:
    """What is said of one task at once. Empty or None: nothing is said of that.

    `rank`: of two words that name something differently, the one of the higher rank is right.
    """

    id: str
    events: tuple[TaskEvent, ...]
    rank: str = ""
    title: str = ""
    board: Named | None = None
    group: Named | None = None
    job: str = ""


class BadTask(ValueError):
    """An event says that it is of a task, and something is wrong with how."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__(f"no task: {problems[0].path}: {problems[0].message}")


def is_task(event: SessionEvent) -> bool:
    """Whether an event means to be of a task. Others may call events of their own `task` too: what has neither of the
    two fields that every one of ours has is none of ours."""
    if event.type != "custom" or event.payload.get("type") != "task":
        return False
    data = event.payload.get("data")
    return isinstance(data, Mapping) and ("taskId" in data or "status" in data)


def check_task(event: SessionEvent, path: str = "") -> None:
    """Raises BadTask if it means to be of a task and is not; problems are told under `path` (`events.0.`)."""
    if is_task(event):
        _checked(event, path)


def task_word(event: SessionEvent, mark: int) -> TaskWord | None:
    """What a session event says of a task; None if it does not, or not well enough."""
    if not is_task(event):
        return None
    try:
        data = _checked(event, "")
    except BadTask:
        return None
    board, group = _name(data, "boardId"), _name(data, "groupId")
    happened = TaskEvent(
        event.at, mark, data["status"], _name(data, "agentId") or event.agent, data.get("failed") is True
    )
    return TaskWord(
        id=_own_id("task", clean(data["taskId"], NAME_LONGEST)),
        events=(happened,),
        rank=f"{event.at:015d}{mark:015d}",
        title=clean(data.get("title") or "", TITLE_LONGEST),
        board=named("board", board) if board else None,
        group=named("group", group) if group else None,
    )


def job_word(job: Job, events: Iterable[TaskEvent]) -> TaskWord:
    """What a job says of its task. `events` are its own; its being written down is added."""
    created = () if job.created is None else (TaskEvent(millis(job.created), 0, CREATED),)
    known = bool(job.operation)
    word = job.operation.partition(".")[0] or UNKNOWN
    return TaskWord(
        id=str(id_of("job", job.key)),
        events=(*created, *events),
        rank="1" if known else "",
        title=f"{job.operation}{_TARGETS.get(job.target, f' on {job.target}')}" if known else "a job",
        board=named("board", word),
        group=named("group", job.verb) if job.verb else None,
        job=job.key,
    )


@lru_cache(maxsize=1024)
def named(kind: str, name: str) -> Named:
    """A board or a group by its name; a name that is a UUID is its id."""
    return Named(_own_id(kind, name), name)


def _own_id(kind: str, name: str) -> str:
    try:
        return str(UUID(name)) if len(name) == 36 else str(id_of(kind, name))
    except ValueError:
        return str(id_of(kind, name))


def _checked(event: SessionEvent, path: str) -> Mapping[str, Any]:
    data: Any = event.payload.get("data", MISSING)
    if not _DATA.fits(data):
        raise BadTask(tuple(_DATA.faults(data, f"{path}payload.data")))
    if not clean(data["taskId"], NAME_LONGEST):
        raise BadTask((Problem(f"{path}payload.data.taskId", "taskId is required"),))
    return data  # type: ignore[no-any-return]


def _name(data: Mapping[str, Any], field: str) -> str:
    return clean(data.get(field) or "", NAME_LONGEST)
