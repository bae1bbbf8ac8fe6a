"""Changes of findings as lines: what `watchdeck status --watch` prints, for screen readers, bad links and `tee`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.cli.glance import Look
from app.model.findings import Finding
from app.model.text import clean, duration


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `line` for people, `told` for scripts."""

    at: datetime | None
    word: str  # CRIT, WARN, INFO for what came or changed its level; CLEAR, ACKED, SNOOZED, UNKNOWN and the like
    what: str
    finding: Finding | None = None

    @property
    def line(self) -> str:
        at = "--:--:--Z" if self.at is None else self.at.strftime("%H:%M:%SZ")
        return clean(f"{at} {self.word} {self.what}")

    @property
    def told(self) -> Mapping[str, Any]:
        known = {} if self.finding is None else {"id": self.finding.id, "rule": self.finding.rule}
        return {"change": self.word, "what": self.what, **known}


async def changes(looks: AsyncIterator[Look]) -> AsyncIterator[Change]:
    """The changes from look to look. The first look tells everything that is wrong already, or that nothing is."""
    before: Mapping[str, Finding] = {}
    trouble: str | None = None
    async for look in looks:
        snapshot = look.snapshot
        if look.trouble != trouble:
            if look.trouble:
                yield Change(snapshot.at, "UNKNOWN", look.trouble)
            elif trouble is not None:
                yield Change(snapshot.at, "KNOWN", "facts are fresh again")
            elif not snapshot.findings:
                yield Change(snapshot.at, "OK", f"no findings ({snapshot.site.name})")
            trouble = look.trouble
        if look.trouble and not snapshot.findings:
            continue  # nothing is known: nothing has cleared
        for change in _between(before, snapshot.findings, snapshot.at):
            yield change
        before = snapshot.findings


def _between(old: Mapping[str, Finding], new: Mapping[str, Finding], at: datetime | None) -> Iterator[Change]:
    for name, finding in new.items():
        before = old.get(name)
        if before is None or before.severity is not finding.severity:
            yield Change(at, finding.severity.value.upper(), _said(finding), finding)
        now, then = finding.attention, before.attention if before is not None else None
        if now is not None and (then is None or then.state != now.state):
            note = f': "{now.note}"' if now.note else ""
            who = f" by {now.by}" if now.by else ""
            yield Change(at, now.state.upper(), f"{_subject(finding)}{who}{note}", finding)
    for name, finding in old.items():
        if name not in new:
            lasted = ""
            if finding.since is not None and at is not None and at > finding.since:
                lasted = f" after {duration((at - finding.since).total_seconds())}"
            yield Change(at, "CLEAR", f"{_subject(finding)}{lasted}", finding)


def _subject(finding: Finding) -> str:
    return f"{finding.kind} {finding.subject} ({finding.rule})"


def _said(finding: Finding) -> str:
    return f"{finding.kind} {finding.subject} {finding.what}"
