"""What the rules say of consumers on a real server: a client that was killed, readers overtaken, full queues."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig

from app.model.findings import Finding, Severity
from app.model.rates import History
from app.model.snapshot import Capability, Site, Snapshot
from app.model.triage.judging import Triage
from app.sources.jetstream import BrokerFacts
from tests.integration.watching import Watch, client, utc, watching
from tests.nats_server import NatsServer


class Deck:
    """The rules over what a watch collects; `later` seconds pass without anybody waiting for them."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.history, self.triage = History(), Triage()
        self.findings: Mapping[str, Finding] = {}

    def judge(self, facts: BrokerFacts, later: float = 0.0) -> Mapping[str, Finding]:
        at = utc() + timedelta(seconds=later)
        snapshot = Snapshot(
            epoch="test",
            at=at,
            site=Site(
                connection=self.watch.link.connection,
                capabilities=frozenset((Capability.BROKER,)),
                clock_offset=self.watch.link.clock_offset,
            ),
            sources={
                state.name: replace(state, good_at=at if state.fresh else state.good_at) for state in facts.states
            },
            streams=facts.streams,
            consumers=facts.consumers,
        )
        self.history.observe(snapshot)
        self.findings = self.triage.judge(snapshot, self.history)
        return self.findings

    async def look(self, later: float = 0.0) -> Mapping[str, Finding]:
        """Twice, so that the messages it has to look up are known."""
        await self.watch.look()
        return self.judge(await self.watch.look(), later)


async def publish(js: JetStreamContext, subject: str, number: int) -> None:
    for _ in range(number // 10):
        await asyncio.gather(*(js.publish(subject, b"x") for _ in range(10)))


def said(findings: Mapping[str, Finding]) -> dict[str, str]:
    return {each.id: each.what for each in findings.values()}


async def test_a_client_killed_with_messages_in_flight_is_told_on_the_first_look(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        js = nc.jetstream()
        await js.add_stream(name="WORK", subjects=["work"], retention=RetentionPolicy.WORK_QUEUE)
        await js.add_consumer(
            "WORK", ConsumerConfig(durable_name="billing", ack_policy=AckPolicy.EXPLICIT, ack_wait=30)
        )
        await publish(js, "work", 20)
        async with client(server.url) as worker:
            pull = await worker.jetstream().pull_subscribe_bind("billing", "WORK")
            messages = await pull.fetch(5)
            await messages[0].ack_sync()
        last = (
            await watch.look_until(lambda facts: facts.consumers["WORK/billing"].waiting == 0, "it is gone")
        ).consumers["WORK/billing"]
        deck = Deck(watch)
        findings = await deck.look(later=300)
        finding = findings["consumer.stalled|WORK/billing"]
        assert set(findings) == {finding.id}
        assert finding.what.startswith("no ack 5m")
        assert finding.what.endswith("nobody pulls, 4 still out")
        assert finding.since == last.acked_at
        assert finding.since_exact


async def test_a_reader_that_was_overtaken(server: NatsServer) -> None:
    """A stream that keeps 100, of which readers had the first ten, gets 400 more: 340 are gone."""
    async with client(server.url) as nc, watching(server.url) as watch:
        js = nc.jetstream()
        await js.add_stream(StreamConfig(name="NEWS", subjects=["news.>"], max_msgs=100))
        for name, subject in (("all", None), ("filtered", "news.>"), ("rare", "news.rare")):
            config = ConsumerConfig(durable_name=name, ack_policy=AckPolicy.EXPLICIT, filter_subject=subject)
            await js.add_consumer("NEWS", config)
        await publish(js, "news.rare", 10)
        await publish(js, "news.eu", 40)
        for name in ("all", "filtered", "rare"):
            pull = await js.pull_subscribe_bind(name, "NEWS")
            for message in await pull.fetch(10):
                await message.ack_sync()
        deck = Deck(watch)
        assert not await deck.look()
        assert not await deck.look(later=40)
        await publish(js, "news.eu", 400)
        findings = await deck.look(later=45)
        assert watch.broker.facts.streams["NEWS"].first_seq == 351
        assert said(findings) == {"consumer.losing|NEWS/all": "340 messages gone unread (max_msgs 100)"}, (
            "pending of the other is as it was, and the third has lost nothing"
        )
        assert findings["consumer.losing|NEWS/all"].severity is Severity.CRIT
        assert said(await Deck(watch).look()) == said(findings), "the same on the first look of another deck"
        await js.purge_stream("NEWS", subject="news.eu", keep=40)
        findings = await deck.look(later=50)
        assert said(findings)["consumer.losing|NEWS/filtered"].startswith("at least 60 gone unread (")
        assert "consumer.losing|NEWS/rare" not in findings


async def test_a_full_queue_that_discards_old_is_silent(server: NatsServer) -> None:
    async with client(server.url) as nc, watching(server.url) as watch:
        js = nc.jetstream()
        await js.add_stream(StreamConfig(name="JOBS", subjects=["jobs.>"], max_msgs=100))
        await js.add_consumer("JOBS", ConsumerConfig(durable_name="worker", ack_policy=AckPolicy.EXPLICIT))
        pull = await js.pull_subscribe_bind("worker", "JOBS")
        deck = Deck(watch)
        for turn in range(6):
            await publish(js, "jobs.eu", 50)
            for message in await pull.fetch(50):
                await message.ack_sync()
            assert not await deck.look(later=20.0 * turn)
        assert watch.broker.facts.streams["JOBS"].messages == 100
        assert watch.broker.facts.streams["JOBS"].first_seq == 201


async def test_what_the_server_says_of_messages_and_of_owners(server: NatsServer) -> None:
    """The sequences beside the times of messages, and limits in the metadata of a consumer."""
    async with client(server.url) as nc, watching(server.url) as watch:
        js = nc.jetstream()
        await js.add_stream(StreamConfig(name="S", subjects=["s.>"], metadata={"io.nats.monitor.msgs-critical": "9"}))
        metadata = {"io.nats.monitor.unprocessed-critical": "1"}
        config = ConsumerConfig(
            durable_name="eu", ack_policy=AckPolicy.EXPLICIT, filter_subject="s.eu", metadata=metadata
        )
        await js.add_consumer("S", config)
        for number in range(6):
            await js.publish("s.eu" if number in (1, 3) else "s.us", b"x")
        pull = await js.pull_subscribe_bind("eu", "S")
        await pull.fetch(1)
        deck = Deck(watch)
        await deck.look()
        consumer = watch.broker.facts.consumers["S/eu"]
        assert (consumer.stuck_seq, consumer.next_seq) == (2, 4)
        findings = await deck.look(later=12)
        assert said(findings) == {
            "consumer.limits|S/eu": "pending 1, limit 1 (set by its owner)",
            "stream.limits|S": "6 messages, over 9 expected (set by its owner)",
        }
