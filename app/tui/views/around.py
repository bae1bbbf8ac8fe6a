"""Around then: what was changed or went away in the minutes before a finding began, nearest first."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.model import text
from app.model.events import Event, EventKind
from app.model.findings import Finding
from app.tui.lines import Line, rule
from app.tui.picture import Picture
from app.tui.views import events
from widgets.cells import fit_cells

BEFORE = timedelta(minutes=10)
SLACK = timedelta(seconds=10)
"""What was noticed so much later may have happened before: we look every few seconds."""
SHOWN = 6
_KINDS = (EventKind.CONFIG, EventKind.LEADER, EventKind.AGENT, EventKind.COMPONENT, EventKind.ACTION)
"""Findings are no causes; what follows from one is folded under it."""


def around(finding: Finding, picture: Picture) -> list[Line]:
    """A line for each event, which leads to its subject; where there is none, whether anybody was watching then."""
    if finding.since is None:
        return []
    # A finding's time is the broker's, an event's is ours.
    began = finding.since - timedelta(seconds=picture.snapshot.site.clock_offset)
    found = sorted(
        ((at, event) for event in picture.snapshot.events.values() if (at := _before(event, began)) is not None),
        key=lambda pair: (pair[0], pair[1].key),
        reverse=True,
    )
    if not found:
        return _nothing(began, picture)
    lines = [rule("Around then", right="10 min before it began, nearest first")]
    lines += [_line(at, event, began, picture) for at, event in found[:SHOWN]]
    more = len(found) - SHOWN
    if more > 0:
        lines.append(Line(((f"  +{more} more: view 0 has them all", "dim"),), key="more", target="view:events"))
    return lines


def _before(event: Event, began: datetime) -> datetime | None:
    """When an event happened last in the time that counts; None where it did not, or tells nothing of a cause."""
    if event.kind not in _KINDS or event.minor:
        return None
    times = (event.at, event.first_at or event.at)
    return next((at for at in times if began - BEFORE <= at <= began + SLACK), None)


def _line(at: datetime, event: Event, began: datetime, picture: Picture) -> Line:
    seconds = (began - at).total_seconds()
    when = f"{text.age(seconds)} before" if seconds >= 1 else "just then"
    name = events.subject(event, picture)
    who = f" · {event.who}" if event.who else ""
    times = f" ×{event.times}" if event.times > 1 else ""
    return Line(
        (
            (f"  {fit_cells(when, 10)} ", "dim"),
            (f"{fit_cells(event.kind.value, 9)} ", "dim"),
            (name, "strong"),
            (f" {event.what}{times}", ""),
            (who, "dim"),
        ),
        key=f"event {event.key}",
        target=event.refs[0] if event.refs else "",
        copy=f"{event.at:%Y-%m-%d %H:%M:%S}Z {name}: {event.what}",
    )


def _nothing(began: datetime, picture: Picture) -> list[Line]:
    """That nothing was seen says something only if somebody looked."""
    watching = picture.snapshot.site.watching_since
    if watching is None or "events" not in picture.held:
        return []
    if watching <= began - BEFORE:
        said = "nothing was changed, and nobody went, in the 10 min before it began"
    elif watching <= began:
        said = f"nothing was seen to change; watched for {text.duration((began - watching).total_seconds())} before it"
    else:
        said = "it began before watchdeck was watching: what changed then is not known"
    return [rule("Around then"), Line(((f"  {said}", "dim"),))]
