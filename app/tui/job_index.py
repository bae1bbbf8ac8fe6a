"""Job index: how many jobs each host runs and has failed, and which dead letters belong to which job, kept up by
changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from app.model.fleet import Agent, sanitise_host
from app.model.jobs import DeadLetter, Job
from app.model.snapshot import Snapshot

GUEST = "deadletter"
"""Kind of the rows of letters that stand among jobs; their row key is their ref."""
PILE = "deadletters"
"""Kind of the rows of letters that are alike."""
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Pile:
    """Letters without a job in the list that died alike: thousands of one cause do not bury the jobs. `key` is its
    ref, and stays what it is while letters come and go."""

    key: str
    letters: tuple[DeadLetter, ...]  # the newest first; two at least

    @property
    def newest(self) -> DeadLetter:
        return self.letters[0]


class JobIndex:
    """What rows of jobs, dead letters and agents need of each other. What only a detail asks for is not kept here: of
    a large queue a set for each host is a tenth of the deck."""

    def __init__(self) -> None:
        self._running: dict[str, set[str]] = {}  # by host, as jobs spell it
        self._failed: dict[str, dict[str, datetime]] = {}
        self._letters: dict[str, set[str]] = {}  # letters by job
        self._agents: dict[str, str] = {}  # key by host
        self._short: dict[str, int] = {}  # how many jobs share the first 8 characters
        self.loose: dict[str, DeadLetter] = {}  # by their refs: letters without a job in the list
        self.listed: dict[str, Pile | DeadLetter] = {}  # the same by row key, piled up where they are alike

    # -- what came in ------------------------------------------------------------------------------------------------
    def take(self, before: Snapshot, after: Snapshot, keys: Mapping[str, Set[str]], whole: Set[str]) -> set[str]:
        """Brings it up to date; answers refs of rows that say something else now."""
        dirty: set[str] = set()
        if "agents" in whole:
            self._agents = {sanitise_host(agent.hostname): key for key, agent in after.agents.items()}
        else:
            self._agents_changed(keys.get("agents", _NOTHING), before.agents, after, dirty)
        if "jobs" in whole:
            for table in (self._running, self._failed, self._short):
                table.clear()
            for key, job in after.jobs.items():
                self._put(key, job)
        else:
            for key in keys.get("jobs", _NOTHING):
                self._job_changed(key, before.jobs.get(key), after.jobs.get(key), after.deadletters, dirty)
        if "deadletters" in whole:
            self._letters.clear()
            for key, letter in after.deadletters.items():
                if letter.job:
                    self._letters.setdefault(letter.job, set()).add(key)
        else:
            self._letters_changed(keys.get("deadletters", _NOTHING), before, after, dirty)
        if whole & {"jobs", "deadletters"}:
            self.loose = {row_key(row): row for row in after.deadletters.values() if row.job not in after.jobs}
        return dirty

    def pile_up(self) -> set[str]:
        """Puts together the loose letters that are alike; answers the keys of rows that came, changed or went."""
        before, self.listed = self.listed, _piled(self.loose)
        return {key for key, row in self.listed.items() if before.get(key) != row} | before.keys() - self.listed.keys()

    def _agents_changed(
        self, keys: Iterable[str], before: Mapping[str, Agent], after: Snapshot, dirty: set[str]
    ) -> None:
        renamed = set()
        for key in keys:
            old, new = before.get(key), after.agents.get(key)
            if old is not None and new is not None and old.hostname == new.hostname:
                continue
            if old is not None:
                self._agents.pop(sanitise_host(old.hostname), None)
            if new is not None:
                self._agents[sanitise_host(new.hostname)] = key
            renamed.add(key)
        if renamed:
            dirty.update(f"job:{key}" for key, job in after.jobs.items() if job.target in renamed)

    def _job_changed(
        self, key: str, old: Job | None, new: Job | None, letters: Mapping[str, DeadLetter], dirty: set[str]
    ) -> None:
        if old is not None:
            self._take_out(key, old)
        if new is not None:
            self._put(key, new)
        hosts = {each.host for job in (old, new) if job is not None for each in job.agents}
        dirty.update(f"agent:{self._agents[host]}" for host in hosts if host in self._agents)
        if (old is None) != (new is None):
            for target in {job.target for job in (old, new) if job is not None}:
                dirty.add(f"agent:{target}")
            self._place_letters(key, new is not None, letters, dirty)

    def _place_letters(self, job: str, known: bool, letters: Mapping[str, DeadLetter], dirty: set[str]) -> None:
        """A job came or went: its letters leave the list, or stand in it by themselves."""
        for key in self._letters.get(job, ()):
            letter = letters.get(key)
            if letter is None:
                continue
            dirty.add(row_key(letter))
            if known:
                self.loose.pop(row_key(letter), None)
            else:
                self.loose[row_key(letter)] = letter

    def _put(self, key: str, job: Job) -> None:
        self._short[key[:8]] = self._short.get(key[:8], 0) + 1
        for each in job.agents:
            if each.event in ("acknowledged", "started"):
                self._running.setdefault(each.host, set()).add(key)
            elif each.event == "failed" and each.ended_at is not None:
                self._failed.setdefault(each.host, {})[key] = each.ended_at

    def _take_out(self, key: str, job: Job) -> None:
        short = key[:8]
        if (others := self._short.get(short, 1) - 1) > 0:
            self._short[short] = others
        else:
            self._short.pop(short, None)
        for each in job.agents:
            if (running := self._running.get(each.host)) is not None:
                running.discard(key)
                if not running:
                    del self._running[each.host]
            if (failed := self._failed.get(each.host)) is not None:
                failed.pop(key, None)
                if not failed:
                    del self._failed[each.host]

    def _letters_changed(self, keys: Iterable[str], before: Snapshot, after: Snapshot, dirty: set[str]) -> None:
        for key in keys:
            old, new = before.deadletters.get(key), after.deadletters.get(key)
            for letter, there in ((old, False), (new, True)):
                if letter is None:
                    continue
                place = self._letters.setdefault(letter.job, set()) if letter.job else set()
                place.add(key) if there else place.discard(key)
                dirty.add(f"job:{letter.job}")
                self.loose.pop(row_key(letter), None)
                if there and letter.job not in after.jobs:
                    self.loose[row_key(letter)] = letter
            dirty.add(f"{GUEST}:{key}")

    # -- what is asked -----------------------------------------------------------------------------------------------
    def letters_of(self, job: str) -> Set[str]:
        """Keys of the dead letters with this job behind them."""
        return self._letters.get(job, _NOTHING)

    def name(self, job: str) -> str:
        """The first 8 characters of a job's id; 12 where another one begins with the same."""
        return job[:8] if self._short.get(job[:8], 0) < 2 else job[:12]

    def running(self, hostname: str) -> int:
        """How many jobs a host has begun and not ended."""
        return len(self._running.get(sanitise_host(hostname), ()))

    def failed(self, hostname: str) -> Iterable[datetime]:
        """When jobs failed on a host, of those that are still in the queue."""
        return self._failed.get(sanitise_host(hostname), {}).values()


def row_key(letter: DeadLetter) -> str:
    """The row key of a letter that stands among jobs: its ref."""
    return f"{GUEST}:{letter.key}"


def _piled(loose: Mapping[str, DeadLetter]) -> dict[str, Pile | DeadLetter]:
    alike: dict[str, list[DeadLetter]] = {}
    for letter in loose.values():
        words = (letter.kind.name, letter.stream, letter.origin, letter.host or letter.consumer)
        alike.setdefault("/".join((*words, letter.operation, letter.error)), []).append(letter)
    found: dict[str, Pile | DeadLetter] = {}
    for name, letters in alike.items():
        if len(letters) == 1:
            found[row_key(letters[0])] = letters[0]
        else:
            letters.sort(key=attrgetter("sequence", "origin_sequence"), reverse=True)
            found[f"{PILE}:{name}"] = Pile(f"{PILE}:{name}", tuple(letters))
    return found
