"""What it costs to look at 200 streams and 5,000 consumers, beside nats-py's own listing loop in the same run."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from nats.aio.client import Client

from tests.integration.fleet_values import make_fleet, registration
from tests.integration.watching import client, utc, watching
from tests.nats_server import NatsServer

STREAMS, EACH = 200, 25
ROUNDS = 7


async def measured(work: Callable[[], Awaitable[Any]]) -> tuple[float, float]:
    """Wall and process CPU time of the median round, in ms."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        await work()
        walls.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.process_time() - cpu) * 1000)
        await asyncio.sleep(1.0)  # the request budget is one of requests a second
    return median(walls), median(cpus)


async def fill(nc: Client) -> None:
    flight = asyncio.Semaphore(64)

    async def ask(subject: str, body: dict[str, Any]) -> None:
        async with flight:
            answer = json.loads((await nc.request(subject, json.dumps(body).encode(), timeout=60)).data)
            assert "error" not in answer, answer

    names = [f"S{number:03}" for number in range(STREAMS)]
    await asyncio.gather(
        *(
            ask(f"$JS.API.STREAM.CREATE.{name}", {"name": name, "subjects": [f"{name}.>"], "storage": "memory"})
            for name in names
        )
    )
    await asyncio.gather(
        *(
            ask(
                f"$JS.API.CONSUMER.CREATE.{name}.c{number}",
                {
                    "stream_name": name,
                    "config": {
                        "name": f"c{number}",
                        "durable_name": f"c{number}",
                        "ack_policy": "explicit",
                        "mem_storage": True,
                    },
                },
            )
            for name in names
            for number in range(EACH)
        )
    )


@pytest.mark.bench
@pytest.mark.timeout(300)
async def test_collection_against_the_library(tmp_path: Path) -> None:
    with NatsServer(tmp_path) as server:
        async with client(server.url) as nc, watching(server.url) as watch:
            await fill(nc)
            js = nc.jetstream()

            async def library() -> None:
                streams = await js.streams_info()
                assert len(streams) == STREAMS
                for stream in streams:
                    await js.consumers_info(stream.config.name)

            whole = type(watch.broker)(watch.link, max_requests=10_000)

            async def everything() -> None:
                for entry in whole._tables.streams.values():
                    entry.asked = -1  # never asked: all of them are due
                facts = await whole.collect(utc())
                assert len(facts.consumers) == STREAMS * EACH

            async def rotation() -> None:
                await watch.look()

            for _ in range(4):
                await watch.look()
                await asyncio.sleep(1)
            base = await measured(library)
            full = await measured(everything)
            turn = await measured(rotation)
        print(f"\n{STREAMS} streams, {STREAMS * EACH} consumers      wall ms   CPU ms   ratio of wall, of CPU")
        for name, (wall, cpu) in (
            ("nats-py's listing loop", base),
            ("all lists", full),
            ("a turn of the rotation", turn),
        ):
            print(f"{name:36} {wall:7.1f}  {cpu:7.1f}   {wall / base[0]:.2f}, {cpu / base[1]:.2f}")
        assert full[1] <= 0.5 * base[1]
        assert turn[0] <= 0.3 * base[0]
        assert turn[1] <= 0.2 * base[1]


@pytest.mark.bench
@pytest.mark.timeout(300)
async def test_a_large_fleet_in_memory(tmp_path: Path) -> None:
    agents = 10_000
    with NatsServer(tmp_path) as server:
        async with client(server.url) as nc, watching(server.url) as watch:
            await make_fleet(nc.jetstream())
            values = [registration(f"web-{number}", f"m{number}") for number in range(agents)]

            async def beat(part: range) -> None:
                for number in part:
                    await nc.publish(f"$KV.osapi-agent-registry.agents.m{number}", values[number])
                await nc.flush(30)

            await beat(range(agents))
            wall, cpu = time.perf_counter(), time.process_time()
            facts = await watch.turn_until(lambda facts: len(facts.agents) == agents, "the fleet", 60)
            first = (time.perf_counter() - wall, time.process_time() - cpu)
            before = facts.agents
            turns = []
            for part in range(5):
                await beat(range(part * 1000, part * 1000 + 1000))
                await asyncio.sleep(0.5)
                broker = await watch.look()
                cpu = time.process_time()
                facts = await watch.fleet.collect(utc(), broker)
                turns.append((time.process_time() - cpu) * 1000)
            assert all(facts.agents[key] is before[key] for key in facts.agents)
        print(f"\n{agents} agents: first listing {first[0]:.2f} s ({first[1]:.2f} s CPU)")
        print(f"a collection after 1,000 heartbeats: {median(turns):.1f} ms CPU")
