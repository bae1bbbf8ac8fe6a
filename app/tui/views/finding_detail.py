"""The detail of a finding: why, since when and how that is known, what happened around then, what is folded under it,
and what to do."""

from __future__ import annotations

from app.model import text
from app.model.findings import Finding
from app.model.health import Health
from app.tui.lines import BLANK, Line, rule
from app.tui.picture import Picture, Standing
from app.tui.views import components, jobs, parts
from app.tui.views.around import around
from app.tui.views.remedy_lines import step_lines
from widgets.cells import fit_cells, wrap_cells

LINKED = 5
"""Ways on of one kind."""
_KINDS = {
    "agent": "agent",
    "component": "component",
    "stream": "stream",
    "consumer": "consumer",
    "job": "job",
    "deadletter": "dead letter",
    "score": "score",
    "ai": "AI agent",
    "session": "session",
}


def finding_name(key: str, picture: Picture) -> str:
    finding = picture.snapshot.findings.get(key)
    name = f"{finding.kind} {finding.subject}" if finding is not None else key
    return text.cut(name, 60)


def finding_detail(key: str, picture: Picture, width: int) -> list[Line]:
    finding = picture.snapshot.findings.get(key)
    if finding is None:
        return [BLANK, Line((("  This finding has cleared. esc goes back", "dim"),))]
    health = Health.STALE if finding.last_known or picture.lost else finding.severity.health
    told = "" if health is finding.severity.health and finding.severity.name == health.word else finding.severity.name
    lines = [
        parts.head(
            finding.subject, Standing(health), (told, finding.kind, f"rule {finding.rule}"), target=_first(finding)
        )
    ]
    for number, piece in enumerate(wrap_cells(finding.what, width - 4)[:6]):
        lines.append(Line(((f"  {piece}", "strong"),), key="what" if not number else "", copy=finding.what))
    if finding.detail:
        lines += [Line(((f"  {piece}", ""),)) for piece in wrap_cells(finding.detail, width - 4)[:4]]
    lines += [*parts.facts(_since(finding, picture), width)]
    if finding.evidence:
        lines += [rule("Evidence"), *_evidence(finding, width)]
    lines += around(finding, picture)
    folded = [other for other in picture.snapshot.findings.values() if other.cause == finding.id]
    if folded:
        lines += [rule("Folded under it", right=str(len(folded)))]
        lines += parts.findings(sorted(folded, key=lambda other: (-other.severity.rank, other.id)), picture, named=True)
    if finding.steps:
        lines += [rule("What to do", right="y copies the command"), *step_lines(finding.steps, width)]
    return lines + _about(finding, picture)


def _first(finding: Finding) -> str:
    """What Enter on the finding itself opens: the first thing it is about."""
    return next((ref for ref in finding.refs if ref.partition(":")[0] in _KINDS), "")


def _since(finding: Finding, picture: Picture) -> list[parts.Fact]:
    source = "from the broker" if finding.since_exact else "a lower bound: since watchdeck sees it"
    bound = "" if finding.since_exact else "≥ "
    at = parts.both(finding.since, picture)
    return [
        ("since", f"{bound}{at} ({source})" if at else "not known"),
        ("last known", "its source fails: neither raised nor cleared" if finding.last_known else "", "stale"),
        ("flapping", f"{finding.flaps} changes in 10m" if finding.flaps else "", "warn"),
        ("cause", _cause(finding, picture)),
        (
            "taken care of",
            _attention(finding, picture),
            "" if finding.attention and finding.attention.quiet else "warn",
        ),
    ]


def _attention(finding: Finding, picture: Picture) -> str:
    """Who has acknowledged, snoozed or muted it, and why; or had, before it got worse."""
    attention = finding.attention
    if attention is None:
        return ""
    words = {"acked": "acknowledged", "returned": "it got worse; was acknowledged"}.get(
        attention.state, attention.state
    )
    at = f" {parts.both(attention.at, picture)}" if attention.at else ""
    until = f" until {parts.both(attention.until, picture)}" if attention.until else ""
    note = f': "{attention.note}"' if attention.note else ""
    return f"{words} by {attention.by}{at}{until}{note}"


def _cause(finding: Finding, picture: Picture) -> str:
    cause = picture.snapshot.findings.get(finding.cause)
    return "" if cause is None else f"{cause.kind} {cause.subject}: {cause.what}"


def _evidence(finding: Finding, width: int) -> list[Line]:
    """Rows of what, now, threshold, from: as wide as their texts need, the last one gets the rest."""
    rows = [("WHAT", "NOW", "THRESHOLD", "FROM")]
    rows += [(row.what, row.now, row.threshold or "-", row.source or "-") for row in finding.evidence]
    widths = [min(max(len(row[column]) for row in rows), (width - 8) // 3) for column in range(3)]
    lines = []
    for number, row in enumerate(rows):
        shown = "  ".join(fit_cells(value, size) for value, size in zip(row, widths, strict=False))
        style = "" if number else "header"
        lines.append(
            Line(
                ((f"  {shown}  ", style), (row[3], style if not number else "dim")),
                key=f"evidence {row[0]}" if number else "",
                copy=f"{row[0]} {row[1]}" if number else "",
            )
        )
    return lines


def _about(finding: Finding, picture: Picture) -> list[Line]:
    """What it is about, each a way on; of many of a kind the first ones."""
    links = []
    for kind, word in _KINDS.items():
        keys = [key for ref in dict.fromkeys(finding.refs) if (key := _key(ref, kind))]
        for key in keys[:LINKED]:
            name, ref = _link_name(kind, key, picture), f"{kind}:{key}"
            copy = key.rpartition("/")[2]
            links.append(Line(((f"  {word:<11} ", "dim"), (name, "accent")), key=ref, target=ref, copy=copy))
        if len(keys) > LINKED:
            links.append(Line(((f"  {'':<11} +{len(keys) - LINKED} more", "dim"),)))
    return [rule("It is about", right="enter opens"), *links] if links else []


def _key(ref: str, kind: str) -> str:
    head, _, key = ref.partition(":")
    return key if head == kind else ""


def _link_name(kind: str, key: str, picture: Picture) -> str:
    if kind == "agent":
        agent = picture.snapshot.agents.get(key)
        return agent.hostname if agent is not None else key
    if kind == "consumer":
        stream, _, name = key.partition("/")
        return f"{stream} › {picture.consumer_label(name)}"
    if kind == "component":
        component = picture.snapshot.components.get(key)
        return components.title(component) if component is not None else key
    if kind == "deadletter":
        return jobs.letter_name(key)
    return key
