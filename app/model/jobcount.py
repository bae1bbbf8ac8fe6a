"""The job queue in figures, counted while jobs come, change and go, so that no count looks at every job."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from app.model.jobs import Job, JobStatus, Queue

WINDOW = 900
"""Seconds over which ended jobs are counted."""


class QueueCount:
    """Counts jobs; `add` and `remove` each once for every record that is shown."""

    def __init__(self) -> None:
        self._status: Counter[JobStatus] = Counter()
        self._unclaimed = 0
        self._ended: Counter[int] = Counter()  # by the second
        self._failed: Counter[int] = Counter()

    def add(self, job: Job) -> None:
        self._count(job, 1)

    def remove(self, job: Job) -> None:
        self._count(job, -1)

    def _count(self, job: Job, by: int) -> None:
        if job.counted:
            self._status[job.status] += by
        else:
            self._unclaimed += by
        ended = job.finished_at
        if ended is None:
            return
        second = int(ended.timestamp())
        _move(self._ended, second, by)
        if job.status in (JobStatus.FAILED, JobStatus.PARTIAL):
            _move(self._failed, second, by)

    def queue(self, now: datetime, dead: int) -> Queue:
        """The figures of now. An end in the future (a host's clock) counts as of now."""
        status, since = self._status, int(now.timestamp()) - WINDOW
        return Queue(
            total=sum(status.values()),
            submitted=status[JobStatus.SUBMITTED],
            processing=status[JobStatus.PROCESSING],
            completed=status[JobStatus.COMPLETED],
            failed=status[JobStatus.FAILED],
            partial=status[JobStatus.PARTIAL],
            skipped=status[JobStatus.SKIPPED],
            unclaimed=self._unclaimed,
            dead=dead,
            finished_15m=sum(count for second, count in self._ended.items() if second > since),
            failed_15m=sum(count for second, count in self._failed.items() if second > since),
        )


def _move(counter: Counter[int], second: int, by: int) -> None:
    counter[second] += by
    if not counter[second]:
        del counter[second]
