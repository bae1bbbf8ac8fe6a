"""Effects: which finding is another's doing. Each pair of cause and effect is one function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from app.model.findings import Finding, Severity
from app.model.text import count
from app.model.triage import (
    agents,
    clocks,
    consumers,
    deadletters,
    failing,
    ingest,
    integrity,
    jetstream,
    leaders,
    probes,
    sources,
    stalled,
    streams,
    unclaimed,
)
from app.model.triage.behind import BEHIND
from app.model.triage.candidates import Context
from app.model.triage.consumerlimits import CONSUMER_LIMITS
from app.model.triage.felt import Felt, names_of
from app.model.triage.losing import AHEAD, LOSING
from app.model.triage.unserved import NOT_SERVED

Findings = dict[str, Finding]
Begun = Callable[[str], datetime | None]

_SLACK = timedelta(minutes=5)
"""By how much an effect may be older than a cause of which is only known since when at the latest it lasts."""
_OF_CONSUMERS = (consumers.NO_CLIENT, stalled.STALLED, BEHIND, LOSING, CONSUMER_LIMITS)
_OF_WORK = (unclaimed.UNCLAIMED, failing.FAILING)
_WITHOUT_API = ("consumer.", "stream.", "jobs.", "leader.", "account.", deadletters.DEAD, agents.GONE)


class Links:
    """Links effects to their causes in a table of findings; an effect has one cause, the nearest."""

    def __init__(self, findings: Findings, begun: Begun, context: Context, felt: Felt) -> None:
        self._findings = findings
        self._begun = begun
        self._context = context
        self._felt = felt
        self._by_rule: dict[str, list[str]] = {}
        for name, each in findings.items():
            self._by_rule.setdefault(each.rule, []).append(name)

    def consumers(self) -> None:
        """A consumer falls behind, or will lose messages, because nobody takes or gets them; what it had in hand is
        deleted with the rest.

        What is lost already stays a finding of its own until somebody has taken note of it; it tells its cause.
        """
        for rule in (LOSING, BEHIND):
            for each in self._of(rule):
                cause = self._trouble_of(_consumer_of(each))
                if cause is None:
                    continue
                if rule == LOSING and not each.id.endswith(AHEAD):
                    self._findings[each.id] = replace(each, detail=f"because {cause.what}; {each.detail}")
                else:
                    self._link(each, cause.id, always=True)

        for each in self._of(deadletters.DEAD):
            consumer = self._felt.deleted_from(each.id.removeprefix(f"{deadletters.DEAD}|"))
            lost = self._findings.get(f"{LOSING}|{consumer}") if consumer else None
            cause = lost or self._trouble_of(consumer)
            if cause is not None:
                self._link(each, cause.id, always=True)

    def _trouble_of(self, consumer: str) -> Finding | None:
        """Why a consumer does not move."""
        found = (self._findings.get(f"{why}|{consumer}") for why in (consumers.NO_CLIENT, stalled.STALLED, NOT_SERVED))
        return next((each for each in found if each is not None), None)

    def agents(self) -> None:
        """What waits for an agent that is gone, ran on it, or died with it."""
        gone = self._by_rule.get(agents.GONE)
        if not gone:
            return
        waiting: set[str] = set()
        lost: Counter[str] = Counter()
        for rule in _OF_CONSUMERS:
            for each in self._of(rule):
                machine = self._context.owners.machine.get(_consumer_of(each))
                if machine is None or each.severity is Severity.INFO:
                    continue
                if rule == LOSING and not each.id.endswith(AHEAD):
                    lost[machine] += int(each.measured or 0)
                elif self._link(each, f"{agents.GONE}|{machine}"):
                    waiting.add(machine)
        for each in self._of(unclaimed.UNCLAIMED):
            target = each.id.removeprefix(f"{unclaimed.UNCLAIMED}|")
            if self._link(each, f"{agents.GONE}|{target}"):
                waiting.add(target)
        self._letters()
        for name in gone:
            self._say(name, waiting, lost)

    def _letters(self) -> None:
        """Dead letters that all come from one agent that is gone."""
        places = self._of(deadletters.DEAD)
        known = {each.id: self._felt.letters_of(each.id.removeprefix(f"{deadletters.DEAD}|")) for each in places}
        if not any(known.values()):
            return
        names: dict[str, str] = {}
        for name in self._by_rule[agents.GONE]:
            agent = self._context.snapshot.agents.get(name.removeprefix(f"{agents.GONE}|"))
            names.update(dict.fromkeys(() if agent is None else names_of(agent), name))
        for each in places:
            causes = {names.get(host, "") for host in known[each.id] or ()}
            if len(causes) == 1 and (cause := causes.pop()):
                self._link(each, cause)

    def _say(self, name: str, waiting: set[str], lost: Counter[str]) -> None:
        """The sentence of an agent that is gone names what people feel of it."""
        machine = name.removeprefix(f"{agents.GONE}|")
        felt = self._felt.of((machine,), lost=lost[machine])
        words = felt.words(waiting=machine in waiting)
        cause = self._findings[name]
        if words:
            what = f"{cause.what.removesuffix(' (no farewell)')} → {words}"
            self._findings[name] = replace(cause, what=what, detail=felt.detail.format("its"))
        elif felt.running:
            what = f"{cause.what}, {count(felt.running)} job{'s' * (felt.running != 1)} running"
            self._findings[name] = replace(cause, what=what)

    def streams(self) -> None:
        """A stream without a leader stops its consumers; a job queue or registry that cannot be written, the fleet."""
        lost = {each.id.removeprefix(f"{leaders.NO_LEADER}|") for each in self._of(leaders.NO_LEADER)}
        stopped = {key: f"{leaders.NO_LEADER}|{key}" for key in lost if key in self._context.snapshot.streams}
        if stopped:
            for each in list(self._findings.values()):
                stream = _stream_of(each)
                if stream in stopped and each.id != stopped[stream]:
                    self._link(each, stopped[stream])
        full = {each.id.removeprefix(f"{streams.REJECTING}|") for each in self._of(streams.REJECTING)}
        causes = {**{key: f"{streams.REJECTING}|{key}" for key in full}, **stopped}
        for name, cause in causes.items():
            work, fleet = self._carries(name, written=name in full)
            for rule in (*(_OF_WORK if work else ()), *((agents.GONE,) if fleet else ())):
                for each in self._of(rule):
                    self._link(each, cause)

    def _carries(self, name: str, *, written: bool) -> tuple[bool, bool]:
        """Whether jobs, and whether the presence of agents, go through a stream."""
        work = name.endswith("job-queue") or (not written and name in self._job_streams())
        return work, name.endswith("agent-registry")

    def _job_streams(self) -> frozenset[str]:
        return frozenset(key.partition("/")[0] for key in self._context.owners.machine)

    def site(self) -> None:
        """Without an answer of the API, or with a worker that is late itself, nothing else can be right."""
        silent = self._findings.get(f"{jetstream.UNAVAILABLE}|api")
        if silent is not None and silent.severity is Severity.CRIT:
            for each in list(self._findings.values()):
                if each.rule.startswith(_WITHOUT_API) or each.rule == sources.STALE:
                    self._link(each, silent.id)
        late = f"{sources.STALE}|worker"
        if late in self._findings:
            for each in self._of(sources.STALE):
                self._link(each, late)
        store = f"{sources.STALE}|{sources.STORE}"
        for name in (f"{sources.STALE}|{ingest.SOURCE}", f"{sources.STALE}|ingest"):
            if name in self._findings:
                self._link(self._findings[name], store, always=True)
        if store in self._findings:
            self._link(self._findings[store], f"{integrity.INTEGRITY}|{integrity.DAMAGED}", always=True)
        for each in self._of(probes.FLAPPING):  # up and down by turns: one line
            down = f"{probes.DOWN}|{each.id.removeprefix(probes.FLAPPING + '|')}"
            if down in self._findings:
                self._link(self._findings[down], each.id, always=True)
        for each in self._of(clocks.SKEW):
            if each.id == f"{clocks.SKEW}|{clocks.WORKER}":
                self._link(each, f"{clocks.SKEW}|{clocks.BROKER}", always=True)

    def _of(self, rule: str) -> list[Finding]:
        return [self._findings[name] for name in self._by_rule.get(rule, ())]

    def _link(self, effect: Finding, cause: str, *, always: bool = False) -> bool:
        """Folds an effect under its cause, if it has none yet and began after it or as it lasted."""
        above = self._findings.get(cause)
        effect = self._findings[effect.id]
        if above is None or effect.cause or above.id == effect.id or self._leads_to(above, effect.id):
            return False
        if not always and not self._follows(effect, above):
            return False
        self._findings[effect.id] = effect.under(above.id)
        return True

    def _follows(self, effect: Finding, cause: Finding) -> bool:
        start = self._begun(effect.id) or effect.since
        if start is None or cause.since is None:
            return True
        return start >= cause.since - (timedelta(0) if cause.since_exact else _SLACK)

    def _leads_to(self, cause: Finding, effect: str) -> bool:
        """Whether a cause is itself folded under what would be its effect."""
        while cause.cause:
            if cause.cause == effect:
                return True
            cause = self._findings[cause.cause]
        return False


def _consumer_of(finding: Finding) -> str:
    """The key of the consumer that a finding is about; empty for others."""
    kind, _, key = (finding.refs[0] if finding.refs else "").partition(":")
    return key if kind == "consumer" else ""


def _stream_of(finding: Finding) -> str:
    """The stream that a finding is about, or that its consumer reads; empty for others."""
    kind, _, key = (finding.refs[0] if finding.refs else "").partition(":")
    if kind == "stream":
        return key
    return key.partition("/")[0] if kind == "consumer" else ""
