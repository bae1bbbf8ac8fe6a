"""Jobs and their events: the keys and bodies that OSAPI's controller and agents write, in their order."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from app.demo import jobs
from app.demo.fleet import Host, hosts
from app.demo.jobs import ALWAYS, Desk, Job
from app.demo.layout import SECOND, Layout
from app.demo.orders import PER_SECOND, Orders, Twist
from app.demo.past import Past, count_for
from app.demo.traffic import OPENING, Traffic

UUID = "3f0c1d9e-0000-4000-8000-000000000001"


class Paper:
    """Takes what would be sent, in order."""

    def __init__(self) -> None:
        self.puts: list[tuple[str, str, dict[str, Any]]] = []
        self.sent: list[tuple[str, bytes]] = []
        self.held: dict[str, bytes] = {}
        self.deleted: list[str] = []

    async def put(self, bucket: str, key: str, value: Mapping[str, Any]) -> None:
        self.puts.append((bucket, key, dict(value)))

    async def publish(self, subject: str, data: bytes) -> None:
        self.sent.append((subject, data))

    async def delete(self, bucket: str, key: str) -> None:
        self.deleted.append(key)

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


def _job(operation: str = "node.hostname.get", **more: Any) -> Job:
    return Job(UUID, "osapi.jobs.query._any", operation, 0.0, **more)


async def test_a_job_is_written_then_announced_by_its_id_alone(desk: Desk, paper: Paper) -> None:
    await desk.issue(_job(), {"a": 1})
    bucket, key, value = paper.puts[0]
    assert (bucket, key) == ("osapi-job-queue", f"jobs.{UUID}")
    assert set(value) == {"id", "status", "created", "subject", "operation"}
    assert (value["id"], value["status"], value["subject"]) == (UUID, "unprocessed", "osapi.jobs.query._any")
    assert value["operation"] == {"type": "node.hostname.get", "data": {"a": 1}}
    assert paper.sent == [("osapi.jobs.query._any", UUID.encode())]


async def test_a_completed_job_leaves_its_events_in_order(desk: Desk, paper: Paper, host: Host) -> None:
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
    desk: Desk, paper: Paper, host: Host
) -> None:
    await desk.issue(_job(fails=1), {})
    assert await jobs.handle(desk, host, UUID, 1) is False
    event, response = paper.puts[-1][2], paper.puts[-2][2]
    assert event["event"] == "failed"
    assert set(event["data"]) == {"error", "duration_ms"}
    assert response["status"] == "failed"
    assert response["error"] == event["data"]["error"]
    assert await jobs.handle(desk, host, UUID, 2) is True
    assert paper.puts[-1][2]["event"] == "completed"


async def test_a_job_may_fail_on_one_host_and_be_done_by_the_others(desk: Desk, paper: Paper, host: Host) -> None:
    other = hosts(2, 8)[1]
    await desk.issue(_job(fails=ALWAYS, fails_on=host.machine_id), {})
    assert await jobs.handle(desk, host, UUID, 5) is False
    assert await jobs.handle(desk, other, UUID, 1) is True
    assert [value["event"] for _, key, value in paper.puts if key.startswith("status.")][2::3] == [
        "failed", "completed",
    ]  # fmt: skip


async def test_an_operation_that_is_ill_mostly_fails_with_its_error(desk: Desk, paper: Paper, host: Host) -> None:
    desk.ill["node.hostname.get"] = "checksum differs"
    gone_wrong = 0
    for number in range(40):
        job = Job(f"{number}", "osapi.jobs.query._any", "node.hostname.get", 0.0)
        await desk.issue(job, {})
        gone_wrong += not await jobs.handle(desk, host, job.id, 1)
    assert 25 <= gone_wrong < 40
    errors = {value["data"]["error"] for _, _, value in paper.puts if value.get("event") == "failed"}
    assert errors == {"checksum differs"}


async def test_a_skipped_job_is_acknowledged_and_can_be_retried(desk: Desk, paper: Paper, host: Host) -> None:
    host.system = ("Rocky Linux", "9.4")
    await desk.issue(_job("sysctl.update"), {})
    assert await jobs.handle(desk, host, UUID, 1) is True
    assert paper.puts[-1][2]["event"] == "skipped"
    assert paper.puts[-1][2]["data"]["error"] == "unsupported OS family"
    assert desk.unhappy == UUID

    paper.puts.clear()
    new = Job("9f0c1d9e-0000-4000-8000-000000000002", "osapi.jobs.modify._any", "sysctl.update")
    await desk.retry(UUID, new, "_any", {})
    submitted, retried, job = (value for _, _, value in paper.puts)
    assert (submitted["event"], submitted["hostname"], submitted["job_id"]) == ("submitted", "_api", new.id)
    assert submitted["data"] == {"target_hostname": "_any", "operation_type": "sysctl.update"}
    assert (retried["event"], retried["job_id"]) == ("retried", UUID)
    assert retried["data"] == {"new_job_id": new.id, "target_hostname": "_any"}
    assert job["operation"]["type"] == "sysctl.update"
    assert job["status_history"]


async def test_a_deleted_job_loses_its_own_key_and_nothing_else(desk: Desk, paper: Paper, host: Host) -> None:
    await desk.issue(_job(), {})
    await jobs.handle(desk, host, UUID, 1)
    await desk.delete(UUID)
    assert paper.deleted == [f"jobs.{UUID}"]
    assert await desk.find(UUID) is None


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


def _orders(seed: int = 7, rate: float = 2.0, **more: Any) -> Orders:
    fleet = hosts(6, 7)
    for host in fleet:
        host.begin(1)
    return Orders(Layout("osapi"), fleet, rate, random.Random(seed), **more)


async def _ids(seed: int) -> list[tuple[str, bytes]]:
    paper = Paper()
    desk = Desk(paper, Layout("osapi"), 7)  # type: ignore[arg-type]
    orders = _orders(seed)
    traffic = Traffic(paper, Layout("osapi"), desk, orders, 2.0, random.Random(1))  # type: ignore[arg-type]
    for _ in range(60):
        await traffic.one(orders.twist())
    return [(subject, data) for subject, data in paper.sent if ".jobs." in subject]


async def test_the_same_seed_sends_the_same_jobs_to_the_same_targets() -> None:
    first = await _ids(1)
    assert first == await _ids(1)
    assert first != await _ids(2)
    subjects = {subject.split(".")[3] for subject, _ in first}
    assert {"_any", "host"} <= subjects


def test_where_real_agents_may_listen_jobs_go_to_simulated_hosts_alone() -> None:
    orders, layout = _orders(direct_only=True), Layout("osapi")
    ours = {layout.host_subject(verb, host.machine_id) for verb in ("query", "modify") for host in hosts(6, 7)}
    for twist in [*Twist, *[None] * 60]:
        order = orders.order(twist)
        assert order is not None
        assert order.job.subject in ours or not order.hosts
        assert order.job.subject.split(".")[3] == "host"


@pytest.mark.parametrize("rate", [0.2, 2.0, 50.0])
def test_twists_come_as_often_whatever_the_rate_is(rate: float) -> None:
    orders = _orders(rate=rate)
    drawn = 20_000
    twisted = sum(orders.twist() is not None for _ in range(drawn))
    expected = sum(PER_SECOND.values()) / max(1.0, rate)
    assert twisted / drawn == pytest.approx(expected, rel=0.3)


async def test_the_first_jobs_are_one_of_each_kind_and_what_goes_astray_is_taken_back(
    desk: Desk, paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.demo.traffic.PATIENCE", 0.0)
    traffic = Traffic(paper, Layout("osapi"), desk, _orders(), 2.0, random.Random(1))  # type: ignore[arg-type]
    desk.unhappy = UUID
    await desk.issue(_job("sysctl.update"), {})
    for twist in OPENING:
        await traffic.one(twist)
    events = [value for _, key, value in paper.puts if key.startswith("status.")]
    assert [(value["event"], value["hostname"]) for value in events] == [("submitted", "_api"), ("retried", "_api")]
    await traffic.one()
    assert len(paper.deleted) == 2, "one for a machine that is not there, and one retry that went there"
    await traffic.one(Twist.DELETED)
    assert len(paper.deleted) == 2, "nothing is done yet"


async def test_the_past_has_jobs_of_every_kind_with_stamps_of_that_time() -> None:
    paper, now = Paper(), 1_700_000_000 * SECOND
    desk = Desk(paper, Layout("osapi"), 7)  # type: ignore[arg-type]
    await Past(desk, _orders(), random.Random(3)).write(count_for(2.0), now)
    stamps = [int(key.rsplit(".", 1)[1]) for _, key, _ in paper.puts if not key.startswith("jobs.")]
    assert now - 660 * SECOND < min(stamps) < max(stamps) <= now + SECOND // 10
    events: dict[str, set[str]] = {}
    for _, key, value in paper.puts:
        if key.startswith("status."):
            events.setdefault(value["job_id"], set()).add(value["event"])
    done = {"acknowledged", "started"}
    assert {"completed", *done} in events.values()
    assert {"failed", *done} in events.values()
    assert {"failed", "completed", *done} in events.values(), "a second try, or several hosts"
    assert {"skipped", "retried", *done} in events.values()
    chained = [set_ for set_ in events.values() if {"submitted", "skipped", "retried"} <= set_]
    assert chained, "a retry that is retried"
    assert len(paper.deleted) == 1
    assert paper.deleted[0].partition(".")[2] in events
    assert len([key for _, key, _ in paper.puts if key.startswith("jobs.")]) == len(events)


async def test_what_was_done_in_the_past_is_only_acknowledged_when_it_is_delivered() -> None:
    paper, now = Paper(), 1_700_000_000 * SECOND
    desk = Desk(paper, Layout("osapi"), 7)  # type: ignore[arg-type]
    await Past(desk, _orders(), random.Random(3)).write(20, now)
    job_id, machine = next(iter(desk.settled))
    host = next(host for host in hosts(6, 7) if host.machine_id == machine)
    written = len(paper.puts)
    assert await jobs.handle(desk, host, job_id, 1) is True
    assert len(paper.puts) == written
