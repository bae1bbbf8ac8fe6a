"""What shares the broker with the fleet: an order system of streams, clients, a work queue, measurements and buckets.

It is plain JetStream without any namespace. Some of it looks odd and is healthy: an ordered and an ephemeral consumer,
a paused one with everything pending, a bucket that is a third full. Streams of these names that are somebody else's
are left alone.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from datetime import UTC, datetime, timedelta

from nats.aio.msg import Msg

from app.demo.layout import HOUR, MIB, MINUTE, SECOND, Config, bucket, durable, stream
from app.demo.link import ApiError, Link
from app.demo.pulls import Client
from app.demo.stamps import nano, now_ns

ORDERS, EMAILS, TELEMETRY = "ORDERS", "EMAILS", "TELEMETRY"
SESSIONS, CONFIG = "shop-sessions", "shop-config"
SESSIONS_BYTES = 4 * MIB
ENTRY = 8 * 1024
"""Bytes of a session's value."""
RATE = 3.0
"""Orders a second."""
TAIL, BACKFILL = "tail-ops", "backfill"
IN_FLIGHT = 20
"""The order clients' max_ack_pending: a client that hangs has reached it within seconds."""
CLIENTS = ("billing", "shipping", "export", "invoices")
ROLLUP = "rollup"
"""Sums up the measurements. Their stream keeps only the last minute or so: a slow reader loses some."""
MEASURED = 8.0
"""Measurements a second."""
KEPT = 600
"""Measurements that their stream keeps."""
TOO_SLOW = 0.6
"""Seconds for each message that a slow client takes."""
_FILTERS = {"billing": "orders.created", "shipping": "orders.paid", "export": "orders.>", "invoices": "orders.shipped"}
_TRIES = {"invoices": 1000}  # tries again for hours: one bad order stays in its way
_BATCH = {"billing": 10, "shipping": 5, "export": 10, "invoices": 2, ROLLUP: 10}


def configs() -> tuple[Config, ...]:
    """The shop's streams and buckets."""
    return (
        stream(ORDERS, ["orders.>"], max_age=24 * HOUR, max_bytes=256 * MIB),
        stream(TELEMETRY, ["telemetry.>"], max_age=HOUR, max_msgs=KEPT),
        stream(EMAILS, ["emails.>"], retention="workqueue", max_age=24 * HOUR),
        bucket(CONFIG),
        bucket(SESSIONS, max_bytes=SESSIONS_BYTES),
    )


def consumers() -> tuple[tuple[str, Config], ...]:
    """The shop's durables, each with its stream."""
    orders = [
        (
            ORDERS,
            durable(name, filter_subject=_FILTERS[name], max_ack_pending=IN_FLIGHT, max_deliver=_TRIES.get(name, 10)),
        )
        for name in CLIENTS
    ]
    return (
        *orders,
        (EMAILS, durable("mailer", max_ack_pending=100)),
        (TELEMETRY, durable(ROLLUP, max_ack_pending=100)),
    )


def ephemeral() -> Config:
    """Somebody's `tail`: without a durable name, in memory, gone 5 minutes after its client."""
    return {
        "name": TAIL,
        "deliver_policy": "new",
        "ack_policy": "explicit",
        "ack_wait": 30 * SECOND,
        "mem_storage": True,
        "inactive_threshold": 5 * MINUTE,
    }


