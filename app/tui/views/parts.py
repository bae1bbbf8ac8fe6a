"""Parts that details are made of: a head, facts in two columns, rows of another view, findings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from heapq import nlargest
from typing import Any

from rich.cells import cell_len

from app.model import text
from app.model.broker import Answer, Consumer, Stream
from app.model.findings import Finding
from app.model.fleet import Condition
from app.model.health import Health
from app.tui.lines import BLANK, Line, Span, rule
from app.tui.picture import Picture, Standing, Times
from app.tui.views import cells
from app.tui.views.view import View
from widgets.cells import fit_cells, wrap_cells
from widgets.columns import Align, Row, Slot, fit_columns

LABEL = 16
"""Cells of the label of a fact."""

SUBJECTS_SHOWN = 20
"""Subjects, filters and metadata that are written out."""
MOST_ROWS = 200
"""Rows of another view in a detail; the view itself has all."""

Fact = tuple[str, str] | tuple[str, str, str]
"""A label, a value, and the value's style."""


def gone(noun: str, key: str, picture: Picture) -> list[Line]:
    """What stands in place of a thing that is not in the facts."""
    return [
        BLANK,
        Line(((f"  {noun} {text.cut(key, 60)} is not there (any more). esc goes back", "dim"),)),
    ]


def head(name: str, standing: Standing, said: Sequence[str], *, target: str = "") -> Line:
    """The first line: state, name, and what is said of it in a few words."""
    glyph = standing.health.glyph
    spans: list[Span] = [(f" {glyph} {standing.health.word} ", standing.health.value), (name, "strong")]
    told = " · ".join(part for part in said if part)
    if told:
        spans.append((" · " + told, "dim"))
    return Line(tuple(spans), key="head", target=target, copy=name)


def facts(pairs: Iterable[Fact], width: int) -> list[Line]:
    """Labels and values; in two columns where there is room for both, each value in one line."""
    entries = [(pair[0], pair[1], pair[2] if len(pair) == 3 else "") for pair in pairs if pair[1]]
    half = (width - 2) // 2
    fits = width >= 100 and all(cell_len(value) <= half - LABEL - 3 for _, value, _ in entries)
    if not fits:
        return [line for entry in entries for line in _fact(entry, width)]
    rows = (len(entries) + 1) // 2
    lines = []
    for index in range(rows):
        row = [entries[index], *entries[index + rows : index + rows + 1]]
        spans: list[Span] = []
        for label, value, style in row:
            spans += [(f"  {fit_cells(label, LABEL)} ", "dim"), (fit_cells(value, half - LABEL - 3), style)]
        lines.append(Line(tuple(spans), key=f"fact {row[0][0]}", copy=row[0][1]))
    return lines


def _fact(entry: tuple[str, str, str], width: int) -> list[Line]:
    label, value, style = entry
    broken = wrap_cells(value, max(10, width - LABEL - 4))[:8]
    lines = [Line(((f"  {fit_cells(label, LABEL)} ", "dim"), (broken[0], style)), key=f"fact {label}", copy=value)]
    return lines + [Line(((" " * (LABEL + 3), ""), (more, style))) for more in broken[1:]]


def table(
    title: str,
    view: View,
    records: Iterable[Any],
    picture: Picture,
    width: int,
    *,
    without: Collection[str] = (),
    sort: Callable[[Any, Picture], Any] | None = None,
) -> list[Line]:
    """Rows of another view under a title, worst first or in the order of `sort`; Enter opens each."""
    fields = view.layout(picture, without=without)
    every = list(records)
    if sort is not None:
        every.sort(key=lambda record: sort(record, picture))
        rows = [view.row(record, fields, picture) for record in every[:MOST_ROWS]]
    else:
        worst = every
        if len(every) > MOST_ROWS:
            worst = nlargest(MOST_ROWS, every, lambda record: view.standing(record, picture).rank)
        rows = [view.row(record, fields, picture) for record in worst]
        place = next((index for index, field in enumerate(fields) if field.column.id == view.sort), 0)
        rows.sort(key=lambda row: (row.last, -row.rank, -_number(row.cells[place].sort), row.cells[1].text))
    lines = [rule(title, right=str(len(every)))]
    if not rows:
        return [*lines, Line(((f"  {view.empty}", "dim"),))]
    slots = fit_columns([field.column for field in fields], width - 2)
    slots = tuple(_no_wider(slot, rows) for slot in slots)
    header = "  " + " ".join(
        fit_cells(slot.column.title, slot.width, right=slot.column.align is Align.RIGHT) for slot in slots
    )
    lines.append(Line(((header, "header"),)))
    for row in rows:
        spans: list[Span] = [("  ", "")]
        for number, slot in enumerate(slots):
            cell = row.cells[slot.index]
            shown = fit_cells(
                cell.text,
                slot.width,
                right=slot.column.align is Align.RIGHT,
                cut=cells.cut,
            )
            spans.append(
                (shown + (" " if number < len(slots) - 1 else ""), "dim" if row.dim and number else cell.style)
            )
        ref = view.ref(row.key)
        record = view.records(picture).get(row.key)
        copy = view.copy(record) if record is not None else row.key
        lines.append(Line(tuple(spans), key=ref, target=ref, copy=copy, fault=row.fault))
    if len(every) > len(rows):
        lines.append(Line(((f"  +{len(every) - len(rows)} more: view {view.number} has them all", "dim"),)))
    return lines


