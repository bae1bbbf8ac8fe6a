"""Thirty days of an agent's score as a chart, with its figures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.tui.lines import Line, rule
from app.tui.picture import Picture
from widgets.chart import line_chart

LINES = 6


def chart(values: Sequence[float | None], picture: Picture, width: int) -> list[Line]:
    """Overall scores by day, today's last: a gap is a day without sessions, the ring is today, which is not over.

    Nothing at all without any.
    """
    now = picture.now or picture.snapshot.at
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if not known or now is None:
        return []
    today, days = now.date(), len(values)
    at, lowest = min(known, key=lambda day: (day[1], day[0]))
    highest = max(value for _, value in known)
    low = max(0.0, lowest // 10 * 10 - 5) if highest - lowest < 90 else 0.0
    low, high = (low if low < 95 else 90.0), 100.0
    room = max(10, min(62, width - 24))
    drawn = line_chart(values, room, LINES, low=low, high=high, hollow_last=True)
    notes = {
        1: f"first  {known[0][1]:5.1f}",
        2: f"lowest {lowest:5.1f}",
        3: f"       on {today - timedelta(days=days - 1 - at):%m-%d}",
        4: f"last   {known[-1][1]:5.1f}",
    }
    lines = [rule(f"{days} days", right=f"overall, over {picture.snapshot.site.window} days each")]
    for place, row in enumerate(drawn):
        scale = f"{high:.0f}" if place == 0 else f"{low:.0f}" if place == LINES - 1 else ""
        lines.append(Line(((f" {scale:>3} ", "dim"), (row, "accent"), (f"  {notes.get(place, '')}", ""))))
    begins = today - timedelta(days=days - 1)
    lines.append(Line(((f"     {f'{begins:%m-%d}':<{room - 5}}today", "dim"),)))
    return lines
