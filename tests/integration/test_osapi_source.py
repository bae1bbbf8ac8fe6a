"""OSAPI's own API as a source, against a double that answers as OSAPI does: its bodies, its codes, its cache."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from app.model.components import Component
from app.model.health import Health
from app.model.snapshot import SourceStatus
from app.settings.fields import OsapiSettings, Secret
from app.sources.osapi import KEY, Osapi
from tests.integration.endpoints import Endpoint, endpoint
from tests.integration.watching import running, until

TOKEN = "eyJhbGciOi.hunter2.x"
MACHINES = [f"{number:032x}" for number in range(3)]


class Double:
    """What OSAPI's controller says. `audited` are the paths that were written to its audit log."""

    def __init__(self) -> None:
        self.nats_up = True
        self.token = TOKEN
        self.roles = frozenset({"health:read", "agent:read", "job:read"})
        self.audited: list[str] = []
        self.server = Endpoint()

    def answer(self, path: str) -> tuple[int, bytes]:
        bare = path.partition("?")[0]
        if not bare.startswith("/api/"):
            return 200, b"<!doctype html><title>OSAPI</title>"
        if bare == "/api/health":
            return _json(200, {"status": "ok"})
        if not bare.startswith("/api/health"):
            self.audited.append(path)
        given = self.server.asked[-1][1].get("authorization", "")
        if not given.startswith("Bearer "):
            return _json(401, {"error": "Bearer token required"})
        if given != f"Bearer {self.token}":
            return _json(401, {"error": f"Invalid token: {given[7:]} is malformed"})
        need = {"/api/health/status": "health:read", "/api/agent": "agent:read", "/api/job": "job:read"}[bare]
        if need not in self.roles:
            return _json(403, {"error": f"Insufficient permissions. Required: [{need}], resolved: map[]"})
        return {"/api/health/status": self.status, "/api/agent": self.agents, "/api/job": self.jobs}[bare]()

    def status(self) -> tuple[int, bytes]:
        nats = {"status": "ok"} if self.nats_up else {"status": "error", "error": "nats not connected"}
        body = {
            "status": "ok" if self.nats_up else "degraded",
            "components": {
                "controller.nats (connectivity)": nats,
                "controller.api": {"status": "ok", "address": "http://0.0.0.0:8080"},
                "controller.tracing": {"status": "disabled"},
            },
            "version": "0.1.0",
            "uptime": "2h30m0s",
            "streams": [{"name": "osapi-JOBS", "messages": 1200, "bytes": 4096, "consumers": 18}],
            "kv_buckets": [],
            "jobs": {"total": 100, "unprocessed": 5, "processing": 2, "completed": 90, "failed": 3, "dlq": 12},
            "registry": [
                {"type": "agent", "hostname": f"web-0{number}", "status": "Ready", "age": "7h 6m", "cpu_percent": 2.1,
                 "mem_bytes": 134217728}
                for number in range(3)
            ],
        }  # fmt: skip
        return _json(200 if self.nats_up else 503, body)

    def agents(self) -> tuple[int, bytes]:
        rows: list[dict[str, Any]] = [
            {"hostname": f"web-0{number}", "status": "Ready", "machine_id": machine, "state": "Ready",
             "labels": {"group": "web.eu"}, "registered_at": "2026-11-22T14:05:12.123456789Z",
             "os_info": {"distribution": "Ubuntu", "version": "24.04"},
             "conditions": [{"type": "DiskPressure", "status": False, "last_transition_time": ""}]}
            for number, machine in enumerate(MACHINES)
        ]  # fmt: skip
        rows[2]["state"] = "Cordoned"
        rows[1]["conditions"][0] |= {"status": True, "reason": "/ 95% used (95.0/100.0 GB)"}
        return _json(200, {"agents": rows, "total": 3})

    def jobs(self) -> tuple[int, bytes]:
        item = {"id": "0f3a", "status": "failed", "created": "2026-11-22T14:00:00Z", "hostname": "web-00",
                "operation": {"type": "node.disk.get", "data": {}}, "error": "timeout"}  # fmt: skip
        counts = {"submitted": 5, "processing": 2, "completed": 90, "failed": 3, "partial_failure": 0}
        return _json(200, {"total_items": 100, "status_counts": counts, "items": [item]})


def _json(status: int, body: Any) -> tuple[int, bytes]:
    return status, json.dumps(body).encode()


@asynccontextmanager
async def osapi() -> AsyncIterator[Double]:
    double = Double()
    async with endpoint(answers=double.answer) as double.server:
        yield double


@asynccontextmanager
async def asking(
    url: str, token: str = TOKEN, nats_out: Callable[[], bool] = lambda: False, **paces: float
) -> AsyncIterator[Osapi]:
    settings = OsapiSettings(url=url, token=Secret(token))
    source = Osapi(settings, lambda: datetime.now(UTC), nats_out, **{"every": 0.2, "audited_every": 1.0, **paces})
    async with running(source.run):
        yield source


async def head(source: Osapi, holds: Callable[[Component], bool]) -> Component:
    await until(lambda: holds(source.components[KEY]), "as wanted")
    return source.components[KEY]


def tables(component: Component) -> dict[str, tuple[tuple[str, ...], ...]]:
    assert component.probe is not None
    return {table.title: table.rows for table in component.probe.tables}


