from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.model.broker import Answer
from app.model.findings import Finding, Severity
from app.model.fleet import Presence
from app.model.snapshot import SourceStatus
from tests.scene import START, Scene, machine

NO_CLIENT = "consumer.no_client|JOBS/billing"
STALLED = "consumer.stalled|JOBS/billing"
ABANDONED = "consumer.abandoned|JOBS/billing"


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.stream("JOBS")
    return scene


def only(scene: Scene, after: float = 0.0) -> Finding:
    findings = scene.look(after)
    assert len(findings) == 1, [finding.what for finding in findings.values()]
    return next(iter(findings.values()))


def nobody(scene: Scene, seconds: float) -> None:
    """A durable whose client went away `seconds` ago, with messages waiting since."""
    scene.consumer(
        pending=2100,
        waiting=0,
        delivered_consumer_seq=500,
        delivered_at=scene.ago(seconds),
        acked_at=scene.ago(seconds),
        next_at=scene.ago(seconds),
    )


# -- consumer.no_client ---------------------------------------------------------------------------------------------


def test_no_client_shows_on_the_first_look(scene: Scene) -> None:
    nobody(scene, 90)
    finding = only(scene)
    assert (finding.id, finding.severity) == (NO_CLIENT, Severity.WARN)
    assert finding.what == "nobody pulls since 13:58:30Z, 2.1k pending"
    assert finding.since == START - timedelta(seconds=90)
    assert finding.since_exact
    assert finding.subject == "JOBS › billing"
    assert finding.refs == ("consumer:JOBS/billing",)
    assert [step.command for step in finding.steps] == ["nats --context prod consumer info JOBS billing"]


def test_no_client_is_crit_after_five_minutes_on_the_first_look(scene: Scene) -> None:
    nobody(scene, 301)
    assert only(scene).severity is Severity.CRIT


def test_no_client_waits_for_its_time_and_becomes_crit_by_itself(scene: Scene) -> None:
    nobody(scene, 0)
    assert scene.quiet(59)
    assert only(scene, 2).severity is Severity.WARN
    assert scene.run(230)[NO_CLIENT].severity is Severity.WARN
    assert scene.run(15)[NO_CLIENT].severity is Severity.CRIT


def test_no_client_clears_with_the_first_delivery(scene: Scene) -> None:
    nobody(scene, 90)
    scene.look()
    scene.consumer(waiting=1, pending=2099, delivered_consumer_seq=501, delivered_at=scene.at)
    assert not scene.look(1)


def test_push_consumer_without_subscriber(scene: Scene) -> None:
    nobody(scene, 90)
    scene.consumer(push=True, push_bound=False)
    assert only(scene).what == "no subscriber since 13:58:30Z, 2.1k pending"


def test_silent_for_a_bound_push_consumer(scene: Scene) -> None:
    nobody(scene, 900)
    scene.consumer(push=True, push_bound=True)
    assert scene.quiet(120, 5)


def test_silent_between_two_fetches_after_hours_of_nothing_to_do(scene: Scene) -> None:
    """No waiting pull at this instant, a message came just now, the last delivery was hours ago."""
    scene.consumer(
        pending=1, waiting=0, delivered_consumer_seq=9, delivered_at=scene.ago(hours=3), next_at=scene.ago(0.2)
    )
    assert not scene.look()
    scene.consumer(pending=0, waiting=1, delivered_consumer_seq=10, delivered_at=scene.at)
    assert scene.quiet(120, 5)


def test_silent_between_two_fetches_when_the_next_message_is_not_known_yet(scene: Scene) -> None:
    scene.consumer(pending=1, waiting=0, delivered_consumer_seq=9, delivered_at=scene.ago(hours=3))
    assert not scene.look()
    assert not scene.look(5)


def test_silent_while_a_one_at_a_time_worker_works(scene: Scene) -> None:
    for _ in range(20):
        scene.consumer(pending=50, waiting=0, ack_pending=1, delivered_at=scene.at, acked_at=scene.ago(1))
        assert not scene.look(30)


def test_silent_while_pulls_wait(scene: Scene) -> None:
    """One that came just now is served in a moment; whether it is, is another rule."""
    nobody(scene, 900)
    scene.consumer(waiting=1)
    assert scene.quiet(25, 5)


