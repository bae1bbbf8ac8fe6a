"""`watchdeck status`: what is counted, what is printed, and the exit code, from literal looks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.cli.glance import Look, doubt
from app.cli.status import as_json, judge, nagios, text
from app.cli.status import json as as_object
from app.cli.watching import changes
from app.model.broker import Connection, LinkState
from app.model.findings import Attention, Finding, Severity
from app.model.snapshot import Site, Snapshot, SourceState, SourceStatus
from tests.literals import NOW, fleet, keyed

AGENT = Finding("agent.gone|a", "agent.gone", Severity.CRIT, "agent", "web-03", "gone since 14:01:12Z")
BEHIND = Finding("consumer.behind|b", "consumer.behind", Severity.WARN, "consumer", "ORDERS › billing", "11m behind")
FOLDED = replace(BEHIND, id="consumer.stalled|c", cause=AGENT.id)
UNUSED = Finding("consumer.abandoned|d", "consumer.abandoned", Severity.INFO, "consumer", "18 durables", "unused 3d")
ACKED = Attention("acked", "ana", NOW, note="restarting")
SNOOZED = Attention("snoozed", "ana", NOW, until=NOW + timedelta(hours=1))


def looking(*findings: Finding, trouble: str = "", by_worker: bool = True) -> Look:
    site = Site(name="prod", version="0.1.0")
    return Look(Snapshot(at=NOW, site=site, findings=keyed(findings)), by_worker, trouble)


@pytest.mark.parametrize(
    ("findings", "ignoring", "code"),
    [
        ((), False, 0),
        ((UNUSED,), False, 0),
        ((BEHIND,), False, 1),
        ((BEHIND, AGENT), False, 2),
        ((replace(AGENT, attention=ACKED),), False, 2),
        ((replace(AGENT, attention=ACKED),), True, 0),
        ((replace(AGENT, attention=ACKED), BEHIND), True, 1),
        ((replace(AGENT, attention=SNOOZED),), False, 0),
        ((replace(AGENT, attention=replace(SNOOZED, state="muted")),), False, 0),
        ((replace(AGENT, attention=replace(ACKED, state="returned")),), True, 2),
        ((BEHIND, replace(FOLDED, severity=Severity.CRIT)), False, 1),  # counted once, as its cause
    ],
)
def test_the_exit_code_is_that_of_the_worst_that_counts(
    findings: tuple[Finding, ...], ignoring: bool, code: int
) -> None:
    assert judge(looking(*findings), ignore_acked=ignoring).code == code


def test_nothing_is_well_that_is_not_known() -> None:
    status = judge(looking(trouble="NATS unreachable: connection refused"))
    assert status.code == 2
    assert text(status).startswith("CRIT: NATS unreachable: connection refused; last known: no findings (prod")


def test_text_names_the_three_worst_and_what_is_put_off() -> None:
    more = [replace(BEHIND, id=f"x|{number}", subject=f"S{number}") for number in range(3)]
    put_off = replace(BEHIND, id="y", subject="LATER", attention=SNOOZED)
    lines = text(judge(looking(*more, replace(UNUSED, attention=None), AGENT, FOLDED, put_off))).splitlines()
    assert lines[0] == "CRIT: 1 CRIT, 3 WARN, 1 snoozed (prod, worker 0.1.0)"
    assert lines[1] == "CRIT agent web-03: gone since 14:01:12Z"
    assert lines[4] == "+2 more: watchdeck findings"
    assert lines[5].startswith("snoozed until 11-22 15:05Z: WARN consumer LATER: 11m behind [snoozed by ana]")
    assert len(lines) == 6


def test_no_control_byte_of_foreign_text_is_printed() -> None:
    nasty = replace(AGENT, subject="web\x1b]52;c;eA==\x07|03", what="gone\nCRIT all\r")
    for written in (text, nagios, as_object):
        lines = written(judge(looking(nasty))).split("\n")
        assert all(line.isprintable() for line in lines)
    assert len(text(judge(looking(nasty))).splitlines()) == 2
    assert nagios(judge(looking(nasty))).splitlines()[0].count("|") == 1


def test_nagios_has_one_line_performance_data_and_long_text() -> None:
    seen = replace(looking(AGENT, BEHIND), snapshot=replace(fleet(), findings=keyed((AGENT, BEHIND))))
    first, *rest = nagios(judge(seen)).splitlines()
    head, _, data = first.partition(" | ")
    assert head == "WATCHDECK CRITICAL - 1 CRIT, 1 WARN: CRIT agent web-03: gone since 14:01:12Z"
    assert "crit=1;;0;0" in data.split()
    assert all(part.count("=") == 1 and part.count(";") == 3 for part in data.split())
    assert rest == ["CRIT agent web-03: gone since 14:01:12Z", "WARN consumer ORDERS › billing: 11m behind"]


def test_json_tells_everything() -> None:
    told = json.loads(as_object(judge(looking(AGENT, replace(BEHIND, attention=ACKED)))))
    assert (told["status"], told["exit"], told["crit"], told["warn"], told["acked"]) == ("CRIT", 2, 1, 1, 1)
    assert told["findings"][1]["attention"] == {
        "state": "acked",
        "by": "ana",
        "at": NOW.isoformat().replace("+00:00", "Z"),
        "until": None,
        "note": "restarting",
    }
    assert as_json(AGENT)["cause"] is None


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (Snapshot(), "no facts yet"),
        (
            Snapshot(at=NOW, site=Site(connection=Connection(LinkState.DOWN, "nats://h:4222", error="refused"))),
            "NATS unreachable: refused (nats://h:4222)",
        ),
        (
            Snapshot(
                at=NOW,
                site=Site(connection=Connection(LinkState.CONNECTED, "nats://h")),
                sources={"streams": SourceState("streams", SourceStatus.FAILED, error="no answer")},
            ),
            "streams: no answer",
        ),
        (fleet(), ""),
    ],
)
def test_why_facts_cannot_be_believed(snapshot: Snapshot, words: str) -> None:
    assert doubt(snapshot) == words


async def told(*looks: Look) -> list[str]:
    async def given() -> AsyncIterator[Look]:
        for each in looks:
            yield each

    return [change.line for change in [change async for change in changes(given())]]


async def test_watching_prints_a_line_for_each_change() -> None:
    worse = replace(BEHIND, severity=Severity.CRIT)
    later = looking(worse)
    lines = await told(
        looking(),
        looking(BEHIND),
        looking(BEHIND),
        later,
        looking(replace(worse, attention=ACKED)),
        looking(replace(worse, attention=ACKED), trouble="the worker does not answer"),
        looking(),
    )
    assert lines == [
        "14:05:31Z OK no findings (prod)",
        "14:05:31Z WARN consumer ORDERS › billing 11m behind",
        "14:05:31Z CRIT consumer ORDERS › billing 11m behind",
        '14:05:31Z ACKED consumer ORDERS › billing (consumer.behind) by ana: "restarting"',
        "14:05:31Z UNKNOWN the worker does not answer",
        "14:05:31Z KNOWN facts are fresh again",
        "14:05:31Z CLEAR consumer ORDERS › billing (consumer.behind)",
    ]


async def test_nothing_clears_because_it_cannot_be_seen() -> None:
    lost = Look(Snapshot(at=NOW), True, "NATS unreachable")
    lines = await told(looking(BEHIND), lost, looking(BEHIND))
    assert [line.split()[1] for line in lines] == ["WARN", "UNKNOWN", "KNOWN"]
