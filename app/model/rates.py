"""Rates: how counters moved, from the snapshots seen. Pure but for what it has been shown; clocked by `snapshot.at`."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from app.model.broker import Answer, Consumer, Flow, LinkState, Stream
from app.model.series import MEMORY, WINDOW, Series, Track
from app.model.snapshot import Snapshot, SourceState

_SET_BACK = 10.0
"""Seconds: a snapshot that is older than the last one by more than that is none that came late."""
SETTLING = 30.0
"""Seconds after the first look or a reconnect in which no rate is judged."""
HALF_MINUTE = 30.0
TREND = 10

STREAM_COLUMNS = ("stored", "bytes", "messages", "first")
CONSUMER_COLUMNS = ("delivered", "pending", "ack_pending")


class History:
    """What was seen of streams and consumers in the last minutes.

    Only collections of a fresh source count; while it fails, flows stay as they were last known. Everything begins anew
    after a reconnect or a gap (suspended machine), one row alone when it was deleted and made again or ran backwards.
    A reference is `stream:NAME` or `consumer:STREAM/NAME`; columns are those of `STREAM_COLUMNS`, `CONSUMER_COLUMNS`.
    """

    def __init__(self) -> None:
        self._streams = Track("stream:", STREAM_COLUMNS)
        self._consumers = Track("consumer:", CONSUMER_COLUMNS)
        self._epoch: tuple[str, int] | None = None
        self._seen = 0.0
        self._up = True
        self._began: float | None = None
        self._reconnected: float | None = None
        self._flows: Mapping[str, Flow] = MappingProxyType({})

    def observe(self, snapshot: Snapshot) -> None:
        """Takes in one collection. A snapshot without a time, or not later than the last one, is passed over.

        One from long before says that our clock was set back: then all begins anew, as after a reconnect.
        """
        if snapshot.at is None:
            return
        at = snapshot.at.timestamp()
        if self._began is not None and self._seen - _SET_BACK < at <= self._seen:
            return
        self._notice_gaps(snapshot, at)
        self._seen = at
        if not self._up:
            return
        streams, consumers = snapshot.sources.get("streams"), snapshot.sources.get("consumers")
        changed = False
        if streams is not None and streams.fresh:
            changed |= _take(self._streams, snapshot.streams, at, streams, _stream_values)
        if consumers is not None and consumers.fresh:
            changed |= _take(self._consumers, snapshot.consumers, at, consumers, _consumer_values)
        if changed:
            self._flows = MappingProxyType({**self._streams.flows, **self._consumers.flows})

    def _notice_gaps(self, snapshot: Snapshot, at: float) -> None:
        connection = snapshot.site.connection
        epoch = (snapshot.epoch, connection.reconnects)
        up = connection.state is LinkState.CONNECTED
        longest = max(MEMORY / 5, 5 * snapshot.site.interval)
        if self._began is None:
            if up:
                self._began = at
        elif (
            (self._epoch is not None and epoch != self._epoch)
            or (up and not self._up)
            or not 0 < at - self._seen <= longest
        ):
            self._began = self._reconnected = at
            self._streams.clear()
            self._consumers.clear()
            self._flows = MappingProxyType({})
        self._epoch, self._up = epoch, up

    def flows(self) -> Mapping[str, Flow]:
        """How each stream and consumer moves, by reference. The same mapping and the same flows while all is equal."""
        return self._flows

    def settling(self, now: datetime) -> bool:
        """Whether rates are not to be judged yet: within 30 s of the first look or of a reconnect."""
        return self._began is None or now.timestamp() - self._began < SETTLING

    def reconnecting(self, now: datetime) -> bool:
        """Whether a connection that was lost has come back within 30 s: others come back then too."""
        return self._reconnected is not None and now.timestamp() - self._reconnected < SETTLING

    def growth(self, ref: str, column: str, window: float) -> float | None:
        """Change per second of a column over the last `window` seconds seen; None while less was seen."""
        track, key = self._track(ref)
        series, then = track.series.get(key), track.before(window)
        if series is None or then is None or series.born > then:
            return None
        index = track.columns.index(column)
        was = series.at(index, then)
        seconds = track.ticks[-1] - then
        return None if was is None or seconds <= 0 else (series.last[index] - was) / seconds

    def unchanged_since(self, ref: str, column: str) -> datetime | None:
        """Since when a column is seen not to change; a lower bound. None for a row never seen."""
        track, key = self._track(ref)
        series = track.series.get(key)
        return None if series is None else _when(series.moved[track.columns.index(column)])

    def positive_since(self, ref: str, column: str) -> datetime | None:
        """Since when a column is seen above 0; a lower bound. None if it is not."""
        track, key = self._track(ref)
        series = track.series.get(key)
        return None if series is None else _when(series.positive[track.columns.index(column)])

    def without_client_since(self, ref: str) -> datetime | None:
        """Since when no client was seen at a consumer (no waiting pull, not bound); None while there is one."""
        series = self._consumers.series.get(ref.removeprefix("consumer:"))
        return None if series is None else _when(series.without_client)

    def ack_unknown_since(self, ref: str) -> datetime | None:
        """Since when a consumer's last ack is not known; None while it is."""
        series = self._consumers.series.get(ref.removeprefix("consumer:"))
        return None if series is None else _when(series.unacked)

    def floor_since(self, ref: str) -> tuple[datetime | None, bool]:
        """Since when a consumer's ack floor is seen to stand still, a lower bound; and whether it was seen to move."""
        series = self._consumers.series.get(ref.removeprefix("consumer:"))
        return (None, False) if series is None else (_when(series.floored), series.floored > series.born)

    def led_since(self, ref: str) -> datetime | None:
        """When a consumer was last seen to get another leader, or one that has forgotten; None: not seen."""
        series = self._consumers.series.get(ref.removeprefix("consumer:"))
        return None if series is None else _when(series.led)

    def repeated(self, ref: str) -> bool:
        """Whether a consumer was seen to be given messages again in the last minutes."""
        series = self._consumers.series.get(ref.removeprefix("consumer:"))
        return series is not None and series.repeats is not None

    def repeats(self, ref: str, window: float) -> tuple[float, float] | None:
        """Deliveries a second that were not the first of their message, at least, and all; None while less was seen.

        A repeat moves the consumer's sequence and not the stream's. Where the looks are far apart or a filter lets the
        stream's run ahead, what `num_redelivered` rose by is at least known.
        """
        track, key = self._consumers, ref.removeprefix("consumer:")
        series, then = track.series.get(key), track.before(window)
        since = None if series is None or then is None else series.sampled(then)
        if series is None or since is None or track.ticks[-1] <= since:
            return None
        seconds, seen = track.ticks[-1] - since, series.repeats or ()
        number = sum(seen[index + 1] for index in range(0, len(seen), 2) if seen[index] > since)
        return number / seconds, (series.last[0] - (series.at(0, since) or 0.0)) / seconds

    def _track(self, ref: str) -> tuple[Track, str]:
        track = self._streams if ref.startswith("stream:") else self._consumers
        return track, ref.removeprefix(track.prefix)


