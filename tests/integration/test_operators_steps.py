"""What operators of Mission Control ask by hand is answered by a worker, as their page writes it and as the real system
does: liveness, readiness, CORS, role, agents, the gateway and its sessions, metrics. Real server, real worker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import nats
import pytest

from tests.nats_server import NatsServer

pytestmark = pytest.mark.timeout(180)
PATIENCE = 60.0
PAGE = "http://72.62.201.147"
SESSION = "agent:mc-0001-0002:main"
RANGES = {"24h": 25, "3d": 4, "7d": 8, "14d": 15, "1m": 31}


def event(number: int, type_: str, payload: dict[str, Any], ago: float) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    return {
        "id": f"{SESSION}-{number}", "sessionId": SESSION, "agentId": "coder-7", "eventType": type_, "severity": "info",
        "payload": payload, "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
    }  # fmt: skip


def moved(number: int, status: str, ago: float) -> dict[str, Any]:
    data = {"taskId": "t1", "title": "write the page", "status": status, "boardId": "docs", "agentId": "coder-7"}
    return event(number, "custom", {"type": "task", "data": data}, ago)


def happened() -> list[dict[str, Any]]:
    """A session that began a few minutes ago and goes on."""
    return [
        event(1, "session_started", {"agentName": "Coder"}, 400),
        event(
            2, "llm_call", {"callId": "c", "provider": "p", "model": "opal-4",
                            "messages": [{"role": "user", "content": "fix the build"}]}, 390,
        ),
        event(
            3, "llm_response", {"callId": "c", "provider": "p", "model": "opal-4", "completion": "It is fixed.",
                                "finishReason": "stop", "costUsd": 0.01, "latencyMs": 900,
                                "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}}, 380,
        ),
        moved(4, "inbox", 370),
        moved(5, "in_progress", 360),
        moved(6, "review", 180),
        moved(7, "done", 100),
    ]  # fmt: skip


@dataclass
class Worker:
    """A worker with a session that goes on, and a task that got done."""

    http: str
    token: str

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token if token is None else token}"}
        return httpx.get(self.http + path, headers=headers, timeout=PATIENCE)

    def until(self, path: str, seen: Any) -> Any:
        """The body of an answer, once it says what it should."""
        deadline = time.monotonic() + PATIENCE
        while True:
            body = self.get(path).json()
            if seen(body):
                return body
            assert time.monotonic() < deadline, body
            time.sleep(0.2)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("steps")
    with NatsServer(folder / "nats") as server, socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
        bound.close()
        asyncio.run(publish(server.url))
        (folder / "watchdeck.toml").write_text(f'[http]\ncors_origins = ["{PAGE}"]\n')
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NATS_", "WATCHDECK_"))}
        command = [
            sys.executable, "-P", "-m", "app.cli", "worker", "--nats-url", server.url, "--state-dir", str(folder / "s"),
            "--listen", f"127.0.0.1:{port}", "--config", str(folder / "watchdeck.toml"),
        ]  # fmt: skip
        process = subprocess.Popen(command, env=kept | {"HOME": str(folder)}, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            assert any(line.rstrip().endswith(": ready") for line in process.stderr)
            yield Worker(f"http://127.0.0.1:{port}", (folder / "s" / "owner.token").read_text().strip())
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)


async def publish(url: str) -> None:
    connection = await nats.connect(url)
    stream = connection.jetstream()
    await stream.add_stream(name="SESSIONS", subjects=["sessions.>"], metadata={"watchdeck.sessions": "1"})
    for each in happened():
        await stream.publish("sessions.coder", json.dumps(each).encode(), headers={"Nats-Msg-Id": each["id"]})
    await connection.close()


@pytest.mark.parametrize("path", ["/health", "/healthz", "/readyz"])
def test_probes_need_no_token(worker: Worker, path: str) -> None:
    answer = httpx.get(worker.http + path, timeout=PATIENCE)
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


def test_the_page_of_the_deployment_may_ask(worker: Worker) -> None:
    headers = {"origin": PAGE, "access-control-request-method": "GET"}
    answer = httpx.options(f"{worker.http}/api/v1/organizations/me/member", headers=headers, timeout=PATIENCE)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)


def test_the_role_is_told(worker: Worker) -> None:
    assert worker.get("/api/v1/organizations/me/member").json()["role"] == "owner"
    assert worker.get("/api/v1/organizations/me/member", "nonsense").status_code == 401


def test_agents_are_listed_and_found(worker: Worker) -> None:
    body = worker.until("/api/v1/agents", lambda told: told["total"] == 1)
    (agent,) = body["items"]
    assert (agent["key"], agent["status"], body["limit"], body["offset"]) == ("coder-7", "online", 200, 0)
    assert worker.get(f"/api/v1/agents/{UUID(agent['id'])}").json()["name"] == agent["name"]


@pytest.mark.parametrize("prefix", ["/api/v1/gateway", "/api/v1/gateways"])
def test_the_session_store_is_the_gateway_where_there_is_none(worker: Worker, prefix: str) -> None:
    worker.until(f"{prefix}/sessions", lambda told: len(told["sessions"]) == 1)
    status = worker.get(f"{prefix}/status").json()
    assert (status["connected"], status["sessions_count"], status["error"]) == (True, 1, None)
    (session,) = worker.get(f"{prefix}/sessions").json()["sessions"]
    assert session["key"] == SESSION
    assert worker.get(f"{prefix}/sessions/{SESSION}").json()["session"]["key"] == SESSION
    history = worker.get(f"{prefix}/sessions/{SESSION}/history").json()["history"]
    assert [message["role"] for message in history] == ["user", "assistant"]
    assert "fix the build" in json.dumps(history[0])
    assert worker.get(f"{prefix}/sessions/agent:nobody:main").status_code == 404


@pytest.mark.parametrize("name", ["range", "range_key"])
@pytest.mark.parametrize("value", RANGES)
def test_metrics_are_told_over_every_range(worker: Worker, name: str, value: str) -> None:
    path = f"/api/v1/metrics/dashboard?{name}={value}"
    body = worker.until(path, lambda told: told["kpis"]["done_tasks"] == 1)
    assert body["range"] == value
    assert list(body) == [
        "range", "generated_at", "kpis", "throughput", "cycle_time", "error_rate", "wip", "pending_approvals",
    ]  # fmt: skip
    kpis = body["kpis"]
    assert (kpis["active_agents"], kpis["tasks_in_progress"], kpis["error_rate_pct"]) == (1, 0, 0.0)
    assert kpis["median_cycle_time_hours_7d"] == pytest.approx(180 / 3600, abs=0.002)
    points = body["throughput"]["primary"]["points"]
    assert len(points) in (RANGES[value], RANGES[value] + 1)
    assert sum(point["value"] for point in points) == 1
    assert sum(point["value"] for point in body["throughput"]["comparison"]["points"]) == 0
    assert {"period", "inbox", "in_progress", "review", "done"} == set(body["wip"]["primary"]["points"][0])


def test_without_a_range_it_is_a_day_and_an_unknown_one_is_refused(worker: Worker) -> None:
    assert worker.get("/api/v1/metrics/dashboard").json()["range"] == "24h"
    for path in ("range=8d", "range_key=zzz", "board_id=nonsense", "group_id=nonsense"):
        assert worker.get(f"/api/v1/metrics/dashboard?{path}").status_code == 422
