"""The rule `stream.replicas`: a peer of a stream is away or behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.model.broker import Cluster, Peer, Stream
from app.model.findings import Evidence, Severity
from app.model.text import count
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.leaders import leaderless
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit

REPLICAS = "stream.replicas"
SOURCE = "streams"

THRESHOLDS = {
    REPLICAS: (
        Threshold("seen", Unit.SECONDS, 10.0, "since a peer was last seen"),
        Threshold("lag", Unit.NUMBER, 200.0, "operations that a peer is behind"),
        Threshold("for", Unit.SECONDS, 30.0, "before it shows"),
        Threshold("clear", Unit.SECONDS, 30.0, "good again before it is over"),
    ),
}

_STEP = 6.0  # seconds by which "last seen" of a peer moves between two looks without any meaning


class Replicas:
    """Follows the peers of streams from snapshot to snapshot."""

    def __init__(self) -> None:
        self._lost: dict[str, datetime] = {}  # stream -> since when a peer of it is not seen

    def candidates(self, context: Context) -> Iterator[Candidate]:
        """The rule on every stream with a leader and replicas."""
        for stream in context.snapshot.streams.values():
            if stream.cluster is None or leaderless(stream):
                continue
            limits = context.thresholds.of(REPLICAS, stream.name, stream.metadata)
            found = self._judge(stream, stream.cluster, context, limits) if limits.on else None
            if found is not None:
                yield found
        if len(self._lost) > len(context.snapshot.streams):
            for name in self._lost.keys() - context.snapshot.streams.keys():
                del self._lost[name]

    def _judge(self, stream: Stream, cluster: Cluster, context: Context, limits: Limits) -> Candidate | None:
        members = 1 + len(cluster.peers)
        lost = [peer for peer in cluster.peers if peer.offline or peer.active > limits["seen"]]
        if lost:
            first = max(lost, key=lambda peer: (peer.active, peer.name))
            since = self._since(stream.name, first, context)
            last = members - len(lost) <= members // 2 + 1
            gone = f"{first.name} {'offline' if first.offline else 'not seen'} {length(context.age(since))}"
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            what = f"{gone}{more}: one more loss stops writes" if last else f"{gone}{more}"
            level = Severity.CRIT if last else Severity.WARN
            return _candidate(stream, context, limits, what, level, since, float(len(lost)))
        self._lost.pop(stream.name, None)
        return _behind(stream, cluster, context, limits)

    def _since(self, name: str, peer: Peer, context: Context) -> datetime:
        """Since when a peer was not seen. What the server says of it moves in steps."""
        told = context.now - timedelta(seconds=peer.active)
        known = self._lost.get(name)
        if known is None or abs((told - known).total_seconds()) > _STEP:
            known = self._lost[name] = told
        return known


def _behind(stream: Stream, cluster: Cluster, context: Context, limits: Limits) -> Candidate | None:
    most, least = limits["lag"], 0.9 * limits["lag"]
    worst = max(cluster.peers, key=lambda peer: (peer.lag, not peer.current, peer.name), default=None)
    if worst is None:
        return None
    if worst.lag > least:
        level = Severity.WARN if worst.lag > most else None
        what = f"{worst.name} is {count(worst.lag)} ops behind"
        return _candidate(stream, context, limits, what, level, None, float(worst.lag))
    old = next((peer for peer in cluster.peers if not peer.current), None)
    if old is None:
        return None
    return _candidate(stream, context, limits, f"{old.name} is not current", Severity.WARN, None, 0.0)


def _candidate(
    stream: Stream,
    context: Context,
    limits: Limits,
    what: str,
    severity: Severity | None,
    since: datetime | None,
    measured: float,
) -> Candidate:
    peers = () if stream.cluster is None else stream.cluster.peers
    return Candidate(
        REPLICAS,
        stream.name,
        "stream",
        stream.label,
        what,
        severity,
        (f"stream:{stream.name}",),
        keep=severity or Severity.WARN,
        begun=since,
        since=since,
        hold=limits["for"],
        clear=limits["clear"],
        collections=3,
        evidence=(
            *(Evidence(peer.name, _peer(peer), f"lag {limits['lag']:g}", limits.origin("lag")) for peer in peers),
        ),
        steps=steps(
            ("See its replicas", nats(context.site, "stream", "info", foreign=(stream.name,))),
            ("See the servers (system account)", nats(context.site, "server", "report", "jetstream")),
        ),
        measured=measured,
        source=SOURCE,
    )


def _peer(peer: Peer) -> str:
    if peer.offline:
        return "offline"
    return f"{'current' if peer.current else 'not current'}, lag {count(peer.lag)}"
