from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.broker import Cause, Connection
from app.model.findings import Finding, Severity
from app.model.fleet import Presence
from app.model.health import Health
from app.model.snapshot import Site
from app.model.triage.candidates import Context, Owners
from app.model.triage.deadletters import DeadLetters
from app.model.triage.effects import Links
from app.model.triage.felt import Felt
from app.model.triage.jobs import Jobs
from app.model.triage.standing import verdict
from app.model.triage.steps import nats, quotable
from app.model.triage.thresholds import Thresholds
from tests.scene import START, Scene, machine

GONE = f"agent.gone|{machine(3)}"


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.stream("JOBS")
    for number in range(20):
        scene.agent(number)
    return scene


def consumer_of(scene: Scene, number: int, route: str = "query_any", **fields: object) -> str:
    name = f"jobs-agent_{route}_{machine(number)}"
    scene.consumer(name, **{"delivered_consumer_seq": 9, "pending": 0, **fields})
    return f"JOBS/{name}"


def dies(scene: Scene, number: int, seconds: float) -> list[str]:
    """An agent that has been dead for a while, and two of its consumers with jobs since soon after."""
    scene.agent(number, presence=Presence.GONE, since=scene.ago(seconds))
    return [
        consumer_of(
            scene,
            number,
            route,
            pending=1050,
            delivered_at=scene.ago(seconds + 5),
            next_at=scene.ago(seconds - 2),
        )
        for route in ("query_any", "query_direct")
    ]


def test_consumers_of_a_dead_agent_are_folded_under_it(scene: Scene) -> None:
    keys = dies(scene, 3, 288)
    findings = scene.look()
    cause = findings[GONE]
    assert cause.what == "gone since 13:55:12Z → 2.1k jobs pending"
    assert cause.folded == 2
    assert cause.detail == "2.1k pending on its 2 consumers"
    assert {findings[f"consumer.no_client|{key}"].cause for key in keys} == {GONE}
    assert next(iter(findings)) == GONE
    assert verdict(scene.snapshot).crit == 1


def test_a_stale_agent_takes_on_the_severity_of_what_is_under_it(scene: Scene) -> None:
    dies(scene, 3, 400)
    scene.agent(3, presence=Presence.STALE, since=scene.ago(400))
    finding = scene.look()[GONE]
    assert finding.severity is Severity.CRIT


def test_what_was_ill_before_is_not_folded(scene: Scene) -> None:
    key = consumer_of(scene, 3, pending=5, delivered_at=scene.ago(hours=2), next_at=scene.ago(hours=2))
    scene.agent(3, presence=Presence.GONE, since=scene.ago(120))
    assert scene.look()[f"consumer.no_client|{key}"].cause == ""


def test_an_effect_that_comes_later_is_folded_while_the_cause_lasts(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(60))
    key = consumer_of(scene, 3, delivered_at=scene.ago(90))
    scene.look()
    scene.run(1200, 10)
    consumer_of(scene, 3, pending=5, next_at=scene.at)
    findings = scene.run(70, 5)
    assert findings[f"consumer.no_client|{key}"].cause == GONE
    assert findings[GONE].what == "gone since 13:59:00Z → 5 jobs pending"


def test_once_the_agent_is_back_its_consumers_speak_for_themselves(scene: Scene) -> None:
    keys = dies(scene, 3, 288)
    scene.look()
    scene.agent(3, presence=Presence.LIVE, since=None)
    findings = scene.run(25)
    assert GONE not in findings
    assert {findings[f"consumer.no_client|{key}"].cause for key in keys} == {""}


def test_other_consumers_are_not_folded(scene: Scene) -> None:
    dies(scene, 3, 288)
    scene.consumer("billing", pending=4, delivered_at=scene.ago(200), next_at=scene.ago(200))
    assert scene.look()["consumer.no_client|JOBS/billing"].cause == ""


def test_agents_that_went_together_carry_their_consumers(scene: Scene) -> None:
    for number in range(4):
        dies(scene, number, 288 - number)
    findings = scene.look()
    top = [finding for finding in findings.values() if not finding.cause]
    assert len(top) == 1
    assert top[0].what == "4 of 20 agents gone within 3s → 8.4k jobs pending"
    assert top[0].folded == 12


def test_without_nats_everything_is_under_one_line(scene: Scene) -> None:
    dies(scene, 3, 288)
    scene.consumer("billing", pending=4, delivered_at=scene.ago(400), next_at=scene.ago(400))
    scene.look()
    assert verdict(scene.snapshot).crit == 2
    scene.disconnect(cause=Cause.REFUSED)
    findings = scene.run(30)
    top = [finding for finding in findings.values() if not finding.cause]
    assert [finding.rule for finding in top] == ["nats.unreachable"]
    assert top[0].folded == len(findings) - 1
    assert findings[GONE].last_known
    assert findings[GONE].cause == top[0].id
    assert not top[0].last_known
    known = verdict(scene.snapshot)
    assert (known.health, known.crit) == (Health.UNKNOWN, 2)


