"""The chat of a session: what it is in a few lines, then what was said in it, message by message."""

from __future__ import annotations

from app.feed.questions import Unanswered
from app.model.chat import Chat
from app.model.health import Health
from app.tui.lines import Line, rule
from app.tui.picture import Picture
from app.tui.views import chat_lines, components, session_detail
from widgets.cells import wrap_cells


def detail(key: str, picture: Picture, width: int, answer: Chat | Unanswered | None) -> list[Line]:
    """`answer` None: it was not answered yet."""
    session = picture.snapshot.sessions.get(key)
    lines: list[Line] = []
    if session is not None:
        lines += session_detail.head(session, picture, width)
        gateway = picture.snapshot.components.get(f"gateway:{session.gateway}")
        if gateway is not None and components.own_standing(gateway, picture).health is not Health.OK:
            told = f"  as last known: gateway {session.gateway} is {gateway.state}"
            lines.append(Line(((told, "stale"),), target=f"component:{gateway.key}", key="gateway"))
    return [*lines, *_chat(answer, picture, width)]


def _chat(answer: Chat | Unanswered | None, picture: Picture, width: int) -> list[Line]:
    if answer is None:
        return [rule("Chat"), Line((("  Reading what was said …", "dim"),))]
    if isinstance(answer, Unanswered):
        return [
            rule("Chat"),
            *(Line(((f"  {piece}", "warn"),)) for piece in wrap_cells(answer.why, max(10, width - 3))),
        ]
    number = len(answer.messages)
    lines = [rule("Chat", right=f"{number} message{'' if number == 1 else 's'}")]
    if not number:
        return [*lines, Line((("  Nothing was said that is told.", "dim"),))]
    if answer.left_out:
        lines.append(Line(((f"    … {answer.left_out:,} earlier messages are not read", "dim"),)))
    return [*lines, *chat_lines.lines(answer.messages, picture, width)]
