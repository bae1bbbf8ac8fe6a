"""Streams, consumers and the account, read from a real server that is used, killed, wiped and refused."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from app.model.broker import Answer, Consumer, StreamKind
from app.model.snapshot import SourceStatus
from app.model.triage.steps import quotable
from tests.integration.watching import Watch, client, down, heard, until, utc, watching
from tests.nats_server import NatsServer


def statuses(watch: Watch) -> dict[str, SourceStatus]:
    return {state.name: state.status for state in watch.broker.facts.states}


async def everything(server: Client) -> Any:
    """All streams and consumers as the server lists them, clocks left out; ours too."""
    listed = json.loads((await server.request("$JS.API.STREAM.LIST", b"")).data)["streams"] or []
    found = {}
    for stream in listed:
        name = stream["config"]["name"]
        consumers = json.loads((await server.request(f"$JS.API.CONSUMER.LIST.{name}", b"")).data)["consumers"] or []
        kept = sorted(one["name"] for one in consumers if not one["name"].startswith("watchdeck-"))
        found[name] = (stream["config"], stream["state"] | {"consumer_count": 0}, kept)
    return found


async def test_the_shape_of_streams(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        js = nc.jetstream()
        await js.add_stream(
            StreamConfig(
                name="ORDERS",
                subjects=["orders.>"],
                description="all\x1b]52;c;aGk=\x07 orders",
                max_msgs=100,
                max_bytes=1 << 20,
                max_age=3600,
                discard=DiscardPolicy.NEW,
                metadata={"team": "a\nb", "io.nats.monitor.msgs-warn": "5"},
            )
        )
        await js.add_stream(name="WORK", subjects=["work"], retention=RetentionPolicy.WORK_QUEUE)
        await js.add_stream(
            name="NEWS", subjects=["news"], retention=RetentionPolicy.INTEREST, storage=StorageType.MEMORY
        )
        await js.create_key_value(bucket="settings")
        await js.create_object_store("files")
        await js.publish("orders.a", b"x")
        await js.publish("orders.b", b"x")
        facts = await watch.look()
        kinds = {name: stream.kind for name, stream in facts.streams.items()}
        assert kinds == {
            "ORDERS": StreamKind.STREAM,
            "WORK": StreamKind.QUEUE,
            "NEWS": StreamKind.INTEREST,
            "KV_settings": StreamKind.KV,
            "OBJ_files": StreamKind.OBJECT,
        }
        orders = facts.streams["ORDERS"]
        assert orders.description == "all orders"
        assert (orders.max_messages, orders.max_bytes, orders.max_age, orders.discard) == (100, 1 << 20, 3600.0, "new")
        assert orders.metadata == (("io.nats.monitor.msgs-warn", "5"), ("team", "a b"))
        assert (orders.messages, orders.first_seq, orders.last_seq, orders.subject_count) == (2, 1, 2, 2)
        assert orders.first_at is not None
        assert orders.last_at is not None
        assert orders.last_at >= orders.first_at
        assert orders.cluster is None
        assert facts.streams["WORK"].first_at is None
        assert facts.account is not None
        assert facts.account.name == "$G"
        assert facts.account.tiers[0].streams == 5
        assert facts.interval == 1.0
        assert set(statuses(watch).values()) == {SourceStatus.OK}
        assert abs(watch.link.clock_offset) < 1


async def test_consumers_and_since_when(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        js = nc.jetstream()
        await js.add_stream(StreamConfig(name="ORDERS", subjects=["orders.>"], allow_direct=True))
        await js.add_stream(StreamConfig(name="PLAIN", subjects=["plain.>"]))
        for stream, subject in (("ORDERS", "orders"), ("PLAIN", "plain")):
            eu = ConsumerConfig(durable_name="eu", ack_policy="explicit", filter_subject=f"{subject}.eu")
            await js.add_consumer(stream, eu)
            everyone = ConsumerConfig(durable_name="all", ack_policy="explicit", ack_wait=60, max_deliver=5)
            await js.add_consumer(stream, everyone)
        sent = {}
        for number in range(6):
            for subject in ("orders", "plain"):
                await js.publish(f"{subject}.{'eu' if number in (1, 3) else 'us'}", b"x")
        for stream in ("ORDERS", "PLAIN"):
            for sequence in range(1, 7):
                message = await js.get_msg(stream, sequence)
                sent[stream, sequence] = message.time
            await js.delete_msg(stream, 3)
            pull = await js.pull_subscribe_bind("all", stream)
            messages = await pull.fetch(4)
            await messages[1].ack_sync()
        facts = await watch.look()
        for stream in ("ORDERS", "PLAIN"):
            everyone_ = facts.consumers[f"{stream}/all"]
            assert (everyone_.pending, everyone_.ack_pending, everyone_.delivered_stream_seq) == (1, 3, 5)
            assert everyone_.ack_wait == 60.0
            assert close(everyone_.next_at, sent[stream, 6])
            assert close(everyone_.stuck_at, sent[stream, 1])
            assert everyone_.acked_at is not None
            assert everyone_.max_deliver == 5
            eu_ = facts.consumers[f"{stream}/eu"]
            assert (eu_.pending, eu_.filters) == (2, (f"{stream.lower()}.eu",))
            assert close(eu_.next_at, sent[stream, 2])
            assert eu_.stuck_at is None
        calls = watch.link.api_calls
        again = await watch.look()
        assert watch.link.api_calls - calls == 3  # two lists of consumers, one of streams: no message twice
        assert all(again.consumers[key] is facts.consumers[key] for key in facts.consumers)
        assert all(again.streams[key] is facts.streams[key] for key in facts.streams)
        await js.purge_stream("PLAIN")
        after = await watch.look_until(lambda facts: facts.consumers["PLAIN/eu"].pending == 0, "the purge shows")
        assert after.consumers["PLAIN/eu"].next_at is None


def close(one: Any, other: Any) -> bool:
    return one is not None and abs(one - other) < timedelta(milliseconds=2)


async def test_only_what_changed_is_new(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        js = nc.jetstream()
        for name in ("A", "B"):
            await js.add_stream(name=name, subjects=[name.lower()])
            await js.add_consumer(name, ConsumerConfig(durable_name="c", ack_policy="explicit"))
        before = await watch.look()
        await js.publish("a", b"x")
        after = await watch.look()
        assert after.streams["A"] is not before.streams["A"]
        assert after.consumers["A/c"].pending == 1
        assert after.streams["B"] is before.streams["B"]
        assert after.consumers["B/c"] is before.consumers["B/c"]
        await js.delete_consumer("A", "c")
        await js.delete_stream("B")
        gone = await watch.look()
        assert set(gone.streams) == {"A"}
        assert not gone.consumers


async def test_a_stream_of_the_same_name_shares_nothing_with_the_old(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        js = nc.jetstream()

        async def make(messages: int) -> None:
            await js.add_stream(name="ORDERS", subjects=["orders.>"])
            for _ in range(messages):
                await js.publish("orders.a", b"x")
            await js.add_consumer(
                "ORDERS", ConsumerConfig(durable_name="c", ack_policy="explicit", filter_subject="orders.a")
            )

        await make(1)
        old = (await watch.look()).consumers["ORDERS/c"]
        await js.delete_stream("ORDERS")
        await make(1)
        new = (await watch.look()).consumers["ORDERS/c"]
        assert new is not old
        assert new.next_at is not None
        assert old.next_at is not None
        assert new.next_at > old.next_at


async def test_more_consumers_than_a_page(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        js = nc.jetstream()
        await js.add_stream(name="MANY", subjects=["many.*"])
        await asyncio.gather(
            *(
                js.add_consumer("MANY", ConsumerConfig(durable_name=f"c{number}", ack_policy="none"))
                for number in range(300)
            )
        )
        facts = await watch.look()
        assert len(facts.consumers) == 300
        assert facts.streams["MANY"].consumers == 300


async def test_more_streams_than_the_budget_take_turns_and_the_screen_comes_first(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        js = nc.jetstream()
        for number in range(24):
            await js.add_stream(name=f"S{number:02}", subjects=[f"s{number}"], storage=StorageType.MEMORY)
            await js.add_consumer(f"S{number:02}", ConsumerConfig(durable_name="c", ack_policy="explicit"))
        watch.broker = type(watch.broker)(watch.link, max_requests=10)
        calls = watch.link.api_calls
        facts = await watch.look("consumer:S17/c")
        assert watch.link.api_calls - calls <= 10
        assert "S17/c" in facts.consumers
        assert 5 <= len(facts.consumers) <= 10
        assert statuses(watch)["consumers"] is SourceStatus.PARTIAL
        facts = await watch.look_until(lambda facts: len(facts.consumers) == 24, "all were asked", 30, every=1)
        assert statuses(watch)["consumers"] is SourceStatus.OK
        consumers = next(state for state in facts.states if state.name == "consumers")
        assert consumers.interval >= 2


async def test_killed_keeps_the_last_facts_and_comes_back(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        await nc.jetstream().add_stream(name="ORDERS", subjects=["orders"])
        before = await watch.look()
        good_at = before.states[1].good_at
        server.kill()
        await down(watch.link)
        facts = await watch.look()
        assert facts.streams["ORDERS"] is before.streams["ORDERS"]
        assert set(statuses(watch).values()) == {SourceStatus.FAILED}
        assert facts.states[1].good_at == good_at
        assert facts.states[1].error in ("connection refused", "connection closed by the server")
        server.start()
        await until(lambda: watch.link.up, "connected again", 10)
        facts = await watch.look()
        assert set(statuses(watch).values()) == {SourceStatus.OK}
        server.kill()
        server.wipe()
        server.start()
        await until(lambda: watch.link.generation == 3, "connected to the wiped server", 10)
        facts = await watch.look()
        assert not facts.streams
        assert set(statuses(watch).values()) == {SourceStatus.OK}


async def test_not_connected_yet_is_waiting() -> None:
    async with watching("nats://127.0.0.1:1", wait=False) as watch:
        facts = await watch.look()
        assert {state.status for state in facts.states} == {SourceStatus.WAITING}
        assert not facts.streams


async def test_a_server_without_jetstream(tmp_path: Path) -> None:
    with NatsServer(tmp_path, jetstream=None) as server:
        async with watching(server.url) as watch:
            facts = await watch.look()
            assert set(statuses(watch).values()) == {SourceStatus.ABSENT}
            assert facts.states[1].error == "Connected to nats-test, but nobody answers the JetStream API there."


async def test_an_account_without_jetstream(tmp_path: Path) -> None:
    users = "A { users: [{user: a, password: a}], jetstream: enabled }, ORDERS { users: [{user: o, password: o}] }"
    with NatsServer(tmp_path, f"accounts {{ {users} }}") as server:
        async with watching(f"nats://o:o@127.0.0.1:{server.port}") as watch:
            facts = await watch.look()
            assert set(statuses(watch).values()) == {SourceStatus.ABSENT}
            sentence = "Connected to account ORDERS, but JetStream is not enabled for it (10039)."
            assert {state.error for state in facts.states} == {sentence}


async def test_a_silent_api_names_the_domain(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url, domain="hub") as watch:

        async def silence(message: Any) -> None:
            """Hears, and says nothing."""

        await nc.subscribe("$JS.hub.API.>", cb=silence)
        await heard(nc)
        assert watch.link.server is not None
        object.__setattr__(watch.link.server, "domain", "leaf")
        facts = await watch.broker.collect(utc())
        assert set(statuses(watch).values()) == {SourceStatus.FAILED}
        sentence = 'JetStream does not answer. On a leaf node? Try --domain leaf (servers report domain "leaf").'
        assert facts.states[1].error == sentence


async def test_through_a_domain_and_through_a_prefix(tmp_path: Path) -> None:
    with NatsServer(tmp_path, jetstream="domain: hub") as server:
        async with client(server.url) as nc:
            await nc.jetstream().add_stream(name="ORDERS", subjects=["orders"])
        for settings in ({"domain": "hub"}, {"api_prefix": "$JS.hub.API"}, {}):
            async with watching(server.url, **settings) as watch:
                facts = await watch.look()
                assert set(facts.streams) == {"ORDERS"}
                assert watch.link.server is not None
                assert watch.link.server.domain == "hub"


async def test_looking_changes_nothing(server: NatsServer) -> None:
    async with client(server.url) as nc:
        js = nc.jetstream()
        for number in range(5):
            await js.add_stream(name=f"S{number}", subjects=[f"s{number}.>"])
            await js.add_consumer(f"S{number}", ConsumerConfig(durable_name="c", ack_policy="explicit"))
            await js.publish(f"s{number}.a", b"x")
        await js.create_key_value(bucket="agent-registry", ttl=30)
        await js.create_key_value(bucket="job-queue", ttl=3600)
        before = await everything(nc)
        async with watching(server.url) as watch:
            for _ in range(3):
                facts = await watch.turn()
                assert facts.present
            assert await everything(nc) == before
            own = [one for one in (await watch.look()).consumers.values() if one.own]
            assert all(one.stream == "KV_agent-registry" for one in own)
        assert await everything(nc) == before
        left = json.loads((await nc.request("$JS.API.CONSUMER.LIST.KV_agent-registry", b"")).data)
        assert not left["consumers"], "our consumer was deleted when we left"


async def test_rows_without_an_answer_stay_and_say_so(server: NatsServer) -> None:
    """A cluster's partial list, played by a responder, since it takes lost servers to get a real one."""
    lists = {
        "STREAM.LIST": {"total": 3, "streams": [], "missing": ["ORDERS", "NEW"], "offline": {"OLD": "peers offline"}},
        "INFO": {"memory": 1, "tiers": {"R3": {"storage": 7, "limits": {"max_storage": 10}}}, "api": {"total": 9}},
    }
    async with client(server.url) as nc, watching(server.url, api_prefix="play.API") as watch:

        async def play(message: Any) -> None:
            no_message = {"error": {"code": 404, "err_code": 10037, "description": "no message found"}}
            name = message.subject.removeprefix("play.API.")
            await message.respond(json.dumps(lists.get(name, no_message)).encode())

        await nc.subscribe("play.API.>", cb=play)
        await heard(nc)
        facts = await watch.look()
        answers = {name: stream.answer for name, stream in facts.streams.items()}
        assert answers == {"ORDERS": Answer.MISSING, "NEW": Answer.MISSING, "OLD": Answer.OFFLINE}
        assert statuses(watch)["streams"] is SourceStatus.PARTIAL
        assert facts.account is not None
        assert [(tier.name, tier.storage, tier.max_storage) for tier in facts.account.tiers] == [("R3", 7, 10)]
        peers = [{"name": "n2", "current": True, "active": 4_900_000_000, "lag": 3}]
        cluster = {"name": "c1", "leader": "n1", "replicas": peers}
        config = {"name": "ORDERS", "num_replicas": 2}
        row = {"config": config, "state": {"consumer_count": 2}, "created": "2026-11-22T20:00:00Z", "cluster": cluster}
        lists["STREAM.LIST"] = {"total": 1, "streams": [row]}
        consumer = {"name": "c", "config": {}, "delivered": {}, "ack_floor": {}, "num_pending": 3, "cluster": cluster}
        lists["CONSUMER.LIST.ORDERS"] = {"total": 2, "consumers": [consumer], "missing": ["d"]}
        facts = await watch.look()
        orders = facts.streams["ORDERS"]
        assert orders.answer is Answer.OK
        assert orders.cluster is not None
        assert (orders.cluster.leader, orders.cluster.peers[0].lag) == ("n1", 3)
        assert facts.consumers["ORDERS/c"].pending == 3
        assert facts.consumers["ORDERS/d"] == Consumer(stream="ORDERS", name="d", answer=Answer.MISSING)
        facts = await watch.look()
        assert facts.interval == 5.0
        lists["CONSUMER.LIST.ORDERS"] = {"total": 2, "consumers": [], "missing": ["c", "d"]}
        facts = await watch.look()
        assert (facts.consumers["ORDERS/c"].pending, facts.consumers["ORDERS/c"].answer) == (3, Answer.MISSING)
        lists["CONSUMER.LIST.ORDERS"] = {"total": 1, "consumers": [consumer]}
        facts = await watch.look()
        assert facts.consumers["ORDERS/c"].answer is Answer.OK
        lists["CONSUMER.LIST.ORDERS"] = {"error": {"code": 503, "err_code": 10008, "description": "not available"}}
        facts = await watch.look()
        assert (facts.consumers["ORDERS/c"].pending, facts.consumers["ORDERS/c"].answer) == (3, Answer.MISSING)
        lists["STREAM.LIST"] = {"nonsense": True, "streams": 7}
        facts = await watch.look()
        assert statuses(watch)["streams"] is SourceStatus.FAILED
        assert set(facts.streams) == {"ORDERS"}


