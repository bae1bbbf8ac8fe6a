"""What can be done about a thing, as lines: a sentence each, and the command that does it, ready to copy."""

from __future__ import annotations

from collections.abc import Sequence

from app.model.findings import Step
from app.tui.lines import BLANK, Line, rule
from widgets.cells import wrap_cells


def step_lines(steps: Sequence[Step], width: int) -> list[Line]:
    """The steps, numbered. `y` on a step copies its command, or its sentence where it has none."""
    lines = []
    for number, step in enumerate(steps):
        broken = wrap_cells(step.sentence, width - 6)[:4]
        for place, piece in enumerate(broken):
            last = not step.command and place == 0
            lines.append(
                Line(
                    ((f"  {number + 1}. " if place == 0 else "     ", "dim"), (piece, "")),
                    key=f"step {number}" if last else "",
                    copy=step.sentence if last else "",
                )
            )
        if step.command:
            commands = wrap_cells(step.command, width - 9)[:6]
            for place, piece in enumerate(commands):
                lines.append(
                    Line(
                        (("     $ " if place == 0 else "       ", "dim"), (piece, "accent")),
                        key=f"step {number}" if place == 0 else "",
                        copy=step.command,
                    )
                )
    return lines


def remedy_lines(name: str, steps: Sequence[Step], width: int) -> list[Line]:
    """A page of what can be done about a thing."""
    if not steps:
        return [BLANK, Line((("  Nothing is to be done about it any more. esc goes back", "dim"),))]
    return [rule(f"What can be done: {name}", right="read-only: copy with y"), *step_lines(steps, width)]
