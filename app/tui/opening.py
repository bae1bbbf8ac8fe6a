"""The first minute: what stands in the place of facts while there are none."""

from __future__ import annotations

from collections.abc import Sequence

from app.feed.protocol import FeedState
from app.model import text
from app.model.broker import Cause, Connection, LinkState
from app.model.components import ComponentKind
from app.model.snapshot import SourceStatus
from app.tui.lines import BLANK, Line, words
from app.tui.picture import Picture

NO_JETSTREAM = ("10039", "10076")
"""Error codes of the JetStream API that mean: not enabled for this account."""


BESIDE = frozenset((ComponentKind.PROBE, ComponentKind.GATEWAY, ComponentKind.UNIT))
"""Kinds of components that are watched without NATS."""
CONTEXTS_NAMED = 5
"""Contexts that are named on the page; `c` shows them all."""


def opening(picture: Picture, running: float, target: str = "", contexts: Sequence[str] = ()) -> list[Line]:
    """What stands in the place of facts while there are none: which of the many ways of having none it is.

    Empty once there is something to see. `running` is for how many seconds the deck has run, `target` what it was told
    to connect to, which is all that is known before a worker speaks; `contexts` are those that could be chosen instead.
    """
    snapshot = picture.snapshot
    if snapshot.at is None:
        return [BLANK, *_no_worker(picture, running, target)]
    if any(row.kind in BESIDE for row in snapshot.components.values()):
        return []  # there is something to see whatever NATS does
    connection = snapshot.site.connection
    if snapshot.streams or snapshot.agents or _had_facts(picture):
        return _nothing_in_it(picture)
    if connection.state is not LinkState.CONNECTED:
        return [BLANK, *_not_connected(picture, connection, contexts)]
    return _no_jetstream(picture)


def _had_facts(picture: Picture) -> bool:
    """Whether JetStream has ever told us anything: services and advisories come without it."""
    sources = (picture.source(name) for name in ("streams", "consumers"))
    known = [source for source in sources if source is not None and source.status is not SourceStatus.ABSENT]
    return any(source.good_at is not None for source in known)


def _no_worker(picture: Picture, running: float, target: str) -> list[Line]:
    if picture.state is FeedState.REFUSED:
        return [words(("  " + (picture.note or "The worker refuses this deck."), "strong"))]
    if picture.state is FeedState.LOST:
        return [words(("  " + (picture.note or "The worker does not answer."), "strong"))]
    if picture.state is FeedState.LIVE:
        return [words("  Connected to the worker; the first facts are coming.")]
    to = f" to {target}" if target else ""
    return [
        words(f"  Connecting{to} … {int(running)}s"),
        words(("  " + (picture.note or "Looking for a worker, else starting one."), "dim")),
    ]


def _target(connection: Connection) -> str:
    return connection.url or "NATS"


def _host(connection: Connection) -> str:
    return _target(connection).rpartition("//")[2].partition(",")[0].rpartition(":")[0] or _target(connection)


def cause(connection: Connection) -> str:
    """Why there is no connection, in one sentence."""
    host = _host(connection)
    said = connection.error.rstrip(".")
    sentences = {
        Cause.REFUSED: f"No NATS at {_target(connection)}: connection refused.",
        Cause.UNKNOWN_HOST: f"{host} is not a known host.",
        Cause.TIMEOUT: f"{host}: {said or 'no answer within 5 s: firewall? wrong port?'}.",
        Cause.TLS_REQUIRED: f"{host}: {said or 'server requires TLS: use tls://'}",
        Cause.AUTHORIZATION: f"{host} refuses these credentials: authorization violation.",
        Cause.EXPIRED: f"{host} refuses these credentials: they have expired.",
    }
    if connection.cause in sentences:
        return sentences[connection.cause]
    return f"No NATS at {_target(connection)}: {said or 'no connection'}."


def _not_connected(picture: Picture, connection: Connection, contexts: Sequence[str]) -> list[Line]:
    since = picture.age(connection.since)
    if connection.cause is Cause.NONE:
        waited = f" … {text.duration(since)}" if since is not None else " …"
        return [words(f"  Connecting to {_target(connection)} ({connection.origin}){waited}")]
    lines = [words(("  " + cause(connection), "strong"))]
    if connection.error and connection.error.rstrip(".") not in cause(connection):
        lines.append(words((f"  {connection.error}", "dim")))
    if connection.cause in (Cause.AUTHORIZATION, Cause.EXPIRED):
        used = ", ".join(part for part in (connection.origin, connection.credentials) if part)
        lines.append(words(f"  Used: {used}"))
    refused = connection.cause in (Cause.AUTHORIZATION, Cause.EXPIRED)
    again = "every 30 s at the latest" if refused else "every 2 s"
    lines.append(BLANK)
    if not refused:
        lines += [words("  Address from: ", (connection.origin, "strong")), BLANK]
    if contexts:
        named = ", ".join(contexts[:CONTEXTS_NAMED]) + (" …" if len(contexts) > CONTEXTS_NAMED else "")
        lines.append(words(("  c", "accent"), f"  {'another' if refused else 'choose a'} context: {named}"))
    lines += [
        words(("  d", "accent"), "  start the demo here"),
        words(("  r", "accent"), "  try now"),
        BLANK,
        words((f"  Trying again {again}.", "dim")),
    ]
    return lines


def _no_jetstream(picture: Picture) -> list[Line]:
    sources = [source for name in ("account", "streams") if (source := picture.source(name)) is not None]
    source = next((source for source in sources if not source.fresh), None)
    if source is None or source.status is SourceStatus.WAITING:
        return [BLANK, words("  Connected; the first facts are coming.")]
    if source.status is SourceStatus.DENIED:
        lines = [BLANK, words(("  Connected, but not permitted to look:", "strong"))]
        return lines + [words(f"  {denied}") for denied in source.denied]
    if source.error:
        # The source's own sentence: not enabled (and for which account), or silent (and which domain to try).
        lines = [BLANK, words((f"  {source.error}", "strong"))]
        if any(code in source.error for code in NO_JETSTREAM):
            lines.append(words("  Core NATS alone shows nothing to a deck of streams and consumers."))
        elif "--domain" not in source.error:
            leaf = words("  On a leaf node? ", ("--domain NAME", "accent"), " names the JetStream domain of its hub.")
            lines.append(leaf)
        return lines
    return [BLANK, words(("  JetStream does not answer. On a leaf node?", "strong"), " Try --domain hub.")]


def _nothing_in_it(picture: Picture) -> list[Line]:
    snapshot, streams = picture.snapshot, picture.source("streams")
    if snapshot.streams or snapshot.agents or streams is None or streams.status is not SourceStatus.OK:
        return []
    version = snapshot.site.server.version if snapshot.site.server else ""
    up = f"JetStream is up ({version})." if version else "JetStream is up."
    return [
        BLANK,
        words((f"  {up} No streams yet.", "strong")),
        words(("  watchdeck demo", "accent"), " shows what this looks like with a fleet."),
    ]
