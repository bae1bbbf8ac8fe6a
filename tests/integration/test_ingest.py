"""Session events from a real NATS into the store: each once, whatever happens to NATS, the store or the worker."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.model.broker import Stream
from app.model.metrics import Range
from app.model.sessions import IntakeState
from app.model.snapshot import Site, Snapshot, SourceState, SourceStatus
from app.store.metrics import Asked
from tests.ingesting import api, event, ingesting, make_stream, publish, utc
from tests.integration.watching import client, until
from tests.nats_server import NatsServer

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("ingest")) as running:
        yield running


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sources.sessionfeed.NAK_DELAY", 0.3)
    monkeypatch.setattr("app.sources.sessionfeed.EXPIRES", 1.0)
    monkeypatch.setattr("app.worker.sessionreading.RETRY", 0.3)
    monkeypatch.setattr("app.worker.ingester.LOOK_EVERY", 0.3)
    monkeypatch.setattr("app.worker.ingester.REFUSED_EVERY", 0.3)
    monkeypatch.setattr("app.worker.ingester.TOLD_EVERY", 0.1)
    monkeypatch.setattr("app.store.raw.BUSY", 0.2)
    monkeypatch.setattr("app.store.store.PROBE_IN_TROUBLE", 0.1)


async def test_what_is_published_is_in_the_store_once_and_what_is_no_event_is_put_aside(
    shared: NatsServer, tmp_path: Path
) -> None:
    async with client(shared.url) as nc, ingesting(shared.url, tmp_path, namespace="one") as it:
        await it.state(IntakeState.ABSENT, "there is no stream one-SESSIONS")
        await make_stream(nc, "one-SESSIONS", "one.sessions.>")
        subject = "one.sessions.x"
        await publish(nc, event(), subject, id="m1")
        await publish(nc, [event(), event(id="own")], subject, id="m2")
        await publish(nc, [event(id="own"), event(severity="loud"), event("t")], subject, id="m3")
        await publish(nc, b"no json", subject)
        await publish(nc, [{"x": 1}, 7], subject)
        await publish(nc, b"[]", subject)
        await publish(nc, event("t"), subject, id="x" * 300)
        await it.has(5)
        named = {row[1] for row in await it.rows()}
        assert {"m1", "m2#0", "own", "m3#2"} < named
        assert len(named) == 5
        intake = it.board.intake
        await until(lambda: it.board.intake.dead == 4, "what was put aside is counted")
        intake = it.board.intake
        assert (intake.stream, intake.taken, intake.duplicates, intake.pending) == ("one-SESSIONS", 5, 1, 0)
        assert intake.behind == 0
        assert intake.last is not None
        assert abs((utc() - intake.last).total_seconds()) < 30
        assert intake.dead_why
        rows = await it.rows("SELECT seq, place, subject, reason FROM dead_letter ORDER BY n")
        assert [row[:3] for row in rows] == [(3, 1, subject), (4, -1, subject), (5, 0, subject), (5, 1, subject)]
        assert "severity" in rows[0][3]
        assert rows[1][3].startswith("not JSON")
        consumer = await api(nc, f"CONSUMER.INFO.one-SESSIONS.watchdeck-{it.store.id}")
        await asyncio.sleep(0)
        config = consumer["config"]
        assert (config["ack_policy"], config["deliver_policy"], config["max_deliver"]) == ("explicit", "all", -1)
        assert "inactive_threshold" not in config
        assert await it.store.intake.verify() == []
    async with ingesting(shared.url, tmp_path, namespace="one", ttl=7200.0) as it, client(shared.url) as nc:
        await it.state(IntakeState.READING)
        consumer = await api(nc, f"CONSUMER.INFO.one-SESSIONS.watchdeck-{it.store.id}")
        assert (consumer["num_ack_pending"], consumer["num_pending"]) == (0, 0)  # acknowledged before the end
        assert consumer["config"]["inactive_threshold"] == 7200 * 10**9
        await until(lambda: it.board.intake.dead == 4, "also after a start")


async def test_task_events_make_tasks_and_wrong_ones_are_kept_as_events_and_told(
    shared: NatsServer, tmp_path: Path
) -> None:
    def task(status: str) -> dict[str, object]:
        return event(payload={"type": "task", "data": {"taskId": "t1", "status": status}})

    async with client(shared.url) as nc, ingesting(shared.url, tmp_path, namespace="tasks") as it:
        await make_stream(nc, "tasks-SESSIONS", "tasks.sessions.>")
        await publish(nc, [task("inbox"), task("blocked")], "tasks.sessions.x", id="m1")
        await publish(nc, [task("in_progress")], "tasks.sessions.x")
        await it.has(3)
        told = await it.store.metrics.dashboard(Asked(Range.DAY), utc())
        assert (told.tasks, told.figures.in_progress_tasks) == (1, 1)
        (letter,) = await it.store.sessions.dead_letters(10)
        assert (letter.seq, letter.place) == (1, 1)
        assert letter.reason.startswith("no task: payload.data.status: Invalid option")


async def test_two_stores_have_every_event_each_and_only_those_of_the_subject(
    shared: NatsServer, tmp_path: Path
) -> None:
    async with (
        client(shared.url) as nc,
        ingesting(shared.url, tmp_path / "a", namespace="two") as one,
        ingesting(shared.url, tmp_path / "b", namespace="two") as other,
    ):
        await make_stream(nc, "two-SESSIONS", "two.>")
        for number in range(300):
            await nc.publish("two.sessions.x", json.dumps(event(f"s{number}", id=str(number))).encode())
            await nc.publish("two.else", b"not for us")
        await nc.flush()
        for each in (one, other):
            await each.has(300)
            assert await each.rows("SELECT COUNT(*) FROM dead_letter") == [(0,)]


async def test_a_stream_that_is_made_anew_begins_anew(shared: NatsServer, tmp_path: Path) -> None:
    async with client(shared.url) as nc, ingesting(shared.url, tmp_path, namespace="three") as it:
        for life in range(2):
            await make_stream(nc, "three-SESSIONS", "three.sessions.>")
            for number in range(3):
                await publish(nc, event(f"{life}.{number}"), "three.sessions.x")
            await it.has(3 + 3 * life)
            if not life:
                assert "error" not in await api(nc, "STREAM.DELETE.three-SESSIONS")
                await it.state(IntakeState.ABSENT)
        durable = f"watchdeck-{it.store.id}"
        assert "error" not in await api(nc, f"CONSUMER.DELETE.three-SESSIONS.{durable}")
        await publish(nc, event("after"), "three.sessions.x")
        await it.has(7)  # the consumer was made again; what it gave again changed nothing


async def test_nobodys_stream_is_read_without_consent(shared: NatsServer, tmp_path: Path) -> None:
    async with client(shared.url) as nc:
        await make_stream(nc, "four-SESSIONS", "four.sessions.>", metadata={})
        await publish(nc, event(), "four.sessions.x")
        async with ingesting(shared.url, tmp_path, namespace="four") as it:
            await it.state(IntakeState.REFUSED, "not marked as a stream of session events")
            assert (await api(nc, "CONSUMER.NAMES.four-SESSIONS"))["total"] == 0
        named = {"names.sessions_stream": "--config"}
        async with ingesting(shared.url, tmp_path, namespace="four", origins=named) as it:
            await it.has(1)
        await make_stream(nc, "five-SESSIONS", "five.sessions.>", retention="workqueue")
        async with ingesting(shared.url, tmp_path / "5", namespace="five", origins=named) as it:
            await it.state(IntakeState.REFUSED, "it has workqueue retention")
            assert (await api(nc, "CONSUMER.NAMES.five-SESSIONS"))["total"] == 0


async def test_a_stream_is_made_only_where_that_is_wanted(shared: NatsServer, tmp_path: Path) -> None:
    async with client(shared.url) as nc:
        async with ingesting(shared.url, tmp_path, namespace="six") as it:
            await it.state(IntakeState.ABSENT)
            known = {"streams": SourceState("streams", SourceStatus.OK)}
            it.board.snapshot = Snapshot(site=Site(namespace="six"), sources=known)
            await asyncio.sleep(0.5)
            asked = it.link.api_calls
            await asyncio.sleep(0.5)
            assert it.link.api_calls == asked  # the list of streams says it
            assert "error" in await api(nc, "STREAM.INFO.six-SESSIONS")
        async with ingesting(shared.url, tmp_path, namespace="six", create=True) as it:
            await it.state(IntakeState.READING)
            made = (await api(nc, "STREAM.INFO.six-SESSIONS"))["config"]
            assert (made["subjects"], made["metadata"]["watchdeck.sessions"]) == (["six.sessions.>"], "1")
            # Its owner takes the consent back, as the next collection tells.
            gone = Stream("six-SESSIONS", created=utc(), retention="limits", subjects=("six.sessions.>",))
            it.board.snapshot = Snapshot(site=Site(namespace="six"), streams={gone.name: gone})
            await asyncio.sleep(0.7)
            assert "error" not in await api(nc, "STREAM.UPDATE.six-SESSIONS", **{**made, "metadata": {}})
            marked = Stream("six-SESSIONS", created=gone.created, metadata=(("x", "y"),), subjects=gone.subjects)
            it.board.snapshot = Snapshot(site=Site(namespace="six"), streams={gone.name: marked})
            await it.state(IntakeState.REFUSED, "not marked")


async def test_a_large_message_and_a_message_that_cannot_be_kept_hold_up_nobody(
    shared: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(shared.url) as nc, ingesting(shared.url, tmp_path, namespace="seven") as it:
        monkeypatch.setattr("app.sources.sessionfeed.BATCH_BYTES", 100_000)
        take = it.store.intake.take

        async def spoilt(arrived, **more):  # type: ignore[no-untyped-def]
            if any(each.event.session == "poison" for each in arrived):
                raise ZeroDivisionError
            return await take(arrived, **more)

        monkeypatch.setattr(it.store.intake, "take", spoilt)
        await make_stream(nc, "seven-SESSIONS", "seven.sessions.>")
        large = [event("l", id=str(number), payload={"type": "x", "data": {"d": "y" * 2000}}) for number in range(100)]
        for content in (event("a"), large, event("poison"), event("b"), large[:1]):
            await publish(nc, content, "seven.sessions.x")
        await it.has(102)
        assert await it.rows("SELECT seq, reason FROM dead_letter") == [(3, "internal error, see the log")]
        async with asyncio.timeout(20):  # acknowledged once it is committed
            left = {"num_ack_pending": 1}
            while left["num_ack_pending"]:
                left = await api(nc, f"CONSUMER.INFO.seven-SESSIONS.watchdeck-{it.store.id}")
        assert left["num_pending"] == 0


@pytest.mark.parametrize("kind", ["locked", "full", "read-only"])
async def test_a_store_in_trouble_acknowledges_nothing_and_loses_nothing(
    shared: NatsServer, tmp_path: Path, kind: str
) -> None:
    name, file = f"{kind}-SESSIONS", tmp_path / "watchdeck.db"

    def pragma(text: str) -> None:
        it.store._writer.submit(lambda c: c.exec_driver_sql(f"PRAGMA {text}").close()).result(5)

    async with client(shared.url) as nc, ingesting(shared.url, tmp_path, namespace=kind) as it:
        await make_stream(nc, name, f"{kind}.sessions.>")
        await publish(nc, event("first"), f"{kind}.sessions.x")
        await it.has(1)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            if kind == "locked":
                other.execute("BEGIN IMMEDIATE")
            elif kind == "full":
                pragma("max_page_count = 1")
            else:
                it.store._writer.submit(lambda c: c.exec_driver_sql("PRAGMA query_only = ON").close()).result(5)
            for number in range(250):
                many = [event(f"s{number}", id=str(each), metadata={"t": "x" * 500}) for each in range(3)]
                await nc.publish(f"{kind}.sessions.x", json.dumps(many).encode())
            await nc.flush()
            if kind != "read-only":  # a connection that may not write is made anew at once
                await it.state(IntakeState.FAILED, f"session store is {kind}")
                assert await it.events() < 751
                await until(lambda: it.board.intake.pending > 0, "what is left is told")
                info = await api(nc, f"CONSUMER.INFO.{name}.watchdeck-{it.store.id}")
                assert info["num_ack_pending"] + info["num_pending"] > 0
            if kind == "locked":
                other.execute("COMMIT")
            elif kind == "full":
                pragma("max_page_count = 1000000")
        await it.has(751)
        await it.state(IntakeState.READING)
        await until(lambda: it.board.intake.pending == 0, "caught up")
        info = await api(nc, f"CONSUMER.INFO.{name}.watchdeck-{it.store.id}")
        assert (info["num_pending"], info["num_ack_pending"]) == (0, 0)
        assert await it.store.intake.verify() == []


async def test_a_server_that_ends_comes_back_and_what_is_not_permitted_is_told(tmp_path: Path) -> None:
    users = """
    accounts {{ A {{ jetstream: enabled, users: [
      {{user: all, password: p}},
      {{user: us, password: p, permissions: {{publish: {{deny: [{deny}]}}}}}} ] }} }}
    """
    server = NatsServer(tmp_path / "nats", users.format(deny="x"))
    with server:
        ours, theirs = (f"nats://{user}:p@127.0.0.1:{server.port}" for user in ("us", "all"))
        async with ingesting(ours, tmp_path / "state") as it:
            async with client(theirs) as nc:
                await make_stream(nc)
                await publish(nc, event("1"))
                await it.has(1)
            server.kill()
            await it.state(IntakeState.FAILED)
            server.start()
            async with client(theirs) as nc:
                await it.state(IntakeState.READING)
                await publish(nc, event("2"))
                await it.has(2)
            for deny in ("$JS.API.CONSUMER.MSG.NEXT.>", "$JS.ACK.>", "$JS.API.CONSUMER.CREATE.>"):
                server.stop()
                server.config = users.format(deny=f'"{deny}"')
                server.start()
                async with client(theirs) as nc:
                    await publish(nc, event(deny))
                named = deny.removesuffix(">").replace("$JS.ACK.", "$JS.ACK.SESSIONS.>")
                await it.state(IntakeState.DENIED, f"not permitted: publish on {named}")
