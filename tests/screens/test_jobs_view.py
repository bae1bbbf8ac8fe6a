"""The jobs view and the detail of a job: what the queue says, and what the worker tells of one job when it is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.feed.questions import JobOf, Unanswered
from app.model.jobs import DeadKind, DeadLetter, JobStatus
from app.model.snapshot import Capability
from tests.literals import ago, calm, fleet, job, job_told, jobs, keyed, only, site
from tests.screens.driving import Driven, driving

FAILED = jobs()[5].key
"""The failed job behind a dead letter."""


def rows(deck: Driven) -> list[str]:
    return [line for line in deck.lines[3:-2] if line.strip()]


async def test_what_is_wrong_stands_first_then_the_newest() -> None:
    async with driving(fleet()) as deck:
        await deck.press("5")
        glyphs = "".join(row[0] for row in rows(deck))
        assert glyphs.lstrip("▲") == "●" * glyphs.count("●")
        assert glyphs.startswith("▲")
        assert "12 dead · 2 failed · 1 partial · 2 submitted · 2 processing" in deck.lines[1]
        (dead,) = (row for row in rows(deck) if "node.disk.query" in row)
        assert dead.split()[1:3] == ["00000006", "dead"]
        assert "web-03" in deck.line_with("node.file.deploy")  # the host, not its machine id


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("status:partial", ["00000007"]),
        ("target:web-03 status:processing", ["00000003"]),
        ("operation:docker", ["00000007"]),
        ("tries>4", ["00000006", "5e0c7d11", "#47812"]),
        ("age>1h", ["5e0c7d11", "#47812"]),
        ("nothing-like-it", []),
    ],
)
async def test_filters_know_the_columns(wanted: str, found: list[str]) -> None:
    async with driving(fleet()) as deck:
        await deck.press("5")
        await deck.burst(f"/{wanted}\r")
        assert [row.split()[1] for row in rows(deck) if row[0] in "▲●✗"] == found


async def test_a_job_is_asked_for_when_it_is_opened_and_when_its_row_changes() -> None:
    known = fleet()
    async with driving(known) as deck:
        deck.feed.answers[JobOf(FAILED)] = job_told(FAILED)
        await deck.burst(f"5/{FAILED[:8]}\r\r")
        assert deck.feed.asked == [JobOf(FAILED)]
        assert "web-02                   failed           30s  timeout after 30s" in deck.text
        assert "gave up after 5 deliveries" in deck.text
        assert "pid 4711" in deck.text
        deck.feed.sleep(10)
        changed = replace(known.jobs[FAILED], error="disk full")
        await deck.push(only(known, jobs={**known.jobs, FAILED: changed}))
        assert deck.feed.asked == [JobOf(FAILED)] * 2


async def test_times_of_the_timeline_follow_t() -> None:
    async with driving(fleet()) as deck:
        deck.feed.answers[JobOf(FAILED)] = job_told(FAILED)
        await deck.burst(f"5/{FAILED[:8]}\r\r")
        assert "10m started" in deck.text
        await deck.press("t")
        assert "13:55:12 started" in deck.text


async def test_why_nothing_more_is_known_is_said_beside_what_the_row_knows() -> None:
    async with driving(fleet()) as deck:
        deck.feed.answers[JobOf(FAILED)] = Unanswered("no answer from JetStream for 5 s")
        await deck.burst(f"5/{FAILED[:8]}\r\r")
        assert "its events: no answer from JetStream for 5 s" in deck.text
        assert "timeout after 30s" in deck.text
        assert "gave up after 5 deliveries" in deck.text


async def test_an_answer_is_read_as_json_and_the_chain_of_retries_leads_on() -> None:
    async with driving(fleet(), size=(80, 40)) as deck:
        deck.feed.answers[JobOf(FAILED)] = job_told(FAILED)
        await deck.burst(f"5/{FAILED[:8]}\r\r")
        await deck.press("J")
        assert '"host": "web-02"' in deck.text
        await deck.press("escape", "escape", "escape", "escape")
        await deck.burst(f"5/job:{jobs()[4].key[:8]}\r\r")
        assert "repeated by" in deck.text
        await deck.burst("/repeated by\rG\r")
        assert "repeats" in deck.text


async def test_a_job_that_goes_is_said_to_have_gone() -> None:
    known = fleet()
    async with driving(known) as deck:
        await deck.burst(f"5/{FAILED[:8]}\r\r")
        left = {key: each for key, each in known.jobs.items() if key != FAILED}
        await deck.push(only(known, jobs=left))
        assert "is not there (any more)" in deck.text


async def test_without_a_fleet_one_line_says_what_would_fill_it() -> None:
    plain = replace(
        calm(agents={}, vitals={}, jobs={}, deadletters={}),
        site=site(capabilities=frozenset({Capability.BROKER}), namespace=""),
        queue=None,
    )
    async with driving(plain) as deck:
        await deck.press("5")
        assert "No job queue here: jobs need the fleet's buckets agent-registry and job-queue." in deck.text
        await deck.press("6")
        assert "No fleet here: agents need the buckets agent-registry and job-queue." in deck.text


async def test_foreign_text_stays_in_its_cells() -> None:
    nasty = "\x1b[2J[/red]\u202e" + "漢" * 5000
    hostile = job(1, 60, JobStatus.FAILED, operation=nasty, target=nasty, error=nasty)
    hostile = replace(hostile, key="\x1b]52;c;eA==\x07[b]")
    async with driving(replace(fleet(), jobs=keyed([hostile]))) as deck:
        await deck.press("5")
        assert all(line.isprintable() for line in deck.lines)
        await deck.press("enter")
        assert all(line.isprintable() for line in deck.lines)
        await deck.press("w")
        assert all(line.isprintable() for line in deck.lines)


async def test_twenty_thousand_jobs_filter_and_sort_while_keys_are_heard() -> None:
    many = [
        replace(job(9, 3600 - at / 6, JobStatus.FAILED if at % 1000 == 0 else JobStatus.COMPLETED), key=f"{at:036x}")
        for at in range(20_000)
    ]
    async with driving(replace(calm(), jobs=keyed(many))) as deck:
        await deck.press("5")
        await deck.until(lambda: len(rows(deck)) > 15)
        await deck.burst("/status:failed\r")
        await deck.until(lambda: bool(rows(deck)) and all(" failed " in row for row in rows(deck)))
        await deck.press("escape", "o")
        await deck.until(lambda: " 59m" in rows(deck)[-1] or " 1h" in rows(deck)[0])
        await deck.press("1")
        assert "All clear" in deck.text


def loose(number: int, seconds: float, **fields: Any) -> DeadLetter:
    """A letter of no job, seen by watchdeck only."""
    told = {"origin": "TELEMETRY", "consumer": "rollup", "kind": DeadKind.DELETED, "origin_sequence": number, **fields}
    return DeadLetter(f"advisory/TELEMETRY/{number}", at=ago(seconds), **told)


async def test_dead_letters_that_died_alike_are_one_row() -> None:
    letters = [loose(number, 600 - number) for number in range(300)]
    letters.append(loose(900, 60, error="no such order", kind=DeadKind.TERMINATED))
    known = replace(fleet(), deadletters=keyed(letters))
    async with driving(known, size=(100, 30)) as deck:
        await deck.press("5")
        (pile,) = (row for row in rows(deck) if "×300" in row)
        assert pile.split()[1:4] == ["×300", "dead", "5m"]
        assert "deleted" in pile
        assert "#900" in deck.line_with("no such order")
        await deck.burst("/rollup deleted\r")
        await deck.push(replace(known, deadletters=keyed([*letters, loose(300, 2)])))
        assert "×301" in deck.text  # the same row, with the cursor on it
        await deck.press("enter")
        assert "Jobs › 301 dead letters" in deck.lines[1]
        assert "301, newest first" in deck.text
        assert deck.lines[2].startswith(" ▲ WARN 301 dead letters · deleted")
        await deck.burst("/#300\rG\r")
        assert deck.lines[1].endswith("› dead letter TELEMETRY #300")
        await deck.press("escape", "escape", "escape")
        await deck.press("y", "m")
        assert deck.copied == ["advisory/TELEMETRY/300"]
        assert deck.lines[1].endswith("› message TELEMETRY #300")


async def test_a_pile_of_letters_that_went_says_so() -> None:
    known = replace(fleet(), deadletters=keyed([loose(1, 60), loose(2, 50)]))
    async with driving(known) as deck:
        await deck.burst("5/×2\r\r")
        assert "2 dead letters" in deck.lines[1]
        await deck.push(replace(known, deadletters=keyed([loose(1, 60)])))
        assert "none, or only one, of these is left" in deck.text
        await deck.press("escape", "escape")
        assert "#1" in deck.line_with("rollup")


async def test_letters_leave_their_pile_when_their_job_is_in_the_list() -> None:
    key = jobs()[5].key
    alike = [loose(number, 60 - number, job=key if number == 3 else "") for number in range(1, 4)]
    known = replace(fleet(), deadletters=keyed(alike))
    others = {each: row for each, row in known.jobs.items() if each != key}
    async with driving(replace(known, jobs=others)) as deck:
        await deck.press("5")
        assert "×3" in deck.text
        await deck.push(known)
        assert "×2" in deck.text
        assert "×3" not in deck.text


def test_ages_are_those_of_the_literals() -> None:
    assert ago(60) < ago(0)
