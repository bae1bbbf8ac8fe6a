"""Lists: drill in and back, filter, faults, sort, marks, copies, and what an empty list says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.model.broker import Answer
from app.model.snapshot import SourceState, SourceStatus
from tests.literals import calm, fleet, keyed, machine, only, site, sources, stream
from tests.screens.driving import driving


async def test_agents_worst_first_with_heartbeat_and_condition() -> None:
    async with driving(fleet()) as deck:
        await deck.press("6")
        rows = deck.lines[3:13]
        assert rows[0].startswith("✗ web-03")
        assert "gone" in rows[0]
        assert rows[1].startswith("▲ web-02")
        assert "memory 94%" in rows[1]
        assert rows[2].startswith("● build-01")
        assert " ok " in rows[2]


async def test_consumers_are_named_by_host_and_copied_by_their_real_name() -> None:
    async with driving(fleet()) as deck:
        await deck.press("4", "j")
        assert deck.line_with("modify·all·web-03").startswith("▲")
        await deck.press("y")
        assert deck.copied == [f"jobs-agent_modify_all_{machine('web-03')}"]
        assert "copied to the terminal's clipboard" in deck.text


async def test_in_to_an_agent_its_consumer_and_its_stream_and_back_out() -> None:
    async with driving(fleet()) as deck:
        await deck.press("6", "enter")
        assert deck.lines[1].strip() == "Agents › web-03"
        await deck.press("tab", "tab", "tab", "enter")
        assert deck.lines[1].strip() == "Agents › web-03 › modify·all·web-03"
        assert f"jobs-agent_modify_all_{machine('web-03')}" in deck.text
        await deck.press("tab", "tab", "enter")
        assert deck.lines[1].strip().endswith("› JOBS")
        await deck.press("escape", "backspace", "q")
        assert deck.lines[1].startswith(" Agents  ")
        assert deck.line_with("✗ web-03")


async def test_esc_at_the_root_never_quits_and_q_does() -> None:
    async with driving(fleet()) as deck:
        await deck.press("escape", "escape", "backspace")
        assert deck.app.is_running
        await deck.press("q")
        assert not deck.app.is_running


async def test_each_view_keeps_its_place_filter_and_sort() -> None:
    async with driving(fleet()) as deck:
        await deck.press("4", *"/web-03", "enter", "j", "j")
        await deck.press("6", "enter", "1", "4")
        assert "/web-03" in deck.lines[1]
        await deck.press("y")
        assert deck.copied[-1] == f"jobs-agent_modify_direct_{machine('web-03')}"
        await deck.press("6")
        assert deck.lines[1].strip() == "Agents › web-03"


async def test_filter_by_figures_and_its_faults() -> None:
    async with driving(fleet()) as deck:
        await deck.press("4", *"/pending>1k", "enter")
        assert "billing" in deck.text
        assert "export" in deck.text
        assert "shipping" not in deck.text
        await deck.press("escape")
        assert "shipping" in deck.text
        await deck.press(*"/nosuch>1", "enter")
        assert "nosuch" in deck.text  # the sentence names the column
        assert "shipping" in deck.text


async def test_esc_in_the_prompt_leaves_the_filter_as_it_was() -> None:
    async with driving(fleet()) as deck:
        await deck.press("6", *"/web-0", "enter", "/", "3")
        assert "web-02" not in deck.text
        await deck.press("escape")
        assert "/web-0" in deck.lines[1]
        assert "web-02" in deck.text
        assert "db-01" not in deck.text


async def test_nothing_matches_says_how_many_are_hidden() -> None:
    async with driving(fleet()) as deck:
        await deck.press("6", *"/zzz", "enter")
        assert "Nothing matches /zzz (10 hidden) — esc clears" in deck.text


async def test_faults_only_and_the_next_fault() -> None:
    async with driving(fleet()) as deck:
        await deck.press("6", "f")
        assert "faults only" in deck.lines[1]
        assert "2 of 10" in deck.lines[1]
        assert "db-01" not in deck.text
        await deck.press("f", "G", "n", "enter")
        assert "web-03" in deck.lines[1]
    async with driving(calm()) as deck:
        await deck.press("6", "f")
        assert "No faults — f shows all 10" in deck.text


async def test_hidden_consumers_are_counted_and_shown_by_e() -> None:
    async with driving(fleet()) as deck:
        await deck.press("4")
        assert "+2 hidden" in deck.lines[1]
        assert "watchdeck-look" not in deck.text
        await deck.press("e", *"/watchdeck-look", "enter")
        assert deck.line_with("watchdeck-look")


async def test_marked_rows_are_copied_a_line_each() -> None:
    async with driving(fleet()) as deck:
        await deck.press("6", "space", "space", "y")
        assert deck.copied == ["web-03\nweb-02"]
        assert "2 lines" in deck.text
        await deck.press("escape")
        assert "marked" not in deck.lines[1]


async def test_sorting_by_another_column() -> None:
    async with driving(fleet()) as deck:
        await deck.press("3", *([">"] * 4))
        assert "by size" in deck.lines[1]
        assert "file-objects" in deck.lines[3]
        await deck.press("o")
        assert "agent-registry" in deck.lines[3]


async def test_rows_follow_the_facts() -> None:
    before = fleet()
    async with driving(before) as deck:
        await deck.press("3")
        streams = {
            **before.streams,
            "NEW": stream("NEW", messages=7),
            "AUDIT": replace(before.streams["AUDIT"], messages=5),
        }
        del streams["KV_agent-facts"]
        await deck.push(only(before, streams=streams))
        assert " 7 " in deck.line_with("NEW")
        assert " 5 " in deck.line_with("AUDIT")
        assert "agent-facts" not in deck.text


async def test_only_what_is_shown_is_asked_for() -> None:
    async with driving(fleet()) as deck:
        await deck.press("3")
        assert "agents" not in deck.feed.watched
        assert {"streams", "flows", "findings"} <= deck.feed.watched
        await deck.press("6", "enter")
        assert "facts" in deck.feed.watched
        assert "web-03.eu.example" in deck.surface.picture.snapshot.facts[machine("web-03")].fqdn


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (SourceState("consumers", SourceStatus.DENIED, denied=("publish on $JS.API.CONSUMER.LIST.>",)),
         "Not permitted: publish on $JS.API.CONSUMER.LIST.>"),
        (SourceState("consumers", SourceStatus.WAITING), "The first facts are coming."),
        (SourceState("consumers", SourceStatus.FAILED, error="list timed out"), "No answer: list timed out"),
        (SourceState("consumers", SourceStatus.OK), "No consumers."),
    ],
)  # fmt: skip
async def test_an_empty_list_says_which_emptiness(state: SourceState, sentence: str) -> None:
    async with driving(fleet(consumers={}, sources=sources(consumers=state))) as deck:
        await deck.press("4")
        assert sentence in deck.text


async def test_missing_unknown_and_not_permitted_differ() -> None:
    denied = sources(consumers=SourceState("consumers", SourceStatus.DENIED))
    async with driving(calm(consumers={}, sources=denied)) as deck:
        await deck.press("3")
        assert "!" in deck.line_with("AUDIT").split()


async def test_a_row_that_did_not_answer_is_unknown() -> None:
    before = calm()
    silent = replace(before.streams["AUDIT"], answer=Answer.MISSING)
    async with driving(only(before, streams={**before.streams, "AUDIT": silent})) as deck:
        await deck.press("3")
        assert deck.lines[3].startswith("? AUDIT")


async def test_columns_of_the_users_choice() -> None:
    views = {"streams": {"columns": ["stream", "subj", "msgs"], "sort": "msgs"}}
    async with driving(calm(), views=views) as deck:
        await deck.press("3")
        assert deck.lines[2].split() == ["STREAM", "SUBJ", "▾MSGS"]
        assert "AUDIT" in deck.lines[3]


async def test_ages_go_on_and_times_can_be_written_out() -> None:
    async with driving(fleet()) as deck:
        await deck.press("6")
        assert " 4m" in deck.lines[3]
        await deck.press("t")
        assert "14:01:12" in deck.lines[3]
        await deck.press("t", "t")
        assert " 4m" in deck.lines[3]
        await deck.pass_time(5)
        assert deck.lines[0].rstrip().endswith("14:05:36Z")


async def test_pause_stops_painting_and_counts_what_is_missed() -> None:
    before = fleet()
    async with driving(before) as deck:
        await deck.press("3", "p")
        assert "PAUSED 0s" in deck.lines[0]
        await deck.push(only(before, streams={**before.streams, "NEW": stream("NEW")}))
        await deck.pass_time(12)
        assert "PAUSED 12s, 1 change" in deck.lines[0]
        assert "NEW" not in deck.text
        await deck.press("p")
        assert "NEW" in deck.text
        assert "PAUSED" not in deck.text


async def test_refresh_asks_the_worker() -> None:
    async with driving(fleet()) as deck:
        await deck.press("4", "r")
        assert deck.feed.refreshed == 1


async def test_raw_facts_as_json() -> None:
    async with driving(fleet()) as deck:
        await deck.press("6", "J")
        assert deck.lines[1].strip() == "Agents › JSON of web-03"
        assert '"hostname": "web-03"' in deck.text
        await deck.press(*"/presence", "enter")
        assert "1 of 1" in deck.lines[1]
        await deck.press("escape", "escape")
        assert deck.lines[1].startswith(" Agents  ")


async def test_a_thing_that_goes_while_it_is_open_is_said_to_be_gone() -> None:
    before = fleet()
    async with driving(before) as deck:
        await deck.press("3", "enter")
        left = {name: row for name, row in before.streams.items() if name != "ORDERS"}
        await deck.push(only(before, streams=left))
        assert "stream ORDERS is not there (any more)" in deck.text


async def test_no_row_at_all_and_every_key_is_harmless() -> None:
    bare = calm(
        streams={}, consumers={}, agents={}, vitals={}, flows={}, counts={}, site=site(capabilities=frozenset())
    )
    keys = ["j", "k", "g", "G", "pagedown", "pageup", "enter", "n", "N", "less_than_sign", "greater_than_sign", "o",
            "f", "w", "e", "space", "z", "y", "J", "h", "l", "tab", "r", "t", "escape"]  # fmt: skip
    async with driving(bare) as deck:
        for view in ("1", "3", "4", "6"):
            await deck.press(view, *keys)
        assert deck.app.is_running


async def test_thousands_of_agents_come_in_parts_and_all_are_there() -> None:
    one = next(iter(calm().agents.values()))
    async with driving(
        calm(agents=keyed(replace(one, key=f"k{n}", hostname=f"host-{n:05}") for n in range(1500)))
    ) as deck:
        await deck.press("6", "G", "enter")
        await deck.until(lambda: "host-" in deck.lines[1])
        await deck.press("escape", *"/host-01499", "enter")
        await deck.until(lambda: "1 of 1500" in deck.lines[1])
        assert deck.line_with("host-01499")
