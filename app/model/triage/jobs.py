"""Rules about jobs: `jobs.unclaimed`, `jobs.failing`; and which jobs run on which host.

The queue may hold tens of thousands of jobs: each is read again only when it changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from app.model.changes import Changes
from app.model.fleet import Agent, sanitise_host
from app.model.jobs import Job, JobStatus
from app.model.triage import failing, unclaimed
from app.model.triage.candidates import Candidate, Context
from app.model.triage.failing import Failures
from app.model.triage.unclaimed import Waiting

SOURCE = "jobs"

THRESHOLDS = {**unclaimed.THRESHOLDS, **failing.THRESHOLDS}

_NAMES = 50_000
_RUNNING = frozenset(("acknowledged", "started"))


class Jobs:
    """Follows the job queue from snapshot to snapshot."""

    def __init__(self) -> None:
        self._changes: Changes[Job] = Changes()
        self._running: dict[str, tuple[str, ...]] = {}  # job -> hosts that run it
        self.running: Counter[str] = Counter()  # by host, as keys spell it
        self._names: dict[str, str] = {}  # host name -> as keys spell it
        self._waiting = Waiting()
        self._failures = Failures()

    def candidates(self, context: Context) -> Iterator[Candidate]:
        """What both rules say of all jobs now."""
        self._take(context.snapshot.jobs)
        yield from self._waiting.candidates(context)
        yield from self._failures.candidates(context)

    def running_on(self, agent: Agent) -> int:
        """How many jobs an agent has begun and not ended."""
        if not self._running or not agent.hostname:
            return 0
        name = self._names.get(agent.hostname)
        if name is None:
            if len(self._names) > _NAMES:
                self._names.clear()
            name = self._names[agent.hostname] = sanitise_host(agent.hostname)
        return self.running.get(name, 0)

    def unclaimed_for(self, target: str) -> int:
        """How many jobs aimed at a target no agent has acknowledged."""
        return self._waiting.aimed_at(target)

    def _take(self, table: Mapping[str, Job]) -> None:
        changed, gone = self._changes.of(table)
        for key in gone:
            self._run(key, ())
            self._waiting.take(key, None)
            self._failures.drop(key)
        for key in changed:
            job = table[key]
            runs = job.status is JobStatus.PROCESSING and not job.deleted
            hosts = tuple(each.host for each in job.agents if each.event in _RUNNING) if runs else ()
            self._run(key, hosts)
            self._waiting.take(key, job if job.unclaimed else None)
            self._failures.take(job)

    def _run(self, key: str, hosts: tuple[str, ...]) -> None:
        before = self._running.get(key, ())
        if before == hosts:
            return
        self.running.subtract(before)
        self.running.update(hosts)
        if hosts:
            self._running[key] = hosts
        else:
            del self._running[key]
