"""The job queue and its dead letters on a real server: right at once, and right again after anything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from app.demo.layout import bucket
from app.model.events import Advisory
from app.model.jobs import DeadKind, JobStatus
from app.model.snapshot import SourceStatus
from app.sources import advisories
from app.sources.errors import LinkDown
from app.sources.inquiry import Inquiry, Unknown
from app.sources.jobs import JobFacts, JobSource
from app.sources.jsapi import JetStreamApi
from tests.buckets import keys_of
from tests.integration.watching import Watch, client, utc, watching
from tests.nats_server import NatsServer
from tests.osapi_data import GONE, HOSTS, OsapiData, dataset

PATTERNS = ("*-DLQ", "*_DLQ", "DLQ*", "DEAD*")
WEB = "web-01"
MACHINE = f"host.{HOSTS[WEB]}"


def some_time_ago() -> OsapiData:
    return dataset(time.time_ns() - 120_000_000_000)


class Jobs:
    """The source of jobs beside a watch's others. `turn()` is one collection of all."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.source = JobSource(watch.link, dead_letters=PATTERNS)
        self.inquiry = Inquiry(JetStreamApi(watch.link), self.source, payload=True)

    async def turn(self) -> JobFacts:
        fleet = await self.watch.turn()
        return await self.source.collect(utc(), self.watch.broker.facts, fleet)

    async def until(self, holds: Callable[[JobFacts], object], what: str, within: float = 15.0) -> JobFacts:
        began = time.monotonic()
        while not holds(facts := await self.turn()):
            assert time.monotonic() - began < within, f"not within {within:.0f} s: {what}; {facts.states} {facts.queue}"
            await asyncio.sleep(0.05)
        return facts


@contextlib.asynccontextmanager
async def held(url: str, **fleet: Any) -> AsyncIterator[Jobs]:
    async with watching(url, fleet=fleet or None) as watch:
        jobs = Jobs(watch)
        try:
            yield jobs
        finally:
            await jobs.source.close()


def state(facts: JobFacts, name: str = "jobs") -> tuple[SourceStatus, str]:
    found = next(one for one in facts.states if one.name == name)
    return found.status, found.error


def all_read(data: OsapiData) -> Callable[[JobFacts], object]:
    """Whether all that failed and all dead letters have been read."""
    cases = data.cases

    def holds(facts: JobFacts) -> object:
        return (
            all(facts.jobs.get(case.id) for case in cases.values())
            and facts.jobs[cases["retried"].id].retried_as
            and all(facts.jobs[cases[name].id].error for name in ("failed", "signed", "skipped", "partial"))
            and len(facts.deadletters) == len(data.dead)
            and any(letter.error for letter in facts.deadletters.values())
            and facts.jobs[cases["failed"].id].dead
        )

    return holds


async def test_the_whole_set_comes_out_as_osapi_says(server: NatsServer) -> None:
    data = some_time_ago()
    async with client(server.url) as nc, held(server.url) as jobs:
        await data.write(nc)
        facts = await jobs.until(all_read(data), "everything is read")
        assert {name: facts.jobs[case.id].status.value for name, case in data.cases.items()} == {
            name: case.by_names for name, case in data.cases.items()
        }
        for case in data.cases.values():
            job = facts.jobs[case.id]
            assert (job.counted, job.deleted) == (case.counted, case.deleted)
            assert (await jobs.inquiry.job(case.id)).status.value == case.by_values
        queue = facts.queue
        assert queue is not None
        ours = {"total": queue.total, "submitted": queue.submitted, "processing": queue.processing}
        ours |= {"completed": queue.completed, "failed": queue.failed}
        assert ours | {"partial_failure": queue.partial, "skipped": queue.skipped} == data.summary
        # OSAPI's list adds jobs without a status to those submitted.
        assert queue.submitted + queue.unclaimed == 3
        assert (queue.unclaimed, queue.dead) == (1, 2)
        assert (queue.finished_15m, queue.failed_15m) == (11, 6)
        assert state(facts) == (SourceStatus.OK, "")
        assert state(facts, "deadletters") == (SourceStatus.OK, "")
        await single_jobs(data, facts)
        await dead_ones(data, facts)
        await details(data, jobs)
        again = await jobs.turn()
        assert again.jobs is facts.jobs
        assert again.deadletters is facts.deadletters
        assert again.queue is facts.queue


