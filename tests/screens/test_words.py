"""Help, commands, copies, the first start, and a finding's detail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.model.events import Event, EventKind
from app.model.findings import Attention, Finding, Severity
from app.tui import commands
from app.tui.commands import Command, CommandError
from app.tui.keys import TABLE
from tests.literals import ago, calm, findings, fleet, jobs, keyed, machine
from tests.screens.driving import driving

COMMANDS = (
    Command("agents", "view"),
    Command("agent", "open", "NAME", lambda place, before: ["web-01", "web-02", "db-01"] if place == 0 else (), 1),
    Command("filter", "text", "TEXT"),
    Command("quit", "leave"),
)


def test_unknown_commands_name_the_nearest_three() -> None:
    with pytest.raises(CommandError, match="no command agnt; nearest: agent, agents, "):
        commands.parse("agnt web", COMMANDS)


def test_a_command_without_its_argument_says_its_use() -> None:
    with pytest.raises(CommandError, match="usage: agent NAME"):
        commands.parse("agent", COMMANDS)


def test_commands_are_read_with_their_rest() -> None:
    call = commands.parse("  filter  web -03 ", COMMANDS)
    assert call is not None
    assert (call.name, call.arguments, call.rest) == ("filter", ("web", "-03"), "web -03")
    assert commands.parse("   ", COMMANDS) is None


@pytest.mark.parametrize(
    ("begun", "completed"),
    [
        ("fi", "filter "),
        ("ag", "agent"),
        ("agent w", "agent web-0"),
        ("agent d", "agent db-01 "),
        ("zz", "zz"),
        ("agent x", "agent x"),
    ],
)
def test_completion_goes_as_far_as_there_is_no_choice(begun: str, completed: str) -> None:
    assert commands.complete(begun, COMMANDS) == completed


async def test_help_has_every_key_of_the_view_and_then_its_words() -> None:
    async with driving(fleet(), size=(100, 80)) as deck:
        await deck.press("4", "question_mark")
        for key in TABLE:
            if "list" in key.where:
                assert key.words in deck.text, key.id
        await deck.press("question_mark")
        assert "num_ack_pending" in deck.text
        assert "BEHIND" in deck.text
        await deck.press("escape")
        assert deck.lines[1].startswith(" Consumers")


async def test_finding_detail_says_why_since_when_and_what_to_do() -> None:
    async with driving(fleet(), size=(80, 40)) as deck:
        await deck.press("j", "enter")
        assert "14:01:12 UTC, 4m15s ago (from the broker)" in deck.text
        assert "Folded under it" in deck.text
        assert "no farewell" in deck.text
        await deck.press("G", "k", "y")
        assert deck.copied == ["osapi client agent drain --hostname web-03"]
        await deck.press("tab", "tab", "tab", "tab", "enter")
        assert "›" in deck.lines[1]


async def test_a_finding_leads_to_what_it_is_about() -> None:
    async with driving(fleet()) as deck:
        await deck.press("j", "enter", "G", "enter")
        assert deck.lines[1].strip() == "Overview › agent web-03 › web-03"


async def test_what_was_changed_before_a_finding_began_is_told_nearest_first() -> None:
    gone = ago(259)
    told = [
        Event("1", gone - timedelta(minutes=11), EventKind.CONFIG, "JOBS", "max_age 1d → 2d"),
        Event("2", gone - timedelta(minutes=9), EventKind.LEADER, "ORDERS", "leader nats-1 → nats-2",
              refs=("stream:ORDERS",)),
        Event("3", gone - timedelta(minutes=5), EventKind.AGENT, "web-01", "version 1 → 2", times=3,
              first_at=gone - timedelta(minutes=6)),
        Event("4", gone - timedelta(minutes=4), EventKind.AGENT, "web-02", "its heartbeat is late", minor=True),
        Event("5", gone - timedelta(minutes=3), EventKind.FINDING, "web-02", "raised: memory"),
        Event("6", gone - timedelta(seconds=40), EventKind.ACTION, "web-03", "snoozed", who="ana"),
        Event("7", gone + timedelta(seconds=40), EventKind.CONFIG, "JOBS", "max_age 2d → 1d"),
    ]  # fmt: skip
    async with driving(replace(fleet(), events=keyed(told)), size=(100, 40)) as deck:
        await deck.press("j", "enter")
        place = next(number for number, line in enumerate(deck.lines) if "Around then" in line)
        assert [line.strip() for line in deck.lines[place + 1 : place + 4]] == [
            "40s before action    web-03 snoozed · ana",
            "5m before  agent     web-01 version 1 → 2 ×3",
            "9m before  leader    ORDERS leader nats-1 → nats-2",
        ]
        assert "Folded under it" in deck.lines[place + 4]
        await deck.press("tab", "tab", "j", "j", "enter")
        assert deck.lines[1].strip().endswith("› ORDERS")


@pytest.mark.parametrize(
    ("watched", "said"),
    [
        (7000.0, "nothing was changed, and nobody went, in the 10 min before it began"),
        (319.0, "nothing was seen to change; watched for 1m before it"),
        (100.0, "it began before watchdeck was watching: what changed then is not known"),
    ],
)
async def test_that_nothing_was_changed_is_said_by_who_was_watching(watched: float, said: str) -> None:
    known = fleet(events={})
    async with driving(replace(known, site=replace(known.site, watching_since=ago(watched))), size=(100, 40)) as deck:
        await deck.press("j", "enter")
        assert said in deck.text


async def test_of_much_that_was_changed_the_nearest_are_shown() -> None:
    many = [Event(f"{at:02}", ago(300 + at), EventKind.CONFIG, f"S{at}", "max_age 1d → 2d") for at in range(9)]
    async with driving(replace(fleet(), events=keyed(many)), size=(100, 40)) as deck:
        await deck.press("j", "enter")
        assert "S0" in deck.text
        assert "S5" in deck.text
        assert "S6" not in deck.text
        assert "+3 more: view 0 has them all" in deck.text


async def test_a_finding_about_a_service_and_dead_letters_leads_to_each() -> None:
    refs = ("component:service:geo", *(f"deadletter:advisory/ORDERS/{number}" for number in range(9)))
    finding = Finding("x", "service.errors", Severity.CRIT, "service", "geo", "20% fail", refs=refs, since=ago(60))
    async with driving(replace(fleet(), findings={"x": finding}), size=(100, 40)) as deck:
        await deck.press("enter")
        assert "component   geo" in deck.text
        assert "dead letter ORDERS #0" in deck.text
        assert "dead letter ORDERS #4" in deck.text
        assert "ORDERS #5" not in deck.text
        assert "+4 more" in deck.text


async def test_no_worst_finding_is_told_with_what_is_known() -> None:
    acked = replace(findings()[-3], attention=Attention("acked", "ana", ago(60)))
    async with driving(calm()) as deck:
        await deck.press("exclamation_mark")
        assert deck.lines[-2].strip() == "no findings"
        await deck.push(calm(findings=keyed([acked])))
        await deck.press("exclamation_mark")
        assert deck.lines[-2].strip() == "no findings; 1 acknowledged · e shows"
        await deck.pass_time(60)
        await deck.press("exclamation_mark")
        assert deck.lines[-2].strip() == "no findings are known; the facts are old"
    async with driving() as deck:
        await deck.press("exclamation_mark")
        assert deck.lines[-2].strip() == "nothing is known yet"


async def test_a_finding_that_cleared_says_so() -> None:
    async with driving(fleet()) as deck:
        await deck.press("enter")
        await deck.push(calm())
        assert "This finding has cleared" in deck.text


async def test_commands_open_things_by_name() -> None:
    async with driving(fleet()) as deck:
        await deck.press(":", *"consumer ORDERS billing", "enter")
        assert deck.lines[1].strip() == "Overview › billing"
        await deck.press(":", *"stream job-queue", "enter")
        assert deck.lines[1].strip().endswith("› job-queue")
        await deck.press(":", *"agents", "enter")
        assert deck.lines[1].startswith(" Agents")
        await deck.press(":", *"agent wbe-02", "enter")
        assert "no agent wbe-02; nearest: web-02" in deck.text
        await deck.press(":", *"nonsense", "enter")
        assert "no command nonsense; nearest:" in deck.text


async def test_tab_completes_a_command_with_its_argument() -> None:
    async with driving(fleet()) as deck:
        await deck.press(":", *"agent cac", "tab", "enter")
        assert deck.lines[1].strip() == "Overview › cache-01"


async def test_the_theme_can_be_chosen_and_an_unknown_one_is_named() -> None:
    async with driving(fleet()) as deck:
        await deck.press(":", *"theme watchdeck-cb", "enter")
        assert deck.app.theme == "watchdeck-cb"
        await deck.press(":", *"theme nrod", "enter")
        assert "no theme nrod; nearest: nord" in deck.text


async def test_screenshot_is_written_where_asked(tmp_path: Path) -> None:
    async with driving(fleet()) as deck:
        await deck.press(":", *f"screenshot {tmp_path}/a.svg", "enter")
        assert (tmp_path / "a.svg").read_text().startswith("<svg")
        await deck.press(":", *f"screenshot {tmp_path}/none/a.svg", "enter")
        assert "not written: No such file or directory" in deck.text


async def test_an_explained_rule_shows_its_thresholds() -> None:
    async with driving(fleet(), size=(100, 30)) as deck:
        await deck.press(":", *"explain agent.gone", "enter")
        assert "Judged by" in deck.text
        assert deck.lines[1].strip().endswith("agent.gone")
        await deck.press("escape", ":", *"explain agent.gine", "enter")
        assert "no rule agent.gine; nearest: agent.gone" in deck.text


async def test_the_first_start_has_a_hint_once(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with driving(fleet(), state_dir=state) as deck:
        assert "enter in · esc back" in deck.text
        await deck.press("j")
        assert "enter in" not in deck.text
    async with driving(fleet(), state_dir=state) as deck:
        assert "enter in" not in deck.text


async def test_long_copies_are_cut_and_that_is_said() -> None:
    async with driving(fleet()) as deck:
        deck.surface.copy("x" * 100_000)
        await deck.settle()
        assert len(deck.copied[0]) == 74_994
        assert "the first 74,994 bytes" in deck.text


async def test_a_defect_shows_where_and_no_values() -> None:
    async with driving(fleet()) as deck:
        said: list[object] = []
        deck.app.panic = lambda *renderables: said.extend(renderables)  # type: ignore[method-assign]
        secret = "hunter2"
        try:
            raise ValueError("broken \x1b]52;c;AA\x07") from KeyError(len(secret))
        except ValueError:
            deck.app._fatal_error()
        assert "ValueError" in str(said[0])
        assert "\x1b" not in str(said[0])
        assert "hunter2" not in str(said[0]).replace('secret = "hunter2"', "")


def test_machine_ids_are_those_of_the_names() -> None:
    assert len(machine("web-03")) == 32


async def test_doctor_is_asked_from_the_deck() -> None:
    def examined() -> str:
        return "● nats         nats://nats-1:4222\n▲ sqlite       " + "too old " * 20 + "\nit works, with warnings"

    async with driving(fleet(), doctor=examined) as deck:
        await deck.burst(":doctor\r")
        await deck.until(lambda: "it works, with warnings" in deck.text)
        assert deck.lines[1].strip() == "Overview › Doctor"
        await deck.press("escape")
        assert deck.lines[1].startswith(" ✗")


async def test_a_doctor_that_breaks_or_is_not_here_is_said() -> None:
    def broken() -> str:
        raise OSError("secret")

    async with driving(fleet(), doctor=broken) as deck:
        await deck.burst(":doctor\r")
        await deck.until(lambda: "doctor failed: OSError" in deck.text)
        assert "secret" not in deck.text
    async with driving(fleet()) as deck:
        await deck.burst(":doctor\r")
        assert "nobody to ask here: watchdeck doctor does it outside" in deck.text


async def test_a_job_is_opened_by_its_id_or_how_it_begins() -> None:
    async with driving(fleet()) as deck:
        await deck.burst(f":job {jobs()[5].key}\r")
        assert deck.lines[1].strip().endswith("› 00000006")
        await deck.burst("5")
        await deck.burst(":job 00000003\r")
        assert deck.lines[1].strip() == "Jobs › 00000003"


async def test_points_of_a_list_keep_their_indent() -> None:
    async with driving(fleet()) as deck:
        await deck.burst(":explain consumer.losing\r")
        place = next(at for at, line in enumerate(deck.lines) if "one that catches up" in line)
        assert deck.lines[place].startswith("  - one that")
        assert deck.lines[place + 1].startswith("    keeps")


async def test_loose_dead_letters_stand_in_the_pane_of_jobs() -> None:
    async with driving(fleet(), size=(200, 50)) as deck:
        assert {"jobs", "deadletters"} <= deck.feed.watched
    async with driving(fleet(), size=(80, 24)) as deck:
        assert not {"jobs", "deadletters"} & deck.feed.watched
