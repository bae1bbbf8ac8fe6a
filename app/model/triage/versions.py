"""The rule `version.mixed`: agents of several versions, for longer than a rollout takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from app.model.changes import Changes
from app.model.findings import Evidence, Severity
from app.model.fleet import Agent, Presence
from app.model.text import count
from app.model.triage.candidates import Candidate, Context
from app.model.triage.steps import osapi, steps
from app.model.triage.thresholds import Threshold, Unit

MIXED = "version.mixed"
SOURCE = "registry"

THRESHOLDS = {MIXED: (Threshold("for", Unit.SECONDS, 3600.0, "of more than one version, longer than a rollout"),)}

_NAMED = 3


class Versions:
    """Counts the versions of the agents that are there. What does not tell its version is passed over."""

    def __init__(self) -> None:
        self._changes: Changes[Agent] = Changes()
        self._of: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def candidates(self, context: Context) -> Iterator[Candidate]:
        table = context.snapshot.agents
        changed, gone = self._changes.of(table)
        for key in gone:
            self._take(key, "")
        for key in changed:
            agent = table[key]
            self._take(key, agent.version if agent.presence is Presence.LIVE else "")
        limits = context.thresholds.of(MIXED)
        if not limits.on or len(self._counts) < 2:
            return
        ranked = sorted(self._counts.items(), key=lambda pair: (-pair[1], pair[0]))
        told = ", ".join(f"{version} ({count(number)})" for version, number in ranked[:_NAMED])
        more = f" and {len(ranked) - _NAMED} more" if len(ranked) > _NAMED else ""
        yield Candidate(
            MIXED,
            "agents",
            "agent",
            f"{count(sum(self._counts.values()))} agents",
            f"{len(ranked)} versions: {told}{more}",
            Severity.INFO,
            ("source:registry",),
            hold=limits["for"],
            evidence=tuple(Evidence(version, count(number)) for version, number in ranked[:10]),
            steps=steps(("Who runs what", osapi("agent", "list"))),
            measured=float(len(ranked)),
            source=SOURCE,
        )

    def _take(self, key: str, version: str) -> None:
        before = self._of.get(key, "")
        if before == version:
            return
        if before:
            self._counts[before] -= 1
            if not self._counts[before]:
                del self._counts[before]
            del self._of[key]
        if version:
            self._of[key] = version
            self._counts[version] += 1
