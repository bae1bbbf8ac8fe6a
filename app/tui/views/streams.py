"""Streams: streams, KV buckets and object stores."""

from __future__ import annotations

from app.model import text
from app.model.broker import Cluster, Stream, hidden
from app.model.snapshot import Capability
from app.tui.picture import Picture, Standing
from app.tui.views import cells
from app.tui.views.cells import left, right
from app.tui.views.view import GLYPH, Field, View
from widgets.columns import Cell
from widgets.sparkline import sparkline

SOURCES = ("streams",)


def standing(stream: Stream, picture: Picture) -> Standing:
    return picture.standing(f"stream:{stream.name}", "streams", stream.answer)


def fill(stream: Stream, picture: Picture) -> float | None:
    """Share of the nearest of max_msgs, max_bytes and the account's storage; None without any limit."""
    shares = []
    if stream.max_messages > 0:
        shares.append(stream.messages / stream.max_messages)
    if stream.max_bytes > 0:
        shares.append(stream.bytes / stream.max_bytes)
    account = picture.snapshot.site.account
    for tier in account.tiers if account else ():
        if tier.name not in ("", f"R{stream.replicas}"):
            continue
        used, limit = (tier.memory, tier.max_memory) if stream.storage == "memory" else (tier.storage, tier.max_storage)
        if limit > 0:
            shares.append(used / limit)
    return max(shares, default=None)


def limits(stream: Stream) -> str:
    """`10k msgs · 50M · 24h`, empty without limits."""
    parts = []
    if stream.max_messages > 0:
        parts.append(f"{text.count(stream.max_messages)} msgs")
    if stream.max_bytes > 0:
        parts.append(text.size(stream.max_bytes))
    if stream.max_age > 0:
        parts.append(text.duration(stream.max_age))
    if stream.max_per_subject > 0:
        parts.append(f"{text.count(stream.max_per_subject)} a subject")
    return " · ".join(parts)


def replicas(count: int, cluster: Cluster | None) -> Cell:
    """`R3`, `R3!` while a peer is not current or offline."""
    late = cluster is not None and any(peer.offline or not peer.current for peer in cluster.peers)
    return Cell(f"R{count}{'!' if late else ''}", count, "warn" if late else "")


def leader(cluster: Cluster | None) -> Cell:
    return cells.plain(cluster.leader) if cluster is not None and cluster.leader else cells.UNKNOWN


def _consumers(stream: Stream, picture: Picture) -> Cell:
    state = picture.source("consumers")
    if state is None or not (state.fresh or picture.snapshot.consumers):
        return cells.missing(picture, "consumers")
    now = picture.now
    shown = [c for c in picture.consumers_of_stream(stream.name) if now is None or not hidden(c, now)]
    return cells.number(len(shown), "" if shown else "dim")


def _behind(stream: Stream, picture: Picture) -> Cell:
    own = [c for c in picture.consumers_of_stream(stream.name) if not c.own]
    if not own:
        return cells.ABSENT
    known = [behind for behind in map(picture.behind, own) if behind is not None]
    if not known:
        return cells.UNKNOWN
    worst = max(known)
    return cells.seconds(worst, 6) if worst else Cell("0", 0, "dim")


def _full(stream: Stream, picture: Picture) -> Cell:
    share = fill(stream, picture)
    tight = share is not None and share >= 0.9 and stream.discard == "new"
    return cells.percent(share, "warn" if tight else "" if share is not None and share >= 0.75 else "dim")


def _source_lag(stream: Stream, picture: Picture) -> Cell:
    lags = [*stream.sources, *((stream.mirror,) if stream.mirror else ())]
    return cells.number(max(lag.lag for lag in lags)) if lags else cells.ABSENT


def _trend(stream: Stream, picture: Picture) -> Cell:
    trend = picture.flow(f"stream:{stream.name}").trend
    return Cell(sparkline(trend, 10), trend[-1] if trend else None, "accent")