def _no_wider(slot: Slot, rows: Sequence[Row]) -> Slot:
    """A column that takes what room there is, no wider than what stands in it: figures stay near their names."""
    if not slot.column.flex:
        return slot
    widest = max(cell_len(row.cells[slot.index].text) for row in rows)
    return replace(slot, width=min(slot.width, max(slot.column.width, widest)))


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else -1.0


def conditions(told: Sequence[Condition], picture: Picture) -> list[Line]:
    """Conditions with their reasons and since when."""
    lines = [rule("Conditions")]
    if not told:
        return [*lines, Line((("  none reported", "dim"),))]
    for condition in told:
        style = "warn" if condition.status else "dim"
        word = "true" if condition.status else "false"
        lines.append(
            Line(
                ((f"  {condition.type:<22} ", ""), (f"{word:<6} ", style), (condition.reason, "")),
                key=f"condition {condition.type}",
                copy=f"{condition.type} {condition.reason}".strip(),
                fault=condition.status,
                right=((f"{ago(condition.since, picture)} ", "dim"),),
            )
        )
    return lines


def subject(finding: Finding, picture: Picture) -> str:
    """Its subject; a consumer's as people say it, with the stream it is of."""
    ref = finding.refs[0] if finding.refs else ""
    kind, _, key = ref.partition(":")
    stream, slash, name = key.partition("/")
    if kind == "consumer" and slash:
        return f"{stream} › {picture.consumer_label(name)}"
    return finding.subject


def findings(found: Sequence[Finding], picture: Picture, *, named: bool = False) -> list[Line]:
    """The findings about a thing, worst first, `named` where they are about others than that thing; Enter opens each.
    Nothing at all without any."""
    lines = []
    for finding in found:
        health = Health.STALE if finding.last_known or picture.lost else finding.severity.health
        style = health.value if finding.severity.health is not Health.OK else "dim"
        lines.append(
            Line(
                (
                    (f"  {health.glyph} {finding.severity.name:<4} ", style),
                    (f"{subject(finding, picture)}: " if named else "", "strong"),
                    (finding.what, ""),
                    (taken_care(finding), "dim"),
                ),
                key=f"finding:{finding.id}",
                target=f"finding:{finding.id}",
                copy=f"{finding.severity.name} {finding.kind} {finding.subject}: {finding.what}",
                fault=True,
                right=((f"{ago(finding.since, picture)} ", "dim"),),
            )
        )
    return lines


def taken_care(finding: Finding) -> str:
    """What somebody does about it, as the end of its line: ` · acked by ana`."""
    attention = finding.attention
    return f" · {attention.state} by {attention.by}" if attention is not None and attention.quiet else ""


def ago(at: datetime | None, picture: Picture) -> str:
    """A moment as its age, or written out, as the reader has chosen; empty if it is not known."""
    age = picture.age(at)
    if at is None or age is None:
        return ""
    return text.age(age, 6) if picture.times is Times.AGE else cells.moment(at, picture)


def both(at: datetime | None, picture: Picture) -> str:
    """A moment with its age: `14:01:12 UTC, 4m ago`."""
    age = picture.age(at)
    if at is None or age is None:
        return ""
    shown = at.astimezone() if picture.times is Times.LOCAL else at
    zone = shown.tzname() if picture.times is Times.LOCAL else "UTC"
    date = "" if age < 86400 else f"{shown:%Y-%m-%d} "
    return f"{date}{shown:%H:%M:%S} {text.clean(zone or '')}, {text.duration(text.age_step(age))} ago"


def name_of(key: str, picture: Picture) -> str:
    return text.cut(key, 60)


def answer(answer: Answer) -> str:
    return "" if answer is Answer.OK else f"no answer ({answer.value}): figures are the last known"


def of(value: str, limit: float, shown: str) -> str:
    return f"{value} of {shown}" if limit > 0 else f"{value}, no limit"


def copies(holder: Stream | Consumer) -> list[Line]:
    cluster = holder.cluster
    if cluster is None:
        return []
    leader = cluster.leader or "none"
    lines = [rule("Copies")]
    lines.append(
        Line((("  leader    ", "dim"), (leader, "" if cluster.leader else "crit")), key="leader", copy=cluster.leader)
    )
    for peer in cluster.peers:
        state = "offline" if peer.offline else "current" if peer.current else "not current"
        told = f"{state}, {text.count(peer.lag)} behind, seen {text.duration(peer.active)} ago"
        style = "crit" if peer.offline else "" if peer.current else "warn"
        fault = peer.offline or not peer.current
        lines.append(
            Line(
                (("  peer      ", "dim"), (f"{peer.name:<20} ", ""), (told, style)),
                key=f"peer {peer.name}",
                fault=fault,
            )
        )
    return lines
