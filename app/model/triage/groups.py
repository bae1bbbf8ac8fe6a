"""Groups: agents that went at the same time are one finding, and keep one name while they are away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from app.model.findings import Evidence, Finding, Severity
from app.model.fleet import Agent, Presence
from app.model.triage import agents
from app.model.triage.candidates import Context, instant, length
from app.model.triage.felt import Felt
from app.model.triage.many import TOGETHER

_REFS = 50
"""References that one finding for many names: each of the many has a finding of its own with its own."""


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


def fold_agents(findings: dict[str, Finding], context: Context, groups: Groups, felt: Felt) -> None:
    """Folds the members of each group under one finding about all of them."""
    for name, all_of in groups.members.items():
        members = sorted(
            (findings[member] for member in all_of if member in findings), key=lambda each: (since(each), each.id)
        )
        if len(members) < 2:
            continue
        for member in members:
            findings[member.id] = member.under(name)
        findings[name] = _together(name, members, context, felt)


def _together(name: str, members: list[Finding], context: Context, felt: Felt) -> Finding:
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
    effects = felt.of(keys)
    words = effects.words(waiting=any("→" in member.what for member in members))
    if words:
        what += f" → {words}"
    return Finding(
        name,
        agents.GONE,
        max((member.severity for member in members), key=lambda level: level.rank),
        "agent",
        f"{len(members)} agents",
        what,
        tuple(f"agent:{key}" for key in keys[:_REFS]),
        since=first,
        detail=effects.detail.format("their"),
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


def since(finding: Finding) -> float:
    """Since when a finding holds, as a number to sort by."""
    return finding.since.timestamp() if finding.since is not None else 0.0
