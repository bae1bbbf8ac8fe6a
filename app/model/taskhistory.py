"""Task histories: from what happened to a task to the statuses that it went through, whatever order it came in.

A job is in the inbox until an agent acknowledges it, in progress until every agent that took it has ended it, and then
for review if it failed, wholly or in part, else done. An agent that starts again what it failed is at work again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from app.model.jobs import JobStatus
from app.model.jobstatus import ENDS, RANK, status_by_names
from app.model.tasks import TaskStatus

CREATED = "created"
"""That a job was written down: no activity by itself, since `submitted` tells it too."""
ORDER = (TaskStatus.INBOX, TaskStatus.IN_PROGRESS, TaskStatus.REVIEW, TaskStatus.DONE)
"""The way of a task. What happened in one instant is taken in this order."""
_STATUSES = {status.value: status for status in TaskStatus}
_RANKS = {CREATED: -1, **RANK, **{status.value: place for place, status in enumerate(ORDER)}}
_OF_JOB = {
    JobStatus.SUBMITTED: TaskStatus.INBOX,
    JobStatus.PROCESSING: TaskStatus.IN_PROGRESS,
    JobStatus.FAILED: TaskStatus.REVIEW,
    JobStatus.PARTIAL: TaskStatus.REVIEW,
    JobStatus.COMPLETED: TaskStatus.DONE,
    JobStatus.SKIPPED: TaskStatus.DONE,
}
_BEGINS = frozenset(("acknowledged", "started"))
_WORK = _BEGINS | ENDS


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def millis(at: datetime) -> int:
    """An instant as the history of a task has it; cut to the millisecond."""
    return (at - _EPOCH) // _MILLISECOND


class TaskEvent(NamedTuple):
    """Something that happened to a task. `mark` tells it from others of its instant, the same wherever it is made."""

    at: int  # milliseconds since 1970
    mark: int
    what: str  # what a job's event is called, or the status that a task event says
    who: str = ""  # the host or agent that did it; empty: the system itself
    failed: bool = False

    @property
    def key(self) -> tuple[int, int]:
        return self.at, self.mark

    @property
    def counts(self) -> bool:
        """It is activity, of which a share fails."""
        return self.what != CREATED


class Step(NamedTuple):
    """What an event made of its task: its status `before` and `after`, and whether it stands as `failed`. `cycle`: it
    was handed in and neither failed nor skipped, so many milliseconds after it was first taken up."""

    event: TaskEvent
    before: TaskStatus | None  # None: the task began with it
    after: TaskStatus
    failed: bool = False
    cycle: int | None = None

    @property
    def moved(self) -> bool:
        return self.after is not self.before


def steps(events: Iterable[TaskEvent]) -> list[Step]:
    """The steps of one task, by time.

    Throughput are the first entries into review or done after it was taken up, unless they failed or were skipped; a
    task that comes back for more work and is handed in again counts again. The time is from when it was first in
    progress since it last was in the inbox, or began.
    """
    ordered = sorted(events, key=_order)
    walk = _Walk(ordered)
    return [walk.step(event) for event in ordered]


def _order(event: TaskEvent) -> tuple[int, int, int]:
    return event.at, _RANKS.get(event.what, 0), event.mark


class _Walk:
    def __init__(self, events: Sequence[TaskEvent]) -> None:
        hosts = {event.who for event in events if event.who and event.what in _WORK}
        self._tops = dict.fromkeys(hosts, "")  # by host: its event that counts
        self._begun = False
        self._status: TaskStatus | None = None
        self._since: int | None = None  # first in progress, since the inbox or its beginning
        self._open = False  # in progress at some time since it was last handed in

    def step(self, event: TaskEvent) -> Step:
        before = self._status
        after, failed, good = self._after(event)
        cycle = None
        if after is not before:
            self._status = after
            if after is TaskStatus.INBOX:
                self._since, self._open = None, False
            elif after is TaskStatus.IN_PROGRESS:
                self._since = event.at if self._since is None else self._since
                self._open = True
            elif self._open:
                self._open = False
                cycle = event.at - self._since if good and self._since is not None else None
        return Step(event, before, after, failed, cycle)

    def _after(self, event: TaskEvent) -> tuple[TaskStatus, bool, bool]:
        """The status after an event; whether the task has failed then; whether it would count as handed in."""
        said = _STATUSES.get(event.what)
        if said is not None:
            return said, event.failed, not event.failed
        if event.who in self._tops and event.what in RANK:
            self._take(event.who, event.what)
        job = self._of_job()
        after = _OF_JOB[job]
        return after, after is TaskStatus.REVIEW, job is JobStatus.COMPLETED

    def _take(self, host: str, what: str) -> None:
        top = self._tops[host]
        again = what in _BEGINS and top in ("failed", "skipped")
        if again or RANK[what] > RANK.get(top, 0):
            self._tops[host] = what
        self._begun = self._begun or what in _WORK

    def _of_job(self) -> JobStatus:
        """As OSAPI derives it; a host that will take it only later is already waited for."""
        if not self._begun:
            return JobStatus.SUBMITTED
        if not all(map(RANK.get, self._tops.values())):
            return JobStatus.PROCESSING
        return status_by_names(self._tops)
