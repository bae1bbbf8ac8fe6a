"""Rules about jobs, dead letters and services."""

from __future__ import annotations

import pytest

from app.model.broker import StreamKind
from app.model.components import Service
from app.model.findings import Severity
from app.model.fleet import Presence
from app.model.jobs import DeadKind, JobAgent, JobStatus
from app.model.snapshot import SourceStatus
from tests.scene import Scene, machine

TO_WEB_03 = f"jobs.unclaimed|{machine(3)}"
ANY = "jobs.unclaimed|_any"
FAILING = "jobs.failing|node.disk.get"
DEAD = "dead_letters|JOBS-DLQ"
UNKEPT = "dead_letters|unkept/JOBS"


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.stream("JOBS")
    for number in range(5):
        scene.agent(number)
    return scene


# -- jobs.unclaimed -------------------------------------------------------------------------------------------------


def test_unclaimed_says_how_many_and_whether_the_target_is_there(scene: Scene) -> None:
    scene.agent(3, presence=Presence.LEFT, since=scene.ago(hours=1))
    for number, minutes in enumerate((6, 5, 4, 2)):
        scene.job(f"j{number}", target=machine(3), created=scene.ago(minutes=minutes))
    finding = scene.look()[TO_WEB_03]
    assert finding.what == "4 jobs unclaimed, oldest 6m: target has left"
    assert (finding.subject, finding.severity) == ("web-03", Severity.CRIT)
    assert finding.refs[0] == "job:j0"
    assert finding.since == scene.ago(minutes=6)
    assert "osapi client job get --job-id j0" in [step.command for step in finding.steps]


def test_unclaimed_is_silent_before_its_time_and_worse_after_five_minutes(scene: Scene) -> None:
    scene.job("j", target=machine(3), created=scene.ago())
    assert scene.quiet(59)
    assert scene.run(2)[TO_WEB_03].severity is Severity.WARN
    assert scene.run(238)[TO_WEB_03].severity is Severity.WARN
    assert scene.run(2)[TO_WEB_03].severity is Severity.CRIT


def test_a_claimed_a_deleted_and_an_aimless_job_wait_for_nobody(scene: Scene) -> None:
    old = scene.ago(hours=1)
    scene.job("claimed", status=JobStatus.PROCESSING, created=old)
    scene.job("deleted", deleted=True, created=old)
    scene.job("aimless", target="", created=old)
    scene.job("dateless", created=None)
    assert scene.quiet(5)


def test_unclaimed_clears_at_once_when_it_is_claimed_or_gone(scene: Scene) -> None:
    scene.job("a", created=scene.ago(120))
    scene.job("b", created=scene.ago(100))
    assert scene.look()[ANY].what.startswith("2 jobs unclaimed")
    scene.job("a", status=JobStatus.PROCESSING)
    assert scene.look(1)[ANY].what.startswith("1 job unclaimed, oldest 1m")
    del scene.jobs["b"]
    assert ANY not in scene.look(1)


@pytest.mark.parametrize(
    ("target", "subject", "said"),
    [
        ("_any", "any agent", "5 agents could take it"),
        ("_all", "all agents", "5 agents could take it"),
        ("group:web", "group:web", "2 agents could take it"),
        ("group:db", "group:db", "no agent with this label takes jobs"),
        (machine(77), machine(77), "target is not registered"),
        (machine(2), "web-02", "target is there"),
        (machine(4), "web-04", "target is cordoned"),
        ("web-02", "web-02", "that is a host name: agents listen by their machine id"),
    ],
)
def test_unclaimed_by_target(scene: Scene, target: str, subject: str, said: str) -> None:
    scene.agent(0, labels=(("group", "web"),))
    scene.agent(1, labels=(("group", "web.eu"),))
    if target == machine(4):
        scene.agent(4, state="Cordoned")
    scene.job("j", target=target, created=scene.ago(90))
    finding = scene.look()[f"jobs.unclaimed|{target}"]
    assert finding.subject == subject
    assert finding.what == f"1 job unclaimed, oldest 1m30s: {said}"


def test_unclaimed_says_nothing_of_the_target_without_a_fresh_registry(scene: Scene) -> None:
    scene.statuses["registry"] = SourceStatus.FAILED
    scene.job("j", created=scene.ago(90))
    assert scene.look()[ANY].what == "1 job unclaimed, oldest 1m30s"


def test_unclaimed_is_the_last_known_while_the_queue_cannot_be_read(scene: Scene) -> None:
    scene.job("j", created=scene.ago(90))
    scene.look()
    scene.statuses["jobs"] = SourceStatus.FAILED
    scene.jobs.clear()
    assert scene.run(30)[ANY].last_known
    scene.statuses["jobs"] = SourceStatus.OK
    assert ANY not in scene.look(1)


# -- jobs.failing ---------------------------------------------------------------------------------------------------


