"""The status of the whole: figures against a literal snapshot, and the few causes that degrade it, one by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from math import inf
from typing import Any

import httpx
import pytest

from app.api import health
from app.api.application import Application
from app.api.causes import causes_now
from app.api.health import StatusPages
from app.api.shapes import StatusBody
from app.api.status import status_of, uptime_text
from app.model.broker import Answer, Connection, LinkState
from app.model.components import Component, ComponentKind
from app.model.fleet import Presence, SubComponent
from app.model.health import Health
from app.model.jobs import Queue
from app.model.snapshot import Snapshot, SourceState, SourceStatus
from app.worker.board import Board
from tests import literals
from tests.behind import FilledBoard, filled

SEED = """{"status": "ok", "components": {}, "version": "0.1.0", "uptime": "2h30m",
"nats": {"url": "nats://localhost:4222", "version": "2.10.0"},
"streams": [{"name": "JOBS", "messages": 42, "bytes": 1024, "consumers": 1}],
"kv_buckets": [{"name": "job-queue", "keys": 10, "bytes": 2048}],
"object_stores": [{"name": "file-objects", "size": 5242880}],
"jobs": {"total": 100, "unprocessed": 5, "processing": 2, "completed": 90, "failed": 3, "dlq": 0},
"agents": {"total": 5, "ready": 5,
 "agents": [{"hostname": "web-01", "labels": "group=web.prod", "registered": "15s ago"}]},
"consumers": {"total": 2,
 "consumers": [{"name": "query_any_web_01", "pending": 0, "ack_pending": 3, "redelivered": 0}]},
"registry": [{"type": "agent", "hostname": "web-01", "status": "Ready", "conditions": ["string"], "age": "7h 6m",
 "cpu_percent": 2.1, "mem_bytes": 134217728}]}"""
"""The example of OSAPI's documentation."""


def status(board: Board, uptime: float = 9000.0) -> dict[str, Any]:
    store = board.store
    kept = "disabled" if store is None else store.trouble or "ok"
    made = status_of(board.snapshot, causes_now(board), now=literals.NOW, uptime=uptime, store=kept)
    assert made.ok == (made.body["status"] == "ok")
    StatusBody.model_validate(made.body)
    return made.body


def changed(board: FilledBoard, section: str, key: str, **fields: Any) -> None:
    table = dict(getattr(board.snapshot, section))
    table[key] = replace(table[key], **fields)
    board.publish(replace(board.snapshot, **{section: table}))


def source(board: FilledBoard, name: str, state: SourceStatus, error: str = "") -> None:
    sources = {**board.snapshot.sources, name: SourceState(name, state, error=error)}
    board.publish(replace(board.snapshot, sources=sources))


def part(name: str, kind: str, state: str = "error", **fields: Any) -> dict[str, Component]:
    """A registry entry of a type and one part of it."""
    entry = Component(f"control:{kind}.x", ComponentKind.CONTROL, kind, Health.OK, "ready", host="x", type=kind)
    key = f"{entry.key}/{name}"
    return {entry.key: entry, key: Component(key, ComponentKind.CONTROL, name, state=state, parent=entry.key, **fields)}


def with_parts(**components: Component) -> FilledBoard:
    board = filled()
    board.publish(replace(board.snapshot, components={**board.snapshot.components, **components}))
    return board


def test_the_documented_example_is_a_status() -> None:
    read = StatusBody.model_validate_json(SEED)
    assert json.loads(read.model_dump_json(exclude_none=True)) == json.loads(SEED)


def test_every_section_of_the_example_is_served() -> None:
    body, example = status(filled()), json.loads(SEED)
    assert body.keys() == example.keys()
    for name in ("nats", "jobs", "agents", "consumers"):
        assert body[name].keys() == example[name].keys()
    for name in ("streams", "kv_buckets", "object_stores"):
        assert body[name][0].keys() == example[name][0].keys()
    assert body["consumers"]["consumers"][0].keys() == example["consumers"]["consumers"][0].keys()
    assert body["agents"]["agents"][0].keys() == example["agents"]["agents"][0].keys()
    assert any(row.keys() == example["registry"][0].keys() for row in body["registry"])
    assert (body["status"], body["uptime"]) == ("ok", "2h30m")
    assert body["nats"] == {"url": "nats://nats-1:4222", "version": "2.15.1"}


