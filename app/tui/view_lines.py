"""View lines: every view of the overview in one line that begins with its number key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from rich.cells import cell_len

from app.model import text
from app.model.broker import Tier
from app.model.components import ComponentKind
from app.model.triage.many import for_many
from app.tui import sentences
from app.tui.lines import Line, Span
from app.tui.picture import Picture
from app.tui.views import ai_agents, components, events, scores, sessions
from app.tui.views.view import View
from widgets.sparkline import sparkline


def streams_line(picture: Picture) -> str:
    snapshot = picture.snapshot
    rates = [picture.flow(f"stream:{name}").rate_in for name in snapshot.streams]
    known = [rate for rate in rates if rate is not None]
    stored = sum(stream.bytes for stream in snapshot.streams.values())
    most = _storage(snapshot.site.account.tiers if snapshot.site.account else ())
    parts = [f"in {text.rate(sum(known))}" if known else "in ?", text.size(stored) + (f" of {most}" if most else "")]
    clusters = [stream.cluster for stream in snapshot.streams.values() if stream.cluster is not None]
    without = sum(1 for cluster in clusters if not cluster.leader)
    if clusters:
        parts.append(f"{without} without leader" if without else "all have leaders")
    return " · ".join(parts)


def _storage(tiers: tuple[Tier, ...]) -> str:
    limits = [tier.max_storage for tier in tiers if tier.max_storage > 0]
    return text.size(max(limits)) if limits else ""


def consumers_line(picture: Picture) -> str:
    consumers = [consumer for consumer in picture.snapshot.consumers.values() if not consumer.own]
    pending = sum(consumer.pending for consumer in consumers)
    known = [behind for behind in map(picture.behind, consumers) if behind is not None]
    parts = [f"pending {text.count(pending)}"]
    if known and max(known) > 0:
        parts.append(f"furthest behind {text.age(max(known), 6)}")
    findings = picture.snapshot.findings.values()
    idle = sum(1 for finding in findings if finding.rule == "consumer.no_client" and not for_many(finding))
    if idle:
        parts.append(f"no client {idle}")
    return " · ".join(parts)


def components_line(picture: Picture) -> str:
    """Those that are not ok by name, else how many there are of each kind."""
    rows = picture.snapshot.components.values()
    faults = [row for row in rows if components.own_standing(row, picture).fault]
    if faults:
        faults.sort(key=lambda row: (-components.own_standing(row, picture).rank, row.name))
        named = {f"{row.name} {row.state}": None for row in faults}
        more = f" · +{len(named) - 3} more" if len(named) > 3 else ""
        return " · ".join(list(named)[:3]) + more
    kinds = Counter(row.kind for row in rows if not row.parent)
    words = ((ComponentKind.CONTROL, "of the fleet"), (ComponentKind.AGENT, "of its agents"),
             (ComponentKind.SERVICE, "services"), (ComponentKind.PROBE, "probed"),
             (ComponentKind.WORKER, "of watchdeck"))  # fmt: skip
    return " · ".join(f"{kinds[kind]} {word}" for kind, word in words if kinds[kind])


def events_line(picture: Picture) -> str:
    return " · ".join(events.line(event, picture) for event in events.latest(picture, 3)) or "nothing yet"


def agents_line(picture: Picture) -> str:
    if sentences.several_fleets(picture):
        return f"{len(picture.snapshot.site.namespaces)} fleets here: :namespace chooses one"
    snapshot = picture.snapshot
    ages = [picture.age(vitals.beat) for key, vitals in snapshot.vitals.items() if key in snapshot.agents]
    known = [age for age in ages if age is not None]
    parts = [f"oldest heartbeat {text.age(max(known))}"] if known else []
    for state in ("Cordoned", "Draining", "Pending"):
        number = sum(1 for agent in snapshot.agents.values() if agent.state == state)
        if number:
            parts.append(f"{number} {state.casefold()}")
    if snapshot.ai:
        named = f"AI {len(snapshot.ai):,}: " if snapshot.agents else ""
        parts.append(named + ai_agents.line(picture))
    return " · ".join(parts)


_BETWEEN = " · "
HOURS = 12
"""Hours that are drawn of the last 24."""
TALLY = 10
"""Cells that the counts of a view have at least, so that a first fault moves nothing."""

_SAID: Mapping[str, Callable[[Picture], str]] = {
    "components": components_line,
    "streams": streams_line,
    "consumers": consumers_line,
    "agents": agents_line,
    "jobs": lambda picture: "",
    "scores": scores.line,
    "sessions": sessions.line,
    "events": events_line,
}
_NAMED = 14
"""Cells of a line's number and title."""
_UNTALLIED = ("jobs", "sessions", "events")
"""Views whose rows are not summed up by their health: their figures begin where the others have their counts."""


def metrics_line(picture: Picture) -> Line | None:
    """The last 24 hours of work: `467 done ▁▂▃▅   errors 4.1% ▁▁▃   24h`; None before there was any."""
    lately = picture.snapshot.site.lately
    if not lately.tasks:
        return None
    most = max(lately.hours, default=0.0)
    wrong = max((value for value in lately.errors if value is not None), default=0.0)
    done = sparkline(lately.hours[-HOURS:], HOURS, low=0.0, high=most or 1.0)
    errors = sparkline(lately.errors[-HOURS:], HOURS, low=0.0, high=max(wrong, 5.0))
    said = f"{text.count(lately.throughput)} done {done}   errors {lately.error_rate_pct:.1f}% {errors}   24h"
    return Line(((" 9 ", "accent"), (f"{'Metrics':<11}", ""), (said, "")), key="metrics", target="view:metrics")


def view_lines(views: Sequence[View], picture: Picture, width: int) -> list[Line]:
    """A line for each view: number, title, how its rows stand, and the figures that sum it up, one below the other.
    Enter on it opens the view. What does not fit into so many cells is left out by the figure, not cut in its middle;
    the first is always there."""
    tallies = {view.id: sentences.tally(picture, view) for view in views}
    if "agents" in tallies and not picture.snapshot.agents and picture.snapshot.ai:
        tallies["agents"] = ai_agents.standings(picture)
    if "sessions" in tallies:
        tallies["sessions"] = ()
    if "scores" in tallies:  # always of the usual window: findings are about that one
        tallies["scores"] = scores.bands(picture, picture.snapshot.site.window)
    widths = {name: sum(len(part) for part, _ in tally) for name, tally in tallies.items()}
    room = max([*(width for name, width in widths.items() if name not in _UNTALLIED), TALLY]) + 2
    lines = []
    for view in views:
        gap = "" if view.id in _UNTALLIED else " " * (room - widths[view.id])
        left = width - 1 - _NAMED
        tally = tallies[view.id] if gap else _whole(tallies[view.id], left)
        said = _fitting(_SAID[view.id](picture), left - (room if gap else sum(cell_len(part) for part, _ in tally)))
        spans = ((f" {view.number} ", "accent"), (f"{view.title:<11}", ""), *tally, (gap, ""), (said, ""))
        lines.append(Line(spans, key=view.id, target=f"view:{view.id}"))
    return lines


def _fitting(said: str, room: int) -> str:
    """As many figures as there is room for."""
    parts = said.split(_BETWEEN)
    while len(parts) > 1 and cell_len(_BETWEEN.join(parts)) > room:
        parts.pop()
    return _BETWEEN.join(parts)


def _whole(tally: tuple[Span, ...], room: int) -> tuple[Span, ...]:
    """As many counts, with what stands between them, as there is room for."""
    while len(tally) > 1 and sum(cell_len(part) for part, _ in tally) > room:
        tally = tally[:-2]
    return tally
