"""What a person does about a finding: acknowledge, snooze, mute, take back; what can be done; where to."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.feed.acts import Acknowledge, Mute, Snooze, TakeBack
from app.feed.questions import MessageAt
from app.model.attention import Mark, MarkKind
from app.model.findings import Attention
from app.model.jobs import JobAgent, JobStatus
from app.model.messages import Message
from app.model.remedies import remedies, retry_target
from app.tui.attending import next_morning, parse_period
from app.tui.related import related
from tests.literals import NOW, fleet, job, keyed, machine
from tests.screens.driving import driving

TOP = "consumer.stalled|ORDERS/billing"
"""The first finding of Now in the literal fleet."""


def first() -> str:
    """The finding of the lost agent."""
    return next(finding.id for finding in fleet().findings.values() if finding.rule == "agent.gone")


async def test_a_finding_is_acknowledged_with_a_note_typed_in_one_burst() -> None:
    async with driving(fleet()) as deck:
        await deck.burst("arestarting, 1 of 3\r")
        assert deck.feed.acts == [Acknowledge(TOP, "restarting, 1 of 3")]
        assert "acknowledged: ORDERS › billing" in deck.text


async def test_esc_in_the_note_acknowledges_nothing_and_digits_are_text() -> None:
    async with driving(fleet()) as deck:
        await deck.burst("a3q")
        assert "acknowledge, note: 3q" in deck.text
        await deck.burst("\x1b")
        assert deck.feed.acts == []
        assert "acknowledge, note:" not in deck.text


async def test_why_it_was_not_done_is_said() -> None:
    async with driving(fleet()) as deck:
        deck.feed.refusal = "missing permission: findings:write"
        await deck.burst("a\r")
        assert "missing permission: findings:write" in deck.text


async def test_an_acknowledged_finding_shows_who_and_can_be_taken_back() -> None:
    acked = Attention("acked", "ana@bastion", NOW, note="restarting")
    known = fleet()
    cared = {name: replace(each, attention=acked) if name == first() else each for name, each in known.findings.items()}
    async with driving(replace(known, findings=cared)) as deck:
        await deck.burst(":agent web-03\r")
        assert "running · acked by" in deck.text
        await deck.press("a")
        assert 'Acknowledged by ana@bastion 14:05Z: "restarting"' in deck.text
        await deck.press("j", "enter")
        assert deck.feed.acts == [TakeBack(f"ack|{first()}")]


async def test_a_snooze_is_picked_from_a_menu() -> None:
    async with driving(fleet()) as deck:
        await deck.press("s", "2")
        assert deck.feed.acts == [Snooze(TOP, deck.feed.wall() + timedelta(hours=1))]
        assert "snoozed until" in deck.text


async def test_a_mute_needs_a_time_and_takes_a_note() -> None:
    async with driving(fleet()) as deck:
        await deck.burst(":mute consumer.behind AUDIT*\r")
        assert deck.feed.acts == []
        await deck.burst(":mute consumer.behind AUDIT › export 0m\r")
        assert deck.feed.acts == []
        await deck.burst(":mute consumer.behind AUDIT › export* 2h moving it\r")
        until = deck.feed.wall() + timedelta(hours=2)
        assert deck.feed.acts == [Mute("consumer.behind", "AUDIT › export*", until, "moving it")]


async def test_marks_are_listed_and_taken_back() -> None:
    mark = Mark("mute|agent.gone|web-*", MarkKind.MUTE, "ana", NOW, rule="agent.gone", subject="web-*", until=NOW)
    async with driving(replace(fleet(), marks=keyed([mark]))) as deck:
        await deck.burst(":marks\r")
        assert "mute agent.gone web-*" in deck.text
        await deck.press("enter")
        assert deck.feed.acts == [TakeBack(mark.key)]


@pytest.mark.parametrize("key", ["a", "s"])
async def test_a_read_only_deck_changes_nothing(key: str) -> None:
    async with driving(fleet(), hands_off=True) as deck:
        await deck.press(key)
        assert "read-only: this deck changes nothing" in deck.text
        await deck.burst(":mute agent.gone web-03 1h\r")
        assert deck.feed.acts == []


async def test_a_row_without_findings_has_nothing_to_acknowledge() -> None:
    async with driving(fleet()) as deck:
        await deck.burst(":agent db-01\r")
        await deck.press("a")
        assert "nothing to acknowledge here" in deck.text


async def test_what_can_be_done_is_a_list_of_commands_to_copy() -> None:
    async with driving(fleet()) as deck:
        await deck.burst(":agent web-03\r")
        await deck.press("x")
        assert "What can be done: web-03" in deck.text
        assert "read-only: copy with y" in deck.text
        await deck.press("G", "y")
        assert deck.copied[-1].startswith("osapi client agent ")
        await deck.press("escape")
        assert "What can be done" not in deck.text


def test_commands_name_the_site_and_quote_what_is_foreign() -> None:
    known = fleet()
    for name in known.streams:
        assert all(step.command for step in remedies(f"stream:{name}", known))
    hostile = replace(next(iter(known.streams.values())), name="a b; rm -rf 'x'")
    told = remedies("stream:" + hostile.name, replace(known, streams=keyed([hostile])))
    assert any(""" 'a b; rm -rf '"'"'x'"'"''""" in step.command for step in told)
    unsafe = replace(hostile, name="x\x1b[2J")
    assert remedies("stream:" + unsafe.name, replace(known, streams=keyed([unsafe]))) == ()
    assert remedies("nothing:here", known) == ()


def test_a_retry_is_aimed_at_the_host_that_failed_by_its_machine_id() -> None:
    known = fleet()
    failed = JobAgent("web-02", "failed", NOW, NOW, NOW, 5)
    done = JobAgent("web-01", "completed", NOW, NOW, NOW, 1)
    of_any = replace(job(1, 60, JobStatus.PARTIAL), target="_any", agents=(done, failed))
    assert retry_target(of_any, known) == machine("web-02")
    both = replace(of_any, agents=(replace(done, event="failed"), failed))
    assert retry_target(both, known) == "_any"
    commands = [step.command for step in remedies(f"job:{of_any.key}", replace(known, jobs=keyed([of_any])))]
    assert any(f"--target-hostname {machine('web-02')}" in command for command in commands)


async def test_related_things_are_one_menu_away() -> None:
    async with driving(fleet()) as deck:
        await deck.burst(":agent web-03\r")
        await deck.press("R")
        assert "Where to?" in deck.text
        assert "consumer" in deck.text
        await deck.press("1")
        assert "Where to?" not in deck.text


def test_every_way_leads_to_something_that_is_there() -> None:
    known = fleet()
    from app.feed.protocol import FeedState, Frame
    from app.tui.picture import Changes, Picture

    picture = Picture(lambda: 0.0)
    frame = Frame(known, FeedState.LIVE, whole=frozenset(("agents", "consumers", "streams", "findings", "jobs")))
    changes = Changes()
    changes.add(frame)
    picture.take(frame, changes)
    tables = {"agent": known.agents, "stream": known.streams, "consumer": known.consumers, "finding": known.findings}
    refs = [f"{kind}:{key}" for kind, table in tables.items() for key in table]
    for ref in refs:
        ways = related(ref, picture)
        assert len({way.to for way in ways}) == len(ways)
        for way in ways:
            kind, _, key = way.to.partition(":")
            assert way.to != ref
            assert kind == "view" or key in tables.get(kind, {key: None}), way


async def test_a_message_is_looked_at_and_its_payload_only_if_allowed() -> None:
    known = fleet()
    name = next(name for name, stream in known.streams.items() if stream.messages and stream.kind == "stream")
    stream = known.streams[name]
    question = MessageAt(name, stream.last_seq)
    async with driving(known) as deck:
        deck.feed.answers[question] = Message(
            name, stream.last_seq, "orders.new", NOW, 2048, (("Nats-Msg-Id", "x\x1b[2J"),), payload_shown=False
        )
        await deck.burst(f":stream {name}\r")
        await deck.press("m", "1")
        assert f"message {name} #{stream.last_seq}" in deck.text
        assert "orders.new" in deck.text
        assert "The payload is not shown" in deck.text
        assert deck.feed.asked[-1] == question


async def test_without_contexts_c_says_how_to_get_one_and_with_some_leaves_for_it() -> None:
    async with driving(fleet()) as deck:
        await deck.press("c")
        assert "no contexts" in deck.text
    async with driving(fleet(), contexts=lambda: ("dev", "prod"), site="dev") as deck:
        await deck.press("c")
        assert "Which NATS is to be shown?" in deck.text
        await deck.press("2")
        assert deck.app.return_value is not None
        assert deck.app.return_value.context == "prod"


async def test_d_starts_the_demo_only_where_no_nats_answers() -> None:
    async with driving(fleet()) as deck:
        await deck.press("d")
        assert "watchdeck demo starts it anywhere" in deck.text
        assert deck.app.return_value is None


def test_periods_and_mornings() -> None:
    assert parse_period("90m") == timedelta(minutes=90)
    assert parse_period("2h") == timedelta(hours=2)
    assert all(parse_period(wrong) is None for wrong in ("", "h", "2", "2w", "-1h", "1.5h"))
    morning = next_morning(NOW)
    assert timedelta(0) < morning - NOW <= timedelta(days=1)
    assert morning.astimezone().hour == 8
