"""What decks and scripts ask for: lists, single things, and what people say about findings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from app.api import fleet
from app.api.application import Application
from app.feed.acts import Acknowledge, Mute, Snooze, TakeBack
from app.feed.questions import JobOf, MessageAt, Question, SubjectsOf
from app.model.access import Role
from app.model.attention import Mark
from app.model.findings import Attention
from app.model.jobs import JobDetail, JobStatus
from app.model.messages import Message, Subjects
from app.model.snapshot import SECTIONS
from tests import literals
from tests.behind import MADE, FilledBoard, bearer, filled

ID = (("Nats-Msg-Id", "1"),)
HOSTILE = "consumer.behind|ORDERS/billing ack/50%/é?#"


@pytest.fixture
def board() -> FilledBoard:
    return filled()


@pytest.fixture
async def near(board: FilledBoard) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Application(board).socket())
    headers = {"x-watchdeck-by": "ana@ops-1"}
    async with httpx.AsyncClient(transport=transport, base_url="http://worker", headers=headers) as client:
        yield client


async def error(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status == answer.json()["code"]
    return str(answer.json()["details"])


# lists


async def test_jobs_are_paged_newest_first(near: httpx.AsyncClient, board: FilledBoard) -> None:
    whole = (await near.get("/api/v1/jobs?limit=1000")).json()
    assert whole["total"] == len(whole["items"]) == len(board.snapshot.jobs) == sum(whole["counts"].values())
    times = [job["created"] for job in whole["items"] if job["created"]]
    assert times == sorted(times, reverse=True)
    part = (await near.get("/api/v1/jobs?limit=3&offset=2")).json()
    assert part["items"] == whole["items"][2:5]
    assert (part["total"], part["limit"], part["offset"]) == (whole["total"], 3, 2)
    failed = (await near.get("/api/v1/jobs?status=partial_failure")).json()
    assert failed["total"] == whole["counts"]["partial_failure"] > 0
    assert {job["status"] for job in failed["items"]} == {"partial_failure"}


async def test_findings_are_the_most_urgent_first(near: httpx.AsyncClient, board: FilledBoard) -> None:
    listed = (await near.get("/api/v1/findings")).json()
    ranks = ["crit", "warn", "info"]
    severities = [finding["severity"] for finding in listed["items"]]
    assert severities == sorted(severities, key=ranks.index)
    assert len(severities) == len(board.snapshot.findings)
    first = listed["items"][0]["id"]
    snoozed = replace(board.snapshot.findings[first], attention=Attention("snoozed", "ana", MADE, MADE))
    board.publish(replace(board.snapshot, findings={**board.snapshot.findings, first: snoozed}))
    assert first not in [row["id"] for row in (await near.get("/api/v1/findings")).json()["items"]]
    hidden = (await near.get("/api/v1/findings?hidden=true&severity=crit")).json()["items"]
    assert next(row for row in hidden if row["id"] == first)["attention"]["by"] == "ana"
    assert {row["severity"] for row in hidden} == {"crit"}


async def test_events_are_newest_first(near: httpx.AsyncClient, board: FilledBoard) -> None:
    keys = [event["key"] for event in (await near.get("/api/v1/events")).json()["items"]]
    assert keys == sorted(board.snapshot.events, reverse=True)
    assert (await near.get("/api/v1/events?kind=finding&limit=1")).json()["total"] == 2


@pytest.mark.parametrize("aside", [False, True])
async def test_the_snapshot_is_told_whole_or_in_part(
    near: httpx.AsyncClient, board: FilledBoard, monkeypatch: pytest.MonkeyPatch, aside: bool
) -> None:
    monkeypatch.setattr(fleet, "_LARGE", 0 if aside else 10**9)
    whole = (await near.get("/api/v1/snapshot")).json()
    assert {name: len(rows) for name, rows in whole["sections"].items()} == {
        name: len(board.snapshot.section(name)) for name in SECTIONS
    }
    assert (whole["epoch"], whole["verdict"]["crit"], whole["site"]["name"]) == ("e1", 2, "prod")
    part = (await near.get("/api/v1/snapshot?sections=streams,agents")).json()
    assert part["sections"].keys() == {"streams", "agents"}
    assert "no section 'nonsense'" in await error(await near.get("/api/v1/snapshot?sections=nonsense"), 422)


@pytest.mark.parametrize(
    "query", ["jobs?limit=0", "jobs?limit=1001", "jobs?offset=-1", "jobs?status=done", "findings?severity=bad",
              "events?kind=x", "streams/S/messages/-1", "streams/S/messages/x", "streams/S/subjects?limit=0"],
)  # fmt: skip
async def test_wrong_parameters_are_422(near: httpx.AsyncClient, query: str) -> None:
    await error(await near.get(f"/api/v1/{query}"), 422)


# single things: what a deck's questions ask, answered as they are read


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (JobOf("a-1"), JobDetail("a-1", JobStatus.COMPLETED, subject="osapi.jobs.query._any")),
        (JobOf(HOSTILE), JobDetail(HOSTILE, JobStatus.COMPLETED, subject="osapi.jobs.query._any")),
        (MessageAt("JOBS", 7), Message("JOBS", 7, "", MADE, headers=ID)),
        (MessageAt("a b", 2**62, ("x.>", "y&z")), Message("a b", 2**62, "x.>,y&z", MADE, headers=ID)),
        (SubjectsOf("JOBS", 1), Subjects("JOBS", (("a.b", 2),), 2)),
    ],
)  # fmt: skip
async def test_a_question_is_answered_as_it_is_read(
    near: httpx.AsyncClient, question: Question[Any], expected: object
) -> None:
    answer = await near.get(question.path)
    assert answer.status_code == 200
    assert msgspec.json.decode(answer.content, type=question.answer) == expected


@pytest.mark.parametrize("path", ["jobs/{}", "streams/{}/messages/1", "streams/{}/subjects"])
async def test_what_is_not_there_is_404_and_what_does_not_answer_503(near: httpx.AsyncClient, path: str) -> None:
    assert await error(await near.get(f"/api/v1/{path.format('unknown-1')}"), 404) == "there is no unknown-1"
    assert await error(await near.get(f"/api/v1/{path.format('slow')}"), 503) == "no answer in 5 s"


async def test_nats_has_only_so_long(
    near: httpx.AsyncClient, board: FilledBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(key: str) -> JobDetail:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(fleet, "ANSWER_WITHIN", 0.05)
    board.inquiry.job = never
    assert "did not answer" in await error(await near.get("/api/v1/jobs/a"), 503)


# what people say about findings


def ahead(**more: float) -> datetime:
    return datetime.now(UTC) + timedelta(**more)


async def test_acts_of_a_deck_reach_the_desk(near: httpx.AsyncClient, board: FilledBoard) -> None:
    until = ahead(hours=2)
    acts = [Acknowledge(HOSTILE, "mine"), Snooze("a|b/ack", until), Mute("consumer.behind", "ORDERS*", until, "n"),
            TakeBack(f"ack|{HOSTILE}")]  # fmt: skip
    for act in acts:
        answer = await near.post(act.path, json=act.body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"ok": True} or msgspec.convert(answer.json()["mark"], Mark).by == "ana@ops-1"
    assert board.attention.told == [
        ("ack", HOSTILE, "ana@ops-1", "mine"),
        ("snooze", "a|b/ack", "ana@ops-1", ""),
        ("mute", "consumer.behind", "ORDERS*", "ana@ops-1", "n"),
        ("take back", f"ack|{HOSTILE}", "ana@ops-1"),
    ]


async def test_a_finding_is_muted_by_its_rule_and_subject(near: httpx.AsyncClient, board: FilledBoard) -> None:
    finding = next(iter(board.snapshot.findings.values()))
    path = Acknowledge(finding.id).path.removesuffix("ack") + "mute"
    answer = await near.post(path, json={"until": ahead(hours=1).isoformat()})
    assert answer.status_code == 200
    assert board.attention.told == [("mute", finding.rule, finding.subject, "ana@ops-1", "")]
    await error(await near.post("/api/v1/findings/x/mute", json={"until": ahead(hours=1).isoformat()}), 404)


async def test_an_acknowledgement_needs_no_body(near: httpx.AsyncClient, board: FilledBoard) -> None:
    assert (await near.post("/api/v1/findings/a/ack")).status_code == 200
    assert (await near.post("/api/v1/findings/a/ack", json={})).status_code == 200
    assert len(board.attention.told) == 2


async def test_a_note_is_cleaned(near: httpx.AsyncClient, board: FilledBoard) -> None:
    await near.post("/api/v1/findings/a/ack", json={"note": "see \x1b]8;;x\x07wiki\n\u202e"})
    note = board.attention.told[0][3]
    assert note.isprintable()
    assert "wiki" in note


@pytest.mark.parametrize(
    ("until", "says"),
    [
        (timedelta(seconds=-1), "over"),
        (timedelta(days=31), "30 days"),
        ("2030-01-01T00:00:00", "timezone"),
        ("2030-01-01", "an hour and a zone"),
        ("tomorrow", "an hour and a zone"),
        (4102444800, "a time is text"),
        (True, "a time is text"),
        (None, "a time is text"),
        ("9999-12-31T23:59:59-23:59", "30 days"),
        ("0001-01-01T00:00:00+23:59", "over"),
    ],
)
async def test_a_time_lies_ahead_and_has_a_zone(near: httpx.AsyncClient, until: object, says: str) -> None:
    if isinstance(until, timedelta):
        until = (datetime.now(UTC) + until).isoformat()
    for path, body in (("findings/a/snooze", {}), ("mutes", {"rule": "r", "subject": "s"})):
        answer = await near.post(f"/api/v1/{path}", json={**body, "until": until})
        assert says in await error(answer, 422)


async def test_what_cannot_be_marked_is_said(near: httpx.AsyncClient) -> None:
    until = ahead(hours=1).isoformat()
    assert await error(await near.post("/api/v1/findings/unknown/ack"), 404) == "there is no such finding"
    assert await error(await near.post("/api/v1/findings/unknown/snooze", json={"until": until}), 404)
    asked = await near.post("/api/v1/mutes", json={"rule": "no.such", "subject": "*", "until": until})
    assert "there is no rule no.such" in await error(asked, 422)
    assert await error(await near.post("/api/v1/marks/unknown/remove"), 404) == "there is no such mark"
    for body in ({"note": "x" * 501}, {"nots": "x"}, {"note": 5}, [], "x"):
        await error(await near.post("/api/v1/findings/a/ack", json=body), 422)


@pytest.mark.parametrize("missing", ["store", "attention", "inquiry"])
async def test_what_a_worker_does_not_have_is_503_with_a_sentence(
    near: httpx.AsyncClient, board: FilledBoard, missing: str
) -> None:
    setattr(board, missing, None)
    method, path = {
        "store": ("GET", "/api/v1/audit"),
        "attention": ("POST", "/api/v1/findings/a/ack"),
        "inquiry": ("GET", "/api/v1/jobs/a"),
    }[missing]
    assert (await error(await near.request(method, path), 503)).startswith("this worker has no ")


# tokens and audit


async def test_a_token_is_told_once(near: httpx.AsyncClient) -> None:
    expires = ahead(days=400).isoformat()
    made = await near.post("/api/v1/tokens", json={"role": "operator", "name": "ci bot", "expires_at": expires})
    assert made.status_code == 201
    assert made.json()["token"].startswith("wd_")
    listed = await near.get("/api/v1/tokens")
    row = next(row for row in listed.json()["items"] if row["id"] == made.json()["id"])
    assert row == {key: value for key, value in made.json().items() if key != "token"}
    assert "secret" not in listed.text
    assert made.json()["token"] not in listed.text
    await error(await near.post("/api/v1/tokens/nobody/revoke"), 404)


@pytest.mark.parametrize(
    "body",
    [
        {"role": "root", "name": "a"}, {"role": "member"}, {"role": "member", "name": ""},
        {"role": "member", "name": "a\x1b"}, {"role": "member", "name": "x" * 65},
        {"role": "member", "name": "a", "expires_at": "2020-01-01T00:00:00Z"},
        {"role": "member", "name": "a", "expires_at": "2099-01-01T00:00:00Z"},
        {"role": "member", "name": "a", "secret": "mine"},
    ],
)  # fmt: skip
async def test_wrong_wishes_for_a_token_are_422(near: httpx.AsyncClient, body: dict[str, str]) -> None:
    await error(await near.post("/api/v1/tokens", json=body), 422)


async def test_the_audit_trail_is_read_backwards(near: httpx.AsyncClient) -> None:
    first = (await near.get("/api/v1/audit?limit=4")).json()["items"]
    rest = (await near.get(f"/api/v1/audit?before={first[-1]['id']}")).json()["items"]
    assert [row["id"] for row in first + rest] == list(range(9, 0, -1))


# metrics


async def test_metrics_have_bounded_labels(board: FilledBoard) -> None:
    application = Application(board)
    transport = httpx.ASGITransport(application.tcp(()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for number in range(30):
            await client.get(f"/nothing/{number}", headers=bearer(Role.MEMBER))
            await client.get(f"/api/v1/jobs/{number}", headers=bearer(Role.MEMBER))
            await client.request(f"M{number}", "/health")
            await client.get(f"/strange/{number}")
        await client.get("/api/health/status", headers=bearer(Role.MEMBER))
        answer = await client.get("/metrics", headers=bearer(Role.MEMBER))
    lines = answer.text.splitlines()
    counted = [line for line in lines if line.startswith("watchdeck_http_requests_total")]
    assert len(counted) < 10
    assert 'watchdeck_http_requests_total{method="GET",route="/api/v1/jobs/{id}",status="200"} 30.0' in counted
    assert 'watchdeck_http_requests_total{method="GET",route="unmatched",status="401"} 30.0' in counted
    assert 'watchdeck_http_requests_total{method="GET",route="/api/health/status",status="200"} 1.0' in counted
    told = {line.partition(" ")[0].partition("{")[0] for line in lines if not line.startswith("#")}
    assert {
        "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds",
        "watchdeck_http_request_duration_seconds_bucket", "watchdeck_build_info", "watchdeck_up", "watchdeck_ready",
        "watchdeck_nats_connected", "watchdeck_nats_rtt_seconds", "watchdeck_nats_reconnects_total",
        "watchdeck_source_good_timestamp_seconds", "watchdeck_collection_lag_seconds", "watchdeck_rows",
        "watchdeck_findings", "watchdeck_jobs", "watchdeck_store_up",
    } <= told  # fmt: skip
    assert 'watchdeck_rows{section="agents"} 10.0' in lines
    assert 'watchdeck_findings{severity="crit"} 2.0' in lines
    told_of = {line.partition("{")[0] for line in lines if literals.HOSTS[0] in line}
    assert told_of == {"watchdeck_agent_last_seen_timestamp_seconds"}  # of which there is a bounded number
    assert answer.headers["content-type"].startswith("text/plain; version=")


async def test_open_metrics_for_who_asks(near: httpx.AsyncClient) -> None:
    answer = await near.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
