"""Consumers of a machine that the registry does not know, said once: its registration expires with it, and whoever
starts to look after that cannot be told that an agent is gone. Its durables can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.model.broker import Consumer
from app.model.findings import Evidence, Finding, Severity, Step
from app.model.text import count
from app.model.triage import consumers, stalled
from app.model.triage.candidates import Context, instant, length
from app.model.triage.many import UNREGISTERED

_LEAST = 2


def fold(findings: dict[str, Finding], context: Context) -> None:
    """Folds what is wrong with the consumers of each unknown machine under one finding about the machine."""
    if not context.fleet:
        return
    of_machine: dict[str, list[Finding]] = {}
    for each in findings.values():
        if each.cause or each.rule not in (consumers.NO_CLIENT, stalled.STALLED):
            continue
        machine = context.owners.machine.get(each.id.removeprefix(each.rule + "|"))
        if machine is not None and machine not in context.snapshot.agents:
            of_machine.setdefault(machine, []).append(each)
    for machine, members in of_machine.items():
        if len(members) >= _LEAST:
            head = _machine(machine, members, context)
            findings[head.id] = head
            for each in members:
                findings[each.id] = replace(each, cause=head.id)


def _machine(machine: str, members: list[Finding], context: Context) -> Finding:
    dated = [each for each in members if each.since is not None]
    first = min(dated, key=lambda each: (each.since, each.id), default=members[0])
    pending = _pending(context.snapshot.consumers, members)
    if first.since is None:
        said = ""
    elif first.since_exact:
        said = f" since {instant(first.since, context.now)}"
    else:
        said = f" for {length(context.age(first.since), exact=False)}"
    facts = context.snapshot.facts.get(machine)
    return Finding(
        f"{UNREGISTERED}{machine}",
        consumers.NO_CLIENT,
        max((each.severity for each in members), key=lambda level: level.rank, default=Severity.WARN),
        "agent",
        facts.fqdn if facts is not None and facts.fqdn else machine[:12],
        f"not registered, nobody pulls{said}: {count(pending)} pending",
        tuple(ref for each in members for ref in each.refs[:1]),
        since=first.since,
        since_exact=first.since_exact,
        detail=f"{count(pending)} pending on {len(members)} of its consumers; the registry knows no such agent",
        evidence=(
            Evidence("machine", machine, "", "from its consumers' names"),
            Evidence("registration", "none", "", "from the broker"),
            Evidence("consumers", str(len(members)), f"from {_LEAST}"),
        ),
        steps=(Step("If the host should be there: look whether it answers, and start its agent"), *first.steps),
        last_known=any(each.last_known for each in members),
        measured=float(pending),
    )


def _pending(table: Mapping[str, Consumer], members: list[Finding]) -> int:
    keys = (each.id.removeprefix(each.rule + "|") for each in members)
    return sum(table[key].pending for key in keys if key in table)
