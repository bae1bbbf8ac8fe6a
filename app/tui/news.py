"""News: what changed last among the findings since this deck looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.model.findings import Finding, Severity
from app.model.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Change:
    """A finding that came (`+`), cleared (`-`) or got worse (`worse`), and when this was seen."""

    at: datetime
    sign: str
    finding: Finding


class News:
    """The last change, and when the last finding cleared; both unknown until something has changed."""

    def __init__(self) -> None:
        self.last: Change | None = None
        self.cleared: datetime | None = None

    def take(self, before: Snapshot, after: Snapshot, now: datetime | None) -> None:
        """Compares two snapshots of one worker's run; what a deck finds when it comes is no change."""
        if now is None or before.at is None or before.epoch != after.epoch or before.findings is after.findings:
            return
        changes = []
        for key, finding in after.findings.items():
            old = before.findings.get(key)
            if old is None:
                changes.append(Change(now, "+", finding))
            elif old.severity.rank < finding.severity.rank:
                changes.append(Change(now, "worse:", finding))
        gone = [finding for key, finding in before.findings.items() if key not in after.findings]
        if any(_counts(finding) for finding in gone):
            self.cleared = now
        changes += [Change(now, "-", finding) for finding in gone]
        told = [change for change in changes if _counts(change.finding)]
        if told:
            self.last = max(told, key=lambda change: (change.sign != "-", change.finding.severity.rank))


def _counts(finding: Finding) -> bool:
    """Folded ones, those for tidying up and those that somebody takes care of are no news."""
    quiet = finding.attention is not None and finding.attention.quiet
    return not finding.cause and finding.severity is not Severity.INFO and not quiet