def test_streams_buckets_and_object_stores() -> None:
    board = filled()
    changed(board, "streams", "AUDIT", consumers=3)
    board.publish(replace(board.snapshot, live_keys={"KV_agent-registry": 11}))
    body = status(board)
    assert [row["name"] for row in body["streams"]] == ["AUDIT", "JOBS", "JOBS-DLQ", "ORDERS"]
    # of the three on AUDIT one is watchdeck's own
    assert body["streams"][0] == {"name": "AUDIT", "messages": 401_220, "bytes": 52_428_000, "consumers": 2}
    keys = {row["name"]: row["keys"] for row in body["kv_buckets"]}
    assert keys == {"agent-facts": 12, "agent-registry": 11, "agent-state": 12, "job-queue": 12}
    assert body["object_stores"] == [{"name": "file-objects", "size": 812 * 2**20}]


def test_jobs_that_nobody_acknowledged_are_unprocessed() -> None:
    board = filled(
        queue=Queue(
            total=100, submitted=5, processing=2, completed=80, failed=3, partial=4, skipped=6, unclaimed=7, dead=9
        )
    )
    assert status(board)["jobs"] == {
        "total": 107, "unprocessed": 12, "processing": 2, "completed": 80, "failed": 3, "dlq": 9,
    }  # fmt: skip


def test_agents_that_are_not_there_or_not_ready_are_not_ready() -> None:
    board = filled()
    changed(board, "agents", literals.machine("web-01"), presence=Presence.STALE)
    changed(board, "agents", literals.machine("db-01"), presence=Presence.LEFT)
    body = status(board)
    # ten hosts: one has left, one is gone, one stale, one cordoned
    assert (body["agents"]["total"], body["agents"]["ready"]) == (9, 6)
    states = {row["hostname"]: row["status"] for row in body["registry"] if row["type"] == "agent"}
    assert "db-01" not in states
    assert {host: state for host, state in states.items() if state != "Ready"} == {
        "web-01": "Stale", "web-03": "Gone", "db-02": "Cordoned",
    }  # fmt: skip
    hosts = {row["hostname"]: row for row in body["agents"]["agents"]}
    assert hosts["web-02"] == {"hostname": "web-02", "labels": "group=web.eu, role=web", "registered": "4s ago"}


def test_the_registry_lists_agents_and_control() -> None:
    rows = status(filled())["registry"]
    assert rows == sorted(rows, key=lambda row: (row["type"], row["hostname"]))
    assert [(row["type"], row["hostname"], row["status"]) for row in rows if row["type"] != "agent"] == [
        ("controller", "web-01", "Ready"), ("nats", "web-01", "Ready"),
    ]  # fmt: skip
    web02 = next(row for row in rows if row["hostname"] == "web-02")
    assert web02 == {
        "type": "agent", "hostname": "web-02", "status": "Ready", "conditions": ["MemoryPressure"], "age": "3d 0h",
        "cpu_percent": 2.4, "mem_bytes": 48 * 2**20,
    }  # fmt: skip
    assert next(row for row in rows if row["type"] == "controller")["age"] == "11h 6m"


def test_a_clock_that_is_ahead_has_no_age() -> None:
    board = filled()
    changed(board, "vitals", literals.machine("web-01"), registered_at=literals.NOW + timedelta(seconds=5))
    rows = {row["hostname"]: row for row in status(board)["agents"]["agents"]}
    assert rows["web-01"]["registered"] == " ago"


def test_consumers_are_those_of_streams_without_our_own() -> None:
    board = filled()
    extra = literals.consumer("KV_job-queue", "watcher")
    board.publish(replace(board.snapshot, consumers={**board.snapshot.consumers, extra.key: extra}))
    listed = status(board)["consumers"]
    names = [row["name"] for row in listed["consumers"]]
    assert listed["total"] == len(names) == 64
    assert "watcher" not in names
    assert "watchdeck-look" not in names
    billing = next(row for row in listed["consumers"] if row["name"] == "billing")
    assert billing == {"name": "billing", "pending": 2240, "ack_pending": 1000, "redelivered": 0}


def test_sub_components_of_several_hosts_have_their_host_in_the_name() -> None:
    components = status(with_parts(**part("nats", "nats", "ok")))["components"]
    assert list(components) == sorted(components)
    assert {"nats", "kv", "store", "worker"} <= components.keys()
    assert components["controller.api"] == {"status": "ok", "address": "http://0.0.0.0:8080"}
    assert components["metrics (web-01)"] == {"status": "ok", "address": "127.0.0.1:9100"}
    assert "metrics" not in components
    assert not any("web-03" in name for name in components)  # it is gone, and publishes nothing
    assert components["nats ()"] == {"status": "ok"}  # somebody else's of our own name


