"""`consumer.losing`: what is dropped unread is said before and after, and nothing else is called a loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.broker import Cluster, StreamKind
from app.model.findings import Finding, Severity
from app.model.fleet import Presence
from tests.scene import Scene, machine

LOSS = "consumer.losing|JOBS/billing"
AHEAD = "consumer.losing|JOBS/billing|ahead"


@pytest.fixture
def scene() -> Scene:
    return Scene()


def losing(findings: Mapping[str, Finding]) -> list[str]:
    return [each.what for each in findings.values() if each.rule == "consumer.losing"]


def overtaken(scene: Scene, **fields: Any) -> None:
    """400 messages were published to a stream that keeps 100; its reader is at 10."""
    scene.stream(max_messages=100, messages=100, first_seq=301, last_seq=400)
    scene.consumer(
        **{
            "pending": 100,
            "waiting": 1,
            "delivered_stream_seq": 10,
            "delivered_consumer_seq": 10,
            "delivered_at": scene.ago(5),
            "acked_at": scene.ago(5),
            **fields,
        }
    )


# -- it has happened ------------------------------------------------------------------------------------------------


def test_overtaken_is_told_on_the_first_look(scene: Scene) -> None:
    overtaken(scene)
    finding = scene.look()[LOSS]
    assert finding.what == "290 messages gone unread (max_msgs 100)"
    assert finding.severity is Severity.CRIT
    assert not finding.since_exact
    assert "nats --context prod stream info JOBS" in [step.command for step in finding.steps]


def test_a_loss_stays_until_it_is_acknowledged(scene: Scene) -> None:
    overtaken(scene)
    scene.look()
    scene.consumer(pending=0, delivered_stream_seq=400, delivered_consumer_seq=110, delivered_at=scene.at)
    for _ in range(30):
        assert losing(scene.look(60)) == ["290 messages gone unread (max_msgs 100)"]
    scene.acked = frozenset((LOSS,))
    assert not losing(scene.look(1))
    scene.acked = frozenset()
    assert not losing(scene.run(300, 10))


def test_a_loss_is_over_after_a_day(scene: Scene) -> None:
    overtaken(scene)
    scene.look()
    scene.consumer(pending=0, delivered_stream_seq=400, delivered_consumer_seq=110)
    assert losing(scene.run(86000, 100))
    assert not losing(scene.run(600, 100))


def test_what_goes_after_the_acknowledgement_is_news(scene: Scene) -> None:
    overtaken(scene)
    scene.look()
    scene.acked = frozenset((LOSS,))
    scene.look(1)
    scene.acked = frozenset()
    scene.stream(first_seq=351, last_seq=450)
    assert losing(scene.run(15)) == ["50 messages gone unread (max_msgs 100)"]


def test_it_counts_on_while_it_is_overtaken_again_and_again(scene: Scene) -> None:
    overtaken(scene)
    scene.look()
    scene.run(40)
    scene.stream(first_seq=401, last_seq=500)
    scene.consumer(delivered_stream_seq=320, delivered_consumer_seq=30, delivered_at=scene.at)
    assert losing(scene.look(1)) == ["370 messages gone unread (max_msgs 100)"], "290, and 321 to 400"
    scene.stream(first_seq=701, last_seq=800)
    scene.consumer(delivered_stream_seq=710, delivered_consumer_seq=40, delivered_at=scene.at)
    assert losing(scene.look(1)) == ["at least 660 gone unread (max_msgs 100)"], "and 401 to 700, 10 of which are sure"


def test_with_a_filter_only_what_pending_tells(scene: Scene) -> None:
    """Its sequences are far behind for days, and it loses nothing by that."""
    scene.stream(max_messages=100, messages=100, first_seq=301, last_seq=400)
    scene.consumer(filters=("jobs.rare",), pending=20, waiting=1, delivered_stream_seq=10, delivered_consumer_seq=4)
    assert not losing(scene.run(60))
    scene.consumer(pending=5, delivered_consumer_seq=7, delivered_stream_seq=320)
    finding = scene.look(1)[LOSS]
    assert finding.what == "at least 12 gone unread (max_msgs 100)"
    assert finding.severity is Severity.CRIT


def test_reading_is_no_loss(scene: Scene) -> None:
    scene.stream(max_messages=100, messages=100, first_seq=301, last_seq=400)
    for filters in ((), ("jobs.>",)):
        scene.consumer(
            f"reader{len(filters)}",
            filters=filters,
            pending=90,
            waiting=1,
            delivered_stream_seq=310,
            delivered_consumer_seq=310,
            delivered_at=scene.at,
            acked_at=scene.at,
        )
    for second in range(120):
        published = 3
        scene.stream(first_seq=304 + 3 * second, last_seq=403 + 3 * second)
        for filters in ((), ("jobs.>",)):
            old = scene.consumers[f"JOBS/reader{len(filters)}"]
            read = min(20, old.pending)
            scene.consumer(
                old.name,
                pending=old.pending - read + published,
                delivered_stream_seq=403 + 3 * second - (old.pending - read),
                delivered_consumer_seq=old.delivered_consumer_seq + read,
                delivered_at=scene.at,
                acked_at=scene.at,
            )
        assert not losing(scene.look(1)), second


@pytest.mark.parametrize(
    "stream",
    [
        {"retention": "workqueue"},
        {"retention": "interest"},
        {"max_per_subject": 1},
        {"kind": StreamKind.KV},
        {"kind": StreamKind.OBJECT},
    ],
    ids=["workqueue", "interest", "last of each subject", "KV", "object store"],
)
def test_not_on_such_a_stream(scene: Scene, stream: dict[str, Any]) -> None:
    overtaken(scene)
    scene.stream(**stream)
    assert not losing(scene.run(60))


@pytest.mark.parametrize(
    "fields",
    [
        {"durable": False},
        {"ack_policy": "none"},
        {"ack_policy": "none", "idle_heartbeat": 5.0},
        {"paused": True},
        {"deliver_policy": "last_per_subject"},
    ],
    ids=["ephemeral", "ack none", "ordered", "paused", "last per subject"],
)
def test_not_for_such_a_consumer(scene: Scene, fields: dict[str, Any]) -> None:
    overtaken(scene, **fields)
    assert not losing(scene.run(60))


def test_not_for_our_own(scene: Scene) -> None:
    overtaken(scene)
    del scene.consumers["JOBS/billing"]
    scene.consumer("watchdeck-reader", pending=100, delivered_stream_seq=10, delivered_consumer_seq=10)
    assert not losing(scene.run(60))


def test_a_new_durable_that_begins_now_has_lost_nothing(scene: Scene) -> None:
    scene.stream(max_messages=100, messages=100, first_seq=301, last_seq=400)
    scene.consumer(waiting=1, delivered_stream_seq=400, deliver_policy="new")
    assert not losing(scene.run(30))


def test_one_that_was_made_again_has_lost_nothing(scene: Scene) -> None:
    scene.stream(messages=1000, first_seq=1, last_seq=1000)
    scene.consumer(filters=("a",), pending=900, waiting=1, delivered_at=scene.at)
    scene.run(40)
    scene.consumer(created=scene.at, pending=3)
    assert not losing(scene.look(1))


def test_another_filter_is_no_loss(scene: Scene) -> None:
    scene.stream(messages=1000, first_seq=1, last_seq=1000)
    scene.consumer(filters=("a", "b"), pending=900, waiting=1, delivered_at=scene.at)
    scene.run(40)
    scene.consumer(filters=("a",), pending=300)
    assert not losing(scene.look(1))


def test_not_after_a_change_of_leader(scene: Scene) -> None:
    """Another leader may count otherwise for a moment."""
    scene.stream(messages=1000, first_seq=1, last_seq=1000)
    scene.consumer(filters=("a",), pending=900, waiting=1, cluster=Cluster("C", "nats-1"), delivered_at=scene.at)
    scene.run(40)
    scene.consumer(pending=700, cluster=Cluster("C", "nats-2"))
    assert not losing(scene.look(1))
    scene.consumer(pending=650)
    assert not losing(scene.look(20))
    scene.run(15)
    scene.consumer(pending=600)
    assert losing(scene.look(1)) == ["at least 50 gone unread (purged or deleted)"]


def test_not_after_a_reconnect(scene: Scene) -> None:
    scene.stream(messages=1000, first_seq=1, last_seq=1000)
    scene.consumer(filters=("a",), pending=900, waiting=1, delivered_at=scene.at)
    scene.run(40)
    scene.reconnect()
    scene.consumer(pending=700)
    assert not losing(scene.look(1))


def test_a_loss_outlives_a_reconnect(scene: Scene) -> None:
    overtaken(scene)
    scene.look()
    scene.disconnect()
    scene.look(5)
    scene.reconnect()
    assert losing(scene.run(60))


@pytest.mark.parametrize(
    "fields", [{"presence": Presence.LEFT}, {"state": "Cordoned"}], ids=["said goodbye", "cordoned"]
)
def test_nobody_is_meant_to_read_it(scene: Scene, fields: dict[str, Any]) -> None:
    scene.agent(3, **fields)
    scene.stream(max_messages=100, messages=100, first_seq=301, last_seq=400)
    scene.consumer(f"jobs-agent_query_any_{machine(3)}", pending=100, delivered_stream_seq=10)
    assert not losing(scene.run(60))
    scene.agent(3, presence=Presence.LIVE, state="Ready")
    scene.consumer(
        f"jobs-agent_query_any_{machine(3)}", pending=0, delivered_stream_seq=400, delivered_consumer_seq=100
    )
    assert not losing(scene.run(60)), "what went meanwhile is no news either"


def test_nobody_knows_its_agent(scene: Scene) -> None:
    scene.stream(max_messages=100, messages=100, first_seq=301, last_seq=400)
    scene.consumer(f"jobs-agent_query_any_{machine(9)}", pending=100, delivered_stream_seq=10)
    assert not losing(scene.run(60))


def test_an_abandoned_durable_misses_nothing(scene: Scene) -> None:
    """It is litter, also where the stream keeps messages for less than the day after which it is."""
    scene.stream(max_age=3600.0, messages=100, first_seq=301, last_seq=400)
    scene.consumer(
        pending=100,
        delivered_stream_seq=10,
        delivered_consumer_seq=10,
        delivered_at=scene.ago(days=3),
        next_at=scene.ago(50),
    )
    assert {each.rule for each in scene.run(60).values()} == {"consumer.abandoned"}


def test_a_consumer_that_is_deleted_takes_its_loss_along(scene: Scene) -> None:
    overtaken(scene)
    scene.look()
    scene.consumers.clear()
    assert not losing(scene.look(1))


def test_switched_off() -> None:
    scene = Scene({"consumer.losing": {"on": False}})
    overtaken(scene)
    assert not losing(scene.run(60))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=30), st.booleans())
@settings(max_examples=60, deadline=None)
def test_never_more_than_what_is_really_gone(steps: list[tuple[int, int]], filtered: bool) -> None:
    """A stream of 50 and its reader, looked at now and then: what is said is a lower bound of the truth."""
    scene = Scene()
    kept, last, position, given_, gone = 50, 0, 0, 0, 0
    said = 0.0
    scene.stream(max_messages=kept, messages=0, first_seq=1, last_seq=0)
    scene.consumer(filters=("a",) if filtered else (), waiting=1, delivered_at=scene.at, acked_at=scene.at)
    for published, read in [(0, 0), (10, 5), *steps]:
        last += published
        first = max(1, last - kept + 1)
        for _ in range(read):
            if position >= last:
                break
            following = max(position + 1, first)
            gone += following - position - 1
            position, given_ = following, given_ + 1
        scene.stream(messages=last - first + 1, first_seq=first, last_seq=last)
        scene.consumer(
            pending=last - max(position, first - 1),
            delivered_stream_seq=position,
            delivered_consumer_seq=given_,
            delivered_at=scene.at,
        )
        finding = scene.look(31).get(LOSS)
        truth = gone + max(0, first - 1 - position)
        assert finding is None or (finding.measured or 0.0) <= truth
        assert finding is None or (finding.measured or 0.0) >= said
        said = (finding.measured or 0.0) if finding else 0.0
        if not filtered and first - 1 > position:
            assert finding is not None, "what lies before the first message is seen whenever one looks"


# -- it will happen -------------------------------------------------------------------------------------------------


def aging(scene: Scene, minutes_left: float, **fields: Any) -> None:
    """A reader that stopped on a stream that keeps a day."""
    scene.stream(max_age=86400.0, messages=1000, first_seq=1, last_seq=1000)
    scene.consumer(
        **{
            "pending": 500,
            "ack_pending": 0,
            "waiting": 1,
            "delivered_stream_seq": 500,
            "delivered_consumer_seq": 500,
            "delivered_at": scene.ago(3600),
            "acked_at": scene.ago(3600),
            "next_at": scene.ago(86400 - 60 * minutes_left),
            **fields,
        }
    )


def test_by_age_it_is_told_on_the_first_look(scene: Scene) -> None:
    aging(scene, 38.5)
    finding = scene.look()[AHEAD]
    assert finding.what == "loses unread messages in 38m (max_age 1d)"
    assert finding.severity is Severity.WARN


def test_by_age_it_is_crit_in_the_last_ten_minutes(scene: Scene) -> None:
    aging(scene, 9)
    assert scene.look()[AHEAD].severity is Severity.CRIT


def test_it_clears_when_it_reads_on(scene: Scene) -> None:
    aging(scene, 30)
    scene.look()
    scene.consumer(
        pending=10, next_at=scene.ago(60), delivered_at=scene.at, delivered_consumer_seq=990, delivered_stream_seq=990
    )
    assert not losing(scene.run(40))


def test_silent_with_hours_to_go(scene: Scene) -> None:
    aging(scene, 90)
    assert not losing(scene.run(60, 5))


def test_silent_on_a_stream_that_keeps_little(scene: Scene) -> None:
    """All it keeps is younger than an hour: to be a few seconds behind is no danger."""
    scene.stream(max_age=600.0, messages=100, first_seq=1, last_seq=100)
    for second in range(90):
        scene.consumer(
            pending=5, waiting=1, next_at=scene.ago(20), delivered_at=scene.at, delivered_consumer_seq=second * 10
        )
        assert not losing(scene.look(1))


def test_silent_while_it_catches_up(scene: Scene) -> None:
    """A nightly reader begins a day behind and reads a backlog of a day in an hour."""
    aging(scene, 30, pending=100_000, delivered_at=scene.at)
    for second in range(120):
        scene.consumer(
            pending=100_000 - 28 * second,
            delivered_consumer_seq=500 + 28 * second,
            delivered_at=scene.at,
            next_at=scene.ago(86400 - 1800 - 24 * second),
        )
        assert not losing(scene.look(1)), second


def test_one_that_reads_too_slowly_is_told(scene: Scene) -> None:
    aging(scene, 30, pending=100_000, delivered_at=scene.at)
    for second in range(90):
        scene.consumer(delivered_consumer_seq=500 + second // 10, delivered_at=scene.at, acked_at=scene.at)
        findings = scene.look(1)
    assert findings[AHEAD].severity is Severity.WARN


def test_by_number_it_is_told_by_the_rate_of_dropping(scene: Scene) -> None:
    """1,000 kept, 900 behind, 0.2 dropped a second and nobody reads: 100 to go."""
    for second in range(100):
        first = 1001 + second // 5
        scene.stream(max_messages=1000, messages=1000, first_seq=first, last_seq=first + 999)
        scene.consumer(
            pending=880, waiting=1, delivered_stream_seq=1120, delivered_consumer_seq=9, delivered_at=scene.ago(600)
        )
        findings = scene.look(1)
    assert findings[AHEAD].what == "loses unread messages in 8m (max_msgs 1000)"
    assert findings[AHEAD].severity is Severity.CRIT


def test_a_full_stream_that_discards_old_is_silent(scene: Scene) -> None:
    """The queue of a fleet that is at its limit all the time, and consumers that keep up."""
    for second in range(120):
        scene.stream(max_messages=10_000, messages=10_000, first_seq=100 * second + 1, last_seq=100 * second + 10_000)
        scene.consumer(
            pending=second % 3,
            waiting=1,
            ack_pending=second % 2,
            delivered_stream_seq=100 * second + 9_995,
            delivered_consumer_seq=100 * second + 1,
            delivered_at=scene.at,
            acked_at=scene.at,
            next_at=scene.ago(0.1),
            next_seq=100 * second + 9_996,
        )
        scene.consumer(
            "rare", filters=("jobs.never",), waiting=1, delivered_stream_seq=1, delivered_at=scene.ago(days=2)
        )
        assert not scene.look(1), second


def test_full_with_discard_new_drops_nothing(scene: Scene) -> None:
    scene.stream(max_messages=1000, messages=1000, first_seq=1, last_seq=1000, discard="new")
    scene.consumer(pending=990, waiting=1, delivered_stream_seq=10, delivered_at=scene.ago(700))
    assert not losing(scene.run(90))
