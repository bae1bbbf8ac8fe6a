"""What the detail of a probed component shows besides: how the looks go, when it was up and down, and its facts."""

from __future__ import annotations

from app.model import text
from app.model.probes import FAILURES_COUNTED, Probe, Table
from app.tui.lines import Line, Span, rule
from app.tui.picture import Picture
from app.tui.views.parts import Fact, ago, both
from app.tui.views.parts import facts as facts_lines
from widgets.cells import fit_cells

TURNS_SHOWN = 10
MOST_CELLS = 40
"""Cells of a column of facts at most, where others want room too."""


def facts(probe: Probe, picture: Picture) -> list[Fact]:
    """Labels and values for the head of the detail."""
    many = "+" if probe.failures >= FAILURES_COUNTED else ""
    failing = (
        f"{probe.failures}{many} looks in a row" if probe.failures > 1 else "the last look" if probe.failures else ""
    )
    expires = "" if probe.expires is None else f"{probe.expires:%Y-%m-%d %H:%M} UTC"
    error = ""  # while it fails the reason says it
    if probe.error and probe.error_at is not None and not probe.failures:
        error = f"{probe.error} ({ago(probe.error_at, picture)} ago)"
    return [
        ("looked at", f"every {text.duration(probe.interval)}, given up after {probe.timeout:g}s"),
        ("failed", failing, "crit"),
        ("last well", both(probe.good_at, picture)),
        ("last error", error, "dim"),
        ("certificate", f"until {expires}" if expires else ""),
    ]


def turns(probe: Probe, picture: Picture) -> list[Line]:
    """When it failed and when it was well again, newest first."""
    if not probe.turns:
        return []
    lines = [rule("Up and down", right=str(len(probe.turns)))]
    for place, turn in enumerate(probe.turns[:TURNS_SHOWN]):
        before = probe.turns[place + 1] if place + 1 < len(probe.turns) else None
        lasted = ""
        if before is not None:
            seconds = (turn.at - before.at).total_seconds()
            lasted = f" after {text.duration(seconds)}"
        what = f"well again{lasted}" if turn.good else turn.why
        glyph, style = ("●", "ok") if turn.good else ("✗", "crit")
        lines.append(
            Line(
                ((f"  {glyph} ", style), (what, "")),
                key=f"turn {turn.at.isoformat()}",
                copy=f"{turn.at:%Y-%m-%d %H:%M:%SZ} {what}",
                fault=not turn.good,
                right=((f"{ago(turn.at, picture)} ", "dim"),),
            )
        )
    return lines


def tables(probe: Probe, picture: Picture, width: int) -> list[Line]:
    """The facts that it told, each table under its title, with how old they are if they are not those of now."""
    lines: list[Line] = []
    if probe.origin and probe.tables:
        lines += [rule("Told by another system"), *facts_lines([("origin", probe.origin, "warn")], width)]
    for table in probe.tables:
        more = "+" if table.left_out else ""
        lines.append(rule(table.title, right=f"{len(table.rows)}{more}"))
        if probe.failures > 1 and probe.good_at is not None:
            lines.append(Line(((f"  ○ as told {ago(probe.good_at, picture)} ago", "stale"),)))
        lines += _table(table, width)
    return lines


def _table(table: Table, width: int) -> list[Line]:
    if not table.rows:
        return [Line((("  no rows", "dim"),))]
    widths = _widths(table, width - 2)
    header = " ".join(fit_cells(name.upper(), cells) for name, cells in zip(table.columns, widths, strict=False))
    lines = [Line(((f"  {header}", "header"),))]
    for number, row in enumerate(table.rows):
        spans: list[Span] = [("  ", "")]
        for cell, cells in zip(row, widths, strict=False):
            spans.append((fit_cells(cell, cells, cut=text.cut) + " ", ""))
        lines.append(Line(tuple(spans), key=f"{table.title} {number}", copy="\t".join(row)))
    if table.left_out:
        lines.append(Line((("  there are more; these are the first", "dim"),)))
    return lines


def _widths(table: Table, room: int) -> list[int]:
    """Cells of each column: as wide as what stands in it, the widest made narrower until all fit; what still does not
    fit is left out at the right."""
    widths = [
        max(text.cell_width(name), *(text.cell_width(row[place]) for row in table.rows))
        for place, name in enumerate(table.columns)
    ]
    if len(widths) > 1:
        widths = [min(cells, MOST_CELLS) for cells in widths]
    while sum(widths) + len(widths) > room and max(widths) > 6:
        widths[widths.index(max(widths))] -= 1
    while len(widths) > 1 and sum(widths) + len(widths) > room:
        widths.pop()
    return [min(cells, max(1, room)) for cells in widths]
