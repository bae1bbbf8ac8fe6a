"""Presence, namespace and times, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.fleet import Presence
from app.sources import agentwire
from app.sources.agentwire import Unreadable, moment
from app.sources.namespace import discover
from app.sources.presence import LIVE, Standing, forgotten, judge

BEAT = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEAT + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("age", "presence"),
    [(0, "live"), (15, "live"), (20, "live"), (20.1, "stale"), (30, "stale"), (30.1, "gone"), (-300, "live")],
)
def test_presence_by_the_age_of_the_heartbeat(age: float, presence: str) -> None:
    standing = judge(LIVE, BEAT, None, True, at(age), False)
    assert standing.presence == presence
    assert standing.since == (None if presence == "live" else BEAT)


def test_a_key_that_vanished_is_gone_and_one_that_was_deleted_has_left() -> None:
    assert judge(LIVE, BEAT, None, False, at(5), False) == Standing(Presence.GONE, BEAT)
    assert judge(LIVE, BEAT, at(3), False, at(5), False) == Standing(Presence.LEFT, at(3))
    assert judge(LIVE, at(4), at(3), True, at(5), False) == LIVE


def test_in_the_grace_after_a_reconnect_nothing_gets_worse_but_a_farewell_counts() -> None:
    gone = Standing(Presence.GONE, BEAT)
    assert judge(LIVE, BEAT, None, False, at(60), True) == LIVE
    assert judge(gone, BEAT, None, False, at(60), True) == gone
    assert judge(gone, at(59), None, True, at(60), True) == LIVE
    assert judge(LIVE, BEAT, at(1), False, at(60), True).presence is Presence.LEFT


def test_who_left_is_kept_ten_minutes_and_who_is_gone_a_day() -> None:
    assert not forgotten(Standing(Presence.LEFT, BEAT), at(599))
    assert forgotten(Standing(Presence.LEFT, BEAT), at(601))
    assert not forgotten(Standing(Presence.GONE, BEAT), at(86_399))
    assert forgotten(Standing(Presence.GONE, BEAT), at(86_401))
    assert not forgotten(LIVE, at(10**6))


def names(*buckets: str) -> list[str]:
    return [f"KV_{bucket}" for bucket in buckets]


def test_a_fleet_is_a_pair_with_one_prefix() -> None:
    def look(
        *buckets: str, configured: str = "auto", current: str | None = None
    ) -> tuple[str | None, bool, tuple[str, ...]]:
        fleet = discover(names(*buckets), "agent-registry", "job-queue", configured, current)
        return fleet.namespace, fleet.found, fleet.namespaces

    pair = ("a-agent-registry", "a-job-queue")
    assert look() == (None, False, ())
    assert look(*pair) == ("a", True, ())
    assert look("agent-registry", "job-queue") == ("", True, ())
    assert look("a-agent-registry", "b-job-queue") == (None, False, ())
    assert look("xagent-registry", "xjob-queue") == (None, False, ())
    both = (*pair, "b-c-agent-registry", "b-c-job-queue")
    assert look(*both) == (None, False, ("a", "b-c"))
    assert look(*both, current="a") == ("a", True, ("a", "b-c"))
    assert look(*both, configured="b-c") == ("b-c", False, ("a", "b-c"))
    assert look(configured="") == ("", False, ())


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00:00.123456789+05:30", datetime(2026, 11, 22, 4, 30, 0, 123456, UTC)),
        ("2026-11-22T10:00:00.5-08:00", datetime(2026, 11, 22, 18, 0, 0, 500000, UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("soon", None),
        ("9999-12-31T23:59:59-23:59", None),
    ],
)
def test_times_as_go_writes_them(text: str, read: datetime | None) -> None:
    assert moment(text) == read


@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(str.encode)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    ).map(lambda value: repr(value).encode())
)
def test_no_value_raises_anything_but_unreadable(value: bytes) -> None:
    for read in (
        lambda: agentwire.agent("k", agentwire.registration(value)),
        lambda: agentwire.host_facts("k", value, BEAT),
        lambda: agentwire.timeline_event(value, BEAT),
    ):
        try:
            read()
        except Unreadable:
            continue