def _when(timestamp: float) -> datetime | None:
    return None if math.isnan(timestamp) else datetime.fromtimestamp(timestamp, UTC)


def _stream_values(stream: Stream) -> tuple[float, ...]:
    return (stream.last_seq, stream.bytes, stream.messages, stream.first_seq)


def _consumer_values(consumer: Consumer) -> tuple[float, ...]:
    return (consumer.delivered_consumer_seq, consumer.pending, consumer.ack_pending)


def _take(
    track: Track,
    table: Mapping[str, Stream] | Mapping[str, Consumer],
    at: float,
    source: SourceState,
    values: Callable[..., tuple[float, ...]],
) -> bool:
    """One collection of a section; whether a flow changed. Facts of the `good_at` seen last say nothing new."""
    interval = source.interval
    if source.good_at is not None:
        at = source.good_at.timestamp()
        if track.ticks and at <= track.ticks[-1]:
            return False
    # Where a sweep over all rows takes longer than the window, a rate is that of the last two visits.
    track.window = WINDOW if interval * 2 <= WINDOW else interval * 2
    track.ticks.append(at)
    if len(track.ticks) > 2 * MEMORY:
        keep = bisect_right(track.ticks, at - max(MEMORY, track.window) - interval)
        del track.ticks[: max(0, keep - 1)]
    half = int(at // HALF_MINUTE)
    turned = bool(track.series) and half != track.half
    if turned:
        _turn(track, half)
    track.half = half
    for key, row in table.items():
        series = track.series.get(key)
        if series is not None and series.record is row:
            continue
        _sample(track, key, row, series, at, values)
    gone = track.series.keys() - table.keys()
    for key in gone:
        del track.series[key]
        track.active.pop(key, None)
    removed = [track.flows.pop(track.prefix + key, None) is not None for key in gone]
    due = track.series.keys() if turned else list(track.active)
    return _refresh(track, due, at) or any(removed)


def _sample(
    track: Track,
    key: str,
    row: Stream | Consumer,
    series: Series | None,
    at: float,
    values: Callable[..., tuple[float, ...]],
) -> None:
    if row.answer is not Answer.OK:
        return  # known by name only: its figures are not figures
    now = values(row)
    if series is None or series.created != row.created or now[0] < series.last[0]:
        series = track.series[key] = Series(at, now, row.created)
        track.active[key] = at + track.window
    elif series.add(at, now):
        track.active[key] = at + track.window
    before, series.record = series.record, row
    if isinstance(row, Consumer):
        if isinstance(before, Consumer):
            _compare(series, before, row, at)
        if row.acked_at is not None:
            series.unacked = math.nan
        elif math.isnan(series.unacked):
            series.unacked = at
        if row.waiting > 0 or row.push_bound:
            series.without_client = math.nan
        elif math.isnan(series.without_client):
            series.without_client = at


def _compare(series: Series, before: Consumer, row: Consumer, at: float) -> None:
    """What only two looks in a row tell of a consumer."""
    if row.floor_stream_seq != before.floor_stream_seq:
        series.floored = at
    if _leader(before) != _leader(row) or (before.delivered_at is not None and row.delivered_at is None):
        series.led = at
        return
    given = row.delivered_consumer_seq - before.delivered_consumer_seq
    further = row.delivered_stream_seq - before.delivered_stream_seq
    repeats = min(given, max(given - further, row.redelivered - before.redelivered))
    if series.repeats is not None and series.repeats[0] < at - MEMORY:
        kept = [index for index in range(0, len(series.repeats), 2) if series.repeats[index] >= at - MEMORY]
        series.repeats = series.repeats[kept[0] :] if kept else None
    if repeats > 0:
        if series.repeats is None:
            series.repeats = array("d")
        series.repeats.extend((at, repeats))


def _leader(row: Consumer) -> str:
    return "" if row.cluster is None else row.cluster.leader


def _turn(track: Track, half: int) -> None:
    """A half-minute is over: each series gets its point in the trend, and one for each further half-minute missed."""
    streams = track.columns is STREAM_COLUMNS
    missed = min(TREND, half - track.half)
    for series in track.series.values():
        value = series.samples[-series.width + 1] if streams else series.samples[-series.width + 2]
        if streams and series.born > track.half * HALF_MINUTE + 1:
            series.start = value  # seen for a part of it only
            continue
        if streams:
            point, series.start = (value - series.start) / HALF_MINUTE / missed, value
        else:
            point = value
        series.trend.extend([round(point, 3)] * missed)
        if len(series.trend) > TREND:
            del series.trend[: len(series.trend) - TREND]


def _refresh(track: Track, keys: Iterable[str], at: float) -> bool:
    then = track.before(track.window)
    changed = False
    still = []
    for key in keys:
        series, ref = track.series[key], track.prefix + key
        flow, last = _flow(track, ref, series, then), track.flows.get(ref)
        if flow != last:
            track.flows[ref] = flow
            changed = True
        if not (flow.rate_in or flow.rate_out or flow.net) and (flow.rate_in is not None or flow.net is not None):
            still.append(key)
    for key in still:
        if track.active.get(key, at) < at:
            del track.active[key]  # nothing moved within the window: its rates are 0 and stay so
    return changed


def _flow(track: Track, ref: str, series: Series, then: float | None) -> Flow:
    trend = tuple(series.trend)
    if then is None or series.born > then:
        return Flow(ref, trend=trend)
    seconds = track.ticks[-1] - then
    first = _three(((series.last[0]) - (series.at(0, then) or 0.0)) / seconds)
    if track.columns is STREAM_COLUMNS:
        return Flow(ref, rate_in=first, trend=trend)
    net = _three((series.last[1] - (series.at(1, then) or 0.0)) / seconds)
    return Flow(ref, rate_out=first, net=net, trend=trend)


def _three(value: float) -> float:
    """Three significant digits: what is shown, so that a steady rate is an equal one."""
    return float(f"{value:.3g}")