def test_refused_credentials_fold_the_site_too(scene: Scene) -> None:
    dies(scene, 3, 288)
    scene.look()
    scene.disconnect(cause=Cause.AUTHORIZATION)
    top = [finding for finding in scene.run(30).values() if not finding.cause]
    assert [finding.rule for finding in top] == ["nats.credentials"]


def test_order_is_severity_then_newest(scene: Scene) -> None:
    for name, seconds in (("old", 900), ("new", 400), ("warn", 100)):
        scene.consumer(name, pending=4, delivered_at=scene.ago(seconds), next_at=scene.ago(seconds))
    assert [finding.subject for finding in scene.look().values()] == ["JOBS › new", "JOBS › old", "JOBS › warn"]


# -- commands to copy -----------------------------------------------------------------------------------------------


@given(st.text(max_size=40))
def test_what_stands_in_a_command_is_one_word_of_it(name: str) -> None:
    line = nats(Site(connection=Connection(origin="context prod")), "consumer", "info", foreign=("JOBS", name))
    if not quotable(name):
        assert line == ""
    else:
        assert shlex.split(line) == ["nats", "--context", "prod", "consumer", "info", "JOBS", name]


@pytest.mark.parametrize("name", ["", "-rf", "a\x1b[2Jb", "a\ufffdb", "x" * 300, "a\nb"])
def test_what_cannot_be_quoted_safely_is_left_out(name: str) -> None:
    assert nats(Site(), "stream", "info", foreign=(name,)) == ""


def test_commands_aim_at_the_server_that_was_named() -> None:
    assert nats(Site(), "rtt") == "nats rtt"
    named = Site(connection=Connection(url="nats://nats-1:4222", origin="NATS_URL"))
    assert nats(named, "rtt") == "nats --server nats://nats-1:4222 rtt"


def test_a_hostile_name_gets_no_command(scene: Scene) -> None:
    scene.agent(3, hostname="web; rm -rf ~", presence=Presence.GONE, since=scene.ago(60))
    commands = [step.command for step in scene.look()[GONE].steps]
    assert "osapi client agent get --hostname 'web; rm -rf ~'" in commands
    scene.agent(3, hostname="--help")
    assert [step.command for step in scene.look(1)[GONE].steps] == ["osapi client agent list"]


def test_times_of_another_day_carry_their_day(scene: Scene) -> None:
    scene.agent(3, presence=Presence.GONE, since=scene.ago(days=2))
    assert scene.look()[GONE].what == "gone since 11-20 14:00Z (no farewell)"
    assert START.day == 22


# -- loss, and what falls behind ------------------------------------------------------------------------------------


def linked(scene: Scene, *rules: str) -> dict[str, Finding]:
    """Findings about one consumer of an agent, linked."""
    scene.look()
    key = consumer_of(scene, 3)
    scene.look(1)
    found = {}
    for rule in rules:
        name, _, tail = rule.partition("|")
        each = f"{name}|{key}{'|' + tail if tail else ''}"
        refs = (f"consumer:{key}",)
        found[rule] = Finding(each, name, Severity.WARN, "consumer", "c", f"{rule} says", refs, scene.at, measured=7.0)
    gone = Finding(GONE, "agent.gone", Severity.CRIT, "agent", "web-03", "gone (no farewell)", ("agent:x",), START)
    table = {each.id: each for each in (*found.values(), gone)}
    owned = Owners({key: machine(3)}, {machine(3): (key,)})
    context = Context(scene.snapshot, scene.history, Thresholds({}, {}), scene.at, owned, fleet=True)
    links = Links(table, lambda _: scene.at, context, Felt(context, Jobs(), DeadLetters()))
    links.consumers()
    links.agents()
    return {rule: table[each.id] for rule, each in found.items()} | {"agent": table[GONE]}


def test_what_is_lost_stays_visible_and_tells_its_cause(scene: Scene) -> None:
    table = linked(scene, "consumer.no_client", "consumer.losing")
    assert table["consumer.losing"].cause == ""
    assert table["consumer.losing"].detail.startswith("because consumer.no_client says; ")
    assert table["consumer.no_client"].cause == GONE
    assert table["agent"].what == "gone → 7 lost"


def test_a_forecast_of_loss_and_a_growing_age_are_folded_under_their_cause(scene: Scene) -> None:
    table = linked(scene, "consumer.stalled", "consumer.losing|ahead", "consumer.behind")
    stalled = table["consumer.stalled"]
    assert table["consumer.losing|ahead"].cause == table["consumer.behind"].cause == stalled.id
    assert stalled.cause == GONE


def test_without_another_trouble_they_are_the_agents(scene: Scene) -> None:
    assert linked(scene, "consumer.behind")["consumer.behind"].cause == GONE
