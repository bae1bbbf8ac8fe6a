"""The whole at full size: 10,000 agents that beat every 10 s, 5,000 consumers, 200 streams, 20,000 jobs of which 1 %
change each second; worker and deck measured.

Key latency is taken on a real terminal, from the byte written to the first byte that answers; loop stalls in a deck
that runs in this process on the same worker.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import select
import statistics
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import nats
import psutil
import pytest
from ptyprocess import PtyProcess

from app.cli.deck import COLLECT_AFTER, LateFeed
from app.cli.demo import demo_settings
from app.demo.run import Demo
from app.settings import Settings
from app.tui.app import WatchdeckApp
from app.tui.options import DeckOptions

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

AGENTS = 10_000
STREAMS = 190
CONSUMERS_A_STREAM = 22
JOBS = 20_000
EVENTS = ("acknowledged", "started", "completed", "acknowledged", "completed")
CHANGED_A_SECOND = JOBS // 100
SECONDS = 20.0
SETTLED = 50.0
"""Seconds within which a worker that is new here has written down the 20,000 jobs that it found, each as a task."""


def job_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-00000000beef"


async def fill_queue(url: str) -> None:
    """Jobs that ended within the last half hour, with five events each, as OSAPI writes them."""
    connection = await nats.connect(url)
    now = time.time_ns()
    for number in range(JOBS):
        id_, at = job_id(number), now - number * 90_000_000
        stamp = datetime.fromtimestamp(at / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        operation = {"type": "node.disk.get", "data": {"path": "/"}}
        subject = f"osapi.jobs.query.host.{number % AGENTS:032x}"
        value = {"id": id_, "status": "unprocessed", "created": stamp, "subject": subject, "operation": operation}
        await connection.publish(f"$KV.osapi-job-queue.jobs.{id_}", json.dumps(value).encode())
        for place, event in enumerate(EVENTS):
            await connection.publish(f"$KV.osapi-job-queue.{event_key(number, event, at + place * 10_000_000)}", b"{}")
        if number % 200 == 0:
            await connection.flush()
    await connection.drain()


def event_key(number: int, event: str, at: int) -> str:
    return f"status.{job_id(number)}.{event}.host-{number % AGENTS:05}.{at}"


@contextmanager
def changing(url: str) -> Iterator[None]:
    """1 % of the jobs get another event each second, until the block ends."""
    ending = threading.Event()

    async def change() -> None:
        connection = await nats.connect(url)
        number = 0
        while not ending.is_set():
            for _ in range(CHANGED_A_SECOND // 10):
                number = (number + 7) % JOBS
                key = event_key(number, ("started", "completed")[number % 2], time.time_ns())
                await connection.publish(f"$KV.osapi-job-queue.{key}", b"{}")
            await asyncio.sleep(0.1)
        await connection.drain()

    thread = threading.Thread(target=lambda: asyncio.run(change()))
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


async def fill(url: str) -> None:
    """Streams and durable consumers besides the fleet's, and a trickle of messages in a few of them."""
    connection = await nats.connect(url)
    js = connection.jetstream()
    gate = asyncio.Semaphore(32)

    async def one(number: int) -> None:
        name = f"S{number:03d}"
        async with gate:
            await js.add_stream(name=name, subjects=[f"s{number:03d}.>"], max_bytes=1_000_000)
            for at in range(CONSUMERS_A_STREAM):
                await js.add_consumer(name, durable_name=f"reader-{at:02d}", ack_policy="explicit")

    await asyncio.gather(*(one(number) for number in range(STREAMS)))
    await connection.drain()


