"""Events: what has happened, newest first."""

from __future__ import annotations

from app.model.events import Event
from app.model.findings import Severity
from app.tui.picture import Picture, Standing
from app.tui.views import cells
from app.tui.views.cells import left, right
from app.tui.views.view import Field, View
from widgets.columns import Cell


def standing(event: Event, picture: Picture) -> Standing:
    """What has happened does not go stale, and nothing stands above what is newer."""
    return Standing(event.severity.health, 0, event.severity is not Severity.INFO)


def _severity(event: Event, picture: Picture) -> Cell:
    health = event.severity.health
    glyph = " " if event.severity is Severity.INFO else health.glyph
    style = "dim" if event.severity is Severity.INFO else health.value
    return Cell(f"{glyph} {event.severity.name}", event.severity.rank, style)


def _time(event: Event, picture: Picture) -> Cell:
    """Events are read by the clock; an age is what they are compared with."""
    age = picture.age(event.at)
    return Cell(cells.moment(event.at, picture), age, "", event.at.timestamp())


def subject(event: Event, picture: Picture) -> str:
    """Its subject, a consumer's as people say it."""
    ref = event.refs[0] if event.refs else ""
    kind, _, key = ref.partition(":")
    stream, slash, name = key.partition("/")
    if kind == "consumer" and slash:
        return f"{stream} › {picture.consumer_label(name)}"
    if kind == "agent" and key == event.subject and key in picture.snapshot.agents:
        return picture.snapshot.agents[key].hostname
    return event.subject


def _times(event: Event, picture: Picture) -> Cell:
    return Cell(f"×{event.times}", event.times) if event.times > 1 else Cell("", 1)


def leads_to(key: str, picture: Picture) -> str:
    event = picture.snapshot.events.get(key)
    return event.refs[0] if event is not None and event.refs else ""


def line(event: Event, picture: Picture) -> str:
    """An event in a few words: `14:05:02 ORDERS leader is nats-2`."""
    return f"{cells.moment(event.at, picture)} {subject(event, picture)} {event.what}"


def latest(picture: Picture, most: int) -> list[Event]:
    """The newest that are not minor, newest first."""
    found = []
    for event in reversed(picture.snapshot.events.values()):  # type: ignore[call-overload]
        if not event.minor:
            found.append(event)
        if len(found) == most:
            break
    return found


VIEW = View(
    id="events",
    number="0",
    title="Events",
    kind="event",
    nouns=("event", "events"),
    section="events",
    sections=frozenset({"findings", "events", "agents"}),
    sources=(),
    sort="time",
    standing=standing,
    names=lambda event, picture: f"{event.subject} {event.what} {' '.join(event.refs)}",
    copy=lambda event: f"{event.at:%Y-%m-%d %H:%M:%S}Z {event.severity.name} {event.subject}: {event.what}",
    hidden=lambda event, picture: event.minor,
    empty="Nothing has happened since watchdeck watches.",
    follows=True,
    target=leads_to,
    fields=(
        Field(left("severity", "", 6, help="how bad it is"), _severity),
        Field(right("time", "TIME", 8, help="when it happened; of several the last"), _time),
        Field(
            left("kind", "KIND", 9, help="advisory, config, leader, finding, agent, component, action, worker"),
            lambda e, p: cells.plain(e.kind.value, "dim"),
        ),
        Field(
            left("subject", "SUBJECT", 18, flex=True, help="what it happened to"),
            lambda e, p: cells.plain(subject(e, p)),
        ),
        Field(left("what", "WHAT", 30, flex=True, help="what happened"), lambda e, p: cells.plain(e.what)),
        Field(right("times", "×", 4, 2, help="how often within a minute"), _times),
        Field(left("who", "WHO", 10, 3, help="whose doing it was"), lambda e, p: cells.plain(e.who, "dim")),
    ),
)
