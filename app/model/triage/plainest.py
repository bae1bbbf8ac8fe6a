"""Of several ills of one consumer the plainest is said, and the others stand under it."""

from __future__ import annotations

from dataclasses import replace

from app.model.findings import Finding
from app.model.triage import behind, consumerlimits, consumers, losing, poison, redelivering, stalled, unserved

_ORDER = (
    unserved.NOT_SERVED,
    consumers.NO_CLIENT,
    stalled.STALLED,
    redelivering.REDELIVERING,
    losing.LOSING,
    behind.BEHIND,
    poison.POISON,
    consumerlimits.CONSUMER_LIMITS,
)
"""From what explains the others to what only measures them."""
_RANK = {rule: rank for rank, rule in enumerate(_ORDER)}


def fold(findings: dict[str, Finding]) -> None:
    """Folds what is wrong with each consumer under the plainest of it. A loss is not folded: it must be seen."""
    of_row: dict[str, list[Finding]] = {}
    for each in findings.values():
        if each.rule in _RANK and each.refs and not each.cause:
            of_row.setdefault(each.refs[0], []).append(each)
    for ills in of_row.values():
        if len(ills) < 2:
            continue
        plainest, *others = sorted(ills, key=lambda each: _RANK[each.rule])
        for each in others:
            if each.rule != losing.LOSING:
                findings[each.id] = replace(each, cause=plainest.id)
