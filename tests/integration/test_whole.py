"""The whole over HTTP on a deployment as OSAPI leaves it: its numbers are those that NATS itself tells when asked.

Nothing is configured but the address: the namespace is found. Nothing moves meanwhile, so the numbers must be equal.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import pytest

from tests.nats_server import NatsServer
from tests.osapi_data import HOSTS, OsapiData, dataset

pytestmark = pytest.mark.timeout(180)
PATIENCE = 30.0


@dataclass
class Deployment:
    """A server with the data set on it, and a worker beside it."""

    server: NatsServer
    data: OsapiData
    env: dict[str, str]
    state: Path
    http: str

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-P", "-m", "app.cli", *arguments, "--state-dir", str(self.state)]
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=PATIENCE, check=False)

    @property
    def owner(self) -> str:
        return (self.state / "owner.token").read_text().strip()

    def get(self, path: str, token: str | None = None) -> tuple[int, Any, dict[str, str]]:
        """Status, body (JSON where it is that) and headers."""
        request = urllib.request.Request(self.http + path)
        if token is not None:
            request.add_header("authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                status, raw, headers = answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            status, raw, headers = error.code, error.read(), dict(error.headers)
        try:
            return status, json.loads(raw), headers
        except ValueError:
            return status, raw.decode(), headers

    def beat(self) -> None:
        """Its agents beat: they have done so once only, and by now that may be long ago."""

        async def beaten() -> None:
            connection = await nats.connect(self.server.url)
            await self.data.beat(connection)
            await connection.close()

        asyncio.run(beaten())
        deadline = time.monotonic() + PATIENCE
        while self.get("/api/health/status", self.owner)[1]["agents"]["ready"] < len(HOSTS):
            assert time.monotonic() < deadline, "the heartbeats did not come"
            time.sleep(0.1)


@contextmanager
def worker(env: dict[str, str], url: str, state: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A worker that is ready, and where it answers."""
    argv = [sys.executable, "-P", "-m", "app.cli", "worker", "--nats-url", url, "--state-dir", str(state)]
    process = subprocess.Popen([*argv, "--listen", "127.0.0.1:0"], env=env, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if line.rstrip().endswith(": ready"):
                break
        else:
            raise AssertionError("".join(said))
        (address,) = [at for pid, at in _listening() if pid == process.pid]
        yield process, f"http://{address}"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


def _listening() -> Iterator[tuple[int, str]]:
    import psutil

    for child in psutil.Process().children(recursive=True):
        for each in child.net_connections(kind="tcp"):
            if each.status == psutil.CONN_LISTEN and "app.cli" in child.cmdline():
                yield child.pid, f"{each.laddr.ip}:{each.laddr.port}"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    base = tmp_path_factory.mktemp("whole")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NATS_", "WATCHDECK_", "XDG_"))}
    (base / "run").mkdir(mode=0o700)
    env = kept | {"HOME": str(base), "XDG_RUNTIME_DIR": str(base / "run")}
    data = dataset(time.time_ns() - 120_000_000_000)

    async def fill(url: str) -> None:
        connection = await nats.connect(url)
        await data.write(connection)
        await connection.close()

    with NatsServer(base / "nats") as server:
        asyncio.run(fill(server.url))
        with worker(env, server.url, base / "state") as (_, http):
            yield Deployment(server, data, env, base / "state", http)


def test_probes_need_no_token_and_all_else_does(deployment: Deployment) -> None:
    for path in ("/health", "/healthz", "/livez", "/readyz"):
        assert deployment.get(path)[:2] == (200, {"ok": True})
    assert deployment.get("/api/health")[:2] == (200, {"status": "ok"})
    assert deployment.get("/api/health/ready")[:2] == (200, {"status": "ready"})
    assert "[+]store ok" in deployment.get("/readyz?verbose")[1]
    for path in ("/api/health/status", "/metrics", "/openapi.json", "/api/v1/findings"):
        for token in (None, "wd_x_y", "nonsense"):
            status, body, headers = deployment.get(path, token)
            assert (status, body["code"]) == (401, 401)
            assert headers["www-authenticate"] == "Bearer"
        assert deployment.get(path, deployment.owner)[0] == 200


def test_a_token_is_made_used_and_revoked_at_once(deployment: Deployment) -> None:
    made = deployment.command("token", "create", "--role", "member", "--name", "grafana")
    assert (made.returncode, made.stderr) == (0, "")
    token = made.stdout.strip()
    assert re.fullmatch(r"wd_[A-Za-z0-9]+_[A-Za-z0-9_-]+", token)
    assert deployment.get("/api/health/status", token)[0] == 200
    status, body, _ = deployment.get("/api/v1/tokens", token)
    assert (status, "tokens:read" in body["error"]) == (403, True)
    listed = deployment.command("token", "list")
    assert "grafana" in listed.stdout
    assert token not in listed.stdout
    assert deployment.command("token", "revoke", token.split("_")[1]).returncode == 0
    assert deployment.get("/api/health/status", token)[0] == 401


async def asked(url: str, subject: str, payload: bytes = b"") -> Any:
    connection = await nats.connect(url)
    try:
        return json.loads((await connection.request(subject, payload, timeout=5)).data)
    finally:
        await connection.close()


def plain(keys: list[str]) -> dict[str, str]:
    """Status by job, by a plain reading of OSAPI's rule over the names of status keys."""
    ranks = {"submitted": 0, "acknowledged": 1, "started": 2, "failed": 3, "skipped": 3, "completed": 4, "retried": 4}
    top: dict[str, dict[str, str]] = {}
    for key in keys:
        parts = key.split(".", 4)
        if len(parts) < 4 or parts[0] != "status":
            continue
        hosts = top.setdefault(parts[1], {})
        if parts[3] not in hosts or ranks.get(parts[2], 0) > ranks.get(hosts[parts[3]], 0):
            hosts[parts[3]] = parts[2]
    status = {}
    for id_, hosts in top.items():
        events = [event for host, event in hosts.items() if host != "_api" and event in ranks]
        done = sum(event in ("completed", "retried") for event in events)
        failed, skipped = events.count("failed"), events.count("skipped")
        if not events:
            status[id_] = "submitted"
        elif any(event in ("started", "acknowledged") for event in events):
            status[id_] = "processing"
        elif failed:
            status[id_] = "partial_failure" if done else "failed"
        else:
            status[id_] = "skipped" if skipped and not done else "completed"
    return status


def test_the_status_is_what_nats_itself_tells(deployment: Deployment) -> None:
    deployment.beat()
    url = deployment.server.url
    status, told, _ = deployment.get("/api/health/status", deployment.owner)
    assert (status, told["status"]) == (200, "ok")
    listed = asyncio.run(asked(url, "$JS.API.STREAM.LIST"))["streams"]
    by_name = {row["config"]["name"]: row["state"] for row in listed}
    streams = {name: state for name, state in by_name.items() if not name.startswith(("KV_", "OBJ_"))}
    assert {row["name"]: (row["messages"], row["bytes"]) for row in told["streams"]} == {
        name: (state["messages"], state["bytes"]) for name, state in streams.items()
    }
    consumers = {}
    for name in streams:
        for row in asyncio.run(asked(url, f"$JS.API.CONSUMER.LIST.{name}"))["consumers"] or ():
            consumers[row["name"]] = (row["num_pending"], row["num_ack_pending"], row["num_redelivered"])
    listed_there = {
        row["name"]: (row["pending"], row["ack_pending"], row["redelivered"]) for row in told["consumers"]["consumers"]
    }
    assert told["consumers"]["total"] == len(consumers)
    assert listed_there == consumers
    assert {row["name"] for row in told["kv_buckets"]} == {name[3:] for name in by_name if name.startswith("KV_")}

    found = asyncio.run(
        asked(url, "$JS.API.STREAM.INFO.KV_osapi-job-queue", b'{"subjects_filter":"$KV.osapi-job-queue.status.>"}')
    )
    statuses = plain([subject.removeprefix("$KV.osapi-job-queue.") for subject in found["state"]["subjects"]])
    counts = {word: list(statuses.values()).count(word) for word in ("processing", "completed", "failed")}
    assert {word: told["jobs"][word] for word in counts} == counts
    unclaimed = sum(not case.counted for case in deployment.data.cases.values())
    assert told["jobs"]["unprocessed"] == list(statuses.values()).count("submitted") + unclaimed
    assert told["jobs"]["total"] == len(statuses) + unclaimed
    assert told["jobs"]["dlq"] == by_name["osapi-JOBS-DLQ"]["messages"]
    assert (told["agents"]["total"], told["agents"]["ready"]) == (len(HOSTS), len(HOSTS))


def test_every_job_has_its_status_by_names_and_by_values(deployment: Deployment) -> None:
    status, told, _ = deployment.get("/api/v1/jobs?limit=1000", deployment.owner)
    assert status == 200
    rows = {row["key"]: row for row in told["items"]}
    for name, case in deployment.data.cases.items():
        assert rows[case.id]["status"] == case.by_names, name
        assert rows[case.id]["deleted"] == case.deleted, name
        detail = deployment.get(f"/api/v1/jobs/{case.id}", deployment.owner)[1]
        assert detail["status"] == case.by_values, name


def test_a_second_worker_says_who_holds_the_folder(deployment: Deployment) -> None:
    second = deployment.command("worker", "--nats-url", deployment.server.url, "--listen=")
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert "another worker" in second.stderr or "process" in second.stderr


def test_a_killed_worker_leaves_a_store_that_the_next_one_opens(deployment: Deployment, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with worker(deployment.env, deployment.server.url, state) as (process, _):
        here = Deployment(deployment.server, deployment.data, deployment.env, state, "")
        token = here.command("token", "create", "--role", "operator").stdout.strip()
        process.kill()
        process.wait(PATIENCE)
    with worker(deployment.env, deployment.server.url, state) as (_, http):
        here = Deployment(deployment.server, deployment.data, deployment.env, state, http)
        assert here.get("/api/v1/findings", token)[0] == 200
        assert here.get("/api/v1/findings", here.owner)[0] == 200


def test_from_afar_a_token_is_needed_and_enough(deployment: Deployment, tmp_path: Path) -> None:
    def status(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-P", "-m", "app.cli", "status", "--state-dir", str(tmp_path), *arguments]
        return subprocess.run(argv, env=deployment.env, capture_output=True, text=True, timeout=PATIENCE, check=False)

    without = status("--attach", deployment.http)
    assert without.returncode == 2
    assert "--token-file FILE names a token" in without.stdout
    wrong = tmp_path / "wrong.token"
    wrong.write_text("wd_nobody_nothing\n")
    assert status("--attach", deployment.http, "--token-file", str(wrong)).returncode == 2
    token = str(deployment.state / "owner.token")
    known = status("--attach", deployment.http, "--token-file", token, "--format", "json")
    assert json.loads(known.stdout)["worker"] is not None
    here = deployment.command("status", "--format", "json")
    ids = [[finding["id"] for finding in json.loads(each.stdout)["findings"]] for each in (known, here)]
    assert sorted(ids[0]) == sorted(ids[1])
