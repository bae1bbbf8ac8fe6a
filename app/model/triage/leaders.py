"""Rules about leaders: `stream.no_leader`, `leader.flapping`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from app.model.broker import Answer, Cluster, Consumer, Stream, StreamKind
from app.model.changes import Changes
from app.model.findings import Evidence, Severity, Step
from app.model.triage.candidates import Candidate, Context, length
from app.model.triage.reading import ref_of, subject
from app.model.triage.steps import nats, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

NO_LEADER = "stream.no_leader"
FLAPPING = "leader.flapping"
STREAMS, CONSUMERS = "streams", "consumers"

THRESHOLDS = {
    NO_LEADER: (
        Threshold("for", Unit.SECONDS, 10.0, "without a leader, or without an answer, before it shows"),
        Threshold("clear", Unit.SECONDS, 10.0, "with a leader before it is over"),
    ),
    FLAPPING: (
        Threshold("count", Unit.NUMBER, 3.0, "elections that are still normal"),
        Threshold("window", Unit.SECONDS, 600.0, "in which they are counted"),
    ),
}


class Leaders:
    """Follows the leaders of streams and consumers from snapshot to snapshot."""

    def __init__(self) -> None:
        self._consumers: Changes[Consumer] = Changes()
        self._silent: dict[str, None] = {}  # consumers with no answer, or no leader
        self._none: dict[str, datetime] = {}  # reference -> since when it is seen without a leader
        self._leaders: dict[str, str] = {}  # by reference
        self._elections: dict[str, list[float]] = {}

    def streams(self, context: Context) -> Iterator[Candidate]:
        """Both rules on streams, and `leader.flapping` on what is known of consumers."""
        for stream in context.snapshot.streams.values():
            ref = f"stream:{stream.name}"
            if not leaderless(stream):
                self._none.pop(ref, None)
                if stream.cluster is not None and stream.cluster.peers:
                    self._lead(ref, stream.cluster, context)
                continue
            limits = context.thresholds.of(NO_LEADER, stream.name, stream.metadata)
            since = self._none.setdefault(ref, context.now)
            if limits.on:
                yield _no_leader(stream, ref, since, context, limits)
        yield from self._flapping(context)

    def consumers(self, context: Context) -> Iterator[Candidate]:
        """Consumers without a leader; not where the whole list of a stream's consumers did not come."""
        table = context.snapshot.consumers
        changed, gone = self._consumers.of(table)
        for key in gone:
            self._silent.pop(key, None)
            self._forget(f"consumer:{key}")
        for key in changed:
            consumer = table[key]
            if leaderless(consumer) and not consumer.own:
                self._silent[key] = None
                continue
            self._silent.pop(key, None)
            self._none.pop(ref_of(consumer), None)
            if consumer.cluster is not None and consumer.cluster.peers and not consumer.own:
                self._lead(f"consumer:{key}", consumer.cluster, context)
        if not self._silent:
            return
        told = {each.stream for each in table.values() if each.answer is Answer.OK}
        for key in self._silent:
            consumer = table[key]
            limits = context.thresholds.of(NO_LEADER, consumer.stream, consumer.metadata)
            heard = consumer.answer is Answer.OK or consumer.stream in told
            if limits.on and heard:
                since = self._none.setdefault(ref_of(consumer), context.now)
                yield _no_leader(consumer, ref_of(consumer), since, context, limits)

    def _lead(self, ref: str, cluster: Cluster, context: Context) -> None:
        before = self._leaders.get(ref)
        if not cluster.leader or before == cluster.leader:
            return
        self._leaders[ref] = cluster.leader
        if before is not None:
            self._elections.setdefault(ref, []).append(context.now.timestamp())

    def _forget(self, ref: str) -> None:
        self._none.pop(ref, None)
        self._leaders.pop(ref, None)
        self._elections.pop(ref, None)

    def _flapping(self, context: Context) -> Iterator[Candidate]:
        limits = context.thresholds.of(FLAPPING)
        oldest = context.now.timestamp() - limits["window"]
        for ref, times in list(self._elections.items()):
            times[:] = [at for at in times if at > oldest]
            if not times:
                del self._elections[ref]
            elif limits.on and len(times) > limits["count"]:
                found = _flapping(ref, times, self._leaders[ref], context, limits)
                if found is not None:
                    yield found