def backfill() -> Config:
    """Paused for a week by its owner: everything is pending for it, and nobody pulls. Needs server 2.11."""
    until = (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return durable(BACKFILL, pause_until=until)


class Shop:
    """Publishes orders and mails, and runs their clients."""

    def __init__(self, link: Link, rng: random.Random, speed: float = 1.0) -> None:
        self._link = link
        self._rng = rng
        self._speed = min(10.0, speed)  # of trade, so that a hastened client hangs sooner, too
        self._pace = random.Random(rng.getrandbits(64))  # noqa: S311  a simulation
        self._own: set[str] = set()
        self._filled = 0
        self.clients: dict[str, Client] = {}
        self._slow: set[str] = set()
        self._stuck: dict[str, int] = {}  # consumer -> sequence of the message that it cannot handle; 0: its next

    async def prepare(self) -> None:
        """Creates what is missing. Called again after each reconnect."""
        for config in configs():
            if await self._ensured(config):
                self._own.add(config["name"])
        for name, config in consumers():
            if name in self._own:
                await self._link.ensure_consumer(name, config)
        if ORDERS in self._own:
            await self._link.ensure_consumer(ORDERS, ephemeral())
            if self._link.version >= (2, 11):
                await self._link.ensure_consumer(ORDERS, backfill())

    async def _ensured(self, config: Config) -> bool:
        """False where the name or a subject belongs to somebody else."""
        try:
            return await self._link.ensure_stream(config)
        except ApiError:
            return False

    async def open(self) -> None:
        """Fills the buckets and lets the clients in."""
        if f"KV_{SESSIONS}" in self._own:
            for index in range(int(SESSIONS_BYTES * 0.35 / ENTRY)):
                await self._session(f"user.{index:04d}")
        if f"KV_{CONFIG}" in self._own:
            for key, value in (("tax.de", b"19"), ("tax.fr", b"20"), ("checkout.enabled", b"true")):
                await self._link.put(CONFIG, key, value)
        if ORDERS in self._own:
            for name in (*CLIENTS, TAIL):
                self._client(ORDERS, name, _BATCH.get(name, 1))
            js = self._link.nc.jetstream(prefix=self._link.prefix)
            await js.subscribe("orders.>", stream=ORDERS, cb=_look, ordered_consumer=True)
        if EMAILS in self._own:
            self._client(EMAILS, "mailer", 1)
        if TELEMETRY in self._own:
            self._client(TELEMETRY, ROLLUP, _BATCH[ROLLUP])
        for client in self.clients.values():
            await client.join()

    def _client(self, of: str, name: str, batch: int) -> None:
        client = Client(self._link, self._work, random.Random(self._rng.getrandbits(64)))  # noqa: S311
        client.add(of, name, batch)
        self.clients[name] = client

    async def _work(self, consumer: str, message: Msg) -> bool:
        if consumer in self._slow:
            await asyncio.sleep(TOO_SLOW / self._speed)
        elif consumer != ROLLUP:
            await asyncio.sleep(self._pace.uniform(0.005, 0.06))
        if consumer not in self._stuck:
            return True
        sequence = message.metadata.sequence.stream
        self._stuck[consumer] = self._stuck[consumer] or sequence
        return bool(sequence != self._stuck[consumer])

    async def measure(self) -> None:
        """Measurements come in at an even pace. For ever."""
        if TELEMETRY not in self._own:
            return
        while True:
            await asyncio.sleep(1 / (MEASURED * self._speed))
            where = self._pace.choice(("till", "door", "shelf"))
            await self._link.publish(f"telemetry.{where}", b'{"value":%d}' % self._pace.randrange(1000))

    async def trade(self) -> None:
        """Orders come in: created, paid, shipped; some cause a mail. For ever."""
        if ORDERS not in self._own:
            return
        while True:
            await asyncio.sleep(self._rng.expovariate(RATE / 2.2 * self._speed))
            order = {
                "id": str(uuid.UUID(int=self._rng.getrandbits(128), version=4)),
                "at": nano(now_ns()),
                "items": self._rng.randrange(1, 9),
                "total": round(self._rng.uniform(5, 400), 2),
            }
            data = json.dumps(order).encode()
            await self._link.publish("orders.created", data)
            if self._rng.random() < 0.9:
                await self._link.publish("orders.paid", data)
            if self._rng.random() < 0.3:
                await self._link.publish("orders.shipped", data)
            if EMAILS in self._own and self._rng.random() < 0.4:
                await self._link.publish("emails.receipt", data)
            if f"KV_{SESSIONS}" in self._own and self._rng.random() < 0.3:
                await self._session(f"user.{self._rng.randrange(0, int(SESSIONS_BYTES * 0.35 / ENTRY)):04d}")

    async def _session(self, key: str) -> None:
        await self._link.put(SESSIONS, key, self._rng.randbytes(ENTRY // 2).hex().encode())

    # what a scenario does

    async def hang(self, name: str) -> None:
        """The client takes messages until the broker gives no more, acknowledges none of them, and is gone."""
        client = self.clients.get(name)
        if client is None:
            return
        client.acknowledging = False
        for _ in range(120):
            info = await self._link.api(f"CONSUMER.INFO.{ORDERS}.{name}")
            if info["num_ack_pending"] >= IN_FLIGHT:
                break
            await asyncio.sleep(0.25)
        await client.leave()

    async def dismiss(self, name: str) -> None:
        """The client finishes what it has, and pulls no more."""
        if client := self.clients.get(name):
            await client.finish()

    async def readmit(self, name: str) -> None:
        client = self.clients.get(name)
        if client is not None and not client.joined:
            await client.join()

    def slow_down(self, name: str) -> None:
        """The client takes far longer for each message than the next one needs to come."""
        self._slow.add(name)

    def poison(self, name: str) -> None:
        """The next message that the client gets is one that it cannot handle, however often it comes."""
        self._stuck.setdefault(name, 0)

    def cure(self, name: str) -> None:
        """The client is quick again and handles everything."""
        self._slow.discard(name)
        self._stuck.pop(name, None)

    async def fill(self, level: float, within: float) -> None:
        """Sessions that nobody ends: the bucket grows evenly to that share of its bytes."""
        if f"KV_{SESSIONS}" not in self._own:
            return
        loop = asyncio.get_running_loop()
        began, (_, first) = loop.time(), await self._link.messages(f"KV_{SESSIONS}")
        last = SESSIONS_BYTES * level
        while True:
            share = min(1.0, (loop.time() - began) / within) if within else 1.0
            _, held = await self._link.messages(f"KV_{SESSIONS}")
            for _ in range(int((first + (last - first) * share - held) // (ENTRY + 64))):
                await self._session(f"burst.{self._filled:05d}")
                self._filled += 1
            if share >= 1.0:
                return
            await asyncio.sleep(min(0.5, within / 10))

    async def empty(self) -> None:
        """Ends those sessions again."""
        for index in range(self._filled):
            await self._link.delete(SESSIONS, f"burst.{index:05d}", purge=True)
        self._filled = 0


async def _look(message: Msg) -> None:
    """Somebody only watches."""