async def single_jobs(data: OsapiData, facts: JobFacts) -> None:
    def job(name: str) -> Any:
        return facts.jobs[data.cases[name].id]

    assert job("unclaimed").unclaimed
    assert not job("repeats it").unclaimed or job("repeats it").counted
    assert (job("one still at it").target, job("one still at it").expected) == ("_all", 3)
    assert (job("partial").target, job("partial").expected, len(job("partial").agents)) == ("group:web", 2, 2)
    assert (job("started").target, job("started").expected) == ("_any", None)
    assert (job("failed").target, job("failed").verb, job("failed").operation) == (HOSTS[WEB], "query", "node.disk.get")
    assert (job("skipped").verb, job("skipped").agents[0].host) == ("modify", "db-01_example_com")
    assert job("retried").retried_as == job("repeats it").key
    assert job("repeats it").retry_of == job("retried").key
    assert (job("failed then completed").tries, job("signed").error) == (2, "no space left on device")
    assert (job("failed").error, job("failed").dead) == ("timeout", 1)
    completed = job("completed")
    assert abs((completed.finished_at - completed.claimed_at).total_seconds() - 2) < 0.001
    assert completed.updated == completed.finished_at


async def dead_ones(data: OsapiData, facts: JobFacts) -> None:
    known, gone = sorted(facts.deadletters.values(), key=lambda letter: letter.sequence)
    assert (known.key, known.kind, known.deliveries) == ("osapi-JOBS-DLQ/1", DeadKind.MAX_DELIVER, 5)
    assert (known.job, known.operation) == (data.cases["failed"].id, "node.disk.get")
    assert (known.host, known.error) == (WEB, "timeout")
    assert known.subject == f"osapi.jobs.query.{MACHINE}"
    assert (gone.job, gone.subject, gone.host, gone.origin_sequence) == ("", "", GONE, 900)


async def details(data: OsapiData, jobs: Jobs) -> None:
    detail = await jobs.inquiry.job(data.cases["failed then completed"].id)
    assert [line.event for line in detail.timeline] == [
        *("acknowledged", "started", "failed"),
        *("acknowledged", "started", "completed"),
    ]
    assert detail.timeline[2].error == "connection refused"
    assert [(agent.host, agent.status, agent.took) for agent in detail.agents] == [(WEB, "completed", 31.5)]
    (response,) = detail.responses
    assert (response.host, response.status, response.changed) == (WEB, "completed", False)
    assert "s3cret" not in response.data
    assert detail.operation_data == '{"path":"/var","api_key":"(hidden)"}'
    assert (await jobs.inquiry.job(data.cases["failed"].id)).dead
    deleted = await jobs.inquiry.job(data.cases["deleted"].id)
    assert (deleted.subject, deleted.status) == ("", JobStatus.COMPLETED)
    for key in ("no such job", "*", ">", "a.b", ""):
        with pytest.raises(Unknown):
            await jobs.inquiry.job(key)


async def test_changes_come_in_and_the_rest_stays(server: NatsServer) -> None:
    data = some_time_ago()
    async with client(server.url) as nc, held(server.url) as jobs:
        await data.write(nc)
        before = await jobs.until(all_read(data), "everything is read")
        kv = await nc.jetstream().key_value("osapi-job-queue")
        id_, now = data.cases["unclaimed"].id, time.time_ns()
        await kv.put(f"status.{id_}.acknowledged.web-01.{now}", b"{}")
        facts = await jobs.until(lambda facts: not facts.jobs[id_].unclaimed, "it is claimed")
        assert [key for key, job in facts.jobs.items() if job is not before.jobs[key]] == [id_]
        assert facts.queue is not None
        assert (facts.queue.unclaimed, facts.queue.processing) == (0, 4)
        other = data.cases["completed"].id
        await kv.delete(f"jobs.{other}")
        facts = await jobs.until(lambda facts: facts.jobs[other].deleted, "it is deleted")
        for key in [key for key in await keys_of(nc, "osapi-job-queue") if f".{other}." in key]:
            await kv.purge(key)
        await jobs.until(lambda facts: other not in facts.jobs, "nothing of it is left")


