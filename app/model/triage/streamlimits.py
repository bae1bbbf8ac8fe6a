"""The rule `stream.limits`: a stream is over what its owner has set for it, as `nats server check` means it."""

from __future__ import annotations

from app.model.broker import Answer, Stream
from app.model.findings import Severity
from app.model.text import duration
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.owners import KEEP, Crossed, candidate
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

STREAM_LIMITS = "stream.limits"
SOURCE = "streams"

THRESHOLDS = {
    STREAM_LIMITS: (
        Threshold("lag", Unit.NUMBER, None, "messages that a mirror or source is behind", "lag-critical"),
        Threshold("seen", Unit.SECONDS, None, "since a mirror's origin or a source was heard of", "seen-critical"),
        Threshold("min_sources", Unit.NUMBER, None, "sources, at least", "min-sources"),
        Threshold("max_sources", Unit.NUMBER, None, "sources, at most", "max-sources"),
        Threshold("peers", Unit.NUMBER, None, "peers, the leader among them, exactly", "peer-expect"),
        Threshold("peer_lag", Unit.NUMBER, None, "operations that a peer is behind, at most", "peer-lag-critical"),
        Threshold("peer_seen", Unit.SECONDS, None, "since a peer was heard of, at most", "peer-seen-critical"),
        Threshold("msgs_warn", Unit.NUMBER, None, "messages; with both set and this one lower, at most", "msgs-warn"),
        Threshold("msgs_crit", Unit.NUMBER, None, "messages; at least, unless msgs_warn is lower", "msgs-critical"),
        Threshold("subjects_warn", Unit.NUMBER, None, "subjects; at most if below subjects_crit", "subjects-warn"),
        Threshold("subjects_crit", Unit.NUMBER, None, "subjects; at least if above it is warn", "subjects-critical"),
        Threshold("for", Unit.SECONDS, 10.0, "before it shows"),
        Threshold("clear", Unit.SECONDS, 30.0, "good again before it is over"),
    ),
}


def judge(context: Context) -> list[Candidate]:
    """One candidate for each stream that is over any limit that was set for it."""
    found = []
    for stream in context.snapshot.streams.values():
        if stream.answer is not Answer.OK:
            continue
        limits = context.thresholds.of(STREAM_LIMITS, stream.name, stream.metadata)
        if limits.touched and limits.on and (made := _limits(stream, context, limits)) is not None:
            found.append(made)
    return found


def _limits(stream: Stream, context: Context, limits: Limits) -> Candidate | None:
    crossed = [
        *_amount("messages", stream.messages, "msgs", limits, alone_is_least=True),
        *_amount("subjects", stream.subject_count, "subjects", limits, alone_is_least=False),
        *_sources(stream, limits),
        *_peers(stream, limits),
    ]
    if not crossed:
        return None
    kind = stream.kind.value.rstrip(".") if stream.kind.value in ("kv", "object", "mirror", "stream") else "stream"
    return candidate(
        STREAM_LIMITS,
        (stream.key, kind, stream.label, f"stream:{stream.name}"),
        crossed,
        limits,
        steps(("See its state and configuration", nats(context.site, "stream", "info", foreign=(stream.name,)))),
        SOURCE,
    )


def _amount(word: str, value: int, name: str, limits: Limits, *, alone_is_least: bool) -> list[Crossed]:
    """Messages or subjects against two limits. WARN above CRIT, or as high, means that there must be more than them.

    Of one alone, messages are what must be there at least; subjects at most if it is the one for CRIT.
    """
    warn, crit = limits.get(name + "_warn") or None, limits.get(name + "_crit") or None
    least = warn >= crit if warn is not None and crit is not None else alone_is_least or crit is None
    ranked = ((Severity.CRIT, crit, "_crit"), (Severity.WARN, warn, "_warn"))
    reached = [each for each in ranked if each[1] and (value <= each[1] if least else value >= each[1])]
    near = [each for each in ranked if each[1] and (value <= each[1] / KEEP if least else value >= each[1] * KEEP)]
    if not near:
        return []
    _, limit, which = (reached or near)[0]
    row = (word, str(value), f"{'over' if least else 'under'} {written(Unit.NUMBER, limit)} expected")
    severity = reached[0][0] if reached else None
    return [_crossed(f"{value} {word}", severity, near[0][0], row, limits, name + which, value)]


def _sources(stream: Stream, limits: Limits) -> list[Crossed]:
    found = []
    number = len(stream.sources)
    least, most = limits.get("min_sources") or 0, limits.get("max_sources") or 0
    if number < least:
        row = ("sources", str(number), f"at least {least:g} expected")
        found.append(_crossed(f"{number} sources", Severity.CRIT, Severity.CRIT, row, limits, "min_sources", number))
    if 0 < most < number:
        row = ("sources", str(number), f"at most {most:g} expected")
        found.append(_crossed(f"{number} sources", Severity.CRIT, Severity.CRIT, row, limits, "max_sources", number))
    lag, seen = limits.get("lag") or 0, limits.get("seen") or 0
    mirror = () if stream.mirror is None else (("mirror", stream.mirror),)
    for word, each in (*mirror, *((f"source {source.name}", source) for source in stream.sources)):
        if lag and each.lag >= lag * KEEP:
            level = Severity.CRIT if each.lag >= lag else None
            row = (f"{word} lag", str(each.lag), f"limit {lag:g}")
            found.append(_crossed(f"{word} {each.lag} behind", level, Severity.CRIT, row, limits, "lag", each.lag))
        if seen and each.active is not None and each.active >= seen:
            row = (f"{word} last heard", f"{length(each.active)} ago", f"limit {duration(seen)}")
            what = f"{word} silent {length(each.active)}"
            found.append(_crossed(what, Severity.CRIT, Severity.CRIT, row, limits, "seen", each.active))
    return found


def _peers(stream: Stream, limits: Limits) -> list[Crossed]:
    """Not while there is no leader: who follows is not known then, and another rule says so."""
    found = []
    cluster, expected = stream.cluster, limits.get("peers") or 0
    if cluster is not None and not cluster.leader:
        return []
    number = 0 if cluster is None else len(cluster.peers) + 1
    if expected and number != expected:
        row = ("peers", str(number) if number else "not clustered", f"{expected:g} expected")
        what = f"{number} peers" if number else "not clustered"
        found.append(_crossed(what, Severity.CRIT, Severity.CRIT, row, limits, "peers", number))
    lag, seen = limits.get("peer_lag") or 0, limits.get("peer_seen") or 0
    for peer in () if cluster is None else cluster.peers:
        if lag and peer.lag > lag * KEEP:
            level = Severity.CRIT if peer.lag > lag else None
            row = (f"{peer.name} lag", str(peer.lag), f"limit {lag:g}")
            what = f"{peer.name} {peer.lag} ops behind"
            found.append(_crossed(what, level, Severity.CRIT, row, limits, "peer_lag", peer.lag))
        if seen and peer.active > seen:
            row = (f"{peer.name} last heard", f"{length(peer.active)} ago", f"limit {duration(seen)}")
            what = f"{peer.name} silent {length(peer.active)}"
            found.append(_crossed(what, Severity.CRIT, Severity.CRIT, row, limits, "peer_seen", peer.active))
    return found


def _crossed(
    what: str,
    severity: Severity | None,
    keep: Severity,
    row: tuple[str, str, str],
    limits: Limits,
    name: str,
    measured: float,
) -> Crossed:
    return Crossed(what, severity, keep, *row, limits.origin(name), float(measured))
