"""What happened to streams and consumers, as advisories and the comparison of two looks tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from app.model.broker import Cluster, Consumer, Stream
from app.model.events import DELETED_REASONS, Advisory, EventKind
from app.model.findings import Severity
from app.model.snapshot import Snapshot
from app.worker import configs
from app.worker.draft import Draft, changed, vanished, ways

REMEMBERED = timedelta(minutes=2)
"""How long what an advisory said is not said again by the comparison, and the other way round."""
_MOST = 20_000
"""Things said that are remembered at most."""
_DONE = {
    "create": "created",
    "delete": "deleted",
    "modify": "changed",
    "update": "changed",
    "pause": "paused",
    "resume": "resumed",
}
_BACKUPS = {
    "snapshot_create": "backup began",
    "snapshot_complete": "backup done",
    "restore_create": "restore began",
    "restore_complete": "restore done",
}
_NONE: Mapping[str, Consumer] = MappingProxyType({})


class BrokerNews:
    """Follows streams and consumers. What is not fresh is compared again when it is, with what it was before."""

    def __init__(self) -> None:
        self._streams: Mapping[str, Stream] | None = None
        self._consumers: Mapping[str, Consumer] | None = None
        self._said: dict[tuple[str, str], datetime] = {}  # by row and word
        self._began: datetime | None = None  # the broker's clock at first sight

    def observe(self, snapshot: Snapshot, fresh: frozenset[str], advisories: tuple[Advisory, ...]) -> Iterator[Draft]:
        """What is new in a snapshot of now. Nothing at first sight."""
        now = snapshot.at
        if now is None:
            return
        self._said = {thing: at for thing, at in self._said.items() if now - at < REMEMBERED}
        offset = timedelta(seconds=snapshot.site.clock_offset)
        if self._began is None and fresh:
            self._began = now + offset
        for advisory in advisories:
            if not advisory.own and (draft := self._advised(advisory, advisory.at - offset, now)) is not None:
                yield draft
        if "streams" in fresh:
            before, self._streams = self._streams, snapshot.streams
            if before is not None:
                yield from self._compare_streams(before, snapshot.streams, now)
        if "consumers" in fresh:
            held, self._consumers = self._consumers, snapshot.consumers
            if held is not None:
                yield from self._compare_consumers(held, snapshot.consumers, now)

    def _say(self, ref: str, word: str, now: datetime) -> bool:
        """Whether this was not said lately; it is now."""
        new = (ref, word) not in self._said
        if len(self._said) < _MOST:
            self._said[ref, word] = now
        return new

    # --- advisories

    def _advised(self, advisory: Advisory, at: datetime, now: datetime) -> Draft | None:
        stream, consumer = advisory.stream, advisory.consumer
        ref = f"consumer:{stream}/{consumer}" if consumer else f"stream:{stream}"
        refs = (ref, f"stream:{stream}") if consumer else (ref,)
        subject = f"{stream} › {consumer}" if consumer else stream
        if advisory.type.endswith("leader_elected"):
            return self._elected(advisory, ref, refs, subject, at, now)
        what, same, severity, minor = _told(advisory)
        if advisory.action:
            self._say(ref, _DONE.get(advisory.action, advisory.action), now)
        return Draft(EventKind.ADVISORY, subject, what, severity, refs, minor, at=at, same=same)

    def _elected(
        self, advisory: Advisory, ref: str, refs: tuple[str, ...], subject: str, at: datetime, now: datetime
    ) -> Draft | None:
        row: Stream | Consumer | None
        if advisory.consumer:
            row = (self._consumers or _NONE).get(f"{advisory.stream}/{advisory.consumer}")
        else:
            row = (self._streams or {}).get(advisory.stream)
        before = _leader(row)
        if before == advisory.leader or not self._say(ref, f"leader {advisory.leader}", now):
            return None
        if isinstance(row, Consumer) and not row.durable:
            return None
        what = f"leader {ways(before, advisory.leader)}" if before else f"leader is {advisory.leader}"
        group = f"consumers of {advisory.stream}" if advisory.consumer else "streams"
        parent = f"stream:{advisory.stream}" if advisory.consumer else ""
        # One that is new gets its first leader: nothing that anybody must read.
        return Draft(EventKind.LEADER, subject, what, refs=refs, minor=not before, at=at, group=group, group_ref=parent)

    # --- comparison

    def _compare_streams(self, old: Mapping[str, Stream], new: Mapping[str, Stream], now: datetime) -> Iterator[Draft]:
        for before, row in changed(old, new):
            ref = f"stream:{row.key}"
            if row.created is None or (before is not None and before.created is None):
                continue  # known by name only
            if before is None:
                if self._young(row):
                    yield self._came("stream created", row.label, (ref,), now)
                continue
            if before.created != row.created:
                yield self._came("stream re-created", row.label, (ref,), now, "created")
            elif told := configs.of_stream(before, row):
                yield Draft(EventKind.CONFIG, row.label, told, refs=(ref,), group="streams")
            yield from self._led(before, row, row.label, (ref,), "streams", now)
        for gone in vanished(old, new):
            yield self._came("stream deleted", gone.label, (f"stream:{gone.key}",), now, "deleted")

    def _compare_consumers(
        self, old: Mapping[str, Consumer], new: Mapping[str, Consumer], now: datetime
    ) -> Iterator[Draft]:
        for before, row in changed(old, new):
            if before is not None and _as_before(before, row):
                continue
            if row.own or not row.durable or row.created is None or (before is not None and before.created is None):
                continue
            if before is None:
                if self._young(row):
                    yield self._came("consumer created", *_named(row), now)
                continue
            yield from self._compare_consumer(before, row, now)
        for gone in vanished(old, new):
            if gone.durable and not gone.own and gone.stream in (self._streams or ()):
                yield self._came("consumer deleted", *_named(gone), now, "deleted")

    def _compare_consumer(self, before: Consumer, row: Consumer, now: datetime) -> Iterator[Draft]:
        subject, refs = _named(row)
        group = f"consumers of {row.stream}"
        if before.created != row.created:
            yield self._came("consumer re-created", subject, refs, now, "created")
        elif told := configs.of_consumer(before, row):
            yield Draft(EventKind.CONFIG, subject, told, refs=refs, group=group, group_ref=refs[1])
        if before.paused != row.paused:
            word = "paused" if row.paused else "resumed"
            said = not self._say(refs[0], word, now)
            yield Draft(EventKind.CONFIG, subject, word, refs=refs, minor=said, group=group, group_ref=refs[1])
        yield from self._led(before, row, subject, refs, group, now)

    def _young(self, row: Stream | Consumer) -> bool:
        """Whether it was made since we watch. Lists come in over several looks: what is older was only not seen yet."""
        return row.created is not None and self._began is not None and row.created >= self._began

    def _came(self, what: str, subject: str, refs: tuple[str, ...], now: datetime, word: str = "created") -> Draft:
        said = not self._say(refs[0], word, now)
        group = "streams" if len(refs) == 1 else f"consumers of {refs[1].removeprefix('stream:')}"
        return Draft(EventKind.CONFIG, subject, what, refs=refs, minor=said, group=group, group_ref=refs[-1])

    def _led(
        self, before: Stream | Consumer, row: Stream | Consumer, subject: str, refs: tuple[str, ...], group: str,
        now: datetime,
    ) -> Iterator[Draft]:  # fmt: skip
        old, new = _leader(before), _leader(row)
        if before.cluster is row.cluster or old == new or (before.cluster is None or row.cluster is None):
            return
        if not self._say(refs[0], f"leader {new}", now):
            return
        what = f"leader {ways(old, new)}" if old and new else f"leader is {new}" if new else f"no leader, was {old}"
        severity = Severity.INFO if new else Severity.WARN
        parent = refs[1] if len(refs) > 1 else ""
        yield Draft(EventKind.LEADER, subject, what, severity, refs, group=group, group_ref=parent)


def _as_before(before: Consumer, row: Consumer) -> bool:
    """Whether only figures moved: thousands do so every second."""
    return (
        before.created == row.created
        and before.cluster is row.cluster
        and before.paused is row.paused
        and configs.same_consumer(before, row)
    )


def _named(row: Consumer) -> tuple[str, tuple[str, ...]]:
    """Its subject and refs."""
    return f"{row.stream} › {row.name}", (f"consumer:{row.key}", f"stream:{row.stream}")


def _leader(row: Stream | Consumer | None) -> str:
    cluster: Cluster | None = row.cluster if row is not None else None
    return cluster.leader if cluster is not None else ""


def _told(advisory: Advisory) -> tuple[str, str, Severity, bool]:
    """What an advisory says, what it folds by, how bad that is, and whether it is hidden until asked for."""
    row = f"{advisory.stream}/{advisory.consumer}"
    message = f"message {advisory.sequence}" if advisory.sequence else "a message"
    match advisory.type:
        case "max_deliver":
            what = f"{message} given up after {advisory.deliveries} deliveries"
            return what, f"given up {row}", Severity.WARN, False
        case "terminated":
            if advisory.reason in DELETED_REASONS:
                return f"{message} deleted before it was acknowledged", f"deleted {row}", Severity.WARN, False
            why = f": {advisory.reason}" if advisory.reason else ""
            return f"{message} terminated by its reader{why}", f"terminated {row} {why}", Severity.WARN, False
        case "nak":
            return f"{message} refused by its reader", f"refused {row}", Severity.INFO, True
        case "stream_quorum_lost":
            return "quorum lost: nothing can be written", "", Severity.CRIT, False
        case "consumer_quorum_lost":
            return "quorum lost: nothing is delivered", "", Severity.WARN, False
        case "stream_action":
            return f"stream {_DONE.get(advisory.action, advisory.action)}", "", Severity.INFO, True
        case "consumer_action":
            what = f"consumer {_DONE.get(advisory.action, advisory.action)}"
            return what, f"{what} {advisory.stream}", Severity.INFO, True
        case "consumer_pause":
            return _DONE.get(advisory.action, "paused"), "", Severity.INFO, False
    if advisory.type in _BACKUPS:
        return _BACKUPS[advisory.type], "", Severity.INFO, False
    words = (advisory.type.replace("_", " "), advisory.action, advisory.reason)
    return " ".join(filter(None, words)), "", Severity.INFO, True