def test_one_host_alone_needs_none() -> None:
    board = filled()
    changed(board, "agents", literals.machine("web-01"), sub_components=(SubComponent("only.here", "disabled"),))
    assert status(board)["components"]["only.here"] == {"status": "disabled"}


@pytest.mark.parametrize(
    ("name", "sections"),
    [
        ("streams", {"streams", "kv_buckets", "object_stores", "consumers"}),
        ("consumers", {"consumers"}),
        ("jobs", {"jobs"}),
        ("registry", {"agents", "registry"}),
    ],
)
def test_what_is_not_available_is_left_out(name: str, sections: set[str]) -> None:
    board = filled()
    everything = status(board).keys()
    source(board, name, SourceStatus.FAILED, "no answer")
    assert everything - status(board).keys() == sections


def test_nothing_known_yet_is_degraded_and_short() -> None:
    body = status(Board())
    assert body.keys() == {"status", "components", "version", "uptime"}
    assert body["status"] == "degraded"
    assert body["components"]["kv"] == {"status": "disabled"}
    assert body["components"]["store"] == {"status": "disabled"}


# what degrades


def no_nats(board: FilledBoard) -> None:
    board.unreachable = "connection refused"


def no_bucket(board: FilledBoard) -> None:
    streams = {name: row for name, row in board.snapshot.streams.items() if name != "KV_job-queue"}
    board.publish(replace(board.snapshot, streams=streams))


def offline_bucket(board: FilledBoard) -> None:
    changed(board, "streams", "KV_job-queue", answer=Answer.OFFLINE)


def unread_bucket(board: FilledBoard) -> None:
    source(board, "jobs", SourceStatus.FAILED, "no answer in 5 s")


def full_disk(board: FilledBoard) -> None:
    board.store.trouble = "session store is full"


def stuck_writer(board: FilledBoard) -> None:
    board.store.turning = False


