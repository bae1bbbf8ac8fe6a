"""Lines of a unit's log as the deck writes them: when, how urgent, what."""

from __future__ import annotations

from app.model import text
from app.model.health import Health
from app.model.units import PRIORITIES, LogLine
from app.tui.lines import Line
from app.tui.picture import Picture, Times
from app.tui.views import cells, parts
from widgets.cells import fit_cells
from widgets.log_view import Told

SOURCE_FROM = 110
"""Cells of the page from which on each line names the program that wrote it."""
_SOURCE = 12
_STYLES = ("crit", "crit", "crit", "crit", "warn", "strong", "", "dim")


def glyph(priority: int) -> str:
    """One cell that tells the urgency without colour: crit for errors and worse, warn for warnings."""
    return Health.CRIT.glyph if priority <= 3 else Health.WARN.glyph if priority == 4 else " "


def moment(line: LogLine, picture: Picture) -> str:
    """When it was written, in the cells that its column has: an age in 4, a time in 8."""
    width = 4 if picture.times is Times.AGE else 8
    age = picture.age(line.at)
    if line.at is None or age is None:
        return fit_cells("?", width, right=True)
    shown = text.age(age, 4) if picture.times is Times.AGE else cells.moment(line.at, picture)
    return fit_cells(shown, width, right=True)


def told(line: LogLine, picture: Picture, width: int) -> Told:
    """One line; of a text of several lines the first, and how many more there are."""
    style = _STYLES[line.priority]
    head = [(f" {moment(line, picture)} ", "dim"), (f"{glyph(line.priority)} ", style)]
    if width >= SOURCE_FROM:
        head.append((f"{fit_cells(line.source, _SOURCE, cut=text.cut)} ", "dim"))
    first, *more = line.text.split("\n")
    rest = f"  (+{len(more)} line{'' if len(more) == 1 else 's'})" if more else ""
    return Told(tuple(head), (first or "(no text)" if not more else first) + rest, style)


def whole(line: LogLine, picture: Picture) -> str:
    """Everything of one line, to be read."""
    known = (
        ("written", parts.both(line.at, picture)),
        ("priority", f"{line.priority} {PRIORITIES[line.priority]}"),
        ("by", f"{line.source} {f'(pid {line.pid})' if line.pid else ''}".strip()),
    )
    facts = "\n".join(f"{name:<9} {value}" for name, value in known if value)
    cut = "\n\n(there was more of it than is kept)" if line.cut else ""
    return f"{facts}\n\n{line.text or '(no text)'}{cut}"


def last_lines(lines: tuple[LogLine, ...], target: str, picture: Picture, width: int) -> list[Line]:
    """The lines in a detail; Enter on any opens the log."""
    made = []
    for line in lines:
        how = told(line, picture, 0)
        made.append(
            Line(
                (*how.head, (how.text, how.style)),
                key=f"log {line.cursor}",
                target=target,
                copy=line.text,
                fault=line.priority <= 3,
            )
        )
    return made
