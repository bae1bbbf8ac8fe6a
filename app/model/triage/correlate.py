"""Correlation: effects are folded under their cause, and what is the same for many is said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from app.model.findings import BESIDE, Finding, Severity, urgency
from app.model.triage import nats, plainest, unregistered, unused
from app.model.triage.candidates import Context
from app.model.triage.effects import Begun, Findings, Links
from app.model.triage.felt import Felt
from app.model.triage.groups import Groups, fold_agents


def correlate(found: Mapping[str, Finding], begun: Begun, context: Context, groups: Groups, felt: Felt) -> Findings:
    """All findings with `cause` and `folded` set, in order: severity, causes before effects, newest first.

    `begun` is since when each is a fault. A cause takes on the highest severity of what is folded under it.
    """
    findings = dict(found)
    groups.update(findings, context)
    links = Links(findings, begun, context, felt)
    links.consumers()
    plainest.fold(findings)
    links.agents()
    fold_agents(findings, context, groups, felt)
    unregistered.fold(findings, context)
    unused.fold(findings, context)
    links.streams()
    links.site()
    _fold_site(findings)
    _count(findings)
    return _ordered(findings)


def _fold_site(findings: Findings) -> None:
    """Without NATS everything else of the site is what was last known: one line."""
    cause = findings.get(f"{nats.UNREACHABLE}|nats")
    if cause is None:
        refused = findings.get(f"{nats.CREDENTIALS}|nats")
        if refused is None or not refused.what.startswith("credentials refused"):
            return
        cause = refused
    for each in list(findings.values()):
        own = each.rule in (nats.UNREACHABLE, nats.CREDENTIALS) or each.rule.startswith(BESIDE)
        if each.id != cause.id and not each.cause and not own:
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


def _ordered(findings: Findings) -> Findings:
    return {each.id: each for each in sorted(findings.values(), key=urgency)}