@pytest.mark.parametrize(
    ("harm", "component", "sentence"),
    [
        (no_nats, "nats", "nats not connected: connection refused"),
        (no_nats, "kv", "kv bucket not accessible: connection refused"),
        (no_bucket, "kv", "kv bucket not accessible: there is no bucket job-queue"),
        (offline_bucket, "kv", "kv bucket not accessible: the bucket is offline"),
        (unread_bucket, "kv", "kv bucket not accessible: no answer in 5 s"),
        (full_disk, "store", "session store is full"),
        (stuck_writer, "store", "the session store's thread is stuck"),
    ],
)
async def test_what_degrades_says_why(
    harm: Callable[[FilledBoard], None], component: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LOOK_EVERY", 0.0)
    board = filled()
    async with asking(board) as client:
        assert (await client.get("/api/health/status")).status_code == 200
        assert (await client.get("/api/health/ready")).json() == {"status": "ready"}
        harm(board)
        answer = await client.get("/api/health/status")
        assert answer.status_code == 503
        assert answer.json()["status"] == "degraded"
        assert answer.json()["components"][component]["error"] == sentence
        StatusBody.model_validate(answer.json())
        ready = await client.get("/api/health/ready")
        assert ready.status_code == 503
        assert ready.json()["status"] == "not_ready"
        assert sentence in ready.json()["error"].split("\n")
        assert (await client.get("/api/health")).json() == {"status": "ok"}


@pytest.mark.parametrize("kind", ["controller", "nats"])
def test_a_broken_part_of_control_degrades(kind: str) -> None:
    board = with_parts(**part(f"{kind}.kv (connectivity)", kind, reason="timeout"))
    body = status(board)
    assert body["status"] == "degraded"
    assert body["components"][f"{kind}.kv (connectivity)"] == {"status": "error", "error": "timeout"}


def test_parts_of_others_or_of_what_is_gone_do_not() -> None:
    assert status(with_parts(**part("other.api", "scheduler")))["status"] == "ok"
    for state in ("gone", "left"):
        gone = part("controller.kv", "controller")
        gone["control:controller.x"] = replace(gone["control:controller.x"], state=state)
        body = status(with_parts(**gone))
        assert body["status"] == "ok"
        assert "controller.kv" not in body["components"]
        states = [row["status"] for row in body["registry"] if row["hostname"] == "x"]
        assert states == (["Gone"] if state == "gone" else [])
    assert status(with_parts(**part("controller.tracing", "controller", "disabled")))["status"] == "ok"


def test_agents_probes_units_and_other_sources_never_do() -> None:
    board = filled()
    for key in board.snapshot.agents:
        changed(board, "agents", key, presence=Presence.GONE, sub_components=(SubComponent("agent.facts", "error"),))
    bad = {
        f"{kind}:x": Component(f"{kind}:x", kind, "x", Health.CRIT, "error")
        for kind in (ComponentKind.PROBE, ComponentKind.GATEWAY, ComponentKind.UNIT, ComponentKind.SERVICE)
    }
    board.publish(replace(board.snapshot, components={**board.snapshot.components, **bad}))
    for name in ("consumers", "registry", "facts", "state", "deadletters", "services", "account"):
        source(board, name, SourceStatus.FAILED, "no answer")
    source(board, "jobs", SourceStatus.DENIED, "not permitted")
    assert status(board)["status"] == "ok"


def test_without_a_fleet_there_is_no_queue_to_miss() -> None:
    board = filled(streams={}, site=literals.site(capabilities=frozenset()))
    body = status(board)
    assert body["status"] == "ok"
    assert body["components"]["kv"] == {"status": "disabled"}
    assert body.keys().isdisjoint({"agents", "registry"})


def test_the_bucket_is_looked_for_under_its_names() -> None:
    board = filled(site=literals.site(namespace="blue"))
    board.fingerprint = {"names": {"job_queue": "tasks"}}
    assert status(board)["components"]["kv"]["error"].endswith("there is no bucket blue-tasks")
    row = replace(board.snapshot.streams["KV_job-queue"], name="KV_blue-tasks")
    board.publish(replace(board.snapshot, streams={row.name: row}))
    assert status(board)["components"]["kv"] == {"status": "ok"}


def test_when_the_worker_stands_nobody_knows_of_nats() -> None:
    board = filled()
    board._pulse = -inf  # it gave no sign for longer than anybody waits
    body = status(board)
    assert body["status"] == "degraded"
    assert body["components"]["worker"]["status"] == "error"
    assert body["components"]["nats"]["status"] == "error"


async def test_a_worker_that_stops_is_not_ready() -> None:
    board = filled()
    async with asking(board) as client:
        board.stop()
        assert (await client.get("/api/health/ready")).json() == {
            "status": "not_ready", "error": "the worker is stopping",
        }  # fmt: skip
        board = filled()
    board.collected = False
    async with asking(board) as client:
        assert (await client.get("/api/health/ready")).json()["error"] == "the first collection is not done yet"


def test_no_connection_leaves_out_nats() -> None:
    down = literals.site(namespace="", connection=Connection(LinkState.DOWN, "nats://a:4222"))
    assert "nats" not in status(filled(site=down))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0s"), (45.9, "45s"), (60, "1m0s"), (65, "1m5s"), (3599, "59m59s"), (9000, "2h30m"), (612_360, "170h6m")],
)
def test_uptime(seconds: float, text: str) -> None:
    assert uptime_text(seconds) == text


# how it is served


def asking(board: Board) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(Application(board).socket()), base_url="http://worker")


@pytest.mark.parametrize("aside", [False, True])
async def test_a_page_is_rendered_once_for_a_snapshot(monkeypatch: pytest.MonkeyPatch, aside: bool) -> None:
    rendered: list[Snapshot] = []

    def counted(snapshot: Snapshot, *args: Any, **more: Any) -> Any:
        rendered.append(snapshot)
        return status_of(snapshot, *args, **more)

    monkeypatch.setattr(health, "status_of", counted)
    monkeypatch.setattr(health, "_LARGE", 0 if aside else 10**9)
    board = filled()
    clock = iter(range(0, 1000, 10)).__next__
    pages = StatusPages(board, clock=clock)
    both = await asyncio.gather(*(pages.page() for _ in range(10)))
    assert len(set(map(id, both))) == 1
    assert await pages.page() is both[0]
    assert len(rendered) == 1
    board.publish(replace(board.snapshot, seq=board.snapshot.seq))
    assert (await pages.page()) is not both[0]
    board.store.trouble = "session store is full"
    assert (await pages.page()).status == 503
    board.store.trouble = ""
    assert (await pages.page()).status == 200
    assert len(rendered) == 4


async def test_head_and_get_say_the_same() -> None:
    async with asking(filled()) as client:
        for path in ("/api/health", "/api/health/ready", "/api/health/status"):
            asked, headed = await client.get(path), await client.head(path)
            assert headed.status_code == asked.status_code == 200
            assert headed.headers["content-length"] == asked.headers["content-length"]
            assert headed.headers["content-type"] == "application/json"
