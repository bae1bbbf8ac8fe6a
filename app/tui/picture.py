"""Picture: what the deck knows now, with the look-ups that its rows need, kept up from change to change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf
from typing import Any, TypeVar

from app.feed.protocol import FeedState, Frame
from app.model.broker import Answer, Consumer, Flow, LinkState
from app.model.findings import Finding
from app.model.fleet import Agent, AgentConsumer, parse_consumer
from app.model.health import Health
from app.model.snapshot import SECTIONS, Capability, Snapshot, SourceState, SourceStatus
from app.tui.job_index import GUEST, JobIndex
from app.tui.news import News

T = TypeVar("T")
SILENCE = 12.0
"""Seconds without a word of the worker after which everything is stale."""


class Times(StrEnum):
    """How times are written in every column and in the status bar."""

    AGE = "age"
    UTC = "UTC"
    LOCAL = "local"

    @property
    def next(self) -> Times:
        return {Times.AGE: Times.UTC, Times.UTC: Times.LOCAL, Times.LOCAL: Times.AGE}[self]


@dataclass(slots=True)
class Changes:
    """What came in since somebody last looked: keys by section, and sections that were replaced altogether."""

    keys: dict[str, set[str]] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)

    def add(self, frame: Frame) -> None:
        self.whole |= frame.whole
        for part in (frame.changed, frame.gone):
            for section, keys in part.items():
                self.keys.setdefault(section, set()).update(keys)

    def of(self, section: str) -> set[str]:
        return self.keys.get(section, set())

    def __bool__(self) -> bool:
        return bool(self.whole) or any(self.keys.values())


@dataclass(frozen=True, slots=True)
class Standing:
    """How one row stands: the state its glyph shows, its place in the default order, and whether it is a fault."""

    health: Health = Health.OK
    rank: int = 0
    fault: bool = False


_FINE = Standing()


class Picture:
    """The last frame, and indices over it. `clock` is monotonic, in seconds, the same one as `Frame.heard`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.snapshot = Snapshot()
        self.state = FeedState.STARTING
        self.note = ""
        self.times = Times.AGE
        self._clock = clock
        self._heard: float | None = None
        self._worst: dict[str, Health] = {}
        self._stale: frozenset[str] = frozenset()
        self._of_ref: dict[str, list[Finding]] = {}
        self._of_stream: dict[str, set[str]] = {}
        self._of_agent: dict[str, set[str]] = {}
        self._known: dict[str, AgentConsumer | None] = {}
        self._made: dict[str, Any] = {}
        self.jobs = JobIndex()
        self.news = News()
        self._paused = False
        self._looked: float | None = None
        self.silent = inf  # seconds since the worker last said anything; infinite before it ever did
        self.now: datetime | None = None  # the broker's clock, as far as it is known: what ages are counted on
        self.lost = False  # nothing is heard of the worker: everything shown is the last known
        self.held: set[str] = set()  # sections that have come in since they were asked for
        self.chosen_window = 0  # days of the scores to be shown; 0: the usual window

    # -- what came in ------------------------------------------------------------------------------------------------
    def take(self, frame: Frame, changes: Changes) -> dict[str, set[str]]:
        """Makes a frame the present one; answers which rows (by section) are to be painted anew.

        A section in the answer that is also in `changes.whole` is to be built altogether.
        """
        before = self.snapshot
        self.snapshot, self.state, self.note, self._heard = frame.snapshot, frame.state, frame.note, frame.heard
        self.held |= changes.whole
        self._made.clear()
        dirty = {name: set(changes.of(name)) for name in SECTIONS}
        # Not before the first facts: the first frame does not wait for the rules to be imported.
        from app.model.triage.standing import stale_sections

        self._stale = stale_sections(frame.snapshot)
        self.look_at_clock()
        if "findings" in changes.whole or changes.of("findings"):
            refs = set(self._worst)
            self._index_findings()
            self._spread(dirty, refs | set(self._worst))
            self.news.take(before, frame.snapshot, self.now)
        if "consumers" in changes.whole:
            self._index_consumers()
        touched = changes.of("consumers")
        self._reindex(touched, before.consumers)
        for key in touched:
            dirty["streams"].add(key.partition("/")[0])
            owner = self.parsed(key.partition("/")[2])
            if owner is not None:
                dirty["agents"].add(owner.machine)
        self._spread(dirty, changes.of("flows"))
        dirty["agents"] |= changes.of("vitals")
        for key in changes.of("agents"):
            dirty["consumers"] |= self._of_agent.get(key, set())
        self._spread(dirty, self.jobs.take(before, frame.snapshot, changes.keys, changes.whole))
        dirty["jobs"] |= {f"{GUEST}:{key}" for key in dirty["deadletters"]}
        if changes.whole & {"jobs", "deadletters"} or dirty["deadletters"]:
            dirty["jobs"] |= self.jobs.pile_up()
        for key in tuple(dirty["scores"] | dirty["ai"]):  # a row of scores is named by its agent's ref
            dirty["scores"] |= {f"score:{key}", f"score:{key.partition('/')[2]}"}
            dirty["ai"].add(key.partition("/")[2] or key)
        if dirty["components"] or dirty["services"]:
            dirty["components"] |= frame.snapshot.components.keys()  # a part places its whole, and the other parts
        return dirty

    @property
    def window(self) -> int:
        """Days of the scores that are shown."""
        return self.chosen_window or self.snapshot.site.window

    def once(self, what: str, make: Callable[[], T]) -> T:
        """Something made of the facts, the first time it is asked for after they came: not for each row that shows
        of it."""
        if what not in self._made:
            self._made[what] = make()
        made: T = self._made[what]
        return made

    @staticmethod
    def _spread(dirty: dict[str, set[str]], refs: Iterable[str]) -> None:
        for ref in refs:
            kind, _, key = ref.partition(":")
            if f"{kind}s" in dirty:
                dirty[f"{kind}s"].add(key)

    def _index_findings(self) -> None:
        from app.model.triage.standing import standings

        self._worst = dict(standings(self.snapshot.findings))
        self._of_ref.clear()
        for finding in self.snapshot.findings.values():
            for ref in finding.refs:
                self._of_ref.setdefault(ref, []).append(finding)

    def _index_consumers(self) -> None:
        self._of_stream.clear()
        self._of_agent.clear()
        self._known.clear()
        self._reindex(set(self.snapshot.consumers), {})

    def _reindex(self, keys: set[str], before: Mapping[str, Consumer]) -> None:
        for key in keys:
            stream, _, name = key.partition("/")
            owner = self.parsed(name)
            places = [self._of_stream.setdefault(stream, set())]
            if owner is not None:
                places.append(self._of_agent.setdefault(owner.machine, set()))
            for place in places:
                if key in self.snapshot.consumers:
                    place.add(key)
                else:
                    place.discard(key)

    def asked(self, sections: Iterable[str]) -> None:
        """From now on the frames hold these sections: the others are let go of."""
        self.held &= set(sections)

    # -- time --------------------------------------------------------------------------------------------------------
    def pause(self, on: bool) -> None:
        """Stops the clock of everything shown, or lets it go on."""
        self._paused = on
        self.look_at_clock()

    def look_at_clock(self) -> None:
        """Takes the time once, for all rows that are painted after it: called each second and with each frame."""
        if self._paused and self._looked is not None:
            return
        self._looked = self._clock()
        at = self.snapshot.at
        self.silent = inf if self._heard is None else max(0.0, self._looked - self._heard)
        self.now = None
        if at is not None and self._heard is not None:
            self.now = at + timedelta(seconds=self.silent + self.snapshot.site.clock_offset)
        ended = self.state in (FeedState.LOST, FeedState.REFUSED)
        self.lost = at is not None and (ended or self.silent > SILENCE)

    def age(self, at: datetime | None) -> float | None:
        """Seconds since `at` on the broker's clock, never below 0."""
        now = self.now
        return None if at is None or now is None else max(0.0, (now - at).total_seconds())

    def facts_age(self) -> float | None:
        """Seconds since the facts of the source that is behind most were true; None while all are fresh."""
        if self.lost:
            return self.silent
        down = self.snapshot.at is not None and self.snapshot.site.connection.state is not LinkState.CONNECTED
        ages = [self.age(source.good_at) for source in self.snapshot.sources.values() if down or self.failing(source)]
        return max((age for age in ages if age is not None), default=None)

    @staticmethod
    def failing(source: SourceState) -> bool:
        return source.status is SourceStatus.FAILED

    # -- how things stand --------------------------------------------------------------------------------------------
    def source(self, name: str) -> SourceState | None:
        return self.snapshot.sources.get(name)

    def stale(self, section: str) -> bool:
        """Whether the rows of a section are only the last known ones."""
        return self.lost or section in self._stale

    def standing(self, ref: str, section: str, answer: Answer = Answer.OK) -> Standing:
        """The worst of a row's findings; STALE where its section is, UNKNOWN where it did not answer.

        The order and the fault of a stale row stay those it had.
        """
        worst = self._worst.get(ref)
        if worst is None and answer is Answer.OK and not self.stale(section):
            return _FINE
        worst = worst or Health.OK
        fault = worst.rank >= Health.WARN.rank
        if self.stale(section):
            return Standing(Health.STALE, max(worst.rank, Health.STALE.rank), fault)
        if answer is not Answer.OK and not fault:
            return Standing(Health.UNKNOWN, Health.UNKNOWN.rank, True)
        return Standing(worst, worst.rank, fault)

    def named(self, ref: str) -> bool:
        """Whether any finding is about a row."""
        return ref in self._of_ref

    def findings_of(self, ref: str) -> list[Finding]:
        """Findings about a row, worst first."""
        return sorted(self._of_ref.get(ref, ()), key=lambda finding: (-finding.severity.rank, finding.id))

    def has(self, capability: Capability) -> bool:
        return capability in self.snapshot.site.capabilities

    # -- names and relations -----------------------------------------------------------------------------------------
    def parsed(self, name: str) -> AgentConsumer | None:
        if name not in self._known:
            self._known[name] = parse_consumer(name)
        return self._known[name]

    def consumer_label(self, name: str) -> str:
        """A consumer's name as people say it: `query·any·web-03` of an agent's, else itself."""
        parsed = self.parsed(name)
        if parsed is None or not self.has(Capability.FLEET):
            return name
        agent = self.snapshot.agents.get(parsed.machine)
        return parsed.label(agent.hostname if agent else None)

    def owner(self, consumer: Consumer) -> Agent | None:
        parsed = self.parsed(consumer.name)
        return None if parsed is None else self.snapshot.agents.get(parsed.machine)

    def consumers_of_stream(self, stream: str) -> list[Consumer]:
        return [self.snapshot.consumers[key] for key in self._of_stream.get(stream, ())]

    def consumers_of_agent(self, agent: str) -> list[Consumer]:
        return [self.snapshot.consumers[key] for key in self._of_agent.get(agent, ())]

    def flow(self, ref: str) -> Flow:
        return self.snapshot.flows.get(ref) or Flow(ref)

    def behind(self, consumer: Consumer) -> float | None:
        """Seconds since the oldest message it has not been given; 0 with nothing pending, None while not known."""
        return 0.0 if consumer.pending == 0 else self.age(consumer.next_at)