async def test_its_status_its_parts_and_nothing_in_its_audit_log() -> None:
    async with osapi() as double, asking(double.server.url) as source:
        assert source.state.status is SourceStatus.WAITING
        row = await head(source, lambda row: row.health is Health.OK)
        assert (row.name, row.version, row.reason) == ("osapi", "0.1.0", "3 checks well")
        assert source.components[f"{KEY}/controller.tracing"].state == "disabled"
        assert tables(row) == {
            "Jobs": (("100", "5", "2", "90", "3", "12"),),
            "Streams": (("osapi-JOBS", "1.2k", "4.0K", "18"),),
            "KV buckets": (),
        }
        await until(lambda: len(double.server.asked) >= 4, "asked again and again")
        assert not double.audited
        assert {path for path, _ in double.server.asked} == {"/api/health/status"}
        assert source.state.status is SourceStatus.OK


async def test_without_nats_its_agents_and_jobs_are_asked_for_seldom_and_say_what_they_are() -> None:
    out = True
    async with osapi() as double, asking(double.server.url, nats_out=lambda: out, audited_every=60.0) as source:
        row = await head(source, lambda row: "Agents" in tables(row))
        told = tables(row)
        assert told["Agents"][0] == (
            "web-01", "Ready", "/ 95% used (95.0/100.0 GB)", "group=web.eu", "2026-11-22 14:05:12Z", "Ubuntu 24.04",
        )  # fmt: skip
        assert told["Agents"][1][:2] == ("web-02", "Cordoned")
        assert told["Jobs by status"] == (("5", "2", "90", "3", "0", "0"),)
        assert told["Newest jobs"] == (
            ("0f3a", "failed", "2026-11-22 14:00:00Z", "node.disk.get", "web-00", "timeout"),
        )
        assert row.probe is not None
        assert row.probe.origin.startswith("agents and jobs as OSAPI told them ")
        assert "asked once in 60 s while NATS is out of reach: each question is in its audit log" in row.probe.origin
        await until(lambda: len(double.server.asked) >= 8, "asked again and again")
        assert double.audited == ["/api/agent", "/api/job?limit=100"]
        out = False
        row = await head(source, lambda row: "Agents" not in tables(row))
        assert row.probe is not None
        assert row.probe.origin == ""


async def test_degraded_with_its_reason_and_well_again() -> None:
    async with osapi() as double, asking(double.server.url) as source:
        await head(source, lambda row: row.health is Health.OK)
        double.nats_up = False
        row = await head(source, lambda row: row.health is Health.CRIT)
        assert row.state == "fails"
        assert row.reason == "answers 503 Service Unavailable: controller.nats (connectivity): nats not connected"
        assert tables(row)["Jobs"]
        assert source.state.status is SourceStatus.FAILED
        double.nats_up = True
        await head(source, lambda row: row.health is Health.OK)


@pytest.mark.parametrize(
    ("token", "roles", "health", "said"),
    [
        ("", "health:read", Health.OK, "alive; without a token it tells no more: [osapi] token_file"),
        ("wrong-token", "health:read", Health.WARN, "alive, but this token is not accepted (401): Invalid token: … is"),
        (TOKEN, "job:read", Health.WARN, "alive, but this token may not see it (health:read) (403): Insufficient"),
    ],
)
async def test_what_it_does_not_let_us_see(token: str, roles: str, health: Health, said: str) -> None:
    async with osapi() as double, asking(double.server.url, token) as source:
        double.roles = frozenset({roles})
        row = await head(source, lambda row: row.health is health)
        assert row.reason.startswith(said)
        assert "hunter2" not in repr(source.components)


async def test_a_list_that_is_not_permitted_is_said_and_the_other_shown() -> None:
    async with osapi() as double:
        double.roles = frozenset({"health:read", "job:read"})
        async with asking(double.server.url, nats_out=lambda: True) as source:
            row = await head(source, lambda row: "Newest jobs" in tables(row))
            assert "Agents" not in tables(row)
            assert row.probe is not None
            assert row.probe.origin.endswith("agents: does not let us see (403): how it does is not known")


async def test_what_is_not_osapi() -> None:
    async with osapi() as double, asking(double.server.url + "/ui") as source:
        row = await head(source, lambda row: row.state != "waiting")
        assert (row.health, row.state) == (Health.UNKNOWN, "unclear")
        assert row.reason == "answers 200 with an HTML page, which is not OSAPI's status: is [osapi] url right?"


@pytest.mark.parametrize(
    "body",
    [
        {"status": "ok", "components": {}},
        {"status": "ok", "components": {"x": 1}, "streams": [1, None, {"name": 3}], "jobs": [], "registry": {}},
        {
            "components": {},
            "kv_buckets": [{"name": "\x1b[2J" * 99, "keys": 1e400, "bytes": -1}],
            "jobs": {"total": "x"},
        },
    ],
)
async def test_anything_may_be_missing_or_odd(body: dict[str, Any]) -> None:
    text = json.dumps(body).replace("Infinity", "1e300").encode()
    async with osapi() as double, asking(double.server.url, nats_out=lambda: True) as source:
        double.server.answers = lambda _: (200, text)
        row = await head(source, lambda row: row.state == "ok")
        cells = [cell for rows in tables(row).values() for line in rows for cell in line]
        assert all(cell.isprintable() for cell in cells)


async def test_down() -> None:
    async with asking("http://127.0.0.1:1") as source:
        await until(lambda: source.components[KEY].probe.failures == 1, "looked")  # type: ignore[union-attr]
        assert source.components[KEY].reason == "one look failed: connection refused"
