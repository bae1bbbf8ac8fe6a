"""Sentences: what the deck says of the whole, as lines of spans. Pure functions of the picture."""

from __future__ import annotations

from app.feed.protocol import FeedState
from app.model import text
from app.model.broker import Cause, Connection, LinkState, Tier
from app.model.findings import Finding, Severity
from app.model.health import Health
from app.model.snapshot import Count, SourceStatus
from app.tui.lines import BLANK, Line, Span, words
from app.tui.picture import Picture
from app.tui.views.view import View

NO_JETSTREAM = ("10039", "10076")
"""Error codes of the JetStream API that mean: not enabled for this account."""


def counts(count: Count) -> tuple[Span, ...]:
    """`✗1 ▲2 ●41`, worst first; zeroes left out."""
    parts = (
        (Health.CRIT, count.crit),
        (Health.WARN, count.warn),
        (Health.UNKNOWN, count.unknown),
        (Health.STALE, count.stale),
        (Health.OK, count.ok),
    )
    spans: list[Span] = []
    for health, number in parts:
        if number:
            spans += [(f"{health.glyph}{number}", health.value), (" ", "")]
    return tuple(spans[:-1])


def plural(number: int, view: View) -> str:
    return f"{number} {view.nouns[0] if number == 1 else view.nouns[1]}"


def _known(picture: Picture) -> str:
    verdict = picture.snapshot.verdict
    parts = [f"{number} {word}" for number, word in ((verdict.crit, "CRIT"), (verdict.warn, "WARN")) if number]
    return ", ".join(parts) or "no findings"


def verdict(picture: Picture, views: tuple[View, ...]) -> Line:
    """The one line: how bad it all is. Never green while facts are not fresh."""
    snapshot = picture.snapshot
    if snapshot.at is None:
        return words((f" {Health.UNKNOWN.glyph} UNKNOWN", "unknown"), " — no facts yet")
    age = picture.facts_age()
    if age is not None:
        told = f" — no facts for {text.duration(text.age_step(age))}; last known: {_known(picture)}"
        return words((f" {Health.UNKNOWN.glyph} UNKNOWN", "unknown"), told)
    sums = snapshot.verdict
    if sums.health is Health.UNKNOWN:
        known = f"; last known: {_known(picture)}" if sums.crit or sums.warn else ""
        return words((f" {Health.UNKNOWN.glyph} UNKNOWN", "unknown"), f" — {_why_unknown(picture)}{known}")
    if not sums.crit and not sums.warn:
        return _all_clear(picture, views)
    spans: list[Span] = [(" ", "")]
    for health, number, word in ((Health.CRIT, sums.crit, "CRIT"), (Health.WARN, sums.warn, "WARN")):
        if number:
            spans += [(f"{health.glyph} {number} {word}", health.value), ("  ", "")]
    return Line(tuple(spans), right=((_newest(picture), "dim"),))


def _newest(picture: Picture) -> str:
    """What joined last: the youngest finding, if it is younger than an hour."""
    young: tuple[float, Finding] | None = None
    for finding in picture.snapshot.findings.values():
        age = picture.age(finding.since)
        if finding.severity is Severity.INFO or finding.cause or age is None or age > 3600:
            continue
        if young is None or age < young[0]:
            young = (age, finding)
    if young is None:
        return ""
    return f"newest {text.age(young[0])} ago: {text.cut(f'{young[1].kind} {young[1].subject}', 32)} "


def _all_clear(picture: Picture, views: tuple[View, ...]) -> Line:
    totals = [
        plural(picture.snapshot.counts[view.section].total, view)
        for view in views
        if view.section in picture.snapshot.counts and picture.snapshot.counts[view.section].total
    ]
    facts = f" {', '.join(totals)}." if totals else ""
    return words((f" {Health.OK.glyph} All clear.", "ok"), f"{facts}{watching(picture)}")


def watching(picture: Picture) -> str:
    age = picture.age(picture.snapshot.site.watching_since)
    return "" if age is None else f" Watching {text.duration(text.age_step(age))}."


def _why_unknown(picture: Picture) -> str:
    connection = picture.snapshot.site.connection
    if connection.state is not LinkState.CONNECTED:
        return "no connection to NATS" if connection.cause else "connecting to NATS"
    for source in picture.snapshot.sources.values():
        if source.status is SourceStatus.DENIED:
            return f"not permitted: {source.denied[0] if source.denied else source.name}"
    if any(source.status is SourceStatus.WAITING for source in picture.snapshot.sources.values()):
        return "the first facts are coming"
    return "the facts are not complete"


