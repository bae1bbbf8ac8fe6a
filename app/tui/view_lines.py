"""View lines: every view of the overview in one line that begins with its number key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app.model import text
from app.model.broker import Tier
from app.model.triage.correlate import for_many
from app.tui import sentences
from app.tui.lines import Line
from app.tui.picture import Picture
from app.tui.views.view import View


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
    return " · ".join(parts)


TALLY = 10
"""Cells that the counts of a view have at least, so that a first fault moves nothing."""

_SAID: Mapping[str, Callable[[Picture], str]] = {
    "streams": streams_line,
    "consumers": consumers_line,
    "agents": agents_line,
}


def view_lines(views: Sequence[View], picture: Picture) -> list[Line]:
    """A line for each view: number, title, how its rows stand, and the figures that sum it up, one below the other.
    Enter on it opens the view."""
    counts = [picture.snapshot.counts.get(view.section) for view in views]
    tallies = [sentences.counts(count) if count else () for count in counts]
    widths = [sum(len(part) for part, _ in tally) for tally in tallies]
    room = max([*widths, TALLY]) + 2
    return [
        Line(
            (
                (f" {view.number} ", "accent"),
                (f"{view.title:<11}", ""),
                *tally,
                (" " * (room - width), ""),
                (_SAID[view.id](picture), ""),
            ),
            key=view.id,
            target=f"view:{view.id}",
        )
        for view, tally, width in zip(views, tallies, widths, strict=True)
    ]
