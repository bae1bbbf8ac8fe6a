"""A stored message as lines: where it is, what it says of itself, and of its payload what may be seen."""

from __future__ import annotations

from typing import Any

from app.feed.questions import Unanswered
from app.model import text
from app.model.messages import Message
from app.tui.lines import BLANK, Line, rule, words
from app.tui.picture import Picture
from app.tui.views import parts
from widgets.cells import wrap_cells

HIDDEN = "The payload is not shown: [peek] payload = true in the worker's configuration allows it."


def message_name(key: str, picture: Picture) -> str:
    """Stream and sequence."""
    stream, _, sequence = key.rpartition("/")
    return f"message {text.cut(stream, 40)} #{sequence}"


def message_lines(key: str, picture: Picture, width: int, answer: Any) -> list[Line]:
    """The message once the worker has answered; until then that it was asked."""
    if answer is None:
        return [BLANK, words(("  Asking the worker …", "dim"))]
    if isinstance(answer, Unanswered):
        return [BLANK, *(words(f"  {piece}") for piece in wrap_cells(answer.why, max(20, width - 4)))]
    message: Message = answer
    name = f"{message.stream} #{message.sequence}"
    lines = [Line(((f"  {name}", "strong"),), key="head", copy=name, target=f"stream:{message.stream}")]
    lines += parts.facts(
        [
            ("subject", message.subject),
            ("stored", parts.both(message.at, picture)),
            ("size", text.size(message.size)),
            ("deliveries", str(message.deliveries) if message.deliveries else ""),
        ],
        width,
    )
    if message.headers:
        lines += [rule("Headers", right=str(len(message.headers)))]
        for number, (header, value) in enumerate(message.headers):
            lines.append(
                Line(((f"  {header}: ", "dim"), (value, "")), key=f"header {number}", copy=f"{header}: {value}")
            )
    lines.append(rule("Payload"))
    if not message.payload_shown:
        return lines + [words((f"  {piece}", "dim")) for piece in wrap_cells(HIDDEN, max(20, width - 4))]
    if not message.payload:
        return [*lines, words(("  empty", "dim"))]
    for number, line in enumerate(message.payload.splitlines()):
        for place, piece in enumerate(wrap_cells(line, max(20, width - 4)) or [""]):
            lines.append(
                Line(((f"  {piece}", ""),), key=f"payload {number}" if place == 0 else "", copy=message.payload)
            )
    if message.size > len(message.payload.encode()):
        lines.append(words((f"  … the first 4 KiB of {text.size(message.size)}", "dim")))
    return lines
