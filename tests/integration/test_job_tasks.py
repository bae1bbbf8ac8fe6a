"""Jobs of a real queue become tasks of a real worker, once, also after it was killed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_store_worker import Place, eventually
from tests.integration.watching import client
from tests.nats_server import NatsServer

pytestmark = pytest.mark.timeout(120)


async def put(url: str, now: float, id: str, *events: str, job: bool = False) -> None:
    """What OSAPI's controller and agents write: a job, and events in the names of their keys."""
    async with client(url) as nc:
        js = nc.jetstream()
        if job:
            for bucket in ("job-queue", "agent-registry"):
                await js.create_key_value(bucket=bucket)
        kv = await js.key_value("job-queue")
        if job:
            created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 100))
            operation = {"type": "node.disk.get", "data": {}}
            value = {"id": id, "created": created, "subject": "jobs.query._any", "operation": operation}
            await kv.put(f"jobs.{id}", json.dumps(value).encode())
        for each in events:
            event, host, ago = each.split("/")
            nano = int((now - float(ago)) * 1e9)
            await kv.put(f"status.{id}.{event}.{host}.{nano}", b"{}")


async def test_a_job_is_a_task_after_the_worker_was_killed_and_after_it_expired(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "nats") as server:
        (tmp_path / "home").mkdir()
        now = time.time()
        place = Place(tmp_path / "home", server.url)
        await put(server.url, now, "j1", "submitted/_api/99", "acknowledged/web-01/50", "started/web-01/49", job=True)

        def told(path: str = "/api/v1/tasks") -> Any:
            file = place.state / "owner.token"
            status, body = place.get(path, file.read_text().strip()) if file.exists() else (0, "")
            return json.loads(body) if status == 200 else {}

        def stands(status: str) -> bool:
            tasks = told().get("tasks", [])
            return len(tasks) == 1 and (tasks[0]["job"], tasks[0]["status"]) == ("j1", status)

        with place.worker(ends=-9) as first:
            eventually(lambda: stands("in_progress"))
            first.kill()
            first.wait(30)
        await put(server.url, now, "j1", "completed/web-01/14")
        with place.worker():
            eventually(lambda: stands("done"))
            async with client(server.url) as nc:
                await nc.jetstream().delete_key_value("job-queue")
            time.sleep(3)
            assert stands("done")
            body = told("/api/v1/metrics/dashboard?range=7d")
            assert body["kpis"]["median_cycle_time_hours_7d"] == pytest.approx(36 / 3600, abs=1e-6)
            assert sum(point["value"] for point in body["throughput"]["primary"]["points"]) == 1
            figures = told("/api/v1/metrics/figures?range=7d")
            assert sum(point["of"] for point in figures["error_rate"]["primary"]) == 4