@contextmanager
def terminal_deck(demo: Demo) -> Iterator[PtyProcess]:
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    env |= {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    argv = [str(Path(sys.executable).with_name("watchdeck")), "--nats-url", demo.nats_url]
    process = PtyProcess.spawn([*argv, "--state-dir", str(demo.state_dir)], dimensions=(50, 160), env=env)
    try:
        yield process
    finally:
        process.terminate(force=True)
        process.close()


def taken(process: PtyProcess, seconds: float) -> int:
    """Bytes that come within some seconds."""
    until, count = time.monotonic() + seconds, 0
    while (left := until - time.monotonic()) > 0:
        if select.select([process.fd], [], [], left)[0]:
            count += len(os.read(process.fd, 65536))
    return count


def key_seconds(process: PtyProcess, keys: str) -> list[float]:
    """From each key to the first byte that answers it, painting having come to rest before it."""
    times = []
    for key in keys:
        while select.select([process.fd], [], [], 0.03)[0]:
            os.read(process.fd, 65536)
        began = time.perf_counter()
        os.write(process.fd, key.encode())
        if select.select([process.fd], [], [], 5.0)[0]:
            times.append(time.perf_counter() - began)
    return times


@asynccontextmanager
async def inner_deck(settings: Settings) -> AsyncIterator[WatchdeckApp]:
    before = gc.get_threshold()
    gc.set_threshold(*COLLECT_AFTER)
    deck = WatchdeckApp(LateFeed(settings, demo=True), options=DeckOptions())
    try:
        async with deck.run_test(size=(160, 50)) as pilot:
            await asyncio.sleep(4)
            await pilot.press("6")
            await asyncio.sleep(4)
            yield deck
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def stalls(settings: Settings) -> tuple[list[float], list[float]]:
    """How late a timer of 5 ms comes while the list of agents is shown live, and what of it this thread computed: the
    rest it waited for a core. In seconds."""
    late, computed = [], []
    async with inner_deck(settings):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            before, busy = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.005)
            late.append(time.perf_counter() - before - 0.005)
            computed.append(time.thread_time() - busy)
    return sorted(late), sorted(computed)


def test_worker_and_deck_at_full_size() -> None:
    with Demo(agents=AGENTS, rate=2.0) as demo:
        asyncio.run(fill(demo.nats_url))
        asyncio.run(fill_queue(demo.nats_url))
        with changing(demo.nats_url), terminal_deck(demo) as terminal:
            taken(terminal, SETTLED)
            os.write(terminal.fd, b"6")
            taken(terminal, 5)
            deck = psutil.Process(terminal.pid)
            (worker,) = [child for child in deck.children(recursive=True) if "worker" in child.cmdline()]
            before = [sum(process.cpu_times()[:2]) for process in (deck, worker)]
            bytes_ = taken(terminal, SECONDS)
            used = [
                100 * (sum(process.cpu_times()[:2]) - was) / SECONDS
                for process, was in zip((deck, worker), before, strict=True)
            ]
            size = f"{AGENTS} agents, {STREAMS * CONSUMERS_A_STREAM}+ consumers, {STREAMS}+ streams"
            print(f"\n{size}, {JOBS} jobs of which")
            print(f"{CHANGED_A_SECOND} change a second; agents on screen")
            print(f"  CPU deck {used[0]:.1f} %, worker {used[1]:.1f} % of a core (bound together 30)")
            megabytes = [process.memory_info().rss / 2**20 for process in (deck, worker)]
            print(f"  resident deck {megabytes[0]:.0f} MB (bound 120), worker {megabytes[1]:.0f} MB (bound 300)")
            print(f"  to the terminal {bytes_ / SECONDS:.0f} bytes/s")
            times = sorted(key_seconds(terminal, "jjjjjkkkGgjj" * 15))
            assert len(times) > 100
            print(f"  key to painted p50 {1000 * statistics.median(times):.0f} ms", end=", ")
            print(f"p99 {1000 * times[int(0.99 * len(times))]:.0f} ms (bound 50)")
            os.write(terminal.fd, b"5")
            taken(terminal, 6)
            megabytes = [process.memory_info().rss / 2**20 for process in (deck, worker)]
            print(f"  with the jobs on screen: resident deck {megabytes[0]:.0f} MB, worker {megabytes[1]:.0f} MB")
            late, computed = asyncio.run(stalls(demo_settings(Settings(), demo)))
            print(f"  loop stall in the deck p99 {1000 * late[int(0.99 * len(late))]:.0f} ms", end=", ")
            print(f"worst {1000 * late[-1]:.0f} ms (bound 50), longest computing {1000 * computed[-1]:.0f} ms")
