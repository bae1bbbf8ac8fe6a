"""Chrome: what stands around every page. Status bar, breadcrumbs or verdict, message or prompt, footer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from app.feed.protocol import FeedState
from app.model import text
from app.model.broker import LinkState
from app.model.health import Health
from app.tui.keys import Key, shown
from app.tui.options import DeckOptions
from app.tui.picture import Picture, Times
from widgets.one_line import Segment

RTT_LATE = 0.5
"""Seconds of round trip from which the connection is marked."""


def status(picture: Picture, options: DeckOptions, paused: str) -> list[Segment]:
    """The status bar's pieces, left to right; those of larger priority go first where it is narrow."""
    site = picture.snapshot.site
    name = options.site or (site.name if site.name != "default" else "")
    pieces = [Segment(name, 1, "strong")] if name else []
    pieces.append(Segment(_connection(picture), 1, _connection_style(picture)))
    origin = site.connection.origin if picture.snapshot.at is not None else ""
    if origin and origin != name:
        pieces.append(Segment(origin, 4, "dim"))
    age = picture.facts_age()
    if age is not None:
        pieces.append(Segment(f"facts {text.age(age, 6)} old", 2, "warn"))
    elif picture.snapshot.at is not None:
        pieces.append(Segment(f"every {text.duration(site.interval)}", 5))
    pieces.append(_feed(picture, paused))
    if options.read_only or not site.actions:
        pieces.append(Segment("read-only", 3))
    if site.namespace:
        pieces.append(Segment(f"ns {site.namespace}{' (found)' if site.namespace_found else ''}", 6, "dim"))
    watched = picture.age(site.watching_since)
    if watched is not None:
        pieces.append(Segment(f"watching {text.age(watched, 6)}", 7))
    return pieces


def _connection(picture: Picture) -> str:
    site = picture.snapshot.site
    if picture.snapshot.at is None:
        return f"{Health.UNKNOWN.glyph} no worker yet"
    name = site.server.name if site.server else site.connection.url.rpartition("//")[2].partition(",")[0]
    name = text.cut(name, 24)
    link = site.connection
    if link.state is LinkState.CONNECTED:
        rtt = "" if link.rtt is None else f" {_milliseconds(link.rtt)}"
        return f"{name} {_link_health(picture).glyph}{rtt}"
    word = "connecting" if link.state is LinkState.CONNECTING and not link.cause else "down"
    return f"{name} {_link_health(picture).glyph} {word}"


def _link_health(picture: Picture) -> Health:
    link = picture.snapshot.site.connection
    if picture.lost:
        return Health.STALE
    if link.state is LinkState.CONNECTED:
        return Health.WARN if link.rtt is not None and link.rtt >= RTT_LATE else Health.OK
    return Health.UNKNOWN if link.state is LinkState.CONNECTING and not link.cause else Health.CRIT


def _connection_style(picture: Picture) -> str:
    return "unknown" if picture.snapshot.at is None else _link_health(picture).value.replace("ok", "")


def _milliseconds(seconds: float) -> str:
    return "<1ms" if seconds < 0.001 else f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"


def _feed(picture: Picture, paused: str) -> Segment:
    if paused:
        return Segment(paused, 1, "reverse")
    if picture.state is FeedState.REFUSED:
        return Segment("REFUSED", 1, "crit")
    if picture.snapshot.at is None:
        return Segment("STARTING" if picture.state is not FeedState.LOST else "LOST", 1, "unknown")
    if picture.lost or picture.facts_age() is not None:
        return Segment("STALE", 1, "reverse")
    return Segment("LIVE", 1, "ok")


def clock(now: datetime, times: Times) -> str:
    """The time with its zone: `14:05:31Z`, or local with the zone's name."""
    if times is Times.LOCAL:
        local = now.astimezone()
        zone = text.clean(local.tzname() or f"{local:%z}", 6)
        return f"{local:%H:%M:%S} {zone}"
    return f"{now:%H:%M:%S}Z"


_FOOTER = {
    "overview": ("open", "filter", "command", "faults", "zoom", "worst", "copy", "pause", "quit", "help"),
    "list": ("open", "back", "filter", "command", "faults", "sort.right", "wide", "copy", "json", "help"),
    "detail": ("open", "back", "filter", "command", "copy", "json", "help"),
    "plot": ("open", "back", "more", "less", "filter", "command", "copy", "json", "help"),
    "json": ("back", "filter", "copy", "help"),
    "log": ("open", "back", "follow", "filter", "faults", "copy", "actions", "json", "help"),
    "help": ("back", "help"),
    "menu": ("open", "back"),
}


def hints(
    kind: str, table: Iterable[Key], *, more_help: str = "help", lists: bool = False
) -> Sequence[tuple[str, str]]:
    """The footer's pairs for a kind of page, from the key table; `lists`: there are several in it."""
    keys = {key.id: key for key in table}
    ids = _FOOTER.get(kind, ("help",))
    if lists:
        ids = ("pane.next", *ids)
    pairs = [(shown(keys[id].keys[0]), keys[id].short) for id in ids]
    if kind == "help":
        pairs[-1] = (pairs[-1][0], more_help)
    return pairs