async def test_everything_expires(server: NatsServer) -> None:
    async with client(server.url) as nc, held(server.url, namespace="osapi") as jobs:
        for name, ttl in (("osapi-agent-registry", 60), ("osapi-job-queue", 2)):
            body = json.dumps(bucket(name, ttl=ttl * 1_000_000_000)).encode()
            await nc.request(f"$JS.API.STREAM.CREATE.KV_{name}", body)
        kv = await nc.jetstream().key_value("osapi-job-queue")
        await kv.put("jobs.a", b'{"subject":"osapi.jobs.query._any"}')
        await kv.put(f"status.a.started.web.{time.time_ns()}", b"{}")
        await jobs.until(lambda facts: "a" in facts.jobs, "the job is there")
        facts = await jobs.until(lambda facts: not facts.jobs, "it expired")
        assert facts.queue is not None
        assert facts.queue.total == 0
        assert state(facts) == (SourceStatus.OK, "")


async def test_deleted_and_made_again_nothing_old_is_there(server: NatsServer) -> None:
    data = some_time_ago()
    async with client(server.url) as nc, held(server.url) as jobs:
        await data.write(nc)
        await jobs.until(all_read(data), "everything is read")
        js = nc.jetstream()
        await js.delete_key_value("osapi-job-queue")
        facts = await jobs.until(lambda facts: facts.queue is None, "the queue is gone")
        assert not facts.jobs
        assert state(facts)[0] is SourceStatus.ABSENT
        kv = await js.create_key_value(bucket="osapi-job-queue", ttl=3600)
        await kv.put("jobs.new", b"{}")
        facts = await jobs.until(lambda facts: facts.jobs, "the new queue is read")
        assert set(facts.jobs) == {"new"}
        # Deleted and made again between two looks.
        await js.delete_key_value("osapi-job-queue")
        kv = await js.create_key_value(bucket="osapi-job-queue", ttl=3600)
        await kv.put("jobs.newer", b"{}")
        await kv.put("jobs.newest", b"{}")
        await jobs.until(lambda facts: set(facts.jobs) == {"newer", "newest"}, "nothing old is there")


async def test_server_wiped_and_started_again(server: NatsServer) -> None:
    data = some_time_ago()
    async with held(server.url) as jobs:
        async with client(server.url) as nc:
            await data.write(nc)
            before = await jobs.until(all_read(data), "everything is read")
        server.kill()
        down = await jobs.until(lambda facts: state(facts)[0] is SourceStatus.FAILED, "the loss is noticed")
        assert down.jobs is before.jobs
        assert down.queue is before.queue
        with pytest.raises(LinkDown):
            await jobs.inquiry.job(data.cases["failed"].id)
        server.wipe()
        server.start()
        async with client(server.url) as nc:
            fresh = dataset(time.time_ns() - 60_000_000_000)
            del fresh.job_queue[12:], fresh.dead[:]
            await fresh.write(nc)
            facts = await jobs.until(
                lambda facts: state(facts)[0] is SourceStatus.OK and len(facts.jobs) < 10, "all is new", 30
            )
            assert not facts.deadletters


async def test_two_fleets_side_by_side(server: NatsServer) -> None:
    one, other = some_time_ago(), dataset(time.time_ns() - 120_000_000_000, "prod")
    del other.job_queue[9:]
    async with client(server.url) as nc, held(server.url) as jobs:
        await one.write(nc)
        await other.write(nc)
        facts = await jobs.turn()
        assert facts.queue is None
        assert state(facts)[0] is SourceStatus.ABSENT
        assert "several fleets: osapi, prod" in state(facts)[1]
        await jobs.watch.fleet.choose("prod")
        facts = await jobs.until(lambda facts: facts.jobs, "the chosen queue is read")
        few = len(facts.jobs)
        assert few < len(one.cases)
        assert facts.queue is not None
        assert facts.queue.dead == 2  # of this fleet's, not of both
        await jobs.watch.fleet.choose("osapi")
        await jobs.until(lambda facts: len(facts.jobs) == len(one.cases), "the other queue is read")
        made = json.loads((await nc.request("$JS.API.CONSUMER.LIST.KV_prod-job-queue", b"")).data)
        assert not made["consumers"], "the queue that is not looked at any more is let go"


