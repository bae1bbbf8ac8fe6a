"""`consumer.not_served`, `consumer.behind` and `consumer.redelivering`: when they hold, and when all is normal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model.broker import Cluster
from app.model.findings import Finding, Severity
from app.model.fleet import Presence
from tests.scene import Scene, machine

NOT_SERVED = "consumer.not_served|JOBS/billing"
BEHIND = "consumer.behind|JOBS/billing"
REDELIVERING = "consumer.redelivering|JOBS/billing"


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.stream("JOBS")
    return scene


def rules(findings: Mapping[str, Finding]) -> set[str]:
    return {each.rule.removeprefix("consumer.") for each in findings.values()}


# -- consumer.not_served --------------------------------------------------------------------------------------------


def unserved(scene: Scene, seconds: float, **fields: Any) -> None:
    """Clients pull, messages are there, and for some seconds nothing was delivered."""
    scene.consumer(
        **{
            "pending": 212_000,
            "waiting": 3,
            "max_ack_pending": 1000,
            "delivered_consumer_seq": 500,
            "delivered_at": scene.ago(seconds),
            "acked_at": scene.ago(seconds),
            "next_at": scene.ago(seconds),
            **fields,
        }
    )


def test_not_served_once_it_was_seen_for_its_time(scene: Scene) -> None:
    unserved(scene, 40)
    assert scene.quiet(29)
    finding = scene.run(3)[NOT_SERVED]
    assert finding.severity is Severity.CRIT
    assert finding.what == "clients wait, 212k pending, server delivers nothing: step down the leader"
    assert finding.since_exact
    assert "nats --context prod consumer cluster step-down JOBS billing" in [step.command for step in finding.steps]


def test_not_served_clears_with_the_first_delivery(scene: Scene) -> None:
    unserved(scene, 40)
    assert scene.run(40)[NOT_SERVED]
    scene.consumer(delivered_at=scene.at, delivered_consumer_seq=501, pending=211_999, next_at=scene.ago(5))
    assert NOT_SERVED not in scene.look(1)


@pytest.mark.parametrize(
    "fields",
    [
        {"waiting": 0, "ack_pending": 1},
        {"ack_pending": 1000},
        {"priority": "overflow"},
        {"priority": "pinned_client"},
        {"push": True, "push_bound": True},
        {"paused": True},
        {"ack_policy": "none"},
        {"ack_policy": "none", "idle_heartbeat": 5.0},
        {"durable": False, "pending": 0},
    ],
    ids=["no pull", "ack pending full", "overflow", "pinned", "push", "paused", "ack none", "ordered", "hidden"],
)
def test_not_served_is_not_for(scene: Scene, fields: dict[str, Any]) -> None:
    unserved(scene, 40, **fields)
    assert "not_served" not in rules(scene.run(70))


def test_a_client_that_comes_back_is_served_in_a_moment(scene: Scene) -> None:
    """Nobody was there for ten minutes; at the very look when its first pull waits nothing is delivered yet."""
    unserved(scene, 600, waiting=0)
    scene.run(60)
    scene.consumer(waiting=1)
    assert "not_served" not in rules(scene.look(1))
    scene.consumer(delivered_at=scene.at, delivered_consumer_seq=501, pending=211_900, next_at=scene.ago(600))
    assert "not_served" not in rules(scene.run(60))


def test_not_served_waits_after_a_change_of_leader(scene: Scene) -> None:
    unserved(scene, 5, cluster=Cluster("C", "nats-1"))
    scene.run(10)
    unserved(scene, 16, cluster=Cluster("C", "nats-2"), delivered_at=None)
    assert "not_served" not in rules(scene.run(30))
    assert "not_served" in rules(scene.run(40))


def test_not_served_waits_for_a_leader_that_is_new_by_its_own_word(scene: Scene) -> None:
    unserved(scene, 60, cluster=Cluster("C", "nats-1", leader_since=scene.at))
    assert "not_served" not in rules(scene.run(28))


# -- consumer.behind ------------------------------------------------------------------------------------------------


def slow(scene: Scene, seconds: int, behind: float, pending: Callable[[int], int], **fields: Any) -> set[str]:
    """The rules that were ever seen while a consumer that works has messages pending of a certain age."""
    seen: set[str] = set()
    for second in range(0, seconds, 2):
        scene.consumer(
            **{
                "pending": pending(second),
                "waiting": 0,
                "ack_pending": 5,
                "delivered_consumer_seq": 1000 + second,
                "delivered_stream_seq": 1000 + second,
                "floor_stream_seq": 990 + second,
                "floor_consumer_seq": 990 + second,
                "delivered_at": scene.at,
                "acked_at": scene.at,
                "next_at": scene.ago(behind),
                **fields,
            }
        )
        seen |= rules(scene.look(2))
    return seen


def test_behind_and_never_drained(scene: Scene) -> None:
    assert slow(scene, 300, 11 * 60, lambda second: 1000 + 40 * second) == {"behind"}
    finding = scene.look()[BEHIND]
    assert finding.severity is Severity.WARN
    assert finding.what.startswith("11m behind, +4")
    assert finding.what.endswith("/s: never drains")


def test_behind_is_crit_from_a_quarter_of_an_hour(scene: Scene) -> None:
    slow(scene, 300, 16 * 60, lambda second: 1000)
    finding = scene.look()[BEHIND]
    assert finding.severity is Severity.CRIT
    assert finding.what == "16m behind, not shrinking"


def test_a_backlog_that_shrinks_only_takes_its_time(scene: Scene) -> None:
    assert not slow(scene, 400, 5 * 3600, lambda second: 100_000 - 20 * second)


def test_so_slowly_that_it_takes_days_is_not_shrinking(scene: Scene) -> None:
    assert slow(scene, 400, 3600, lambda second: 1_000_000 - second // 10) == {"behind"}
    assert scene.look()[BEHIND].what.startswith("1h behind, drains in ")


def test_a_burst_is_no_backlog(scene: Scene) -> None:
    assert not slow(scene, 400, 30, lambda second: 50_000 + 100 * second)


def test_behind_clears_after_a_minute_of_shrinking(scene: Scene) -> None:
    slow(scene, 300, 11 * 60, lambda second: 1000)
    assert BEHIND in scene.look()
    slow(scene, 300, 11 * 60, lambda second: 1000 - 2 * second)
    assert BEHIND not in scene.look()


def test_behind_is_kept_over_a_reconnect_and_not_raised_by_it(scene: Scene) -> None:
    slow(scene, 300, 11 * 60, lambda second: 1000)
    scene.reconnect()
    assert slow(scene, 20, 11 * 60, lambda second: 1000) == {"behind"}
    fresh = Scene()
    fresh.stream("JOBS")
    assert not slow(fresh, 100, 11 * 60, lambda second: 1000)


@pytest.mark.parametrize(
    "fields",
    [{"paused": True}, {"ack_policy": "none"}, {"ack_policy": "none", "idle_heartbeat": 5.0}, {"next_at": None}],
    ids=["paused", "ack none", "ordered", "not looked up"],
)
def test_behind_is_not_for(scene: Scene, fields: dict[str, Any]) -> None:
    assert not slow(scene, 300, 3600, lambda second: 1000, **fields)


def test_behind_is_not_for_our_own(scene: Scene) -> None:
    scene.consumer("watchdeck-x", pending=5, waiting=1, next_at=scene.ago(hours=2), delivered_at=scene.at)
    assert scene.quiet(300, 5)


@pytest.mark.parametrize("fields", [{"presence": Presence.LEFT}, {"state": "Cordoned"}, {"state": "Draining"}])
def test_behind_is_not_for_those_who_are_meant_not_to_read(scene: Scene, fields: dict[str, Any]) -> None:
    scene.agent(3, **fields)
    scene.consumer(f"jobs-agent_query_any_{machine(3)}", pending=5, next_at=scene.ago(hours=2), delivered_at=scene.at)
    assert "behind" not in rules(scene.run(300, 5))


def test_why_it_is_behind_is_said_instead(scene: Scene) -> None:
    """One consumer, one plain cause: nobody is there, or the server serves nobody, or nobody acks."""
    unserved(scene, 1200)
    assert rules(scene.run(400, 2)) == {"not_served"}
    other = Scene()
    other.stream("JOBS")
    unserved(other, 1200, waiting=0)
    assert rules(other.run(400, 2)) == {"no_client"}
    third = Scene()
    third.stream("JOBS")
    unserved(third, 1200, waiting=0, ack_pending=4)
    assert rules(third.run(400, 2)) == {"stalled"}


@given(st.lists(st.integers(100, 1200), min_size=5, max_size=40))
@settings(max_examples=15, deadline=None)
def test_behind_leaves_a_level_only_below_nine_tenths(ages: list[int]) -> None:
    scene = Scene()
    scene.stream("JOBS")
    slow(scene, 130, 10, lambda second: 1000)
    level: Severity | None = None
    lowest = 1e9
    for age in ages:
        slow(scene, 20, age, lambda second: 1000)
        finding = scene.look().get(BEHIND)
        now = None if finding is None else finding.severity
        lowest = min(lowest, age) if level is now else age
        if level is Severity.CRIT and now is not Severity.CRIT:
            assert age < 0.9 * 900
        if level is not None and now is None:
            assert age < 0.9 * 300
        if now is Severity.CRIT and level is not Severity.CRIT:
            assert age >= 900
        level = now


# -- consumer.redelivering ------------------------------------------------------------------------------------------


class Deliveries:
    """A consumer that is given new messages and some of the old ones again, second by second."""

    def __init__(self, scene: Scene, **fields: Any) -> None:
        self.scene, self.fields = scene, fields
        self.given, self.position = 5000, 5000

    def run(self, seconds: int, new: float, again: float, skip: int = 1) -> Mapping[str, Finding]:
        """`new` and `again` are a second; with a filter each new one lies `skip` sequences further."""
        findings: Mapping[str, Finding] = {}
        for second in range(seconds):
            fresh = int(new * (second + 1)) - int(new * second)
            repeats = int(again * (second + 1)) - int(again * second)
            self.position += fresh * skip
            self.given += fresh + repeats
            self.scene.consumer(
                **{
                    "waiting": 1,
                    "ack_pending": 3,
                    "redelivered": 1,
                    "delivered_stream_seq": self.position,
                    "delivered_consumer_seq": self.given,
                    "floor_stream_seq": self.position - 3,
                    "floor_consumer_seq": self.given - 3,
                    "delivered_at": self.scene.at,
                    "acked_at": self.scene.at,
                    **self.fields,
                }
            )
            findings = self.scene.look(1)
        return findings


def test_redelivering(scene: Scene) -> None:
    deliveries = Deliveries(scene, ack_wait=30.0)
    assert not deliveries.run(280, 0.4, 0.2)
    findings = deliveries.run(60, 0.4, 0.2)
    assert set(findings) == {REDELIVERING}
    assert findings[REDELIVERING].severity is Severity.WARN
    assert findings[REDELIVERING].what == "33% redelivered (12/min): acks come later than ack_wait 30s?"


def test_redelivering_is_crit_from_a_half(scene: Scene) -> None:
    findings = Deliveries(scene, back_off=(5.0, 60.0)).run(340, 0.2, 0.6)
    assert findings[REDELIVERING].severity is Severity.CRIT
    assert findings[REDELIVERING].what.endswith("acks come later than back_off 5s?")


def test_redelivering_clears(scene: Scene) -> None:
    deliveries = Deliveries(scene)
    assert deliveries.run(340, 0.4, 0.2)
    assert deliveries.run(170, 0.4, 0.0)
    assert not deliveries.run(200, 0.4, 0.0)


def test_redelivering_with_a_filter_far_apart(scene: Scene) -> None:
    """Sequences that run ahead of deliveries hide repeats, and never make any."""
    assert not Deliveries(scene, filters=("jobs.rare",)).run(400, 2, 0, skip=50)


def test_what_a_client_had_in_hand_comes_again_once(scene: Scene) -> None:
    deliveries = Deliveries(scene)
    deliveries.run(130, 0.5, 0)
    assert not deliveries.run(10, 0.5, 20)
    assert not deliveries.run(400, 0.5, 0)


def test_a_few_deliveries_prove_nothing(scene: Scene) -> None:
    assert not Deliveries(scene).run(500, 0.05, 0.05)


def test_a_stock_of_redelivered_messages_is_no_rate(scene: Scene) -> None:
    assert not Deliveries(scene, redelivered=40, ack_pending=40).run(500, 2, 0)


@pytest.mark.parametrize("fields", [{"paused": True}, {"ack_policy": "none"}], ids=["paused", "ack none"])
def test_redelivering_is_not_for(scene: Scene, fields: dict[str, Any]) -> None:
    assert not Deliveries(scene, **fields).run(400, 0.2, 0.6)


def test_a_change_of_leader_makes_no_repeats(scene: Scene) -> None:
    deliveries = Deliveries(scene, cluster=Cluster("C", "nats-1"))
    deliveries.run(200, 0.5, 0)
    deliveries.fields["cluster"] = Cluster("C", "nats-2")
    deliveries.given += 500
    assert not deliveries.run(300, 0.5, 0)


def test_redelivering_is_left_only_below_nine_tenths(scene: Scene) -> None:
    deliveries = Deliveries(scene)
    assert not deliveries.run(400, 1.62, 0.38), "19% was never enough"
    assert deliveries.run(400, 1.5, 0.5)[REDELIVERING].severity is Severity.WARN
    assert deliveries.run(500, 1.62, 0.38)[REDELIVERING].severity is Severity.WARN
    assert deliveries.run(400, 0.9, 1.1)[REDELIVERING].severity is Severity.CRIT
    assert deliveries.run(500, 1.06, 0.94)[REDELIVERING].severity is Severity.CRIT
    assert deliveries.run(500, 1.2, 0.8)[REDELIVERING].severity is Severity.WARN
    assert not deliveries.run(500, 1.7, 0.3)
