"""Simulated clients pull as real ones do: one after the other, gone at once when they die, back after an outage."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from nats.aio.msg import Msg

from app.demo.layout import durable, stream
from app.demo.link import Link
from app.demo.pulls import Client
from app.settings import NatsSettings
from tests.nats_server import NatsServer

SOON = 20.0


@pytest.fixture
async def link(server: NatsServer) -> AsyncIterator[Link]:
    found = Link(NatsSettings(url=server.url))
    await found.open("test")
    await found.ensure_stream(stream("WORK", ["work.>"]))
    await found.ensure_consumer("WORK", durable("one", max_ack_pending=10))
    yield found
    await found.close()


class Hands:
    """Handles messages while the gate is open."""

    def __init__(self) -> None:
        self.done: list[bytes] = []
        self.begun = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = 0

    async def handle(self, consumer: str, message: Msg) -> bool:
        self.begun += 1
        await self.gate.wait()
        if self.fails:
            self.fails -= 1
            raise TimeoutError
        self.done.append(message.data)
        return True


def _client(link: Link, hands: Hands, batch: int = 1) -> Client:
    client = Client(link, hands.handle, random.Random(1))
    client.add("WORK", "one", batch)
    return client


async def _info(link: Link) -> dict[str, Any]:
    return await link.api("CONSUMER.INFO.WORK.one")


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SOON):
        while not await true():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("batch", [1, 5])
async def test_messages_are_handled_in_order_and_acknowledged_and_a_pull_stays_out(link: Link, batch: int) -> None:
    hands = Hands()
    client = _client(link, hands, batch)
    await client.join()
    for number in range(12):
        await link.publish("work.a", b"%d" % number)

    async def all_done() -> bool:
        info = await _info(link)
        return bool(info["ack_floor"]["stream_seq"] == 12 and info["num_waiting"] == 1)

    await _until(all_done)
    assert hands.done == [b"%d" % number for number in range(12)]
    await client.leave()


async def test_one_at_a_time(link: Link) -> None:
    hands = Hands()
    hands.gate.clear()
    client = _client(link, hands)
    await client.join()
    for _ in range(3):
        await link.publish("work.a", b"x")

    async def one_out() -> bool:
        info = await _info(link)
        return bool(info["num_ack_pending"] == 1 and info["num_pending"] == 2 and not info["num_waiting"])

    await _until(one_out)
    await client.leave()


async def test_a_client_that_dies_leaves_its_message_out_and_no_pull(link: Link) -> None:
    hands = Hands()
    hands.gate.clear()
    client = _client(link, hands)
    await client.join()
    await link.publish("work.a", b"x")

    async def begun() -> bool:
        return hands.begun == 1

    await _until(begun)
    await client.leave()
    hands.gate.set()
    await link.publish("work.a", b"y")

    async def arrived() -> bool:
        return bool((await _info(link))["num_pending"] == 1)

    await _until(arrived)
    info = await _info(link)
    assert (info["num_ack_pending"], info.get("num_waiting", 0)) == (1, 0)
    assert hands.done == []


async def test_a_client_that_finishes_acknowledges_what_it_has(link: Link) -> None:
    hands = Hands()
    hands.gate.clear()
    client = _client(link, hands, 5)
    await client.join()
    for _ in range(2):
        await link.publish("work.a", b"x")

    async def begun() -> bool:
        return bool((await _info(link))["num_ack_pending"] == 2)

    await _until(begun)
    await client.finish()
    hands.gate.set()

    async def acknowledged() -> bool:
        return bool((await _info(link))["ack_floor"]["stream_seq"] == 2)

    await _until(acknowledged)
    await link.publish("work.a", b"y")

    async def arrived() -> bool:
        return bool((await _info(link))["num_pending"] == 1)

    await _until(arrived)
    info = await _info(link)
    assert (info["num_ack_pending"], info.get("num_waiting", 0)) == (0, 0)


async def test_a_failing_handler_does_not_end_the_pulling(link: Link) -> None:
    hands = Hands()
    hands.fails = 1
    client = _client(link, hands)
    await client.join()
    await link.publish("work.a", b"first")
    await link.publish("work.a", b"second")

    async def second() -> bool:
        return hands.done == [b"second"]

    await _until(second)
    assert (await _info(link))["num_ack_pending"] == 1
    await client.leave()


async def test_after_a_restart_of_the_server_one_pull_is_out_again(server: NatsServer, link: Link) -> None:
    hands = Hands()
    client = _client(link, hands)
    await client.join()
    await link.nc.flush()
    server.kill()
    server.start()
    async with asyncio.timeout(SOON):
        await link.reconnected.wait()
    for _ in range(3):  # however often it is asked for: the last pull is the one that counts
        await client.pull_again()
    await link.publish("work.a", b"x")

    async def handled() -> bool:
        return hands.done == [b"x"]

    await _until(handled)
    await client.leave()