@pytest.mark.parametrize(
    "fields",
    [{"paused": True}, {"ack_policy": "none"}, {"ack_policy": "none", "idle_heartbeat": 5.0}, {"durable": False}],
    ids=["paused", "ack none", "ordered", "ephemeral, with nothing pending"],
)
def test_no_client_is_not_for(scene: Scene, fields: dict[str, object]) -> None:
    nobody(scene, 900)
    scene.consumer(**fields)
    if not fields.get("durable", True):
        scene.consumer(pending=0)
    assert scene.quiet(120, 5)


def test_silent_for_our_own_consumer(scene: Scene) -> None:
    scene.consumer("watchdeck-reader", pending=5, delivered_at=scene.ago(900), next_at=scene.ago(900))
    assert scene.quiet(120, 5)


def test_silent_for_an_ephemeral_consumer_under_a_minute_old(scene: Scene) -> None:
    scene.consumer(durable=False, created=scene.ago(5), pending=5, next_at=scene.ago(hours=1))
    assert not scene.look()
    assert not scene.look(50)
    assert scene.run(20, 5), "older than a minute it is judged as any other"


def test_after_a_restart_the_last_delivery_is_unknown_not_never(scene: Scene) -> None:
    """A batch reader with a long backlog right after a change of leader: nothing is known but what we see."""
    scene.consumer(pending=900, waiting=0, delivered_consumer_seq=70, delivered_at=None, next_at=scene.ago(hours=11))
    assert not scene.look()
    assert not scene.look(30)
    findings = scene.run(40)
    assert findings[NO_CLIENT].what == "nobody pulls for ≥1m, 900 pending"
    assert not findings[NO_CLIENT].since_exact
    assert findings[NO_CLIENT].since == START


def test_never_delivered_counts_from_its_making(scene: Scene) -> None:
    scene.consumer(pending=900, created=scene.ago(80), next_at=scene.ago(days=2))
    finding = only(scene)
    assert finding.since == START - timedelta(seconds=80)
    assert finding.since_exact


def test_a_long_sweep_is_allowed_for(scene: Scene) -> None:
    """Facts of a rotated consumer may be one sweep old: what it says of the last minute is no news of now."""
    scene.intervals["consumers"] = 45.0
    nobody(scene, 65)
    assert scene.quiet(35, 5)
    assert scene.run(10, 5)


def test_ages_are_counted_on_the_clock_of_the_broker(scene: Scene) -> None:
    scene.offset = -300.0
    nobody(scene, 30)
    assert not scene.look()
    scene.offset = 0.0
    assert scene.look(1)


def test_owners_threshold_comes_first(scene: Scene) -> None:
    nobody(scene, 150)
    scene.consumer(metadata=(("io.nats.monitor.last-delivery-critical", "2m"),))
    finding = only(scene)
    assert finding.severity is Severity.CRIT
    assert "metadata" in {row.source for row in finding.evidence}


def test_configured_threshold_by_stream() -> None:
    scene = Scene({"streams": {"JOBS": {"consumer.no_client": {"for": "10m", "crit": "1h"}}}})
    nobody(scene, 500)
    assert not scene.look()
    scene.consumer("other", "ORDERS", pending=5, delivered_at=scene.ago(500), next_at=scene.ago(500))
    assert set(scene.look(1)) == {"consumer.no_client|ORDERS/other"}


def test_switched_off() -> None:
    scene = Scene({"consumer.no_client": {"on": False}})
    nobody(scene, 900)
    assert scene.quiet(60, 5)


@pytest.mark.parametrize(
    "fields",
    [{"presence": Presence.LEFT}, {"state": "Cordoned"}, {"state": "Draining"}],
    ids=["said goodbye", "cordoned", "draining"],
)
def test_silent_when_the_owner_is_meant_not_to_take_jobs(scene: Scene, fields: dict[str, object]) -> None:
    scene.agent(3, **fields)
    scene.consumer(
        f"jobs-agent_query_any_{machine(3)}",
        pending=7,
        delivered_consumer_seq=3,
        delivered_at=scene.ago(600),
        next_at=scene.ago(600),
    )
    assert scene.quiet(120, 5)


def test_silent_also_when_the_registry_has_forgotten_a_clean_stop(scene: Scene) -> None:
    scene.agent(3, presence=Presence.LEFT, since=scene.ago(5))
    scene.consumer(
        f"jobs-agent_query_any_{machine(3)}",
        pending=7,
        delivered_consumer_seq=3,
        delivered_at=scene.ago(5),
        next_at=scene.ago(1),
    )
    assert scene.quiet(600, 10)
    scene.agents.clear()
    assert scene.quiet(600, 10)


