"""Jobs and their events: the keys and bodies that OSAPI's controller and agents write, in their order."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from app.demo import jobs
from app.demo.fleet import Host, hosts
from app.demo.jobs import Desk, Job
from app.demo.layout import Layout
from app.demo.traffic import Traffic

UUID = "3f0c1d9e-0000-4000-8000-000000000001"


class Paper:
    """Takes what would be sent, in order."""

    def __init__(self) -> None:
        self.puts: list[tuple[str, str, dict[str, Any]]] = []
        self.sent: list[tuple[str, bytes]] = []
        self.held: dict[str, bytes] = {}

    async def put(self, bucket: str, key: str, value: Mapping[str, Any]) -> None:
        self.puts.append((bucket, key, dict(value)))

    async def publish(self, subject: str, data: bytes) -> None:
        self.sent.append((subject, data))

    async def get(self, bucket: str, key: str) -> bytes | None:
        return self.held.get(key)


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def desk(paper: Paper) -> Desk:
    return Desk(paper, Layout("osapi"), 7)  # type: ignore[arg-type]


@pytest.fixture
def host() -> Host:
    found = hosts(1, 7)[0]
    found.hostname = "web-01.example"
    found.system = ("Debian", "12")
    return found


def _job(operation: str = "node.hostname.get", took: float = 0.0) -> Job:
    return Job(UUID, "osapi.jobs.query._any", operation, took)


async def test_a_job_is_written_then_announced_by_its_id_alone(desk: Desk, paper: Paper) -> None:
    await desk.issue(_job(), {"a": 1})
    bucket, key, value = paper.puts[0]
    assert (bucket, key) == ("osapi-job-queue", f"jobs.{UUID}")
    assert set(value) == {"id", "status", "created", "subject", "operation"}
    assert (value["id"], value["status"], value["subject"]) == (UUID, "unprocessed", "osapi.jobs.query._any")
    assert value["operation"] == {"type": "node.hostname.get", "data": {"a": 1}}
    assert paper.sent == [("osapi.jobs.query._any", UUID.encode())]


async def test_a_completed_job_leaves_its_events_in_order(
    desk: Desk, paper: Paper, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "FAILING", 0.0)
    await desk.issue(_job(), {})
    assert await jobs.handle(desk, host, UUID, 1) is True
    written = paper.puts[1:]
    kinds = [key.split(".")[0] + "." + key.split(".")[2] for _, key, _ in written]
    assert kinds == ["status.acknowledged", "status.started", "responses.web-01_example", "status.completed"]
    for _, key, value in written:
        if key.startswith("status."):
            event, name, stamp = key.split(".")[2:]
            assert (value["job_id"], value["event"], value["hostname"]) == (UUID, event, "web-01.example")
            assert name == "web-01_example"
            assert value["unix_nano"] == int(stamp)
            assert value["timestamp"].endswith("Z")
    assert written[0][2]["data"] == {
        "subject": "osapi.jobs.query._any",
        "category": "node",
        "operation": "node.hostname.get",
    }
    assert set(written[1][2]["data"]) == {"agent_version", "pid"}
    response = written[2][2]
    assert (response["job_id"], response["status"], response["hostname"]) == ("", "completed", "web-01.example")
    assert response["data"] == {"hostname": "web-01.example"}
    assert response["changed"] is False
    assert written[3][2]["data"]["result_size"] == len(json.dumps(response["data"]))


async def test_a_failed_job_is_left_unacknowledged_and_succeeds_at_the_next_try(
    desk: Desk, paper: Paper, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "FAILING", 1.0)
    await desk.issue(_job(), {})
    assert await jobs.handle(desk, host, UUID, 1) is False
    event, response = paper.puts[-1][2], paper.puts[-2][2]
    assert event["event"] == "failed"
    assert set(event["data"]) == {"error", "duration_ms"}
    assert response["status"] == "failed"
    assert response["error"] == event["data"]["error"]
    assert await jobs.handle(desk, host, UUID, 2) is True
    assert paper.puts[-1][2]["event"] == "completed"


async def test_a_skipped_job_is_acknowledged_and_can_be_retried(desk: Desk, paper: Paper, host: Host) -> None:
    host.system = ("Rocky Linux", "9.4")
    await desk.issue(_job("sysctl.update"), {})
    assert await jobs.handle(desk, host, UUID, 1) is True
    assert paper.puts[-1][2]["event"] == "skipped"
    assert paper.puts[-1][2]["data"]["error"] == "unsupported OS family"

    paper.puts.clear()
    new = Job("9f0c1d9e-0000-4000-8000-000000000002", "osapi.jobs.modify._any", "ntp.get")
    assert await desk.retry(new, "_any") is True
    submitted, retried, job = (value for _, _, value in paper.puts)
    assert (submitted["event"], submitted["hostname"], submitted["job_id"]) == ("submitted", "_api", new.id)
    assert submitted["data"] == {"target_hostname": "_any", "operation_type": "sysctl.update"}
    assert (retried["event"], retried["job_id"]) == ("retried", UUID)
    assert retried["data"] == {"new_job_id": new.id, "target_hostname": "_any"}
    assert job["operation"]["type"] == "sysctl.update"
    assert job["status_history"]
    assert await desk.retry(new, "_any") is False, "there is nothing skipped any more"


async def test_a_notification_of_a_job_that_has_expired_stays_unacknowledged(
    desk: Desk, paper: Paper, host: Host
) -> None:
    assert await jobs.handle(desk, host, UUID, 1) is False
    assert paper.puts == []


async def test_a_job_that_somebody_else_wrote_is_handled(desk: Desk, paper: Paper, host: Host) -> None:
    body = {"id": UUID, "subject": "osapi.jobs.query._any", "operation": {"type": "node.load.get", "data": {}}}
    paper.held[f"jobs.{UUID}"] = json.dumps(body).encode()
    found = await desk.find(UUID)
    assert found == Job(UUID, "osapi.jobs.query._any", "node.load.get")
    paper.held[f"jobs.{UUID}"] = b"[not a job]"
    assert await desk.find(UUID) is None


async def _ids(seed: int, rate_seed: int) -> list[tuple[str, bytes]]:
    paper = Paper()
    desk = Desk(paper, Layout("osapi"), seed)  # type: ignore[arg-type]
    fleet = hosts(6, seed)
    traffic = Traffic(paper, Layout("osapi"), desk, fleet, 2.0, random.Random(rate_seed))  # type: ignore[arg-type]
    for _ in range(60):
        await traffic.one()
    return [(subject, data) for subject, data in paper.sent if ".jobs." in subject]


async def test_the_same_seed_sends_the_same_jobs_to_the_same_targets() -> None:
    first = await _ids(7, 1)
    assert first == await _ids(7, 1)
    assert first != await _ids(7, 2)
    subjects = {subject.split(".")[3] for subject, _ in first}
    assert {"_any", "host"} <= subjects


async def test_where_real_agents_may_listen_jobs_go_to_simulated_hosts_alone() -> None:
    paper = Paper()
    layout, fleet = Layout("osapi"), hosts(6, 7)
    desk = Desk(paper, layout, 7)  # type: ignore[arg-type]
    traffic = Traffic(paper, layout, desk, fleet, 2.0, random.Random(1), direct_only=True)  # type: ignore[arg-type]
    for _ in range(60):
        await traffic.one()
    ours = {layout.host_subject(verb, host.machine_id) for verb in ("query", "modify") for host in fleet}
    assert {subject for subject, _ in paper.sent if ".jobs." in subject} <= ours
