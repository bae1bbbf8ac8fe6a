"""Candidates: what a rule says of one subject at one instant, before it has held for long enough to be a finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.model.broker import Consumer
from app.model.findings import Evidence, Severity, Step
from app.model.fleet import Agent
from app.model.rates import History
from app.model.snapshot import Site, Snapshot
from app.model.text import age_step, duration
from app.model.triage.losses import Losses
from app.model.triage.thresholds import Thresholds

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One rule's word on one subject.

    `severity` is the level by its thresholds (None: not bad), `keep` the level that it may stay at if it is there
    already. `begun` is since when it holds, as far as the broker knows (None: since first seen), `since` what is shown.
    `source` names the source whose facts it rests on; empty for our own state.
    """

    rule: str
    key: str
    kind: str
    subject: str
    what: str
    severity: Severity | None
    refs: tuple[str, ...] = ()
    keep: Severity | None = None
    begun: datetime | None = None
    since: datetime | None = None
    exact: bool = True
    hold: float = 0.0
    clear: float = 30.0
    collections: int = 1
    detail: str = ""
    evidence: tuple[Evidence, ...] = ()
    steps: tuple[Step, ...] = ()
    measured: float | None = None
    source: str = ""
    silent: bool = False  # it is about its row's not answering

    @property
    def id(self) -> str:
        return f"{self.rule}|{self.key}"


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say of one record, and until when they will say the same while it stays as it is (a timestamp)."""

    candidates: tuple[Candidate, ...] = ()
    due: float = NEVER


NOTHING = Judged()


@dataclass(frozen=True, slots=True)
class Owners:
    """Which agent each consumer belongs to by its name, and each agent's consumers."""

    machine: Mapping[str, str] = field(default_factory=dict)  # consumer key -> agent key
    consumers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # agent key -> consumer keys


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What rules may look at: a snapshot, what came before it, and the clock of the broker."""

    snapshot: Snapshot
    history: History
    thresholds: Thresholds
    now: datetime  # the broker's clock: every age is counted on it
    owners: Owners = field(default_factory=Owners)
    left: frozenset[str] = frozenset()  # agents whose last word was a farewell, also long ago
    fleet: bool = False  # there is one, and its registry is fresh
    sweep: float = 0.0  # seconds by which a consumer's facts may be older than the snapshot
    skewed: frozenset[str] = frozenset()  # agents whose clock is off: their own times are not to be believed
    acked: frozenset[str] = frozenset()  # ids of findings that somebody has acknowledged
    losses: Losses = field(default_factory=Losses)

    @property
    def site(self) -> Site:
        return self.snapshot.site

    def theirs(self, ours: datetime | None) -> datetime | None:
        """An instant of the worker's clock on the broker's."""
        return None if ours is None else ours + timedelta(seconds=self.site.clock_offset)

    def age(self, at: datetime) -> float:
        return (self.now - at).total_seconds()

    def owner(self, consumer: Consumer) -> Agent | None:
        machine = self.owners.machine.get(consumer.key)
        return None if machine is None else self.snapshot.agents.get(machine)


Rule = Callable[[Context], list[Candidate]]


def length(seconds: float, exact: bool = True) -> str:
    """A length of time in a sentence, in steps, so that the sentence stays the same between them; `≥` if at least."""
    return ("" if exact else "≥") + duration(age_step(max(0.0, seconds)))


def instant(at: datetime, now: datetime) -> str:
    """A moment in a sentence, always with its zone: `14:01:12Z`, of another day `11-20 14:01Z`."""
    return at.strftime("%H:%M:%SZ" if abs((now - at).total_seconds()) < 12 * 3600 else "%m-%d %H:%MZ")


def latest(*instants: datetime | None) -> datetime | None:
    """The last of those that are known."""
    return max((each for each in instants if each is not None), default=None)