async def test_garbage_is_counted_and_hurts_nothing(server: NatsServer) -> None:
    data = some_time_ago()
    async with client(server.url) as nc, held(server.url) as jobs:
        await data.write(nc)
        prefix = "$KV.osapi-job-queue."
        for key, value in {
            "jobs." + "x" * 3900: b"{}",
            "jobs.bad": b"\xff\xfe{",
            "jobs.odd": b'{"created": 7, "operation": []}',
            "status.short": b"",
            "status.esc\x1b[2J.failed.web.1": b"nonsense",
            "status.j.failed.web." + "9" * 500: b'{"timestamp": "x"}',
            "jobs.\u202eevil": b'{"operation":{"type":"\\u001b]0;x\\u0007"}}',
        }.items():
            await nc.publish(prefix + key, value)
        await nc.flush()
        facts = await jobs.until(
            lambda facts: len(facts.jobs) == len(data.cases) + 6 and state(facts)[1].startswith("5 "), "all is taken in"
        )
        assert state(facts) == (SourceStatus.PARTIAL, "5 keys or values cannot be read")
        for job in facts.jobs.values():
            assert all(text.isprintable() and len(text) < 300 for text in (job.key, job.operation, job.target))
        evil = next(key for key in facts.jobs if "evil" in key)
        assert (await jobs.inquiry.job(evil)).status is JobStatus.SUBMITTED


@pytest.mark.parametrize("way", ["DIRECT.GET.>", "STREAM.MSG.GET.>", ""])
async def test_without_the_right_to_make_a_consumer(tmp_path: Path, way: str) -> None:
    allowed = ["$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.>", "$JS.API.INFO", "$JS.API.CONSUMER.LIST.>"]
    allowed += [f"$JS.API.{way}"] if way else []
    permissions = f'{{ publish: {json.dumps(allowed)}, subscribe: ["_INBOX.>"] }}'
    users = f"[ {{user: root, password: r}}, {{user: w, password: w, permissions: {permissions} }} ]"
    data = some_time_ago()
    with NatsServer(tmp_path, f"authorization {{ users: {users} }}") as server:
        root, limited = (f"nats://{user}@127.0.0.1:{server.port}" for user in ("root:r", "w:w"))
        async with client(root) as nc, held(limited) as jobs:
            await data.write(nc)
            if not way:
                facts = await jobs.until(
                    lambda facts: state(facts)[0] is SourceStatus.DENIED, "it says what is missing"
                )
                assert "publish on $JS.API." in state(facts)[1]
                return
            facts = await jobs.until(lambda facts: facts.jobs, "jobs are read without a consumer")
            wanted = {case.id: case.by_names for case in data.cases.values()}
            # A deletion leaves a marker, which only its own header tells from a value.
            assert {key: job.status.value for key, job in facts.jobs.items()} == wanted
            await jobs.until(lambda facts: facts.jobs[data.cases["failed"].id].error, "what failed says why")
            assert (await jobs.inquiry.job(data.cases["failed"].id)).error == "timeout"


async def test_dead_letters_without_a_fleet(server: NatsServer) -> None:
    async with client(server.url) as nc, held(server.url) as jobs:
        js = nc.jetstream()
        await js.add_stream(name="ORDERS", subjects=["orders.>"])
        await js.publish("orders.eu", b"order 1")
        facts = await jobs.turn()
        assert (facts.queue, facts.jobs) == (None, {})
        assert state(facts, "deadletters")[0] is SourceStatus.ABSENT
        seen = Advisory(utc(), "max_deliver", "ORDERS", "worker", sequence=1, deliveries=3)
        jobs.source.note((seen, Advisory(utc(), "stream_action", "ORDERS", action="create")))
        facts = await jobs.until(
            lambda facts: any(one.subject for one in facts.deadletters.values()), "the message behind it was found"
        )
        (letter,) = facts.deadletters.values()
        assert (letter.key, letter.stream, letter.subject) == ("advisory/ORDERS/1", "", "orders.eu")
        assert (letter.consumer, letter.deliveries, letter.job) == ("worker", 3, "")
        assert letter.kind is DeadKind.MAX_DELIVER
        await js.add_stream(name="orders-dlq", subjects=["failed.orders.>"])
        for number in range(40):
            await js.publish("failed.orders.eu", f"order {number}".encode())
        for number in (7, 8, 9, 20):
            await js.delete_msg("orders-dlq", number)
        facts = await jobs.until(lambda facts: len(facts.deadletters) == 37, "all are read")
        assert facts.deadletters["orders-dlq/40"].kind is DeadKind.COPY
        assert facts.deadletters["orders-dlq/40"].subject == "failed.orders.eu"
        await js.delete_msg("orders-dlq", 30)
        await jobs.until(lambda facts: "orders-dlq/30" not in facts.deadletters, "a deleted one is noticed")
        assert len(jobs.source.facts.deadletters) == 36
        await js.purge_stream("orders-dlq")
        await jobs.until(lambda facts: len(facts.deadletters) == 1, "a purge is noticed")