def test_of_an_agent_nobody_knows_it_is_a_warning_only(scene: Scene) -> None:
    scene.consumer(
        f"jobs-agent_query_any_{machine(3)}",
        pending=7,
        delivered_consumer_seq=3,
        delivered_at=scene.ago(hours=2),
        next_at=scene.ago(hours=2),
    )
    assert only(scene).severity is Severity.WARN


def test_agents_consumer_is_named_as_people_say_it(scene: Scene) -> None:
    scene.agent(3)
    name = f"jobs-agent_query_any_{machine(3)}"
    scene.consumer(name, pending=7, delivered_at=scene.ago(600), next_at=scene.ago(600))
    finding = only(scene)
    assert finding.subject == "JOBS › query·any·web-03"
    assert finding.id == f"consumer.no_client|JOBS/{name}"
    assert "osapi client agent get --hostname web-03" in [step.command for step in finding.steps]


def test_a_deleted_consumer_takes_its_finding_along_at_once(scene: Scene) -> None:
    nobody(scene, 900)
    scene.look()
    scene.consumers.clear()
    assert not scene.look(1)


# -- consumer.stalled -----------------------------------------------------------------------------------------------


def dead_with_messages(scene: Scene, seconds: float, **fields: object) -> None:
    """A client that was killed `seconds` ago with messages in flight: everything froze then."""
    scene.consumer(
        **{
            "ack_pending": 2,
            "waiting": 0,
            "max_ack_pending": 1000,
            "delivered_consumer_seq": 50,
            "floor_stream_seq": 48210,
            "delivered_at": scene.ago(seconds),
            "acked_at": scene.ago(seconds + 1),
            "stuck_at": scene.ago(seconds + 2),
            **fields,
        }
    )


def test_stalled_shows_on_the_first_look_with_the_time_of_the_last_ack(scene: Scene) -> None:
    dead_with_messages(scene, 300)
    finding = only(scene)
    assert (finding.id, finding.severity) == (STALLED, Severity.WARN)
    assert finding.what == "no ack 5m, nobody pulls, 2 still out"
    assert finding.since == START - timedelta(seconds=301)
    assert "nats --context prod stream get JOBS 48211" in [step.command for step in finding.steps]


def test_stalled_at_max_ack_pending_is_crit(scene: Scene) -> None:
    dead_with_messages(scene, 240, ack_pending=1000, waiting=1, pending=5)
    finding = only(scene)
    assert finding.severity is Severity.CRIT
    assert finding.what == "no ack 4m, ack pending 1000/1000"


def test_stalled_is_crit_after_three_times_its_patience_with_messages_pending(scene: Scene) -> None:
    dead_with_messages(scene, 3 * 120 - 5, pending=4)
    assert only(scene).severity is Severity.WARN
    assert scene.run(12)[STALLED].severity is Severity.CRIT


def test_stalled_waits_for_two_ack_waits(scene: Scene) -> None:
    dead_with_messages(scene, 550, ack_wait=300.0)
    assert not scene.look()
    assert scene.run(55)[STALLED]


def test_stalled_clears_with_the_first_ack(scene: Scene) -> None:
    dead_with_messages(scene, 300)
    scene.look()
    scene.consumer(acked_at=scene.at, delivered_at=scene.at)
    assert not scene.look(1)


def test_silent_while_an_ack_floor_stands_still_and_acks_go_on(scene: Scene) -> None:
    for _ in range(30):
        scene.consumer(
            ack_pending=1,
            waiting=1,
            floor_stream_seq=4,
            stuck_at=scene.ago(hours=2),
            delivered_at=scene.at,
            acked_at=scene.at,
        )
        assert not scene.look(10)


def test_silent_for_back_off_patience(scene: Scene) -> None:
    """One failing job waits for its next try: half an hour by its owner's own configuration."""
    back_off = (30.0, 120.0, 300.0, 900.0, 1800.0)
    dead_with_messages(scene, 1500, ack_pending=1, redelivered=1, waiting=1, back_off=back_off, ack_wait=30.0)
    assert scene.quiet(200, 5)
    assert scene.run(120, 5), "and no longer than that"


def test_back_off_excuses_only_what_was_redelivered(scene: Scene) -> None:
    dead_with_messages(scene, 300, ack_pending=2, redelivered=1, back_off=(30.0, 1800.0))
    assert only(scene).id == STALLED