def fail(scene: Scene, number: int, error: str = "timeout", **fields: object) -> None:
    for each in range(number):
        scene.ended(f"bad-{error}-{each}", JobStatus.FAILED, 60 + each, error=error, **fields)


def succeed(scene: Scene, number: int) -> None:
    for each in range(number):
        scene.ended(f"good-{each}", seconds=30 + each / 10)


def test_failing_names_share_and_commonest_error(scene: Scene) -> None:
    fail(scene, 9)
    fail(scene, 5, "no space left")
    succeed(scene, 46)
    finding = scene.look()[FAILING]
    assert finding.what == '23% fail (14 in 15m): 9 "timeout"'
    assert (finding.subject, finding.severity) == ("node.disk.get", Severity.WARN)
    assert finding.since == scene.ago(68)


def test_failing_is_worse_from_half_on(scene: Scene) -> None:
    fail(scene, 5)
    succeed(scene, 5)
    finding = scene.look()[FAILING]
    assert finding.severity is Severity.CRIT
    assert finding.what == '50% fail (5 in 15m): "timeout"'


def test_few_failures_and_a_small_share_are_no_news(scene: Scene) -> None:
    fail(scene, 4)
    assert scene.quiet(5)
    fail(scene, 5)
    succeed(scene, 60)
    assert scene.quiet(5)


def test_partial_counts_and_operations_are_told_apart(scene: Scene) -> None:
    for each in range(5):
        scene.ended(f"p{each}", JobStatus.PARTIAL, 60, error="x")
        scene.ended(f"q{each}", JobStatus.FAILED, 60, error="y", operation="file.deploy")
    assert {FAILING, "jobs.failing|file.deploy"} <= scene.look().keys()


def test_failures_from_before_the_window_are_history(scene: Scene) -> None:
    for each in range(9):
        scene.ended(f"old{each}", JobStatus.FAILED, 901 + each)
    assert scene.quiet(3)


def test_failing_clears_ten_minutes_after_it_is_below(scene: Scene) -> None:
    fail(scene, 5)
    scene.look()
    assert FAILING in scene.run(15 * 60, 5)
    assert FAILING in scene.run(8 * 60, 5)
    assert FAILING not in scene.run(2 * 60, 5)


# -- dead_letters ---------------------------------------------------------------------------------------------------


def test_dead_letters_name_the_largest_group(scene: Scene) -> None:
    for number in range(9):
        scene.letter(number, 200, host=machine(3), operation="node.disk.get", error="timeout")
    for number in range(9, 12):
        scene.letter(number, 100 - number, host=machine(1), error="refused")
    finding = scene.look()[DEAD]
    assert finding.what == "12 dead in 5m, 9 from web-03: timeout"
    assert finding.severity is Severity.CRIT
    assert finding.detail == "9 web-03 node.disk.get: timeout; 3 web-01: refused"
    assert "nats --context prod stream get JOBS-DLQ 11" in [step.command for step in finding.steps]


def test_a_few_dead_letters_are_warned_of_and_clear_after_a_quarter(scene: Scene) -> None:
    scene.letter(1, 10, host=machine(3), error="timeout")
    finding = scene.look()[DEAD]
    assert (finding.what, finding.severity) == ("1 dead in 15m, from web-03: timeout", Severity.WARN)
    assert DEAD in scene.run(880, 10)
    assert DEAD not in scene.run(20, 10)


def test_old_dead_letters_are_no_news_and_deleted_ones_go(scene: Scene) -> None:
    scene.letter(1, 3600)
    assert scene.quiet(3)
    scene.letter(2, 5)
    assert DEAD in scene.look()
    scene.letters.clear()
    assert DEAD not in scene.look(1)


def test_what_nothing_keeps_is_lost_on_a_work_queue(scene: Scene) -> None:
    for number in range(3):
        scene.letter(number, 30, stream="", consumer="billing", deliveries=5)
    finding = scene.look()[UNKEPT]
    assert finding.what == "3 gave up after 5 tries and nothing keeps them"
    assert finding.severity is Severity.WARN
    scene.stream("JOBS", kind=StreamKind.QUEUE, retention="workqueue")
    assert scene.run(6)[UNKEPT].severity is Severity.CRIT


def test_terminated_messages_say_so(scene: Scene) -> None:
    scene.letter(1, 5, stream="", kind=DeadKind.TERMINATED)
    scene.letter(2, 5, stream="", kind=DeadKind.TERMINATED)
    assert scene.look()[UNKEPT].what == "2 terminated and nothing keeps them"


def test_what_was_deleted_under_its_reader_was_not_refused_by_it(scene: Scene) -> None:
    scene.letter(1, 5, stream="", kind=DeadKind.DELETED, consumer="billing")
    assert scene.look()[UNKEPT].what == "1 deleted before it was acknowledged"
    scene.letter(2, 5, stream="", kind=DeadKind.DELETED, consumer="billing")
    assert scene.look(5)[UNKEPT].what == "2 deleted before they were acknowledged"
    scene.letter(3, 5, stream="", kind=DeadKind.TERMINATED, consumer="billing")
    assert scene.look(5)[UNKEPT].what == "3 gave up and nothing keeps them"


