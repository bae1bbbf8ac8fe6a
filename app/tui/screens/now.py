"""Now: findings as rows of a NowList, in the order in which a person should look at them."""

from __future__ import annotations

from app.model import text
from app.model.findings import Finding, Severity
from app.model.health import Health
from app.tui.picture import Picture
from app.tui.views import parts
from widgets.now_list import NowRow

YOUNG = 600.0
"""Seconds during which a finding has a `+` before its age."""


def order(finding: Finding) -> tuple[int, float, str]:
    """Severity, then newest first, so that what has just begun is at the top of its severity."""
    began = finding.since.timestamp() if finding.since else 0.0
    return (-finding.severity.rank, -began, finding.id)


def worst_first(picture: Picture, *, info: bool = False, wanted: str = "") -> list[Finding]:
    """What Now shows: causes only, since an effect is counted under its cause; INFO when asked for."""
    findings = [
        finding
        for finding in picture.snapshot.findings.values()
        if (not finding.cause or finding.cause not in picture.snapshot.findings)
        and (info or finding.severity is not Severity.INFO)
        and _matches(finding, wanted)
    ]
    return sorted(findings, key=order)


def _matches(finding: Finding, wanted: str) -> bool:
    whole = f"{finding.severity} {finding.kind} {finding.subject} {finding.what} {finding.rule}".casefold()
    return all(word in whole for word in wanted.casefold().split())


def infos(picture: Picture) -> int:
    return sum(1 for finding in picture.snapshot.findings.values() if finding.severity is Severity.INFO)


def age_text(finding: Finding, picture: Picture) -> str:
    """`+4m` while young, `31m` after, `≥2m` where only a lower bound is known."""
    age = picture.age(finding.since)
    if age is None:
        return "?"
    bound = "" if finding.since_exact else "≥"
    return f"{'+' if age < YOUNG and not bound else bound}{text.age(age)}"


def now_row(finding: Finding, picture: Picture, *, with_step: bool = True) -> NowRow:
    stale = finding.last_known or picture.lost
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
        style="stale" if stale else health.value if finding.severity is not Severity.INFO else "dim",
        next_step=finding.steps[0].sentence if finding.steps and with_step else "",
        details=_details(finding, picture),
        dim=stale or finding.severity is Severity.INFO,
    )


def _details(finding: Finding, picture: Picture) -> tuple[str, ...]:
    """Evidence, then what is folded or what to do: the answer without a key."""
    first = finding.detail or "; ".join(f"{row.what} {row.now}" for row in finding.evidence[:3])
    parts = []
    if finding.folded:
        parts.append(f"{finding.folded} finding{'s' if finding.folded > 1 else ''} folded")
    if finding.steps:
        parts.append(finding.steps[0].sentence.rstrip("."))
    parts.append("enter: why and what to do")
    return tuple(line for line in (first, " · ".join(parts)) if line)