def test_silent_for_a_message_delivered_just_now_after_hours_of_nothing(scene: Scene) -> None:
    scene.consumer(ack_pending=1, waiting=0, delivered_at=scene.ago(3), acked_at=scene.ago(hours=3))
    assert scene.quiet(100, 5)


def test_deliveries_going_on_without_any_ack_are_seen_after_a_while(scene: Scene) -> None:
    for _ in range(13):
        scene.consumer(ack_pending=40, waiting=1, delivered_at=scene.at, acked_at=scene.ago(hours=3))
        findings = scene.look(10)
    assert findings[STALLED].what.startswith("no ack ≥2m")
    assert not findings[STALLED].since_exact


def test_unknown_last_ack_counts_from_what_is_known_since(scene: Scene) -> None:
    scene.consumer(ack_pending=3, waiting=0, acked_at=None, delivered_at=None, delivered_consumer_seq=9)
    assert scene.quiet(115, 5)
    finding = next(iter(scene.run(15, 5).values()))
    assert finding.what == "no ack ≥2m, nobody pulls, 3 still out"
    assert finding.since == START


def test_a_change_of_leader_on_a_busy_consumer_is_no_stall(scene: Scene) -> None:
    """Something is always ack pending; then the leader forgets when the last ack was."""
    for _ in range(60):
        scene.consumer(ack_pending=5, waiting=1, delivered_at=scene.at, acked_at=scene.at, delivered_consumer_seq=9)
        assert not scene.look(10)
    scene.consumer(delivered_at=None, acked_at=None)
    assert scene.quiet(100, 5)
    assert scene.run(30, 5)[STALLED].what.startswith("no ack ≥2m")


def test_owners_ack_thresholds(scene: Scene) -> None:
    dead_with_messages(scene, 130, metadata=(("io.nats.monitor.last-ack-critical", "2m"),))
    assert only(scene).severity is Severity.CRIT
    dead_with_messages(scene, 130, metadata=(("io.nats.monitor.outstanding-ack-critical", "2"),))
    assert only(scene, 1).severity is Severity.CRIT


@pytest.mark.parametrize("fields", [{"paused": True}, {"ack_policy": "none"}], ids=["paused", "ack none"])
def test_stalled_is_not_for(scene: Scene, fields: dict[str, object]) -> None:
    dead_with_messages(scene, 900, **fields)
    assert scene.quiet(60, 5)


# -- consumer.abandoned ---------------------------------------------------------------------------------------------


def test_abandoned_replaces_no_client(scene: Scene) -> None:
    scene.consumer(
        pending=122_000, delivered_consumer_seq=4, delivered_at=scene.ago(days=3), next_at=scene.ago(days=3, hours=-1)
    )
    finding = only(scene)
    assert (finding.id, finding.severity) == (ABANDONED, Severity.INFO)
    assert finding.what == "unused 3d"
    assert "nats --context prod consumer rm JOBS billing" in [step.command for step in finding.steps]


def test_abandoned_on_interest_keeps_messages_alive(scene: Scene) -> None:
    scene.stream("JOBS", retention="interest")
    scene.consumer(pending=122_000, delivered_consumer_seq=4, delivered_at=scene.ago(days=3), next_at=scene.ago(days=3))
    finding = only(scene)
    assert finding.severity is Severity.WARN
    assert finding.what == "unused 3d and keeps 122k messages"


def test_abandoned_clears_with_a_delivery(scene: Scene) -> None:
    scene.consumer(pending=9, delivered_consumer_seq=4, delivered_at=scene.ago(days=3), next_at=scene.ago(days=2))
    scene.look()
    scene.consumer(pending=8, delivered_consumer_seq=5, delivered_at=scene.at, waiting=1)
    assert not scene.look(1)


def test_a_quiet_durable_without_work_is_not_abandoned(scene: Scene) -> None:
    """Nothing was published for days: no delivery, and between two pulls no waiting one."""
    scene.consumer(pending=0, waiting=0, delivered_consumer_seq=4, delivered_at=scene.ago(days=6))
    assert scene.quiet(3600, 300)


def test_idle_and_never_seen_with_a_client_for_a_day_is_abandoned(scene: Scene) -> None:
    scene.consumer(pending=0, waiting=0, delivered_consumer_seq=4, delivered_at=scene.ago(days=6))
    assert not scene.run(86000, 50)
    findings = scene.run(700, 50)
    assert findings[ABANDONED].what == "unused 7d"