def test_what_was_deleted_under_an_overtaken_reader_is_part_of_its_loss(scene: Scene) -> None:
    scene.stream(max_messages=100, messages=100, first_seq=301, last_seq=400)
    reader = scene.consumer(
        pending=100, waiting=1, delivered_stream_seq=10, delivered_consumer_seq=10,
        delivered_at=scene.ago(5), acked_at=scene.ago(5),
    )  # fmt: skip
    scene.letter(1, 5, stream="", kind=DeadKind.DELETED, consumer=reader.name)
    assert scene.look()[UNKEPT].cause == f"consumer.losing|{reader.key}"
    scene.letter(2, 5, stream="", kind=DeadKind.DELETED, consumer="another")
    assert scene.look(5)[UNKEPT].cause == ""
    del scene.letters["advisory/JOBS/2"]
    scene.letter(3, 5, stream="", kind=DeadKind.TERMINATED, consumer=reader.name)
    assert scene.look(5)[UNKEPT].cause == ""


# -- services -------------------------------------------------------------------------------------------------------


def test_a_service_without_instances(scene: Scene) -> None:
    scene.services["search"] = Service("search", gone_since=scene.ago())
    assert scene.quiet(29)
    finding = scene.run(2)["service.down|search"]
    assert finding.severity is Severity.CRIT
    assert finding.what == "no instance answers since 14:00:00Z"
    scene.services["search"] = Service("search")
    assert not scene.look(1)


def test_a_service_with_errors(scene: Scene) -> None:
    scene.services["search"] = Service("search", requests=10.0, errors=0.3, last_error="boom")
    assert scene.quiet(59)
    assert scene.run(2)["service.errors|search"].what == '30% of 10/s fail: "boom"'
    scene.services["search"] = Service("search", requests=10.0, errors=0.0)
    assert scene.run(59)
    assert not scene.run(3)


def test_few_requests_tell_nothing(scene: Scene) -> None:
    scene.services["search"] = Service("search", requests=0.1, errors=1.0)
    assert scene.quiet(90)


# -- correlation ----------------------------------------------------------------------------------------------------


def test_jobs_and_dead_letters_of_an_agent_that_is_gone_are_its_effects(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(288))
    for number in range(3):
        scene.job(f"j{number}", target=machine(3), created=scene.ago(200))
    scene.job("r", status=JobStatus.PROCESSING, agents=(JobAgent("web-03", "started"),), target=machine(3))
    for number in range(12):
        scene.letter(number, 60, host=machine(3), error="timeout")
    findings = scene.look()
    cause = findings[f"agent.gone|{machine(3)}"]
    assert cause.what == "gone since 13:55:12Z → 3 jobs unclaimed, 12 dead, 1 running"
    assert findings[TO_WEB_03].cause == findings[DEAD].cause == cause.id
    assert (cause.folded, cause.severity) == (2, Severity.CRIT)
    assert [each.id for each in findings.values() if not each.cause] == [cause.id]


def test_dead_letters_of_others_too_stand_by_themselves(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(288))
    scene.letter(1, 60, host=machine(3))
    scene.letter(2, 60, host=machine(1))
    findings = scene.look()
    assert findings[DEAD].cause == ""
    assert findings[f"agent.gone|{machine(3)}"].what == "gone since 13:55:12Z → 1 dead"


def test_an_agent_that_is_gone_says_what_ran_on_it(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(288))
    for key in ("a", "b"):
        scene.job(key, status=JobStatus.PROCESSING, agents=(JobAgent("web-03", "started"),))
    scene.job("c", status=JobStatus.PROCESSING, agents=(JobAgent("web-03", "completed"), JobAgent("web-01", "started")))
    assert scene.look()[f"agent.gone|{machine(3)}"].what == "gone since 13:55:12Z (no farewell), 2 jobs running"


def test_jobs_that_waited_before_the_agent_went_are_not_its_effect(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(100))
    scene.job("j", target=machine(3), created=scene.ago(900))
    assert scene.look()[TO_WEB_03].cause == ""


def test_a_full_job_queue_holds_up_jobs_and_agents(scene: Scene) -> None:
    scene.stream("KV_job-queue", kind=StreamKind.KV, discard="new", max_bytes=100, bytes=100)
    scene.stream("KV_agent-registry", kind=StreamKind.KV, discard="new", max_bytes=100, bytes=100)
    scene.run(20)
    scene.agent(3, presence=Presence.GONE, since=scene.ago())
    scene.job("j", target=machine(1), created=scene.ago())
    findings = scene.run(65)
    assert findings[f"jobs.unclaimed|{machine(1)}"].cause == "stream.rejecting|KV_job-queue"
    assert findings[f"agent.gone|{machine(3)}"].cause == "stream.rejecting|KV_agent-registry"
