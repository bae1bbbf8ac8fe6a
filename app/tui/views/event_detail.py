"""One event of a session: what it says in full, the chat that it is of, and its payload and metadata as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC

from app.model.chat import Message
from app.model.sessions import Session, TimelineEvent
from app.tui.lines import Line, Span, rule
from app.tui.picture import Picture, Times
from app.tui.views import chat_lines, parts
from app.tui.views.gists import GONE, gist
from app.tui.views.job_detail import pretty
from app.tui.views.session_detail import after, marked
from app.tui.views.sessions import dollars
from widgets.cells import wrap_cells

LINES_MOST = 2000
"""Lines of JSON that are written out."""


def detail(
    event: TimelineEvent, session: Session | None, said: Sequence[Message], picture: Picture, width: int
) -> list[Line]:
    """`said`: the messages of the call that it is of."""
    told = gist(event)
    mark, style = marked(event, told.wrong)
    lines = [Line(((f" {mark} ", style), (event.type, "strong"), (f" · {event.severity}", "dim")), key="head")]
    lines += parts.facts(_facts(event, session, told.cost, picture), width)
    if said:
        lines += [rule("Chat"), *chat_lines.lines(said, picture, width)]
    elif event.payload:
        lines.append(rule("Says"))
        lines += [
            Line(((f"  {piece}", style),), key="says" if not number else "", copy=told.text)
            for number, piece in enumerate(wrap_cells(told.text, max(10, width - 3)))
        ]
    return [
        *lines,
        *_json("Payload", event.payload, _kept(event), width),
        *_json("Metadata", event.metadata, "", width),
    ]


def _facts(event: TimelineEvent, session: Session | None, cost: int, picture: Picture) -> list[parts.Fact]:
    shown = event.at.astimezone() if picture.times is Times.LOCAL else event.at.astimezone(UTC)
    zone = shown.tzname() if picture.times is Times.LOCAL else "UTC"
    passed = f", {after(event.at, session.began)}" if session is not None else ""
    milliseconds = shown.microsecond // 1000
    return [
        ("time", f"{shown:%Y-%m-%d %H:%M:%S}.{milliseconds:03} {zone}{passed}"),
        ("agent", event.agent),
        ("session", session.key if session is not None else ""),
        ("id", event.id),
        ("cost", dollars(cost)),
    ]


def _kept(event: TimelineEvent) -> str:
    """What of the payload is not there."""
    if not event.payload:
        return GONE
    return f"{event.size:,} bytes came: only the beginning is kept" if event.size else ""


def _json(title: str, told: str, note: str, width: int) -> list[Line]:
    if not told and not note:
        return []
    lines: list[Line] = [rule(title, right="J: as JSON alone" if told else "")]
    if note:
        lines.append(Line(((f"  {note}", "warn" if told else "dim"),), key=f"note {title}", copy=note))
    made: list[Line] = []
    for line in pretty(told) if told else []:
        indent = len(line) - len(line.lstrip())
        for number, piece in enumerate(wrap_cells(line, max(20, width - 4 - indent))):
            spans: tuple[Span, ...] = ((f"  {' ' * (indent + (2 if number else 0))}{piece}", ""),)
            made.append(Line(spans, key=f"{title} {len(made)}", copy=line.strip()))
    if len(made) > LINES_MOST:
        more = len(made) - LINES_MOST
        made = [*made[:LINES_MOST], Line(((f"  +{more:,} more lines: J shows everything", "dim"),))]
    return lines + made


def raw(event: TimelineEvent) -> str:
    """The event as JSON text, its payload and metadata as what they are."""
    return json.dumps(
        {
            "id": event.id,
            "at": event.at.isoformat(),
            "type": event.type,
            "severity": event.severity,
            "agent": event.agent,
            "bytes": event.size or None,
            "payload": _value(event.payload),
            "metadata": _value(event.metadata),
        },
        ensure_ascii=False,
    )


def _value(told: str) -> object:
    try:
        return json.loads(told) if told else None
    except (ValueError, RecursionError):
        return told