def empty(picture: Picture, view: View) -> str:
    """Which emptiness it is, for a list without rows."""
    if picture.snapshot.at is None:
        return "No facts yet."
    for name in view.sources:
        source = picture.source(name)
        if source is None:
            continue
        if source.status is SourceStatus.DENIED:
            return f"Not permitted: {source.denied[0] if source.denied else source.error}"
        if source.status is SourceStatus.WAITING:
            return "The first facts are coming."
        if source.status is SourceStatus.FAILED:
            age = picture.age(source.good_at)
            return f"No answer for {text.duration(age)}." if age is not None else f"No answer: {source.error}"
        if source.status is SourceStatus.ABSENT:
            return source.error or view.empty
    return view.empty


# -- the first minute ------------------------------------------------------------------------------------------------
def opening(picture: Picture, running: float, target: str = "") -> list[Line]:
    """What stands in the place of facts while there are none: which of the many ways of having none it is.

    Empty once there is something to see. `running` is for how many seconds the deck has run, `target` what it was told
    to connect to, which is all that is known before a worker speaks.
    """
    snapshot = picture.snapshot
    if snapshot.at is None:
        return [BLANK, *_no_worker(picture, running, target)]
    connection = snapshot.site.connection
    if snapshot.streams or snapshot.agents or _had_facts(picture):
        return _nothing_in_it(picture)
    if connection.state is not LinkState.CONNECTED:
        return [BLANK, *_not_connected(picture, connection)]
    return _no_jetstream(picture)


def _had_facts(picture: Picture) -> bool:
    return any(source.good_at is not None for source in picture.snapshot.sources.values())


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
        Cause.TIMEOUT: f"{host}: no answer within 5 s: firewall? wrong port?",
        Cause.TLS_REQUIRED: f"{host}: server requires TLS: use tls://",
        Cause.AUTHORIZATION: f"{host} refuses these credentials: authorization violation.",
        Cause.EXPIRED: f"{host} refuses these credentials: they have expired.",
    }
    if connection.cause in sentences:
        return sentences[connection.cause]
    return f"No NATS at {_target(connection)}: {said or 'no connection'}."


def _not_connected(picture: Picture, connection: Connection) -> list[Line]:
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
    lines += [
        BLANK,
        words("  Address from: ", (connection.origin, "strong")),
        words(("  watchdeck --context NAME", "accent"), "  uses a context of the nats command line"),
        words(("  watchdeck demo", "accent"), "            starts a NATS here, with a fleet to look at"),
        BLANK,
        words("  Trying again every 2 s.  ", ("r", "accent"), "  try now"),
    ]
    return lines


def _no_jetstream(picture: Picture) -> list[Line]:
    site = picture.snapshot.site
    source = picture.source("account") or picture.source("streams")
    if source is None or source.status is SourceStatus.WAITING:
        return [BLANK, words("  Connected; the first facts are coming.")]
    if source.status is SourceStatus.DENIED:
        lines = [BLANK, words(("  Connected, but not permitted to look:", "strong"))]
        return lines + [words(f"  {denied}") for denied in source.denied]
    if source.status is SourceStatus.ABSENT or any(code in source.error for code in NO_JETSTREAM):
        account = f" to account {site.account.name}" if site.account and site.account.name else ""
        return [
            BLANK,
            words((f"  Connected{account}, but JetStream is not enabled for it (10039).", "strong")),
            words("  Core NATS alone shows nothing to a deck of streams and consumers."),
        ]
    domain = site.server.domain if site.server else ""
    hint = f' (servers report domain "{domain}")' if domain else ""
    lines = [
        BLANK,
        words(("  JetStream does not answer. On a leaf node?", "strong"), f" Try --domain {domain or 'hub'}{hint}."),
    ]
    return [*lines, words((f"  {source.error}", "dim"))] if source.error else lines


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


# -- the lines of the views ------------------------------------------------------------------------------------------
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
    idle = sum(1 for finding in picture.snapshot.findings.values() if finding.rule == "consumer.no_client")
    if idle:
        parts.append(f"no client {idle}")
    return ", ".join(parts)


def agents_line(picture: Picture) -> str:
    snapshot = picture.snapshot
    ages = [picture.age(vitals.beat) for key, vitals in snapshot.vitals.items() if key in snapshot.agents]
    known = [age for age in ages if age is not None]
    parts = [f"oldest heartbeat {text.age(max(known))}"] if known else []
    for state in ("Cordoned", "Draining", "Pending"):
        number = sum(1 for agent in snapshot.agents.values() if agent.state == state)
        if number:
            parts.append(f"{number} {state.casefold()}")
    return " · ".join(parts)
