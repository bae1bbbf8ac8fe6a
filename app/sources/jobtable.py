"""The jobs of a queue, kept from its keys: only what changed is made anew, the rest stays the same object."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.model.jobcount import QueueCount
from app.model.jobs import API_HOST, Job, JobAgent
from app.model.jobstatus import aims_at_several, job_agent, status_by_names
from app.sources.agentwire import Unreadable
from app.sources.jobkeys import JOBS, status_key
from app.sources.jobwire import JobValue, job_value
from app.sources.kvmessage import Entry
from app.sources.shapes import shown_name

TOLD = frozenset(("failed", "skipped", "retried"))
"""Events whose values are read: what went wrong, and which job repeats it."""

_MOST = 500
"""Events of one host in one job; more are no ordinary redelivery."""


@dataclass(slots=True, eq=False)
class _Row:
    """One job. `hosts`: the status keys of each host, and the agent made of them (None: to be made)."""

    id: str  # as keys spell it
    value: JobValue | None = None  # what `jobs.<id>` said last, also after it is gone
    there: bool = False  # the bucket holds `jobs.<id>`
    at: datetime | None = None  # the broker's time of it
    hosts: dict[str, tuple[tuple[str, ...], JobAgent | None]] = field(default_factory=dict)
    errors: dict[str, str] | None = None  # by status key, where they were read
    expected: int | None = None
    dead: int = 0
    record: Job | None = None


class JobTable:
    """All jobs of one queue, by id. `records` are by key and shown; `moved`: they differ from when it was set False."""

    def __init__(self) -> None:
        self.records: dict[str, Job] = {}
        self.count = QueueCount()
        self.moved = True
        self.unreadable: set[str] = set()
        self.waiting: set[str] = set()  # ids of jobs for several agents whose number is still of interest
        self._rows: dict[str, _Row] = {}
        self._dirty: set[str] = set()
        self._unread: set[str] = set()  # status keys whose values tell something and were not read yet
        self._newest: list[tuple[int, str]] = []  # the same as a heap by sequence; some of it may have been read
        self._repeated: dict[str, str] = {}  # old id -> new
        self._repeating: dict[str, str] = {}  # new id -> old
        self._ids: dict[str, str] = {}  # of keys that are not spelled as they are shown

    # --- what comes in

    def take_job(self, key: str, entry: Entry | None) -> None:
        """Takes in `jobs.<id>` as it is now; None or a marker: it is gone."""
        id_ = key.removeprefix(JOBS)
        self.unreadable.discard(key)
        gone = entry is None or bool(entry.marker)
        if not id_ or (gone and id_ not in self._rows):
            return
        row = self._row(id_)
        row.there = not gone
        if entry is not None and not gone:
            row.at = entry.at
            try:
                row.value = job_value(entry.value)
                if row.value.retry_of:
                    self._repeats(row.value.retry_of, id_)
            except Unreadable:
                self.unreadable.add(key)

    def take_status(self, key: str, entry: Entry | None) -> None:
        """Takes in a status key; None or a marker: it is gone."""
        gone = entry is None or bool(entry.marker)
        if gone:
            self.unreadable.discard(key)
        parsed = status_key(key)
        if parsed is None or (gone and parsed.job not in self._rows):
            if not gone:
                self.unreadable.add(key)
            return
        row = self._row(parsed.job)
        keys = row.hosts.get(parsed.host, ((), None))[0]
        if gone:
            self._lose(row, parsed.host, key, keys)
        elif len(keys) >= _MOST:
            self.unreadable.add(key)
        elif key not in keys:
            row.hosts[parsed.host] = ((*keys, key), None)
            if parsed.event in TOLD:
                self._unread.add(key)
                heapq.heappush(self._newest, (-entry.revision if entry is not None else 0, key))

    def _lose(self, row: _Row, host: str, key: str, keys: tuple[str, ...]) -> None:
        self._unread.discard(key)
        if row.errors is not None:
            row.errors.pop(key, None)
        left = tuple(one for one in keys if one != key)
        if left:
            row.hosts[host] = (left, None)
        else:
            row.hosts.pop(host, None)

    def take_told(self, key: str, error: str, new_job: str) -> None:
        """Takes in what the value of a failed, skipped or retried event says."""
        self._unread.discard(key)
        parsed = status_key(key)
        row = self._rows.get(parsed.job) if parsed else None
        if parsed is None or row is None or key not in row.hosts.get(parsed.host, ((),))[0]:
            return
        self._dirty.add(row.id)
        if parsed.event != "retried":
            row.errors = row.errors or {}
            row.errors[key] = error
        elif new_job:
            self._repeats(row.id, new_job)

    def _repeats(self, old: str, new: str) -> None:
        """Notes that one job repeats another; either may come later."""
        self._repeated[old] = new
        self._repeating[new] = old
        self._dirty.update(id_ for id_ in (old, new) if id_ in self._rows)

    def set_dead(self, dead: Mapping[str, int]) -> None:
        """How many dead letters each job has; by id, those without are left out."""
        for id_, row in self._rows.items():
            if row.dead != (number := dead.get(id_, 0)):
                row.dead = number
                self._dirty.add(id_)

    def set_expected(self, expected: Callable[[str], int | None]) -> None:
        """How many agents should answer, for the jobs that wait for several; by target."""
        for id_ in self.waiting:
            row = self._rows.get(id_)
            if row is not None and row.value is not None and row.expected != (number := expected(row.value.target)):
                row.expected = number
                self._dirty.add(id_)

    def _row(self, id_: str) -> _Row:
        self._dirty.add(id_)
        row = self._rows.get(id_)
        if row is None:
            row = self._rows[id_] = _Row(id_)
        return row

    # --- what is known

    def unread(self, most: int) -> list[str]:
        """The newest status keys whose values tell something and were not read yet; `take_told` ends that."""
        chosen: list[tuple[int, str]] = []
        while self._newest and len(chosen) < most:
            one = heapq.heappop(self._newest)
            if one[1] in self._unread and one not in chosen:
                chosen.append(one)
        for one in chosen:
            heapq.heappush(self._newest, one)
        return [key for _, key in chosen]

    def id_of(self, key: str) -> str | None:
        """The id that keys spell, of a job by the key of its record; None: no such job."""
        return self._ids.get(key, key) if key in self.records else None

    def status_keys(self, key: str) -> list[str]:
        """The status keys of a job by the key of its record."""
        row = self._rows.get(self.id_of(key) or "")
        return [one for keys, _ in row.hosts.values() for one in keys] if row else []

    def operation(self, id_: str) -> str:
        row = self._rows.get(id_)
        return row.value.operation if row is not None and row.value is not None else ""

    def error(self, id_: str, host: str) -> str:
        """What a host's last failed or skipped event says; without such a host, what the job's last does."""
        row = self._rows.get(id_)
        if row is None or not row.errors:
            return ""
        own = [key for key in row.hosts.get(host, ((),))[0] if row.errors.get(key)]
        if own:
            return row.errors[own[-1]]
        return row.record.error if row.record is not None and not host else ""

    # --- what is made of it

    def dirty(self) -> Iterator[str]:
        """Ids of jobs that are to be made anew, each once; `make` it then."""
        while self._dirty:
            yield self._dirty.pop()
        self._dirty = set()

    def make(self, id_: str, revision: Callable[[str], int], expected: Callable[[str], int | None]) -> None:
        """Makes the record of a job of what is known. `revision` says where a status key stands in the stream."""
        row = self._rows.get(id_)
        if row is None:
            return
        before = row.record
        if not row.there and not row.hosts:
            del self._rows[id_]
            self._show(row, before, None)
            return
        record = self._record(row, revision, expected)
        if record != before:
            self._show(row, before, record)
        self._await(row, record)

    def _record(self, row: _Row, revision: Callable[[str], int], expected: Callable[[str], int | None]) -> Job:
        newest = _remake(row, revision)
        agents = tuple(
            agent for host, (_, agent) in sorted(row.hosts.items()) if host != API_HOST and agent is not None
        )
        value = row.value or JobValue(None, "", "", "", "")
        if row.expected is None and value.target:
            row.expected = expected(value.target)
        key = row.record.key if row.record is not None else shown_name(row.id)
        return Job(
            key=key,
            status=status_by_names({agent.host: agent.event for agent in agents}),
            created=value.created or row.at,
            operation=value.operation,
            verb=value.verb,
            target=value.target,
            agents=agents,
            expected=None if row.expected is None else max(row.expected, len(agents)),
            counted=bool(row.hosts),
            deleted=not row.there,
            updated=newest,
            retried_as=self._repeated.get(row.id, ""),
            retry_of=self._repeating.get(row.id, ""),
            error=_last_error(row, revision),
            dead=row.dead,
        )

    def _show(self, row: _Row, before: Job | None, after: Job | None) -> None:
        self.moved = True
        if before is not None:
            self.count.remove(before)
        row.record = after
        if after is not None:
            self.count.add(after)
            self.records[after.key] = after
            if after.key != row.id:
                self._ids[after.key] = row.id
        elif before is not None:
            self.records.pop(before.key, None)
            self._ids.pop(before.key, None)
            self.waiting.discard(row.id)
            self._repeated.pop(self._repeating.pop(row.id, ""), None)

    def _await(self, row: _Row, record: Job) -> None:
        if aims_at_several(record.target) and (row.expected is None or not record.status.finished):
            self.waiting.add(row.id)
        else:
            self.waiting.discard(row.id)


def _remake(row: _Row, revision: Callable[[str], int]) -> datetime | None:
    """Makes the agents anew whose keys changed; returns the time of the newest event."""
    times = [row.record.updated] if row.record is not None else []
    for host, (keys, agent) in row.hosts.items():
        if agent is None:
            ordered = tuple(sorted(keys, key=revision)) if len(keys) > 1 else keys
            events = [(event.event, event.at) for event in map(status_key, ordered) if event is not None]
            row.hosts[host] = (ordered, job_agent(host, events))
            times += [at for _, at in events]
    return max((at for at in times if at is not None), default=None) if row.hosts else None


def _last_error(row: _Row, revision: Callable[[str], int]) -> str:
    told = [key for key, error in (row.errors or {}).items() if error]
    return (row.errors or {})[max(told, key=revision)] if told else ""
