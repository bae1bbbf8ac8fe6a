"""Now: findings as rows of a NowList, in the order in which a person should look at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from app.model import text
from app.model.findings import Attention, Finding, Severity, urgency
from app.model.health import Health
from app.tui.picture import Picture
from app.tui.views import cells, parts
from widgets.now_list import NowRow

YOUNG = 600.0
"""Seconds during which a finding has a `+` before its age."""


def is_quiet(finding: Finding) -> bool:
    """Whether somebody takes care of it: acknowledged, snoozed, muted."""
    return finding.attention is not None and finding.attention.quiet


def worst_first(picture: Picture, *, every: bool = False, wanted: str = "") -> list[Finding]:
    """What Now shows: causes only, since an effect is counted under its cause; INFO and quiet ones when asked for."""
    return sorted(
        (
            finding
            for finding in _causes(picture)
            if (every or not (finding.severity is Severity.INFO or is_quiet(finding))) and _matches(finding, wanted)
        ),
        key=urgency,
    )


def _causes(picture: Picture) -> Iterator[Finding]:
    findings = picture.snapshot.findings
    return (finding for finding in findings.values() if not finding.cause or finding.cause not in findings)


def _matches(finding: Finding, wanted: str) -> bool:
    whole = f"{finding.severity} {finding.kind} {finding.subject} {finding.what} {finding.rule}".casefold()
    return all(word in whole for word in wanted.casefold().split())


def no_findings(picture: Picture) -> str:
    """Why Now is empty, in a few words: only fresh facts say that nothing is wrong."""
    if picture.snapshot.at is None:
        return "nothing is known yet"
    if picture.facts_age() is not None:
        return "no findings are known; the facts are old"
    return f"no findings; {quiet}" if (quiet := left_out(picture)) else "no findings"


def left_out(picture: Picture) -> str:
    """What is not shown until it is asked for: `1 acknowledged, 2 for tidying up · e shows`; empty if all is shown."""
    numbers = Counter(_reason(finding) for finding in _causes(picture))
    parts = [f"{numbers[word]} {word}" for word in _REASONS if numbers[word]]
    return f"{', '.join(parts)} · e shows" if parts else ""


_REASONS = ("acknowledged", "snoozed", "muted", "for tidying up")


def _reason(finding: Finding) -> str:
    if finding.attention is not None and finding.attention.quiet:
        return "acknowledged" if finding.attention.state == "acked" else finding.attention.state
    return "for tidying up" if finding.severity is Severity.INFO else ""


def age_text(finding: Finding, picture: Picture) -> str:
    """`+4m` while young, `31m` after, `≥2m` where only a lower bound is known."""
    age = picture.age(finding.since)
    if age is None:
        return "?"
    bound = "" if finding.since_exact else "≥"
    return f"{'+' if age < YOUNG and not bound else bound}{text.age(age)}"


def now_row(finding: Finding, picture: Picture, *, with_step: bool = True) -> NowRow:
    stale = finding.last_known or picture.lost
    quiet = is_quiet(finding)
    health = finding.severity.health
    glyph = Health.STALE if stale else health.glyph
    return NowRow(
        key=finding.id,
        glyph=glyph,
        word=finding.severity.name,
        kind=finding.kind,
        subject=parts.subject(finding, picture),
        what=f"{finding.what} (last known)" if stale else finding.what,
        age=age_text(finding, picture),
        style="stale" if stale else health.value if finding.severity is not Severity.INFO and not quiet else "dim",
        acked_by=finding.attention.by if quiet and finding.attention else "",
        next_step=finding.steps[0].sentence if finding.steps and with_step else "",
        details=_details(finding, picture),
        dim=stale or quiet or finding.severity is Severity.INFO,
    )


def _details(finding: Finding, picture: Picture) -> tuple[str, ...]:
    """Evidence, then what is folded or what to do: the answer without a key."""
    first = finding.detail or "; ".join(f"{row.what} {row.now}" for row in finding.evidence[:3])
    said = attention_text(finding.attention, picture)
    parts = []
    if finding.folded:
        parts.append(f"{finding.folded} finding{'s' if finding.folded > 1 else ''} folded")
    if finding.steps:
        parts.append(finding.steps[0].sentence.rstrip("."))
    parts.append("enter: why and what to do")
    return tuple(line for line in (said or first, " · ".join(parts)) if line)


def attention_text(attention: Attention | None, picture: Picture) -> str:
    """`acknowledged by ana 14:10:02: "restarting"`; empty where nobody has said anything."""
    if attention is None:
        return ""
    word = {"acked": "acknowledged", "returned": "is back: was acknowledged"}.get(attention.state, attention.state)
    by = f" by {attention.by}" if attention.by else ""
    at = f" {cells.moment(attention.at, picture)}" if attention.at else ""
    until = f" until {cells.moment(attention.until, picture)}" if attention.until else ""
    note = f': "{attention.note}"' if attention.note else ""
    return f"{word}{by}{at}{until}{note}"
