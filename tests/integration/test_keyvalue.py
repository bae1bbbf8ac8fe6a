"""A KV bucket in memory against a real one: it must be right, and right again within seconds of anything."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.api import StreamConfig

from app.sources.jsapi import JetStreamApi
from app.sources.keyvalue import Bucket
from tests.integration.watching import Watch, client, until, utc, watching
from tests.nats_server import NatsServer


@asynccontextmanager
async def held(watch: Watch, name: str, filter_subject: str = ">") -> AsyncIterator[Bucket]:
    bucket = Bucket(watch.link, name, filter_subject, api=JetStreamApi(watch.link))
    try:
        yield bucket
    finally:
        await bucket.close()


async def step(watch: Watch, bucket: Bucket) -> dict[str, bytes]:
    """One collection; the live keys."""
    facts = await watch.look()
    bucket.check(facts.streams.get(bucket.stream), utc() + timedelta(seconds=watch.link.clock_offset))
    await bucket.settle(2)
    return live(bucket)


def live(bucket: Bucket) -> dict[str, bytes]:
    return {key: entry.value for key, entry in bucket.entries.items() if not entry.marker}


async def step_until(watch: Watch, bucket: Bucket, wanted: dict[str, bytes], within: float = 10.0) -> float:
    began = time.monotonic()
    while not (await step(watch, bucket) == wanted and bucket.loaded):
        assert time.monotonic() - began < within, f"{live(bucket)} is not {wanted}; {bucket.error!r}"
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def own_consumers(nc: Client, stream: str) -> list[Any]:
    listed = json.loads((await nc.request(f"$JS.API.CONSUMER.LIST.{stream}", b"")).data)
    return [one for one in listed["consumers"] or [] if one["name"].startswith("watchdeck-")]


async def test_listing_changes_and_markers(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch, held(watch, "b") as bucket:
        kv = await nc.jetstream().create_key_value(bucket="b")
        for number in range(50):
            await kv.put(f"key.{number}", b"old")
            await kv.put(f"key.{number}", str(number).encode())
        await kv.delete("key.7")
        assert await step(watch, bucket) == {f"key.{n}": str(n).encode() for n in range(50) if n != 7}
        assert bucket.entries["key.7"].marker == "DEL"
        assert len(bucket.changes()) == 50
        assert not bucket.changes()
        revision = await kv.put("key.1", b"new")
        await kv.purge("key.2")
        await until(lambda: bucket.entries["key.2"].marker == "PURGE", "the purge came")
        entry = bucket.entries["key.1"]
        assert (entry.value, entry.revision) == (b"new", revision)
        assert abs(entry.at - utc()) < timedelta(seconds=5)
        assert bucket.changes() == {"key.1", "key.2"}
        (ours,) = await own_consumers(nc, "KV_b")
        config = ours["config"]
        assert (config["ack_policy"], config["mem_storage"], config["inactive_threshold"]) == (
            "none",
            True,
            5_000_000_000,
        )
        assert "durable_name" not in config


async def test_an_empty_bucket_is_loaded_and_a_missing_one_says_so(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        await nc.jetstream().create_key_value(bucket="b")
        async with held(watch, "b") as bucket:
            await step(watch, bucket)
            assert bucket.loaded
            assert not bucket.entries
        async with held(watch, "none") as bucket:
            await step(watch, bucket)
            await until(lambda: bucket.error, "it says that there is none")
            assert "stream not found" in str(bucket.error)
            assert not bucket.loaded


async def test_a_part_of_a_bucket(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch, held(watch, "b", "jobs.>") as bucket:
        kv = await nc.jetstream().create_key_value(bucket="b")
        await kv.put("jobs.1", b"one")
        await kv.put("status.1", b"no")
        for _ in range(4):
            assert await step(watch, bucket) == {"jobs.1": b"one"}
        assert len(await own_consumers(nc, "KV_b")) == 1


async def test_killed_and_restarted_with_changes_in_between(server: NatsServer) -> None:
    async with watching(server.url) as watch, held(watch, "b") as bucket:
        async with client(server.url) as nc:
            kv = await nc.jetstream().create_key_value(bucket="b")
            await kv.put("a", b"1")
            await kv.put("b", b"1")
            await step_until(watch, bucket, {"a": b"1", "b": b"1"})
            server.kill()
        await until(lambda: not watch.link.up, "the loss was noticed")
        await asyncio.sleep(0.5)
        assert not bucket.loaded
        assert live(bucket) == {"a": b"1", "b": b"1"}
        server.start()
        async with client(server.url) as nc:
            kv = await nc.jetstream().key_value("b")
            await kv.put("a", b"2")
            await kv.delete("b")
            await kv.put("c", b"3")
            assert await step_until(watch, bucket, {"a": b"2", "c": b"3"}) < 5
            await kv.put("d", b"4")
            await until(lambda: "d" in bucket.entries, "changes come again")
        async with client(server.url) as nc:
            assert len(await own_consumers(nc, "KV_b")) == 1


async def test_wiped_and_made_again_nothing_old_is_present(server: NatsServer) -> None:
    async with watching(server.url) as watch, held(watch, "b") as bucket:
        async with client(server.url) as nc:
            kv = await nc.jetstream().create_key_value(bucket="b")
            for number in range(20):
                await kv.put(f"old.{number}", b"1")
            await step(watch, bucket)
            assert len(bucket.entries) == 20
            server.kill()
        server.wipe()
        server.start()
        async with client(server.url) as nc:
            kv = await nc.jetstream().create_key_value(bucket="b")
            await kv.put("new.0", b"2")
            assert await step_until(watch, bucket, {"new.0": b"2"}) < 5
            for number in range(1, 5):
                await kv.put(f"new.{number}", b"2")
            await until(lambda: len(bucket.entries) == 5, "no change of the new bucket is missed")


async def test_deleted_and_made_again_under_a_live_connection(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch, held(watch, "b") as bucket:
        js = nc.jetstream()
        kv = await js.create_key_value(bucket="b")
        for number in range(10):
            await kv.put(f"old.{number}", b"1")
        await step_until(watch, bucket, {f"old.{number}": b"1" for number in range(10)})
        await js.delete_key_value("b")
        kv = await js.create_key_value(bucket="b")
        await kv.put("new", b"2")
        assert await step_until(watch, bucket, {"new": b"2"}) < 5


async def test_our_consumer_deleted_by_somebody(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch, held(watch, "b") as bucket:
        kv = await nc.jetstream().create_key_value(bucket="b")
        await kv.put("a", b"1")
        await step_until(watch, bucket, {"a": b"1"})
        (ours,) = await own_consumers(nc, "KV_b")
        await nc.jetstream().delete_consumer("KV_b", ours["name"])
        await kv.put("a", b"2")
        assert await step_until(watch, bucket, {"a": b"2"}) < 8


async def test_a_purge_sends_nothing_and_is_noticed(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch, held(watch, "b") as bucket:
        js = nc.jetstream()
        kv = await js.create_key_value(bucket="b")
        for number in range(10):
            await kv.put(f"key.{number}", b"1")
        await step(watch, bucket)
        assert len(bucket.entries) == 10
        await js.purge_stream("KV_b", subject="$KV.b.key.3")
        expected = {f"key.{number}": b"1" for number in range(10) if number != 3}
        await step_until(watch, bucket, expected)
        await js.purge_stream("KV_b")
        await step_until(watch, bucket, {})


async def test_expiry_by_age_is_no_reason_for_a_new_listing(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch, held(watch, "b") as bucket:
        kv = await nc.jetstream().create_key_value(bucket="b", ttl=2)
        for number in range(10):
            await kv.put(f"key.{number}", b"1")
        await step(watch, bucket)
        (before,) = await own_consumers(nc, "KV_b")
        await step_until(watch, bucket, {})
        for _ in range(4):
            await step(watch, bucket)
        (after,) = await own_consumers(nc, "KV_b")
        assert after["name"] == before["name"]


async def test_markers_of_the_server_are_told_from_farewells(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch, held(watch, "b") as bucket:
        config = {
            "name": "KV_b",
            "subjects": ["$KV.b.>"],
            "max_msgs_per_subject": 1,
            "max_age": 1_000_000_000,
            "allow_msg_ttl": True,
            "subject_delete_marker_ttl": 60_000_000_000,
            "allow_rollup_hdrs": True,
            "allow_direct": True,
        }
        await nc.request("$JS.API.STREAM.CREATE.KV_b", json.dumps(config).encode())
        await nc.jetstream().publish("$KV.b.a", b"1")
        await step(watch, bucket)
        await until(lambda: "a" in bucket.entries and bucket.entries["a"].marker, "the marker came", 10)
        assert bucket.entries["a"].marker == "MaxAge"


async def test_hostile_keys(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch, held(watch, "b") as bucket:
        kv = await nc.jetstream().create_key_value(bucket="b")
        await kv.put("plain", b"1")
        await nc.publish("$KV.b.\x1b]52;c;aGk=\x07", b"2")
        await nc.publish("$KV.b.\u202eevil", b"3")
        await nc.publish("$KV.b.big", b"x" * 1_000_000)
        await nc.publish("$KV.b.status", b"5", headers={"KV-Operation": "nonsense"})
        await nc.flush()
        await step(watch, bucket)
        await until(lambda: len(bucket.entries) == 5, "all are there")
        assert len(bucket.entries["big"].value) == 1_000_000
        assert bucket.entries["status"].marker == ""


@pytest.mark.parametrize("direct", [True, False])
async def test_without_the_right_to_make_a_consumer(tmp_path: Any, direct: bool) -> None:
    allowed = ["$JS.API.STREAM.LIST", "$JS.API.STREAM.INFO.>", "$JS.API.INFO", "$JS.API.CONSUMER.LIST.>"]
    allowed.append("$JS.API.DIRECT.GET.>" if direct else "$JS.API.STREAM.MSG.GET.>")
    permissions = f'{{ publish: {json.dumps(allowed)}, subscribe: ["_INBOX.>"] }}'
    users = f"[ {{user: root, password: r}}, {{user: w, password: w, permissions: {permissions} }} ]"
    with NatsServer(tmp_path, f"authorization {{ users: {users} }}") as server:
        root, limited = (f"nats://{user}@127.0.0.1:{server.port}" for user in ("root:r", "w:w"))
        async with client(root) as nc, watching(limited) as watch, held(watch, "b") as bucket:
            js = nc.jetstream()
            kv = await js.create_key_value(bucket="b", direct=True)
            await kv.put("a", b"1")
            await kv.put("b.c", b"2")
            await kv.put("d", b"3")
            await kv.delete("d")
            assert await step(watch, bucket) == {"a": b"1", "b.c": b"2"}
            assert bucket.polling
            assert bucket.loaded
            assert bucket.entries["d"].marker == "DEL"
            assert bucket.entries["b.c"].revision == 2


async def test_a_stream_that_is_no_bucket_of_ours(server: NatsServer) -> None:
    """A stream named like a bucket, with other subjects: nothing comes of it, and nothing breaks."""
    async with client(server.url) as nc, watching(server.url) as watch, held(watch, "b") as bucket:
        await nc.jetstream().add_stream(StreamConfig(name="KV_b", subjects=["other.>"]))
        await nc.jetstream().publish("other.x", b"1")
        await step(watch, bucket)
        assert not bucket.entries