def _names(stream: Stream, picture: Picture) -> str:
    return " ".join((stream.name, *stream.subjects[:20], stream.description))


VIEW = View(
    id="streams",
    number="3",
    title="Streams",
    kind="stream",
    nouns=("stream", "streams"),
    section="streams",
    sections=frozenset({"findings", "streams", "consumers", "flows"}),
    sources=SOURCES,
    sort="in",
    standing=standing,
    names=_names,
    copy=lambda stream: stream.name,
    empty="No streams yet.",
    fields=(
        GLYPH,
        Field(
            left("stream", "STREAM", 18, flex=True, help="stream; buckets without KV_ or OBJ_"),
            lambda s, p: cells.plain(s.label),
        ),
        Field(
            left("kind", "KIND", 6, help="stream, queue (workqueue retention), inter. (interest), kv, object, mirror"),
            lambda s, p: cells.plain(s.kind.value, "dim"),
        ),
        Field(right("msgs", "MSGS", 5, help="messages; of a bucket: values"), lambda s, p: cells.number(s.messages)),
        Field(right("size", "SIZE", 5, help="bytes stored"), lambda s, p: cells.size(s.bytes)),
        Field(
            right("full", "FULL", 4, help="share of the nearest of max_msgs, max_bytes and the account's storage"),
            _full,
        ),
        Field(
            right("in", "IN", 6, help="messages stored per second, mean of 10 s"),
            lambda s, p: cells.rate(p.flow(f"stream:{s.name}").rate_in),
        ),
        Field(
            right("oldest", "OLDEST", 6, 2, help="age of the first message"),
            lambda s, p: cells.since(s.first_at if s.messages else None, p, 6),
            times=True,
        ),
        Field(
            right("last", "LAST", 4, 2, help="age of the last message"),
            lambda s, p: cells.since(s.last_at, p, 4),
            times=True,
        ),
        Field(right("cons", "CONS", 4, 2, help="consumers, own and hidden ones not counted"), _consumers),
        Field(
            right(
                "behind", "BEHIND", 6, 3, help="age of the oldest message that one of its consumers has not been given"
            ),
            _behind,
        ),
        Field(
            left("r", "R", 3, 3, help="replicas; ! when a peer is not current"),
            lambda s, p: replicas(s.replicas, s.cluster),
            Capability.CLUSTER,
        ),
        Field(left("trend", "TREND", 10, 3, help="IN over 5 minutes"), _trend),
        Field(right("srclag", "SRC LAG", 7, 4, help="largest lag behind a mirror's origin or a source"), _source_lag),
        Field(
            left("disc", "DISC", 4, 4, help="discard: old messages go, or new ones are rejected"),
            lambda s, p: cells.plain(s.discard),
        ),
        Field(
            left("leader", "LEADER", 12, 4, help="server that leads it"),
            lambda s, p: leader(s.cluster),
            Capability.CLUSTER,
        ),
        Field(right("subj", "SUBJ", 5, 4, help="number of subjects"), lambda s, p: cells.number(s.subject_count)),
        Field(
            left("limits", "LIMITS", 20, 5, flex=True, help="max_msgs, max_bytes, max_age, max per subject"),
            lambda s, p: cells.plain(limits(s)),
        ),
        Field(right("del", "DEL", 6, 5, help="deleted messages"), lambda s, p: cells.number(s.deleted)),
        Field(
            right("lost", "LOST", 5, 5, help="messages lost by the store"),
            lambda s, p: cells.number(s.lost, "crit" if s.lost else ""),
        ),
        Field(left("store", "STORE", 6, 5, help="file or memory"), lambda s, p: cells.plain(s.storage)),
        Field(right("api", "API", 3, 5, help="level of the API that it needs"), lambda s, p: cells.number(s.api_level)),
        Field(
            right("created", "CREATED", 7, 5, help="age of the stream"),
            lambda s, p: cells.since(s.created, p, 6),
            times=True,
        ),
    ),
)