def test_a_pull_seen_begins_the_day_anew(scene: Scene) -> None:
    scene.consumer(pending=0, waiting=0, delivered_consumer_seq=4, delivered_at=scene.ago(days=6))
    scene.run(50000, 50)
    scene.consumer(waiting=1)
    scene.look(50)
    scene.consumer(waiting=0)
    assert not scene.run(50000, 50)


def test_durables_of_a_host_that_was_switched_off_are_not_abandoned_yet(scene: Scene) -> None:
    """It had nothing to do for days, said goodbye, and is out of the registry's memory ten minutes later."""
    scene.stream("JOBS", retention="interest")
    scene.agent(1)
    scene.agent(3)
    scene.consumer(
        f"jobs-agent_query_any_{machine(3)}", waiting=1, delivered_consumer_seq=4, delivered_at=scene.ago(days=6)
    )
    scene.run(60)
    scene.consumer(f"jobs-agent_query_any_{machine(3)}", waiting=0)
    scene.agent(3, presence=Presence.LEFT, since=scene.at)
    scene.run(600, 10)
    del scene.agents[machine(3)]
    assert not scene.run(3600, 30)
    assert scene.run(86400, 50)


def test_not_abandoned_with_a_client(scene: Scene) -> None:
    scene.consumer(pending=0, waiting=1, delivered_at=scene.ago(days=60))
    assert scene.quiet(600, 60)


def test_durables_of_gone_hosts_are_one_line(scene: Scene) -> None:
    scene.agent(1)
    for host, days in ((7, 12), (8, 5), (9, 2)):
        for route in ("query_any", "query_all", "query_direct"):
            scene.consumer(
                f"jobs-agent_{route}_{machine(host)}",
                pending=5 if route == "query_any" else 0,
                delivered_consumer_seq=2,
                delivered_at=scene.ago(days=days),
            )
    findings = scene.look()
    line = findings["consumer.abandoned|+"]
    assert line.what == "9 durables of 3 gone hosts; oldest 12d"
    assert line.severity is Severity.INFO
    assert line.folded == 9
    assert {finding.cause for finding in findings.values() if finding is not line} == {line.id}


def test_durables_of_a_host_that_is_here_are_not_abandoned(scene: Scene) -> None:
    scene.agent(7)
    scene.consumer(f"jobs-agent_query_any_{machine(7)}", delivered_consumer_seq=2, delivered_at=scene.ago(days=12))
    assert scene.quiet(600, 60)


def test_unknown_hosts_prove_nothing_while_the_registry_is_not_fresh(scene: Scene) -> None:
    scene.statuses["registry"] = SourceStatus.WAITING
    scene.consumer(f"jobs-agent_query_any_{machine(7)}", delivered_consumer_seq=2, delivered_at=scene.ago(days=12))
    assert not [finding for finding in scene.look().values() if finding.rule == "consumer.abandoned"]


# -- sources that fail ----------------------------------------------------------------------------------------------


def test_a_failing_source_neither_raises_nor_clears(scene: Scene) -> None:
    nobody(scene, 200)
    scene.look()
    scene.statuses["consumers"] = SourceStatus.FAILED
    scene.consumer(pending=0, waiting=1, delivered_consumer_seq=2600)
    scene.consumer("late", pending=3, delivered_at=scene.ago(900), next_at=scene.ago(900))
    findings = scene.run(600, 5)
    assert set(findings) == {NO_CLIENT, "facts.stale|consumers"}
    assert findings[NO_CLIENT].last_known
    assert findings[NO_CLIENT].severity is Severity.WARN
    scene.statuses["consumers"] = SourceStatus.OK
    assert set(scene.look(1)) == {"consumer.no_client|JOBS/late"}


def test_a_row_without_an_answer_keeps_its_finding_as_last_known(scene: Scene) -> None:
    nobody(scene, 200)
    scene.look()
    known = scene.consumers["JOBS/billing"]
    scene.consumers["JOBS/billing"] = replace(known, answer=Answer.MISSING, pending=0)
    assert only(scene, 5).last_known
    scene.consumers["JOBS/billing"] = known
    assert not only(scene, 5).last_known


def test_the_same_finding_is_the_same_object(scene: Scene) -> None:
    nobody(scene, 200)
    before = scene.look()
    after = scene.look(1)
    assert after is before
    scene.consumer("late", pending=3, delivered_at=scene.ago(900), next_at=scene.ago(900))
    assert scene.look(1)[NO_CLIENT] is before[NO_CLIENT]
