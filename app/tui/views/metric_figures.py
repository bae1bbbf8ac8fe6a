"""Key figures of metrics: what a range brought, how that compares with the range before, and how the work stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app.model import text
from app.model.metrics import Dashboard, Figures, Range
from app.tui.lines import Line, Span

BEFORE: Mapping[Range, str] = {
    Range.DAY: "the 24h before",
    Range.THREE_DAYS: "the 3d before",
    Range.WEEK: "the 7d before",
    Range.FORTNIGHT: "the 14d before",
    Range.MONTH: "the 30d before",
    Range.QUARTER: "the 90d before",
    Range.HALF_YEAR: "the 180d before",
    Range.YEAR: "the year before",
}
_GOOD = {"more": ("ok", "warn"), "less": ("warn", "ok"), "": ("", "")}
"""How a rise and a fall are drawn where more is better, where less is, and where neither is."""


def figure_lines(told: Dashboard, width: int) -> list[Line]:
    """Two lines at 80 cells: what the range brought and how that compares, and how the work stands now."""
    now, was, before = told.figures, told.before, BEFORE[told.range]
    cards: list[list[Span]] = [
        _card("done", text.count(now.throughput), share(now.throughput, was.throughput), now, was, "more",
              lambda each: float(each.throughput)),
        _card("cycle", _hours(now.cycle_time_hours), _times(now.cycle_time_hours, was.cycle_time_hours), now, was,
              "less", lambda each: each.cycle_time_hours),
        _card("errors", f"{now.error_rate_pct:.1f}%", points(now.error_rate_pct, was.error_rate_pct), now, was, "less",
              lambda each: each.error_rate_pct),
        _card("agents", text.count(now.active_agents), _number(now.active_agents - was.active_agents), now, was, "",
              lambda each: float(each.active_agents)),
    ]  # fmt: skip
    told_first = _joined(cards)
    note = f"  against {before}"
    if sum(len(part) for part, _ in told_first) + len(note) <= width:
        told_first.append((note, "dim"))
    median = now.median_cycle_time_hours_7d
    standing: list[list[Span]] = [
        [(f"{text.count(now.inbox_tasks)}", "strong"), (" inbox", "dim")],
        [(f"{text.count(now.in_progress_tasks)}", "strong"), (" in progress", "dim")],
        [(f"{text.count(now.review_tasks)}", "strong"), (" review", "dim")],
        [(f"{text.count(now.done_tasks)}", "strong"), (" done", "dim")],
        [("7d median cycle ", "dim"), (_hours(median), "strong")],
    ]
    return [Line((("  ", ""), *told_first)), Line((("  now ", "dim"), *_joined(standing)))]


def _card(
    name: str, value: str, change: str, now: Figures, was: Figures, better: str,
    of: Callable[[Figures], float | None],
) -> list[Span]:  # fmt: skip
    rise, fall = _GOOD[better]
    after, before = of(now), of(was)
    style = "dim"
    if change not in ("", "same") and after is not None and before is not None:
        style = (rise if after > before else fall) or "dim"
    spans: list[Span] = [(f"{name} ", "dim"), (value, "strong")]
    return [*spans, (f" {change}", style)] if change else spans


def _joined(cards: Sequence[Sequence[Span]]) -> list[Span]:
    spans: list[Span] = []
    for card in cards:
        if spans:
            spans.append((" · ", "dim"))
        spans += card
    return spans


def share(now: float, was: float) -> str:
    """A change in percent of what was: `+12%`; `new` where there was nothing, `same` where nothing changed."""
    if now == was:
        return "same" if now else ""
    if not was:
        return "new"
    change = (now - was) / was * 100
    return f"{change:+.0f}%" if abs(change) >= 0.5 else "same"


def points(now: float, was: float) -> str:
    """A change of a percentage, in points: `+1.2`."""
    return f"{now - was:+.1f}" if abs(now - was) >= 0.05 else ("same" if now else "")


def _number(more: int) -> str:
    """How many more: `+2`."""
    return f"{more:+d}" if more else ""


def _times(now: float | None, was: float | None) -> str:
    return "" if now is None or was is None else share(now, was)


def _hours(value: float | None) -> str:
    return "-" if value is None else hours(value)


def hours(value: float) -> str:
    """`380ms 4.2s 12m 3h20m 2d4h`: hours as people read a time, in at most 6 cells."""
    seconds = value * 3600
    if 0 < seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    return text.took(seconds) if seconds else "0s"