def leaderless(row: Stream | Consumer) -> bool:
    """Whether nobody speaks for a row: the list knows it by name only, or its cluster names no leader."""
    return row.answer is not Answer.OK or (
        row.cluster is not None and bool(row.cluster.peers) and not row.cluster.leader
    )


def _no_leader(row: Stream | Consumer, ref: str, since: datetime, context: Context, limits: Limits) -> Candidate:
    of_consumer = isinstance(row, Consumer)
    then = "nothing is delivered" if of_consumer else "writes fail"
    waited = length(context.age(since))
    if row.answer is Answer.OFFLINE:
        what = f"offline {waited}, its server cannot run it: {then}"
    else:
        what = f"no leader {waited}: {then}{_peers(row.cluster)}"
    return Candidate(
        NO_LEADER,
        row.key,
        _kind(row),
        _name(row, context),
        what,
        Severity.CRIT,
        (ref,),
        begun=since,
        since=since,
        exact=False,
        hold=limits["for"],
        clear=limits["clear"],
        detail="what is shown of it is the last known",
        evidence=(
            Evidence("leader", "none", f"for {written(Unit.SECONDS, limits['for'])}", limits.origin("for")),
            Evidence("answer", row.answer.value, "", "from the broker"),
        ),
        steps=_steps(row, context),
        source=CONSUMERS if of_consumer else STREAMS,
        silent=True,
    )


def _kind(row: Stream | Consumer) -> str:
    if isinstance(row, Consumer):
        return "consumer"
    return row.kind.value if row.kind in (StreamKind.KV, StreamKind.OBJECT) else "stream"


def _name(row: Stream | Consumer, context: Context) -> str:
    return subject(row, context) if isinstance(row, Consumer) else row.label


def _steps(row: Stream | Consumer, context: Context) -> tuple[Step, ...]:
    of_consumer = isinstance(row, Consumer)
    foreign = (row.stream, row.name) if isinstance(row, Consumer) else (row.name,)
    return steps(
        ("See its replicas", nats(context.site, "consumer" if of_consumer else "stream", "info", foreign=foreign)),
        ("See the servers (system account)", nats(context.site, "server", "report", "jetstream")),
    )


def _peers(cluster: Cluster | None) -> str:
    """`(R3, 2 of 3 peers offline)`, as far as it was last told."""
    if cluster is None or not cluster.peers:
        return ""
    members = len(cluster.peers) + bool(cluster.leader)
    offline = sum(peer.offline for peer in cluster.peers)
    return f" (R{members}, {offline} of {members} peers offline)" if offline else f" (R{members})"


def _flapping(ref: str, times: list[float], leader: str, context: Context, limits: Limits) -> Candidate | None:
    kind, _, key = ref.partition(":")
    table: Mapping[str, Stream | Consumer] = (
        context.snapshot.streams if kind == "stream" else context.snapshot.consumers
    )
    row = table.get(key)
    if row is None:
        return None
    since = datetime.fromtimestamp(times[0], UTC)
    return Candidate(
        FLAPPING,
        ref,
        kind,
        _name(row, context),
        f"{len(times)} elections in {written(Unit.SECONDS, limits['window'])}, now {leader}",
        Severity.WARN,
        (ref,),
        since=since,
        exact=False,
        clear=0.0,
        detail="each election stops it for a moment; servers or their network come and go",
        evidence=(
            Evidence(
                "elections",
                str(len(times)),
                f"over {limits['count']:g} in {written(Unit.SECONDS, limits['window'])}",
                limits.origin("count"),
            ),
        ),
        steps=_steps(row, context),
        measured=float(len(times)),
        source=STREAMS,
    )
