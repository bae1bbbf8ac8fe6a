"""Findings that say once what many others say each of their own row: how their ids begin, a rule and `|+`."""

from __future__ import annotations

from app.model.findings import Finding

TOGETHER = "agent.gone|+"
"""Several agents that went at the same time."""
UNREGISTERED = "consumer.no_client|+"
"""All consumers of one machine that the registry does not know."""
UNUSED = "consumer.abandoned|+"
"""The id of the one finding about all unused durables."""


def for_many(finding: Finding) -> bool:
    """Whether a finding only says once what others, folded under it, say each of their own row."""
    return finding.id == UNUSED or finding.id.startswith((TOGETHER, UNREGISTERED))
