"""Correlation: effects are folded under their cause, and what is the same for many is said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from app.model.findings import Evidence, Finding, Severity
from app.model.fleet import Agent, Presence
from app.model.text import count
from app.model.triage import abandoned, agents, consumers, nats, stalled, unregistered
from app.model.triage.candidates import Context, instant, length

TOGETHER = agents.GONE + "|+"
UNUSED = abandoned.ABANDONED + "|+"
_REFS = 50
"""References that one finding for many names: each of the many has a finding of its own with its own."""

Findings = dict[str, Finding]
Begun = Callable[[str], datetime | None]


def correlate(found: Mapping[str, Finding], begun: Begun, context: Context, groups: Groups) -> Findings:
    """All findings with `cause` and `folded` set, in order: severity, causes before effects, newest first.

    `begun` is since when each is a fault. A cause takes on the highest severity of what is folded under it.
    """
    findings = dict(found)
    groups.update(findings, context)
    _fold_consumers(findings, begun, context)
    _fold_agents(findings, context, groups)
    unregistered.fold(findings, context)
    _fold_unused(findings, context)
    _fold_site(findings)
    _count(findings)
    return _ordered(findings)


def for_many(finding: Finding) -> bool:
    """Whether a finding only says once what others, folded under it, say each of their own row."""
    return finding.id == UNUSED or finding.id.startswith((TOGETHER, unregistered.PREFIX))


class Groups:
    """Which agents went together. A group stays one while any two of it are gone, so that it keeps its name."""

    def __init__(self) -> None:
        self.members: dict[str, set[str]] = {}  # id of the group's finding -> ids of its members' findings

    def update(self, findings: Mapping[str, Finding], context: Context) -> None:
        """Takes the findings of now: members that came back leave, others that went at the same time join."""
        gone = [each for each in findings.values() if each.rule == agents.GONE]
        if not gone and not self.members:
            return
        limits = context.thresholds.of(agents.GONE)
        here = {each.id for each in gone}
        self.members = {name: left for name, all_of in self.members.items() if len(left := all_of & here) >= 2}
        dated = sorted(
            ((each.since, each.id) for each in gone if each.since is not None), key=lambda pair: (pair[0], pair[1])
        )
        at = {name: since for since, name in dated}
        taken = set().union(*self.members.values())
        within = timedelta(seconds=limits["together"])
        for all_of in self.members.values():
            first = min(at[name] for name in all_of)
            joined = {name for since, name in dated if name not in taken and abs(since - first) <= within}
            all_of |= joined
            taken |= joined
        fleet = _members(context.snapshot.agents)
        enough = max(2, min(limits["count"], limits["ratio"] * fleet))
        self._form([pair for pair in dated if pair[1] not in taken], within, enough)

    def _form(self, dated: list[tuple[datetime, str]], within: timedelta, enough: float) -> None:
        start = 0
        while start < len(dated):
            end = start
            while end < len(dated) and dated[end][0] - dated[start][0] <= within:
                end += 1
            if end - start >= enough:
                first = dated[start][1].removeprefix(agents.GONE + "|")
                self.members[TOGETHER + first] = {name for _, name in dated[start:end]}
                start = end
            else:
                start += 1


def _fold_consumers(findings: Findings, begun: Begun, context: Context) -> None:
    """The consumers of a machine that is gone; not one that was ill before it went."""
    machines: dict[str, list[str]] = {}
    for each in list(findings.values()):
        if each.rule not in (consumers.NO_CLIENT, stalled.STALLED):
            continue
        machine = context.owners.machine.get(each.id.removeprefix(each.rule + "|"))
        cause = findings.get(f"{agents.GONE}|{machine}")
        if machine is None or cause is None:
            continue
        start = begun(each.id) or each.since
        if start is not None and cause.since is not None and start < cause.since:
            continue
        findings[each.id] = replace(each, cause=cause.id)
        machines.setdefault(machine, []).append(each.id)
    for machine in machines:
        cause = findings[f"{agents.GONE}|{machine}"]
        pending, read = _pending(context, (machine,))
        if pending:
            said = cause.what.removesuffix(" (no farewell)")
            findings[cause.id] = replace(
                cause,
                what=f"{said} → {count(pending)} jobs pending",
                detail=f"{count(pending)} pending on its {read} consumers",
            )


def _pending(context: Context, machines: Iterable[str]) -> tuple[int, int]:
    """Messages pending for some agents, and on how many consumers."""
    table = context.snapshot.consumers
    keys = [key for machine in machines for key in context.owners.consumers.get(machine, ())]
    waiting = [table[key].pending for key in keys if key in table]
    return sum(waiting), len(waiting)


def _fold_agents(findings: Findings, context: Context, groups: Groups) -> None:
    for name, all_of in groups.members.items():
        members = sorted(
            (findings[member] for member in all_of if member in findings), key=lambda each: (_since(each), each.id)
        )
        if len(members) < 2:
            continue
        for member in members:
            findings[member.id] = replace(member, cause=name)
        findings[name] = _together(name, members, context)


def _together(name: str, members: list[Finding], context: Context) -> Finding:
    keys = [member.id.removeprefix(agents.GONE + "|") for member in members]
    fleet = context.snapshot.agents
    first, last = members[0].since, members[-1].since
    apart = (last - first).total_seconds() if first is not None and last is not None else 0.0
    label = _common_label([fleet[key] for key in keys if key in fleet], fleet)
    gone = sum(member.severity is Severity.CRIT for member in members)
    word = "gone" if gone * 2 >= len(members) else "silent"
    what = f"{len(members)} of {_members(fleet)} agents {word} within {length(max(1.0, apart))}"
    if label:
        what += f", all {label}"
    pending, read = _pending(context, keys)
    if pending and any("→" in member.what for member in members):
        what += f" → {count(pending)} jobs pending"
    return Finding(
        name,
        agents.GONE,
        max((member.severity for member in members), key=lambda level: level.rank),
        "agent",
        f"{len(members)} agents",
        what,
        tuple(f"agent:{key}" for key in keys[:_REFS]),
        since=first,
        detail=f"{count(pending)} pending on their {read} consumers" if pending else "",
        evidence=(
            Evidence("first", "?" if first is None else instant(first, context.now), "", "from the broker"),
            Evidence("last", "?" if last is None else instant(last, context.now), "", "from the broker"),
            Evidence("label", label or "none in common"),
        ),
        steps=tuple(step for step in members[0].steps if "agent get" not in step.command),
        last_known=any(member.last_known for member in members),
        measured=float(len(members)),
    )


def _members(fleet: Mapping[str, Agent]) -> int:
    """How many agents there are or should be: those that said goodbye are no part of it."""
    return sum(agent.presence is not Presence.LEFT for agent in fleet.values())


def _common_label(members: list[Agent], fleet: Mapping[str, Agent]) -> str:
    """The label that all of them have and the fewest others; empty if there is none, or all of the fleet has it."""
    shared = set.intersection(*(set(agent.labels) for agent in members)) if members else set()
    if not shared:
        return ""
    others = Counter(label for agent in fleet.values() for label in agent.labels if label in shared)
    key, value = min(shared, key=lambda label: (others[label], label))
    return "" if others[key, value] == len(fleet) else f"{key}={value}"


def _fold_unused(findings: Findings, context: Context) -> None:
    """Unused durables that do no harm are one line."""
    unused = [
        each
        for each in findings.values()
        if each.rule == abandoned.ABANDONED and each.severity is Severity.INFO and not each.flaps
    ]
    if len(unused) < 2:
        return
    unused.sort(key=lambda each: (_since(each), each.id))
    keys = [each.id.removeprefix(abandoned.ABANDONED + "|") for each in unused]
    machines = {context.owners.machine.get(key) for key in keys}
    fleet = context.snapshot.agents
    hosts = context.fleet and None not in machines and not any(_live(machine, fleet) for machine in machines)
    whose = f" of {len(machines)} gone host{'s' * (len(machines) != 1)}" if hosts else " unused"
    oldest = unused[0]
    age = "" if oldest.since is None else f"; oldest {length(context.age(oldest.since), oldest.since_exact)}"
    for each in unused:
        findings[each.id] = replace(each, cause=UNUSED)
    findings[UNUSED] = Finding(
        UNUSED,
        abandoned.ABANDONED,
        Severity.INFO,
        "consumer",
        f"{len(unused)} durables",
        f"{len(unused)} durables{whose}{age}",
        tuple(ref for each in unused[:_REFS] for ref in each.refs),
        since=oldest.since,
        since_exact=oldest.since_exact,
        detail="nothing is lost or held up by them; they cost the server a little",
        steps=oldest.steps,
        last_known=any(each.last_known for each in unused),
        measured=float(len(unused)),
    )


def _live(machine: str | None, fleet: Mapping[str, Agent]) -> bool:
    agent = None if machine is None else fleet.get(machine)
    return agent is not None and agent.presence.value in ("live", "stale")


def _fold_site(findings: Findings) -> None:
    """Without NATS everything else of the site is what was last known: one line."""
    cause = findings.get(f"{nats.UNREACHABLE}|nats")
    if cause is None:
        refused = findings.get(f"{nats.CREDENTIALS}|nats")
        if refused is None or not refused.what.startswith("credentials refused"):
            return
        cause = refused
    for each in list(findings.values()):
        if each.id != cause.id and not each.cause and each.rule not in (nats.UNREACHABLE, nats.CREDENTIALS):
            findings[each.id] = replace(each, cause=cause.id)


def _count(findings: Findings) -> None:
    """How many are under each cause, however deep, and the worst of them."""
    folded: Counter[str] = Counter()
    worst: dict[str, Severity] = {}
    for each in findings.values():
        cause = each.cause
        while cause:
            folded[cause] += 1
            if cause not in worst or worst[cause].rank < each.severity.rank:
                worst[cause] = each.severity
            cause = findings[cause].cause
    for name, number in folded.items():
        each = findings[name]
        severity = max(each.severity, worst[name], key=lambda level: level.rank)
        findings[name] = replace(each, folded=number, severity=severity)


def _since(finding: Finding) -> float:
    return finding.since.timestamp() if finding.since is not None else 0.0


def _ordered(findings: Findings) -> Findings:
    ranked = sorted(findings.values(), key=lambda each: (bool(each.cause), -each.severity.rank, -_since(each), each.id))
    return {each.id: each for each in ranked}