async def test_what_is_deleted_under_its_reader_was_not_refused_by_it(server: NatsServer) -> None:
    """The server calls it terminated, with a reason of its own."""
    async with client(server.url) as nc, held(server.url) as jobs:
        js = nc.jetstream()
        told = await nc.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.SHORT.*")
        await js.add_stream(name="SHORT", subjects=["short"], max_msgs=1)
        await js.publish("short", b"1")
        reader = await js.pull_subscribe("short", durable="slow", stream="SHORT")
        await reader.fetch(1, timeout=10)
        await js.publish("short", b"2")
        seen = advisories.read((await told.next_msg(timeout=10)).data, utc())
        assert seen is not None
        assert seen.type == "terminated"
        jobs.source.note((seen,))
        facts = await jobs.turn()
        assert facts.deadletters["advisory/SHORT/1"].kind is DeadKind.DELETED
        assert facts.deadletters["advisory/SHORT/1"].error == ""
        jobs.source.note((replace(seen, reason="not today", sequence=2),))
        facts = await jobs.turn()
        assert facts.deadletters["advisory/SHORT/2"].kind is DeadKind.TERMINATED
        assert facts.deadletters["advisory/SHORT/2"].error == "not today"


async def test_the_newest_come_first_and_nothing_is_read_twice(server: NatsServer) -> None:
    async with client(server.url) as nc, held(server.url) as jobs:
        js = nc.jetstream()
        await js.add_stream(name="DLQ", subjects=["x"], allow_direct=True)
        for number in range(50):
            await js.publish("x", str(number).encode())
        before = jobs.watch.link.api_calls
        facts = await jobs.turn()
        assert [letter.sequence for letter in facts.deadletters.values()] == list(range(50, 34, -1))
        facts = await jobs.until(lambda facts: len(facts.deadletters) == 50, "all are read")
        assert await asks(server, nc, jobs) == 0
        assert jobs.watch.link.api_calls - before < 60, "none of these are requests of the budget"
        made = json.loads((await nc.request("$JS.API.CONSUMER.LIST.DLQ", b"")).data)
        assert not made["consumers"]


async def asks(server: NatsServer, nc: Client, jobs: Jobs) -> int:
    """How many messages three more collections ask for."""
    count = 0

    async def heard(message: Any) -> None:
        nonlocal count
        count += 1

    await nc.subscribe("$JS.API.DIRECT.GET.>", cb=heard)
    await nc.flush()
    for _ in range(3):
        await jobs.turn()
    await nc.flush()
    return count


async def test_single_messages_and_subjects(server: NatsServer) -> None:
    async with client(server.url) as nc, held(server.url) as jobs:
        js = nc.jetstream()
        for name, direct in (("DIRECT", True), ("PLAIN", False)):
            await js.add_stream(name=name, subjects=[f"{name}.>"], allow_direct=direct)
            body = b'{"id": 1, "password": "p1"}'
            await js.publish(f"{name}.a", body, headers={"Trace": "t1", "X-Auth": "secret"})
            await js.publish(f"{name}.b", b"two")
            await js.publish(f"{name}.b", b"x" * 10_000)
            first = await jobs.inquiry.message(name, 1)
            assert (first.subject, first.sequence, first.size) == (f"{name}.a", 1, len(body))
            assert first.headers == (("Trace", "t1"), ("X-Auth", "(hidden)"))
            assert first.payload == '{\n  "id": 1,\n  "password": "(hidden)"\n}'
            assert abs((first.at or utc()) - utc()).total_seconds() < 60
            later = await jobs.inquiry.message(name, 1, (f"{name}.b", f"{name}.none"))
            assert (later.sequence, later.payload) == (2, "two")
            assert len((await jobs.inquiry.message(name, 3)).payload) == 4096
            with pytest.raises(Unknown):
                await jobs.inquiry.message(name, 9)
            with pytest.raises(Unknown):
                await jobs.inquiry.message(name, 1, (f"{name}.none",))
            subjects = await jobs.inquiry.subjects(name, 1)
            assert (subjects.rows, subjects.total) == (((f"{name}.b", 2),), 2)
        for name in ("NONE", "a.b", "*", ">", "", "x y", "../x"):
            with pytest.raises(Unknown):
                await jobs.inquiry.message(name, 1)
            with pytest.raises(Unknown):
                await jobs.inquiry.subjects(name)
        hidden = Inquiry(JetStreamApi(jobs.watch.link), jobs.source, payload=False)
        message = await hidden.message("PLAIN", 1)
        assert (message.payload, message.payload_shown, message.size) == ("", False, len(body))
