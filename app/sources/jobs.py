"""The job queue and its dead letters, held in memory from its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.model.jobs import DeadLetter, Job, Queue
from app.model.snapshot import SourceState
from app.sources.jetstream import BrokerFacts
from app.sources.registry import FleetFacts
from app.sources.states import States

JOB_SOURCES = ("jobs", "deadletters")


@dataclass(frozen=True, slots=True, eq=False)
class JobFacts:
    """What one collection knows of the job queue. Records that did not change are the same objects as before."""

    jobs: Mapping[str, Job] = field(default_factory=dict)
    deadletters: Mapping[str, DeadLetter] = field(default_factory=dict)
    queue: Queue | None = None  # None: there is no job queue to read
    states: tuple[SourceState, ...] = tuple(map(SourceState, JOB_SOURCES))


class JobSource:
    """Collects the job queue. Never raises; keeps the last facts while the broker does not answer."""

    def __init__(self) -> None:
        self._states = States(*JOB_SOURCES)

    async def collect(self, now: datetime, broker: BrokerFacts, fleet: FleetFacts) -> JobFacts:
        """One collection, after the fleet's. `now` is our clock."""
        self._states.absent(JOB_SOURCES, "not collected", now)
        return JobFacts(states=self._states.all())

    async def close(self) -> None:
        """Lets go of the buckets."""
