from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.broker import Answer, Connection, Consumer, Flow, LinkState, Stream
from app.model.rates import History
from app.model.series import Series
from app.model.snapshot import Site, Snapshot, SourceState, SourceStatus

START = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
CREATED = START - timedelta(days=1)


class Shown:
    """Snapshots of one stream and one consumer, fed to a history."""

    def __init__(self, interval: float = 1.0) -> None:
        self.history = History()
        self.at = START
        self.interval = interval
        self.stream = Stream("ORDERS", created=CREATED)
        self.consumer = Consumer("ORDERS", "billing", created=CREATED)
        self.connection = Connection(LinkState.CONNECTED, since=CREATED)
        self.status = SourceStatus.OK
        self.good_at: datetime | None = None

    def observe(self, after: float = 1.0, stream: dict | None = None, consumer: dict | None = None) -> None:
        self.at += timedelta(seconds=after)
        if stream:
            self.stream = replace(self.stream, **stream)
        if consumer:
            self.consumer = replace(self.consumer, **consumer)
        if self.status is SourceStatus.OK:
            self.good_at = self.at
        self.history.observe(self.snapshot())

    def snapshot(self) -> Snapshot:
        return Snapshot(
            epoch="e",
            at=self.at,
            site=Site(connection=self.connection),
            sources={
                name: SourceState(name, self.status, self.good_at, interval=self.interval)
                for name in ("streams", "consumers")
            },
            streams={"ORDERS": self.stream},
            consumers={"ORDERS/billing": self.consumer},
        )

    @property
    def stored(self) -> Flow:
        return self.history.flows()["stream:ORDERS"]

    @property
    def read(self) -> Flow:
        return self.history.flows()["consumer:ORDERS/billing"]


STEPS = st.lists(
    st.tuples(st.floats(0.5, 6), st.integers(0, 400), st.integers(0, 50), st.integers(0, 1000)), min_size=1, max_size=60
)


@given(STEPS)
@settings(max_examples=60)
def test_rates_are_those_of_a_plain_computation(steps: list[tuple[float, int, int, int]]) -> None:
    shown = Shown()
    stored = delivered = 0
    seen: list[tuple[float, int, int, int]] = []
    for after, more, given_out, pending in steps:
        stored += more
        delivered += given_out
        shown.observe(
            after, {"last_seq": stored}, {"delivered_consumer_seq": delivered, "pending": pending, "waiting": more % 2}
        )
        seen.append((shown.at.timestamp(), stored, delivered, pending))
        now = seen[-1]
        earlier = [sample for sample in seen if sample[0] <= now[0] - 10 + 1e-6]
        if not earlier:
            assert (shown.stored.rate_in, shown.read.rate_out, shown.read.net) == (None, None, None)
            continue
        then = earlier[-1]
        seconds = now[0] - then[0]
        assert shown.stored.rate_in == pytest.approx((now[1] - then[1]) / seconds, rel=0.006)
        assert shown.read.rate_out == pytest.approx((now[2] - then[2]) / seconds, rel=0.006)
        assert shown.read.net == pytest.approx((now[3] - then[3]) / seconds, rel=0.006)


def test_a_steady_rate_is_the_same_flow() -> None:
    shown = Shown()
    for number in range(15):
        shown.observe(stream={"last_seq": number * 7})
    before = shown.history.flows()
    shown.observe(stream={"last_seq": 15 * 7})
    assert shown.stored.rate_in == 7.0
    assert shown.history.flows()["stream:ORDERS"] is before["stream:ORDERS"]


def test_nothing_new_is_the_same_mapping() -> None:
    shown = Shown()
    for _ in range(12):
        shown.observe()
    before = shown.history.flows()
    assert shown.stored.rate_in == 0.0
    for _ in range(5):
        shown.observe()
    assert shown.history.flows() is before


def test_trend_is_ten_half_minutes_oldest_first() -> None:
    shown = Shown()
    shown.observe(0)
    assert shown.stored.trend == ()
    total = 0
    for second in range(1, 361):
        total += 2 if second < 330 else 4
        shown.observe(stream={"last_seq": total}, consumer={"pending": second})
    assert shown.stored.trend == (2.0,) * 9 + (4.0,)
    assert len(shown.read.trend) == 10
    assert shown.read.trend[-1] == 359.0
    assert shown.read.trend[0] == 89.0


def test_a_stream_made_again_begins_anew() -> None:
    shown = Shown()
    for number in range(40):
        shown.observe(stream={"last_seq": 1000 + number})
    shown.observe(stream={"created": START, "last_seq": 5})
    assert shown.stored == Flow("stream:ORDERS")


def test_counters_that_run_backwards_begin_anew() -> None:
    shown = Shown()
    for number in range(20):
        shown.observe(stream={"last_seq": 1000 + number})
    shown.observe(stream={"last_seq": 3})
    assert shown.stored.rate_in is None


def test_a_deleted_row_has_no_flow() -> None:
    shown = Shown()
    shown.observe()
    assert "stream:ORDERS" in shown.history.flows()
    shown.at += timedelta(seconds=1)
    shown.good_at = shown.at
    shown.history.observe(replace(shown.snapshot(), streams={}))
    assert set(shown.history.flows()) == {"consumer:ORDERS/billing"}


def test_a_reconnect_begins_anew_and_settles() -> None:
    shown = Shown()
    for number in range(60):
        shown.observe(stream={"last_seq": number})
    assert not shown.history.settling(shown.at)
    shown.connection = replace(shown.connection, reconnects=1)
    shown.observe(stream={"last_seq": 100_000})
    assert shown.stored.rate_in is None, "the jump over the gap is no rate"
    assert shown.history.settling(shown.at)
    assert shown.history.reconnecting(shown.at)
    assert not shown.history.settling(shown.at + timedelta(seconds=31))
    assert not shown.history.reconnecting(shown.at + timedelta(seconds=31))


