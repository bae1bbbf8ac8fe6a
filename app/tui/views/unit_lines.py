"""What a detail says of a systemd unit beyond what it says of any component: its facts, and the end of its log."""

from __future__ import annotations

from typing import Any

from app.feed.questions import Unanswered
from app.model import text
from app.model.units import LogPage, Unit
from app.tui.lines import Line, rule
from app.tui.picture import Picture
from app.tui.views import log_lines
from app.tui.views.parts import Fact, ago


def unit_facts(unit: Unit, picture: Picture) -> list[Fact]:
    """By name; those that are empty are left out."""
    by_itself = f"{unit.restarts} by systemd since it was last started by somebody" if unit.restarts else ""
    last = f", the last {ago(unit.restarted[0], picture)} ago" if unit.restarted else ""
    return [
        ("unit", f"{unit.unit}, {unit.scope} scope"),
        ("description", unit.description),
        ("is", " ".join(part for part in (unit.active, f"({unit.sub})" if unit.sub else "") if part)),
        ("ended with", unit.cause, "crit" if unit.active == "failed" else "warn"),
        ("restarts", by_itself + last if by_itself else "", "warn"),
        ("says", unit.status),
        ("process", f"{unit.pid}{f', {text.count(unit.tasks)} tasks' if unit.tasks else ''}" if unit.pid else ""),
        ("at boot", unit.enabled),
        ("file", unit.file),
        ("changed", "its file has changed since systemd read it: daemon-reload" if unit.outdated else "", "warn"),
    ]


def log_lines_of(name: str, answer: Any, picture: Picture, width: int) -> list[Line]:
    """The end of its log, as it was read last; Enter on any line opens all of it."""
    target = f"log:{name}"
    lines = [rule("Log", right="enter: all of it, live")]
    if answer is None:
        return [*lines, Line((("  Reading …", "dim"),), key="log", target=target)]
    if isinstance(answer, Unanswered):
        return [*lines, Line(((f"  {answer.why}", "unknown"),), key="log", target=target, copy=answer.why)]
    if not isinstance(answer, LogPage) or not answer.lines:
        nothing = "  It has logged nothing that this worker may read."
        return [*lines, Line(((nothing, "dim"),), key="log", target=target)]
    return [*lines, *log_lines.last_lines(answer.lines, target, picture, width)]
