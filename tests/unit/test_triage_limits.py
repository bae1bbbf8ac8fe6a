"""Limits that the owners of streams and consumers have set themselves, in the meaning of `nats server check`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.broker import Cluster, Peer, SourceLag
from app.model.findings import Finding, Severity
from app.model.triage.thresholds import Unit, value_of
from tests.scene import Scene

STREAM = "stream.limits|JOBS"
CONSUMER = "consumer.limits|JOBS/billing"


def owners(**values: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(("io.nats.monitor." + name.replace("_", "-"), value) for name, value in values.items()))


def of_stream(metadata: dict[str, str], **fields: Any) -> Finding | None:
    scene = Scene()
    scene.stream("JOBS", metadata=owners(**metadata), **fields)
    return scene.run(20).get(STREAM)


def of_consumer(metadata: dict[str, str], seconds: float = 20, **fields: Any) -> Finding | None:
    scene = Scene()
    scene.stream("JOBS")
    scene.consumer(metadata=owners(**metadata), **fields)
    return scene.run(seconds).get(CONSUMER)


def cluster(*lags: int, seen: float = 0.0) -> Cluster:
    peers = tuple(Peer(f"nats-{number}", True, False, seen, lag) for number, lag in enumerate(lags, 2))
    return Cluster("C", "nats-1", peers)


def source(lag: int = 0, active: float | None = 0.0) -> SourceLag:
    return SourceLag("EU", lag, active)


# metadata, what is over it, the beginning of the sentence, and what is not over it
STREAMS = {
    "lag of a mirror": ({"lag_critical": "100"}, {"mirror": source(100)}, "mirror 100 behind", {"mirror": source(80)}),
    "lag of a source": (
        {"lag_critical": "100"},
        {"sources": (source(), source(140))},
        "source EU 140 behind",
        {"sources": (source(5),)},
    ),
    "seen": (
        {"seen_critical": "1m"},
        {"sources": (source(active=75.0),)},
        "source EU silent 1m15s",
        {"sources": (source(active=5.0), source(active=None))},
    ),
    "too few sources": (
        {"min_sources": "2"},
        {"sources": (source(),)},
        "1 sources, at least 2",
        {"sources": (source(),) * 2},
    ),
    "too many sources": ({"max_sources": "1"}, {"sources": (source(),) * 2}, "2 sources, at most 1", {"sources": ()}),
    "too few peers": ({"peer_expect": "3"}, {"cluster": cluster(0)}, "2 peers, 3 expected", {"cluster": cluster(0, 0)}),
    "too many peers": ({"peer_expect": "1"}, {"cluster": cluster(0)}, "2 peers, 1 expected", {"cluster": cluster()}),
    "no cluster": ({"peer_expect": "3"}, {}, "not clustered, 3 expected", {"cluster": Cluster("C", "", ())}),
    "lag of a peer": (
        {"peer_lag_critical": "100"},
        {"cluster": cluster(5, 101)},
        "nats-3 101 ops behind, limit 100",
        {"cluster": cluster(5, 90)},
    ),
    "silent peer": (
        {"peer_seen_critical": "10s"},
        {"cluster": cluster(0, seen=15.0)},
        "nats-2 silent 15s, limit 10s",
        {"cluster": cluster(0, seen=10.0)},
    ),
    "too many messages": (
        {"msgs_warn": "10", "msgs_critical": "20"},
        {"messages": 20},
        "20 messages, under 20 expected",
        {"messages": 8},
    ),
    "too few messages": (
        {"msgs_warn": "20", "msgs_critical": "10"},
        {"messages": 10},
        "10 messages, over 10 expected",
        {"messages": 30},
    ),
    "messages, one limit": ({"msgs_critical": "10"}, {"messages": 9}, "9 messages, over 10", {"messages": 500}),
    "too many subjects": (
        {"subjects_warn": "10", "subjects_critical": "20"},
        {"subject_count": 25},
        "25 subjects, under 20",
        {"subject_count": 8},
    ),
    "too few subjects": (
        {"subjects_warn": "20", "subjects_critical": "10"},
        {"subject_count": 3},
        "3 subjects, over 10",
        {"subject_count": 30},
    ),
    "subjects, one limit": (
        {"subjects_critical": "20"},
        {"subject_count": 20},
        "20 subjects, under",
        {"subject_count": 3},
    ),
}


@pytest.mark.parametrize(("metadata", "over", "what", "fine"), STREAMS.values(), ids=STREAMS)
def test_streams(metadata: dict[str, str], over: dict[str, Any], what: str, fine: dict[str, Any]) -> None:
    finding = of_stream(metadata, **over)
    assert finding is not None
    assert finding.what.startswith(what)
    assert finding.what.endswith("(set by its owner)")
    assert finding.severity is Severity.CRIT
    assert {row.source for row in finding.evidence} == {"metadata"}
    assert of_stream(metadata, **fine) is None
    assert of_stream({}, **over) is None
    assert of_stream(dict.fromkeys(metadata, "0"), **over) is None, "0 is no limit"
    assert of_stream(dict.fromkeys(metadata, "many"), **over) is None, "and what cannot be read is none"


def test_messages_above_the_first_of_two_limits_are_a_warning() -> None:
    finding = of_stream({"msgs_warn": "10", "msgs_critical": "20"}, messages=12)
    assert finding is not None
    assert (finding.severity, finding.what) == (Severity.WARN, "12 messages, under 10 expected (set by its owner)")
    finding = of_stream({"msgs_warn": "20", "msgs_critical": "10"}, messages=15)
    assert finding is not None
    assert finding.severity is Severity.WARN


def test_several_limits_are_one_finding() -> None:
    finding = of_stream({"msgs_critical": "10", "min_sources": "1"}, messages=3)
    assert finding is not None
    assert finding.what == "3 messages, over 10 expected (set by its owner), 1 more"
    assert [row.what for row in finding.evidence] == ["messages", "sources"]


ACTIVE: dict[str, Any] = {"waiting": 1, "delivered_consumer_seq": 9, "floor_consumer_seq": 5, "floor_stream_seq": 5}
CONSUMERS = {
    "ack pending": (
        {"outstanding_ack_critical": "50"},
        {"ack_pending": 50},
        "ack pending 50, limit 50",
        {"ack_pending": 40},
    ),
    "waiting": ({"waiting_critical": "5"}, {"waiting": 6}, "waiting pulls 6, limit 5", {"waiting": 4}),
    "pending": ({"unprocessed_critical": "1000"}, {"pending": 1200}, "pending 1200, limit 1000", {"pending": 100}),
    "redelivered": (
        {"redelivery_critical": "3"},
        {"redelivered": 4, "ack_pending": 9},
        "redelivered 4, limit 3",
        {"redelivered": 1, "ack_pending": 9},
    ),
    "pinned": (
        {"pinned": "true"},
        {"priority": "pinned_client", "priority_groups": 2, "pinned_groups": 1},
        "1 of 2 groups have a client pinned",
        {"priority": "pinned_client", "priority_groups": 2, "pinned_groups": 2},
    ),
    "no pinned clients": (
        {"pinned": "true"},
        {},
        "no pinned clients in use",
        {"priority": "pinned_client", "priority_groups": 1, "pinned_groups": 1},
    ),
}


@pytest.mark.parametrize(("metadata", "over", "what", "fine"), CONSUMERS.values(), ids=CONSUMERS)
def test_consumers(metadata: dict[str, str], over: dict[str, Any], what: str, fine: dict[str, Any]) -> None:
    def look(given: dict[str, str], fields: dict[str, Any]) -> Finding | None:
        scene = Scene()
        scene.stream("JOBS")
        for _ in range(20):
            times = {"delivered_at": scene.at, "acked_at": scene.at, "next_at": scene.at}
            scene.consumer(**{"metadata": owners(**given), **ACTIVE, **times, **fields})
            findings = scene.look(1)
        return findings.get(CONSUMER)

    finding = look(metadata, over)
    assert finding is not None
    assert finding.what.startswith(what)
    assert finding.severity is Severity.CRIT
    assert "metadata" in {row.source for row in finding.evidence}
    assert look(metadata, fine) is None
    assert look({}, over) is None
    assert look(dict.fromkeys(metadata, "0"), over) is None
    assert look(metadata, {**over, "paused": True}) is None


def test_no_delivery_for_as_long_as_its_owner_allows() -> None:
    """Also where nothing is to be delivered: that is what the owner wants to hear of."""
    scene = Scene()
    scene.stream("JOBS")
    fields: dict[str, Any] = {**ACTIVE, "delivered_at": scene.ago(290), "acked_at": scene.ago(5)}
    scene.consumer(metadata=owners(last_delivery_critical="5m"), **fields)
    assert scene.quiet(5)
    finding = scene.run(30)[CONSUMER]
    assert finding.what.startswith("no delivery 5m15s, limit 5m (set by its owner)")
    scene.consumer(delivered_at=scene.at)
    assert not scene.run(40)


def test_no_ack_for_as_long_as_its_owner_allows() -> None:
    finding = of_consumer(
        {"last_ack_critical": "1h"}, **ACTIVE, acked_at=Scene().ago(hours=2), delivered_at=Scene().ago(5)
    )
    assert finding is not None
    assert finding.what.startswith("no ack 2h, limit 1h")


def test_after_a_restart_the_last_delivery_is_not_known_and_not_never() -> None:
    metadata = {"last_delivery_critical": "1h", "last_ack_critical": "1h"}
    assert of_consumer(metadata, 60, **ACTIVE, delivered_at=None, acked_at=None) is None


def test_what_another_rule_says_already_is_not_said_twice() -> None:
    scene = Scene()
    scene.stream("JOBS")
    scene.consumer(
        metadata=owners(last_delivery_critical="2m"), pending=9, delivered_at=scene.ago(600), next_at=scene.ago(600)
    )
    assert {each.rule for each in scene.run(30).values()} == {"consumer.no_client"}


def test_a_limit_beside_another_ill_stands_under_it() -> None:
    scene = Scene()
    scene.stream("JOBS")
    scene.consumer(
        metadata=owners(unprocessed_critical="5"), pending=9, delivered_at=scene.ago(90), next_at=scene.ago(90)
    )
    findings = scene.run(30)
    head = findings["consumer.no_client|JOBS/billing"]
    assert findings[CONSUMER].cause == head.id
    assert head.severity is Severity.CRIT, "it takes on the worst of what is under it"


def test_not_for_our_own_and_ordered_consumers() -> None:
    assert of_consumer({"waiting_critical": "1"}, waiting=5, ack_policy="none", idle_heartbeat=5.0) is None
    scene = Scene()
    scene.consumer("watchdeck-x", metadata=owners(waiting_critical="1"), waiting=5)
    assert not scene.run(20)


# -- whose threshold it is ------------------------------------------------------------------------------------------

GENERAL = {"consumer.limits": {"pending": 10}}
OF_STREAM = {**GENERAL, "streams": {"JOBS": {"consumer.limits": {"pending": 20}}}}


@pytest.mark.parametrize(
    ("thresholds", "metadata", "limit", "origin"),
    [
        (GENERAL, {}, "limit 10", "[thresholds]"),
        (OF_STREAM, {}, "limit 20", "[thresholds.streams.JOBS]"),
        (OF_STREAM, {"unprocessed_critical": "30"}, "limit 30", "metadata"),
    ],
)
def test_the_nearest_threshold_counts(
    thresholds: dict[str, Any], metadata: dict[str, str], limit: str, origin: str
) -> None:
    scene = Scene(thresholds)
    scene.stream("JOBS")
    scene.consumer(
        metadata=owners(**metadata), pending=50, waiting=0, ack_pending=1, delivered_at=scene.at, acked_at=scene.at
    )
    finding = scene.run(20)[CONSUMER]
    assert (finding.evidence[0].threshold, finding.evidence[0].source) == (limit, origin)
    assert limit in finding.what


@given(st.lists(st.integers(70, 130), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_a_limit_is_left_only_below_nine_tenths(values: list[int]) -> None:
    scene = Scene()
    scene.stream("JOBS")
    raised = False
    for value in values:
        scene.consumer(metadata=owners(redelivery_critical="100"), redelivered=value, **ACTIVE, delivered_at=scene.at)
        now = CONSUMER in scene.run(50, 5)
        if raised and not now:
            assert value < 90
        if now and not raised:
            assert value >= 100
        raised = now


@pytest.mark.parametrize(
    ("text", "value"), [("5m", 300.0), ("1d", 86400.0), ("1M", 30 * 86400.0), ("1y", 365 * 86400.0), ("x", None)]
)
def test_durations_as_owners_write_them(text: str, value: float | None) -> None:
    assert value_of(Unit.SECONDS, text) == value
