"""Judging: all rules, what they said before, and the findings that come of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import is_
from types import MappingProxyType

from app.model.broker import Consumer
from app.model.findings import Finding, Severity, Step
from app.model.fleet import Agent
from app.model.rates import History
from app.model.snapshot import Capability, Snapshot
from app.model.text import clean
from app.model.triage import (
    account,
    agents,
    consumers,
    deadletters,
    gateways,
    ingest,
    jobs,
    losing,
    nats,
    services,
    sources,
    streamlimits,
    streams,
)
from app.model.triage.account import Account
from app.model.triage.attention import Attending, Mutes
from app.model.triage.candidates import Candidate, Context, Owners
from app.model.triage.clocks import Clocks
from app.model.triage.correlate import correlate
from app.model.triage.deadletters import DeadLetters
from app.model.triage.felt import Felt
from app.model.triage.groups import Groups
from app.model.triage.hysteresis import Held, step
from app.model.triage.integrity import Integrity
from app.model.triage.jetstream import JetStream
from app.model.triage.jobs import Jobs
from app.model.triage.known import departed, frozen, owners, unanswered, vanished
from app.model.triage.leaders import Leaders
from app.model.triage.losses import Losses
from app.model.triage.probes import Probes
from app.model.triage.records import Records
from app.model.triage.replicas import Replicas
from app.model.triage.rules import THRESHOLDS
from app.model.triage.rules import explain as explain_rule
from app.model.triage.scores import Scores
from app.model.triage.thresholds import Thresholds
from app.model.triage.units import Units
from app.model.triage.versions import Versions

_NOTHING: Mapping[str, Mapping[str, object]] = MappingProxyType({})
_NO_RUNBOOKS: Mapping[str, str] = MappingProxyType({})
_FLOOD, _FLOOD_PACE = 1000, 5.0  # findings, and seconds


@dataclass(frozen=True, slots=True)
class _Made:
    """A finding, and what it was made of."""

    candidate: Candidate
    so: tuple[Severity, int, bool, bool]  # level, flaps, last known, over for now
    finding: Finding


class Triage:
    """Judges snapshot after snapshot of one site, and remembers how long what holds.

    `thresholds` and `runbooks` are the tables of the configuration; raises ThresholdError for one that cannot be used.
    """

    def __init__(
        self,
        thresholds: Mapping[str, Mapping[str, object]] = _NOTHING,
        runbooks: Mapping[str, str] = _NO_RUNBOOKS,
    ) -> None:
        self._thresholds = Thresholds(THRESHOLDS, thresholds)
        self._runbooks = dict(runbooks)
        self._held: dict[str, Held] = {}
        self._consumers = Records(consumers.judge)
        self._agents = Records(agents.judge)
        self._losses = Losses()
        self._jetstream, self._account = JetStream(), Account()
        self._leaders, self._replicas = Leaders(), Replicas()
        self._clocks, self._versions = Clocks(), Versions()
        self._jobs, self._letters = Jobs(), DeadLetters()
        self._scores, self._integrity = Scores(), Integrity()
        self._units = Units()
        self._probes = Probes()
        self._made: dict[str, _Made] = {}
        self._findings: Mapping[str, Finding] = MappingProxyType({})
        self._folded_at: datetime | None = None
        self._changed = False  # something of what is shown changed since it was folded last
        self._folded_of: tuple[object, ...] = ()
        self._groups = Groups()
        self._owners = Owners()
        self._owned: Mapping[str, Consumer] | None = None
        self._left: frozenset[str] = frozenset()
        self._known_agents: Mapping[str, Agent] | None = None
        self._attending = Attending()
        self._mutes: Mutes | None = None  # those of the last correlation
        self._believed: frozenset[str] = frozenset()  # agents whose clocks were off at the last judgement of them

    def explain(self, rule: str, stream: str = "") -> str:
        """A rule in words, with its thresholds in force and where each comes from. KeyError for an unknown rule."""
        return explain_rule(rule, self._thresholds, stream)

    def judge(self, snapshot: Snapshot, history: History, acked: frozenset[str] = frozenset()) -> Mapping[str, Finding]:
        """The findings of now by id, most urgent first. One that is as before is the same object.

        `acked` are the ids of findings that somebody has acknowledged: what was lost is shown until then.

        What rests on a source that brings no fresh facts is kept as last known: neither raised nor cleared.
        """
        if snapshot.at is None:
            return self._findings
        context = self._context(snapshot, history, acked)
        self._settle(context)
        stale = frozen(snapshot)
        found = {candidate.id: candidate for candidate in self._candidates(context, stale)}
        self._step(found, context, stale)
        mutes = self._attending.mutes(snapshot.marks, snapshot.at)
        self._changed = self._make(context, stale) or self._changed
        if (
            mutes is not self._mutes
            or (self._changed and not self._flooded(snapshot.at))
            or self._figures_due(snapshot)
        ):
            self._folded_at, self._folded_of, self._mutes = snapshot.at, _tables(snapshot), mutes
            self._changed = False
            self._findings = self._correlated(context, mutes)
        return self._attending.attend(self._findings, snapshot.marks, snapshot.at)

    def _correlated(self, context: Context, mutes: Mutes) -> Mapping[str, Finding]:
        """All findings; those of a muted rule are no cause and no effect of others."""
        felt = Felt(context, self._jobs, self._letters)
        made = {name: each.finding for name, each in self._made.items()}
        muted = {name: each for name, each in made.items() if mutes.of(each)} if mutes else {}
        heard = {name: each for name, each in made.items() if name not in muted} if muted else made
        folded = correlate(heard, self._fault_since, context, self._groups, felt)
        return self._same({**folded, **muted})

    def _figures_due(self, snapshot: Snapshot) -> bool:
        """Whether what folds say of rows may have changed; in a flood of findings every few seconds is enough."""
        if not self._made or self._folded_at is None or snapshot.at is None:
            return False
        if self._folded_of and all(map(is_, _tables(snapshot), self._folded_of)):
            return False
        return not self._flooded(snapshot.at)

    def _flooded(self, at: datetime) -> bool:
        """Whether there are so many findings that they are only folded anew every few seconds, and it is too soon."""
        if self._folded_at is None or max(len(self._made), len(self._findings)) < _FLOOD:
            return False
        return 0 <= (at - self._folded_at).total_seconds() < _FLOOD_PACE

    def _settle(self, context: Context) -> None:
        """What was lost is no news once somebody who saw it has acknowledged it."""
        for name in context.acked:
            key = name.removeprefix(losing.LOSING + "|")
            if key != name and name in self._made and self._losses.of(key) is not None:
                self._losses.settle(key)
                self._consumers.again((key,))
                self._held.pop(name, None)
        if self._losses.size > len(context.snapshot.consumers):
            self._losses.keep_only(context.snapshot.consumers.keys())

    def _context(self, snapshot: Snapshot, history: History, acked: frozenset[str]) -> Context:
        now = (snapshot.at or datetime.now(UTC)) + timedelta(seconds=snapshot.site.clock_offset)
        registry, states = snapshot.sources.get("registry"), snapshot.sources
        fleet = Capability.FLEET in snapshot.site.capabilities and registry is not None and registry.fresh
        interval = states["consumers"].interval if "consumers" in states else 0.0
        if snapshot.consumers is not self._owned:
            if self._owned is None or snapshot.consumers.keys() != self._owned.keys():
                self._owners = owners(snapshot.consumers)
            self._owned = snapshot.consumers
        if snapshot.agents is not self._known_agents:
            self._left = departed(self._left, snapshot.agents)
            self._known_agents = snapshot.agents
        # A row that a long sweep has not come back to yet says how things were up to one sweep ago.
        sweep = interval if interval > 2 else 0.0
        return Context(
            snapshot,
            history,
            self._thresholds,
            now,
            self._owners,
            self._left,
            fleet,
            sweep,
            self._clocks.skewed,
            acked,
            self._losses,
        )

    def _candidates(self, context: Context, stale: frozenset[str]) -> Iterator[Candidate]:
        yield from nats.judge(context)
        yield from self._jetstream.candidates(context)
        yield from sources.judge(context)
        yield from self._clocks.candidates(context, fleet=agents.SOURCE not in stale)
        if account.SOURCE not in stale:
            yield from self._account.tiers(context)
        if streams.SOURCE not in stale:
            yield from streams.judge(context)
            yield from streamlimits.judge(context)
            yield from account.streams(context)
            yield from self._leaders.streams(context)
            yield from self._replicas.candidates(context)
        if consumers.SOURCE not in stale:
            yield from self._leaders.consumers(context)
            yield from self._consumers.candidates(context.snapshot.consumers, context)
        if agents.SOURCE not in stale:
            if self._believed is not context.skewed:
                self._agents.again(self._believed ^ context.skewed)
                self._believed = context.skewed
            yield from self._agents.candidates(context.snapshot.agents, context)
            yield from self._versions.candidates(context)
        yield from self._of_work(context, stale)
        yield from self._integrity.candidates(context)
        yield from self._units.candidates(context)
        yield from self._probes.candidates(context)
        yield from ingest.judge(context)
        if ingest.SOURCE not in stale:
            yield from self._scores.candidates(context, self._raised)

    def _raised(self, id: str) -> bool:
        held = self._held.get(id)
        return held is not None and held.shown is not None

    def _of_work(self, context: Context, stale: frozenset[str]) -> Iterator[Candidate]:
        if jobs.SOURCE not in stale:
            yield from self._jobs.candidates(context)
        if deadletters.SOURCE not in stale:
            yield from self._letters.candidates(context)
        if services.SOURCE not in stale:
            yield from services.judge(context)
        yield from gateways.judge(context)

    def _step(self, found: Mapping[str, Candidate], context: Context, stale: frozenset[str]) -> None:
        now, held = context.now.timestamp(), self._held
        # Whoever lost the connection with us needs as long as we do to be heard of again.
        returning = context.history.reconnecting(context.snapshot.at or context.now)
        for name in [*held, *(name for name in found if name not in held)]:
            before, candidate = held.get(name), found.get(name)
            known = candidate or (before.candidate if before else None)
            if known is None or known.source in stale or unanswered(known, context.snapshot):
                continue
            if (
                returning
                and known.rule == agents.GONE
                and (before is None or before.level is None or candidate is None)
            ):
                continue
            if candidate is None and vanished(known, context.snapshot):
                del held[name]
                continue
            after = step(before, candidate, now)
            if after is None:
                held.pop(name, None)
            elif after is not before:
                held[name] = after

    def _make(self, context: Context, stale: frozenset[str]) -> bool:
        """Makes the findings that are shown, each anew only where something about it changed; whether any was."""
        made: dict[str, _Made] = {}
        changed = False
        for name, held in self._held.items():
            level, candidate = held.shown, held.candidate
            if level is None:
                continue
            flaps = len(held.changes) if held.flapping else 0
            last_known = candidate.source in stale or unanswered(candidate, context.snapshot)
            so = level, flaps, last_known, bool(flaps) and held.good is not None
            last = self._made.get(name)
            if last is None or last.candidate is not candidate or last.so != so:
                last = _Made(candidate, so, self._finding(held, *so))
                changed = True
            made[name] = last
        changed = changed or len(made) != len(self._made)
        self._made = made
        return changed

    def _finding(self, held: Held, level: Severity, flaps: int, last_known: bool, over: bool) -> Finding:
        candidate = held.candidate
        since, exact = candidate.since, candidate.exact
        if since is None:
            since, exact = datetime.fromtimestamp(held.first, UTC), False
        runbook = self._runbooks.get(candidate.rule, "")
        return Finding(
            candidate.id,
            candidate.rule,
            level,
            candidate.kind,
            candidate.subject,
            f"flapping ({flaps} changes in 10m)" if flaps else candidate.what,
            candidate.refs,
            since,
            exact,
            f"{'over for now; it was' if over else 'now'}: {candidate.what}" if flaps else candidate.detail,
            candidate.evidence,
            (*candidate.steps, Step("Runbook", clean(runbook))) if runbook else candidate.steps,
            last_known=last_known,
            flaps=flaps,
            measured=candidate.measured,
        )

    def _fault_since(self, name: str) -> datetime | None:
        """Since when a finding is a fault: it has then held for as long as its rule asks."""
        held = self._held.get(name)
        if held is None:
            return None
        if held.candidate.begun is None:
            return datetime.fromtimestamp(held.first, UTC)
        return held.candidate.begun + timedelta(seconds=held.candidate.hold)

    def _same(self, findings: dict[str, Finding]) -> Mapping[str, Finding]:
        """The findings, with the objects of before where nothing changed; the very mapping if nothing did at all."""
        before = self._findings
        kept = {name: before[name] if before.get(name) == each else each for name, each in findings.items()}
        if list(kept) == list(before) and all(each is before[name] for name, each in kept.items()):
            return before
        return MappingProxyType(kept)


def _tables(snapshot: Snapshot) -> tuple[object, ...]:
    """What the figures in a fold's sentence are counted from."""
    return (snapshot.consumers, snapshot.agents, snapshot.jobs, snapshot.deadletters)
