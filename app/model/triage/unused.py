"""Unused durables that do no harm are one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from app.model.findings import Finding, Severity
from app.model.fleet import Agent
from app.model.triage import abandoned
from app.model.triage.candidates import Context, length
from app.model.triage.groups import since
from app.model.triage.many import UNUSED

_REFS = 50


def fold(findings: dict[str, Finding], context: Context) -> None:
    """Folds the unused durables of INFO under one finding."""
    unused = [
        each
        for each in findings.values()
        if each.rule == abandoned.ABANDONED and each.severity is Severity.INFO and not each.flaps
    ]
    if len(unused) < 2:
        return
    unused.sort(key=lambda each: (since(each), each.id))
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
