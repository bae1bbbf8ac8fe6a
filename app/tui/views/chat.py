"""Chat: what was said to a model and what it answered, message by message, its tools folded to a line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.model import text
from app.model.sessions import TimelineEvent
from app.tui.lines import Line, Span
from app.tui.picture import Picture, Times
from app.tui.views.gists import arguments
from app.tui.views.payloads import Payload, in_line
from widgets.cells import wrap_cells

LINES_MOST = 40
"""Lines of one message; of what a tool gave back, `TOOL_MOST`."""
TOOL_MOST = 3
MESSAGES_MOST = 400


@dataclass(frozen=True, slots=True)
class Said:
    """One message: who said it, its lines, the tools it calls, and when, where that is known."""

    role: str
    lines: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    at: datetime | None = None
    note: str = ""


def conversation(event: TimelineEvent, others: Iterable[TimelineEvent]) -> list[Said]:
    """What was asked and answered in the call that an event is of. `others` are events in which its other half is
    looked for; empty for an event of no call."""
    if event.type not in ("llm_call", "llm_response"):
        return []
    wanted = "llm_response" if event.type == "llm_call" else "llm_call"
    call = Payload(event).text("callId")
    other = next(
        (each for each in others if each.type == wanted and call and Payload(each).text("callId") == call), None
    )
    asked, answered = (event, other) if event.type == "llm_call" else (other, event)
    return [*(_asked(asked) if asked is not None else ()), *(_answered(answered) if answered is not None else ())]


def _asked(event: TimelineEvent) -> list[Said]:
    payload = Payload(event)
    said = [Said("system", lines_of(payload.fields.get("systemPrompt")))] if payload.text("systemPrompt") else []
    for message in payload.all("messages")[-MESSAGES_MOST:]:
        if isinstance(message, dict):
            role = in_line(message.get("role"), 20) or "?"
            said.append(Said(role, lines_of(message.get("content")), _calls(message.get("toolCalls"))))
    if payload.fields.get("redacted") is True:
        said.append(Said("redacted", note="its words were left out by whoever sent it"))
    return [*said[:-1], *(replace(each, at=event.at) for each in said[-1:])]


def _answered(event: TimelineEvent) -> list[Said]:
    payload = Payload(event)
    note = "its words were left out by whoever sent it" if payload.fields.get("redacted") is True else ""
    why = payload.text("finishReason", 40)
    return [
        Said(
            "assistant",
            lines_of(payload.fields.get("completion")),
            _calls(payload.fields.get("toolCalls")),
            event.at,
            note or (f"ended by {why}" if why else ""),
        )
    ]


def lines_of(content: Any) -> tuple[str, ...]:
    """The lines of a message's content: a text, or parts of which some are texts."""
    if isinstance(content, str):
        return tuple(text.clean(line, 4000) for line in content.splitlines())
    if not isinstance(content, list):
        return (in_line(content),) if content is not None else ()
    found: list[str] = []
    for part in content[:100]:
        told = part.get("text") if isinstance(part, dict) else part
        if isinstance(told, str):
            found += lines_of(told)
        else:
            kind = in_line(part.get("type"), 40) if isinstance(part, dict) else ""
            found.append(f"({kind or 'a part that is no text'})")
    return tuple(found)


def _calls(value: Any) -> tuple[str, ...]:
    calls = [each for each in value[:50] if isinstance(each, dict)] if isinstance(value, list) else []
    return tuple(f"{in_line(each.get('name'), 60)}  {_arguments(each.get('arguments'))}".strip() for each in calls)


def _arguments(value: Any) -> str:
    return arguments(value) if isinstance(value, Mapping) else in_line(value, 120)


def lines(said: Sequence[Said], picture: Picture, width: int) -> list[Line]:
    """The messages one below the other, each under the name of who said it."""
    made: list[Line] = []
    for number, each in enumerate(said):
        style = {"user": "accent", "assistant": "ok"}.get(each.role, "dim")
        head: list[Span] = [(f"  {each.role}", style), (f"  {each.note}" if each.note else "", "dim")]
        at = clock(each.at, picture) if each.at is not None else ""
        copied = "\n".join(each.lines) or each.role
        made.append(Line(tuple(head), key=f"said {number}", copy=copied, right=((f"{at} ", "dim"),) if at else ()))
        made += _body(each, width)
    return made


def _body(each: Said, width: int) -> list[Line]:
    tool = each.role == "tool"
    broken = [piece for line in each.lines for piece in wrap_cells(line, max(10, width - 6))]
    most = TOOL_MOST if tool else LINES_MOST
    body = [Line(((f"    {piece}", "dim" if tool else ""),)) for piece in broken[:most]]
    if len(broken) > most:
        body.append(Line(((f"    +{len(broken) - most} more lines: J shows everything", "dim"),)))
    return body + [Line(((f"    → {call}", "dim"),)) for call in each.calls]


def clock(at: datetime, picture: Picture) -> str:
    """The time of day, in UTC unless the reader has chosen the local one."""
    return f"{at.astimezone() if picture.times is Times.LOCAL else at:%H:%M:%S}"
