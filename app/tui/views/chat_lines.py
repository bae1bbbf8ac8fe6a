"""Chat: what was said in a session, message by message, its tools folded to a line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from app.model.chat import Message, of_events
from app.model.sessions import TimelineEvent
from app.tui.lines import Line, Span
from app.tui.picture import Picture, Times
from app.tui.views.payloads import Payload
from widgets.cells import wrap_cells

LINES_MOST = 40
"""Lines of one message; of what a tool gave back, `TOOL_MOST`."""
TOOL_MOST = 3
_CALL, _RESPONSE = "llm_call", "llm_response"
_STYLES = {"user": "accent", "assistant": "ok"}


def said_in(event: TimelineEvent, others: Iterable[TimelineEvent]) -> list[Message]:
    """What was asked and answered in the call that an event is of; its other half is looked for among `others`.
    Nothing for an event of no call."""
    if event.type not in (_CALL, _RESPONSE):
        return []
    wanted = _RESPONSE if event.type == _CALL else _CALL
    call = Payload(event).text("callId")
    halves = (each for each in others if call and each.type == wanted and Payload(each).text("callId") == call)
    other = next(halves, None)
    both = [event] if other is None else [event, other] if event.type == _CALL else [other, event]
    return of_events(both)


def lines(said: Sequence[Message], picture: Picture, width: int) -> list[Line]:
    """The messages one below the other, each under the name of who said it, and when, where it is another time than
    that of the one before."""
    made: list[Line] = []
    before = ""
    for number, message in enumerate(said):
        at = clock(message.at, picture) if message.at is not None else ""
        made += _message(number, message, "" if at == before else at, width)
        before = at
    return made


def _message(number: int, message: Message, at: str, width: int) -> list[Line]:
    tool = message.role == "tool"
    style = "warn" if message.failed else _STYLES.get(message.role, "dim")
    word = "failed" if message.failed else ""
    beside = "  ".join(part for part in (message.tool, word, message.note) if part)
    spans: list[Span] = [(f"  {message.role}", style), (f"  {beside}" if beside else "", "dim")]
    key, copy = f"said {number}", message.text or message.role
    head = Line(tuple(spans), key=key, copy=copy, fault=message.failed, right=((f"{at} ", "dim"),) if at else ())
    broken = [piece for line in message.text.splitlines() for piece in wrap_cells(line, max(10, width - 6))]
    most = TOOL_MOST if tool else LINES_MOST
    body = [Line(((f"    {piece}", "dim" if tool else ""),)) for piece in broken[:most]]
    if len(broken) > most:
        body.append(Line(((f"    +{len(broken) - most} more lines: y copies all", "dim"),)))
    return [head, *body, *(Line(((f"    → {call}", "dim"),)) for call in message.calls)]


def clock(at: datetime, picture: Picture) -> str:
    """The time of day, in UTC unless the reader has chosen the local one."""
    return f"{at.astimezone() if picture.times is Times.LOCAL else at:%H:%M:%S}"