@pytest.mark.parametrize("name", ["CON\x1b[31mSUMER", "日本", "a" * 240, "\u202erev"])
async def test_hostile_names_reach_nobody(server: NatsServer, name: str) -> None:
    async with client(server.url, skip_subject_validation=True) as nc, watching(server.url) as watch:
        body = json.dumps({"name": name, "subjects": ["x"], "description": "\x1b]0;title\x07" * 400}).encode()
        made = json.loads((await nc.request(f"$JS.API.STREAM.CREATE.{name}", body)).data)
        if "error" in made:
            pytest.skip(f"this server takes no such name: {made['error']['description']}")
        body = json.dumps({"stream_name": name, "config": {"durable_name": "c", "ack_policy": "explicit"}}).encode()
        await nc.request(f"$JS.API.CONSUMER.DURABLE.CREATE.{name}.c", body)
        await nc.publish("x", b"1")
        facts = await watch.look_until(lambda facts: any(one.pending for one in facts.consumers.values()), "pending")
        (stream,) = facts.streams.values()
        (consumer,) = facts.consumers.values()
        assert (stream.name + stream.description).isprintable()
        assert consumer.pending == 1
        assert consumer.next_at is not None


async def test_a_name_that_only_looks_like_another_does_not_take_its_place(server: NatsServer) -> None:
    async with client(server.url, skip_subject_validation=True) as nc, watching(server.url) as watch:
        for number, name in enumerate(("ORDERS", "ORD\u200dERS", "OR\u2060DERS")):
            body = json.dumps({"name": name, "subjects": [f"s{number}"]}).encode()
            made = json.loads((await nc.request(f"$JS.API.STREAM.CREATE.{name}", body)).data)
            if "error" in made:
                pytest.skip(f"this server takes no such name: {made['error']['description']}")
        await nc.publish("s0", b"1")
        facts = await watch.look_until(lambda facts: any(one.messages for one in facts.streams.values()), "stored")
        assert facts.streams["ORDERS"].messages == 1
        assert len(facts.streams) == 3
        assert [name for name in facts.streams if quotable(name)] == ["ORDERS"], "no command aims at another stream"