def test_the_first_look_settles_but_is_no_reconnect() -> None:
    shown = Shown()
    assert shown.history.settling(START)
    shown.observe(0)
    assert shown.history.settling(shown.at)
    assert not shown.history.reconnecting(shown.at)


def test_a_suspended_machine_begins_anew() -> None:
    shown = Shown()
    for number in range(20):
        shown.observe(stream={"last_seq": number})
    shown.observe(3600, stream={"last_seq": 9999})
    assert shown.stored.rate_in is None


def test_flows_stay_as_they_were_while_a_source_fails() -> None:
    shown = Shown()
    for number in range(20):
        shown.observe(stream={"last_seq": number * 5})
    before = shown.history.flows()
    shown.status = SourceStatus.FAILED
    for _ in range(30):
        shown.observe()
    assert shown.history.flows() is before


def test_facts_seen_twice_are_no_second_collection() -> None:
    """The collector assembles more often than a slow source collects."""
    shown = Shown()
    for number in range(0, 40, 5):
        shown.observe(5, stream={"last_seq": number * 10})
        for _ in range(2):
            shown.at += timedelta(seconds=1)
            shown.history.observe(shown.snapshot())
    assert shown.stored.rate_in == pytest.approx(50 / 7, rel=0.006)


def test_rates_of_a_long_sweep_are_over_two_of_its_visits() -> None:
    shown = Shown(interval=30.0)
    delivered = 0
    rates = []
    for second in range(300):
        visited = second % 30 == 0
        delivered += 300 * visited
        shown.observe(consumer={"delivered_consumer_seq": delivered} if visited else None)
        rates.append(shown.read.rate_out)
    assert all(rate == pytest.approx(10, rel=0.02) for rate in rates[65:])


def test_a_row_without_an_answer_keeps_its_figures_out() -> None:
    shown = Shown()
    for _ in range(20):
        shown.observe(stream={"last_seq": 50})
    shown.observe(stream={"last_seq": 0, "answer": Answer.MISSING})
    assert shown.stored.rate_in == 0.0


def test_since_when_columns_stand_still_or_are_positive() -> None:
    shown = Shown()
    ref = "consumer:ORDERS/billing"
    shown.observe(0, consumer={"pending": 3, "delivered_consumer_seq": 8})
    assert shown.history.unchanged_since(ref, "delivered") == START
    assert shown.history.positive_since(ref, "pending") == START
    shown.observe(5, consumer={"pending": 0, "delivered_consumer_seq": 11})
    assert shown.history.unchanged_since(ref, "delivered") == START + timedelta(seconds=5)
    assert shown.history.positive_since(ref, "pending") is None
    shown.observe(5, consumer={"pending": 2})
    shown.observe(5, consumer={"pending": 9})
    assert shown.history.positive_since(ref, "pending") == START + timedelta(seconds=10)
    assert shown.history.unchanged_since("consumer:ORDERS/nobody", "pending") is None


def test_since_when_no_client_was_seen() -> None:
    shown = Shown()
    ref = "consumer:ORDERS/billing"
    shown.observe(0, consumer={"waiting": 1})
    assert shown.history.without_client_since(ref) is None
    shown.observe(5, consumer={"waiting": 0})
    shown.observe(5)
    assert shown.history.without_client_since(ref) == START + timedelta(seconds=5)
    shown.observe(5, consumer={"push_bound": True})
    assert shown.history.without_client_since(ref) is None


def test_growth_over_a_window() -> None:
    shown = Shown()
    for second in range(200):
        shown.observe(stream={"bytes": 1000 * second})
    assert shown.history.growth("stream:ORDERS", "bytes", 30.0) == pytest.approx(1000, rel=0.01)
    assert shown.history.growth("stream:ORDERS", "bytes", 120.0) == pytest.approx(1000, rel=0.1)
    assert shown.history.growth("stream:ORDERS", "bytes", 3000.0) is None
    assert shown.history.growth("stream:NOBODY", "bytes", 30.0) is None


def test_snapshots_out_of_order_are_passed_over() -> None:
    shown = Shown()
    shown.observe(10, stream={"last_seq": 5})
    before = shown.history.flows()
    shown.history.observe(replace(shown.snapshot(), at=shown.at - timedelta(seconds=5), streams={}))
    shown.history.observe(replace(shown.snapshot(), at=None))
    assert shown.history.flows() is before


def test_a_clock_that_was_set_back_begins_anew() -> None:
    shown = Shown()
    for number in range(60):
        shown.observe(stream={"last_seq": 5 * number})
    assert shown.stored.rate_in == 5
    shown.observe(-3600, stream={"last_seq": 1000})
    for number in range(20):
        shown.observe(stream={"last_seq": 1000 + 7 * number})
    assert shown.stored.rate_in == 7
    assert shown.history.settling(shown.at)


@given(st.lists(st.tuples(st.floats(0.5, 30), st.integers(0, 5)), min_size=1, max_size=300))
@settings(max_examples=30)
def test_samples_stay_few_and_the_last_minutes_are_covered(steps: list[tuple[float, int]]) -> None:
    now, value = 0.0, 0
    series = Series(now, (value,), None)
    for after, more in steps:
        now += after
        value += more
        series.add(now, (float(value),))
    assert len(series.samples) <= 2 * 66
    assert series.last == (value,)
    assert series.at(0, now) == value
    reach = series.at(0, now - 300)
    assert reach is not None or now < 300
