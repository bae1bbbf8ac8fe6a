"""Rules about the JetStream API, replicas, the account, clocks and versions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.model.broker import Account, Answer, Cluster, Peer, StreamKind, Tier
from app.model.findings import Severity
from app.model.fleet import Condition, Presence
from app.model.snapshot import ApiUse, SourceStatus
from tests.scene import START, Scene, machine

API = "jetstream.unavailable|api"
NO_LEADER = "stream.no_leader|JOBS"
REPLICAS = "stream.replicas|JOBS"
STORAGE = "account.limits||storage"


def cluster(*peers: Peer, leader: str = "nats-1") -> Cluster:
    return Cluster("C", leader, peers or (Peer("nats-2", True, False, 0.0), Peer("nats-3", True, False, 0.0)))


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.stream("JOBS", cluster=cluster(), replicas=3)
    return scene


# -- jetstream.unavailable ------------------------------------------------------------------------------------------


def test_a_silent_api_is_told_with_its_time(scene: Scene) -> None:
    scene.look()
    scene.api = ApiUse(10, 2, "no answer within 6 s", silent_since=scene.at)
    assert scene.quiet(9)
    finding = scene.run(3)[API]
    assert finding.what == "API silent 10s: the server is overloaded?"
    assert (finding.severity, finding.since) == (Severity.CRIT, START)
    scene.api = ApiUse(10, 2)
    assert API in scene.run(14)
    assert API not in scene.run(3)


def test_what_the_api_says_of_itself_is_the_reason(scene: Scene) -> None:
    scene.api = ApiUse(10, 10, "JetStream system temporarily unavailable (10008)", silent_since=scene.ago(60))
    assert scene.look()[API].what == "API silent 1m: JetStream system temporarily unavailable (10008)"


def test_a_share_of_failing_calls_is_warned_of(scene: Scene) -> None:
    scene.api = ApiUse(100, 7, "insufficient resources (10047)")
    assert scene.quiet(9)
    finding = scene.run(3)[API]
    assert finding.what == "7% of API calls fail: insufficient resources (10047)"
    assert finding.severity is Severity.WARN


@pytest.mark.parametrize("api", [ApiUse(19, 19, "x"), ApiUse(100, 5, "x"), ApiUse(100, 0)])
def test_few_calls_or_few_failures_are_no_news(scene: Scene, api: ApiUse) -> None:
    scene.api = api
    assert scene.quiet(30)


def test_a_server_that_never_had_jetstream_is_no_fault(scene: Scene) -> None:
    scene.statuses.update(dict.fromkeys(("account", "streams", "consumers"), SourceStatus.ABSENT))
    scene.streams.clear()
    scene.api = ApiUse(100, 100, "nobody answers", silent_since=scene.ago(60))
    assert scene.quiet(30)


def test_a_jetstream_that_went_is_missed(scene: Scene) -> None:
    scene.look()
    scene.statuses.update(dict.fromkeys(("account", "streams", "consumers"), SourceStatus.ABSENT))
    scene.streams.clear()
    assert scene.run(12)[API].what == "not there any more"


def test_without_a_connection_that_is_the_other_rule(scene: Scene) -> None:
    scene.api = ApiUse(100, 100, "x", silent_since=scene.ago(60))
    scene.disconnect()
    assert API not in scene.run(30)


def test_with_a_silent_api_everything_is_under_one_line(scene: Scene) -> None:
    scene.look()
    scene.api = ApiUse(10, 3, "no answer within 6 s", silent_since=scene.at)
    for name in ("account", "streams", "consumers", "registry"):
        scene.statuses[name] = SourceStatus.FAILED
    findings = scene.run(60)
    assert {each.cause for each in findings.values() if each.rule == "facts.stale"} == {API}
    assert [each.id for each in findings.values() if not each.cause] == [API]


# -- stream.no_leader, stream.replicas, leader.flapping -------------------------------------------------------------


def test_a_stream_without_an_answer_for_it(scene: Scene) -> None:
    scene.look()
    peers = (Peer("nats-2", False, True, 20.0), Peer("nats-3", False, True, 20.0))
    scene.stream("JOBS", answer=Answer.MISSING, cluster=cluster(*peers))
    assert NO_LEADER not in scene.run(10)
    finding = scene.run(4)[NO_LEADER]
    assert finding.what == "no leader 10s: writes fail (R3, 2 of 3 peers offline)"
    assert (finding.severity, finding.last_known) == (Severity.CRIT, False)
    scene.stream("JOBS", answer=Answer.OK, cluster=cluster())
    assert NO_LEADER in scene.run(9)
    assert NO_LEADER not in scene.run(3)


def test_a_cluster_that_names_no_leader(scene: Scene) -> None:
    scene.stream("JOBS", cluster=cluster(leader=""))
    assert scene.run(12)[NO_LEADER].what.startswith("no leader 10s: writes fail")


def test_an_election_of_a_few_seconds_is_no_news(scene: Scene) -> None:
    scene.look()
    scene.stream("JOBS", answer=Answer.MISSING)
    scene.run(8)
    scene.stream("JOBS", answer=Answer.OK, cluster=cluster(leader="nats-2"))
    assert scene.quiet(60)


def test_an_offline_stream_and_a_bucket_say_what_they_are(scene: Scene) -> None:
    scene.stream("KV_app", kind=StreamKind.KV, answer=Answer.OFFLINE)
    finding = scene.run(12)["stream.no_leader|KV_app"]
    assert (finding.kind, finding.subject) == ("kv", "app")
    assert finding.what == "offline 10s, its server cannot run it: writes fail"


def test_a_consumer_without_a_leader_only_where_others_were_told(scene: Scene) -> None:
    scene.consumer("a", answer=Answer.MISSING)
    assert scene.quiet(20)
    scene.consumer("b")
    assert scene.run(15)["stream.no_leader|JOBS/a"].what.startswith("no leader 10s: nothing is delivered")
    del scene.consumers["JOBS/a"]
    assert "stream.no_leader|JOBS/a" not in scene.run(12)


def test_consumers_of_a_stream_without_a_leader_are_folded(scene: Scene) -> None:
    scene.look()
    scene.stream("JOBS", answer=Answer.MISSING)
    scene.consumer("b", pending=9, delivered_at=scene.ago(), next_at=scene.ago())
    findings = scene.run(80)
    assert findings["consumer.no_client|JOBS/b"].cause == NO_LEADER
    assert findings[NO_LEADER].folded == 1


def test_a_replica_offline_so_that_one_more_loss_stops_writes(scene: Scene) -> None:
    scene.stream("JOBS", cluster=cluster(Peer("nats-2", False, True, 180.0), Peer("nats-3", True, False, 0.0)))
    finding = scene.look()[REPLICAS]
    assert finding.what == "nats-2 offline 3m: one more loss stops writes"
    assert finding.severity is Severity.CRIT


def test_of_five_replicas_one_may_go(scene: Scene) -> None:
    peers = [Peer(f"nats-{number}", True, False, 0.0) for number in (3, 4, 5)]
    scene.stream("JOBS", cluster=cluster(Peer("nats-2", False, True, 60.0), *peers))
    assert scene.look()[REPLICAS].severity is Severity.WARN


def test_a_replica_that_is_behind_or_not_current(scene: Scene) -> None:
    scene.stream("JOBS", cluster=cluster(Peer("nats-3", True, False, 0.0, lag=1900), Peer("nats-2", True, False, 0.0)))
    assert scene.quiet(29)
    assert scene.run(2)[REPLICAS].what == "nats-3 is 1.9k ops behind"
    scene.stream("JOBS", cluster=cluster(Peer("nats-3", False, False, 0.0), Peer("nats-2", True, False, 0.0)))
    assert scene.run(2)[REPLICAS].what == "nats-3 is not current"
    scene.stream("JOBS", cluster=cluster())
    assert REPLICAS not in scene.run(33)


def test_replicas_in_step_and_single_ones_are_no_news(scene: Scene) -> None:
    scene.stream("ONE", cluster=Cluster("C", "nats-1"))
    scene.stream("JOBS", cluster=cluster(Peer("nats-2", True, False, 5.0, lag=150), Peer("nats-3", True, False, 0.0)))
    assert scene.quiet(90)


def test_more_than_three_elections_in_ten_minutes(scene: Scene) -> None:
    scene.look()
    for number in range(3):
        scene.stream("JOBS", cluster=cluster(leader=f"nats-{number % 2 + 2}"))
        assert not scene.look(20)
    scene.stream("JOBS", cluster=cluster(leader="nats-9"))
    finding = scene.look(20)["leader.flapping|stream:JOBS"]
    assert finding.what == "4 elections in 10m, now nats-9"
    assert "leader.flapping|stream:JOBS" not in scene.run(560, 10)


# -- account.limits -------------------------------------------------------------------------------------------------


def account(storage: int, consumers: int = 0) -> Account:
    return Account("ORDERS", (Tier("", 0, storage, 3, consumers, max_storage=1000, max_consumers=10),))


def test_storage_that_is_nearly_used_up_and_when_it_is(scene: Scene) -> None:
    for second in range(60):
        scene.account = account(850 + second)
        scene.look(1)
    finding = scene.look()[STORAGE]
    assert finding.what == "storage 90% of 1000B, full in 1m"
    assert finding.severity is Severity.CRIT


def test_consumers_of_an_account_and_of_a_stream(scene: Scene) -> None:
    scene.account = account(0, consumers=8)
    scene.stream("JOBS", max_consumers=20, consumers=19)
    findings = scene.run(32)
    assert findings["account.limits||consumers"].what == "consumers 80% of 10"
    assert findings["account.limits|consumers of JOBS"].severity is Severity.CRIT


def test_what_has_no_limit_is_never_full(scene: Scene) -> None:
    scene.account = Account("ORDERS", (Tier("", 10**12, 10**12, 999, 999),))
    scene.stream("JOBS", consumers=999)
    assert scene.quiet(40)


def test_a_limit_is_left_below_ninety_percent_of_it(scene: Scene) -> None:
    scene.account = account(760)
    scene.run(32)
    scene.account = account(700)
    assert STORAGE in scene.run(60)
    scene.account = account(670)
    assert STORAGE not in scene.run(33)


# -- clock.skew -----------------------------------------------------------------------------------------------------


def test_an_agent_with_another_clock(scene: Scene) -> None:
    for number in range(8):
        scene.beats(number)
    scene.beats(3, ahead=12)
    assert scene.quiet(29)
    finding = scene.run(2)[f"clock.skew|{machine(3)}"]
    assert finding.what == "clock is 12s ahead of the broker's"
    assert finding.severity is Severity.WARN


def test_one_heartbeat_that_was_held_up_is_no_skew(scene: Scene) -> None:
    for number in range(8):
        scene.beats(number)
    scene.beats(3, ahead=-8)
    scene.run(10)
    scene.beats(3)
    assert scene.quiet(40)


def test_an_agent_that_is_gone_has_no_clock(scene: Scene) -> None:
    scene.beats(3, ahead=60)
    scene.agent(3, presence=Presence.LEFT, since=scene.at)
    assert scene.quiet(60)


def test_where_most_agents_are_off_the_broker_is(scene: Scene) -> None:
    for number in range(4):
        scene.beats(number, ahead=20)
    findings = scene.run(32)
    assert [each.id for each in findings.values()] == ["clock.skew|broker"]
    assert findings["clock.skew|broker"].what == "broker's clock is 20s behind that of 4 of 4 agents"


def test_our_own_clock(scene: Scene) -> None:
    scene.offset = 30.0
    assert scene.run(32)["clock.skew|worker"].what == "our clock is 30s behind the broker's"
    scene.offset = 3.0
    assert "clock.skew|worker" not in scene.run(32)


def test_what_a_skewed_agent_says_of_times_is_not_judged(scene: Scene) -> None:
    for number in range(8):
        scene.beats(number)
    scene.beats(3, ahead=3600)
    scene.look()
    since = START - timedelta(hours=1)
    scene.agent(3, conditions=(Condition("HighLoad", True, "load 9", since),))
    assert scene.quiet(25)
    finding = scene.run(8)[f"agent.condition|{machine(3)}|HighLoad"]
    assert finding.since == START
    assert not finding.since_exact
    scene.beats(3)
    assert scene.run(2)[f"agent.condition|{machine(3)}|HighLoad"].since == since


# -- nats.slow, nats.permission, version.mixed ----------------------------------------------------------------------


def test_a_slow_connection(scene: Scene) -> None:
    scene.connection = replace(scene.connection, rtt=0.62)
    assert scene.quiet(29)
    assert scene.run(2)["nats.slow|nats"].what == "620 ms to the server and back"
    scene.connection = replace(scene.connection, rtt=1.2)
    assert scene.look(1)["nats.slow|nats"].severity is Severity.CRIT
    scene.connection = replace(scene.connection, rtt=0.1)
    assert "nats.slow|nats" not in scene.run(32)


def test_a_missing_permission_is_said_once(scene: Scene) -> None:
    need = "publish on $JS.API.CONSUMER.LIST.>"
    scene.statuses["consumers"] = SourceStatus.DENIED
    scene.denied["consumers"] = (need,)
    scene.denied["registry"] = ("publish on $JS.API.CONSUMER.CREATE.>",)
    findings = scene.look()
    assert findings[f"nats.permission|{need}"].what == "not permitted, no consumers"
    assert findings[f"nats.permission|{need}"].severity is Severity.WARN
    other = findings["nats.permission|publish on $JS.API.CONSUMER.CREATE.>"]
    assert other.severity is Severity.INFO


def test_versions_that_stay_mixed(scene: Scene) -> None:
    for number in range(5):
        scene.agent(number, version="1.1" if number else "1.0")
    scene.agent(9, version="")
    scene.agent(8, version="0.1", presence=Presence.LEFT, since=START)
    assert not scene.run(3500, 100)
    finding = scene.run(200, 100)["version.mixed|agents"]
    assert finding.what == "2 versions: 1.1 (4), 1.0 (1)"
    assert finding.severity is Severity.INFO
