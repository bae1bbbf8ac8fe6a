"""How long `/healthz` of a whole worker takes while overviews of a million sessions are worked out in it."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from tests.bench.score_data import filled
from tests.nats_server import NatsServer

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

AGENTS, SESSIONS, DAYS = 1000, 1_000_000, 90
WINDOWS = (30, 60, 90, 14, 45, 21, 75, 3)
"""None of them is kept by the worker: each is worked out from nothing."""
MOST = 20.0
PATIENCE = 60.0


class Round(NamedTuple):
    """Milliseconds: the longest of the probes while nothing else was asked, and while an overview was."""

    window: int
    took: float
    probes: int
    middle: float
    longest: float
    idle: float


class Probe:
    """One connection that asks `/healthz` again and again."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def of_worker(cls, port: int) -> Probe:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self) -> float:
        """Milliseconds."""
        began = time.perf_counter()
        self._writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await self._reader.readexactly(len(b'{"ok":true}'))
        return (time.perf_counter() - began) * 1000

    def close(self) -> None:
        self._writer.close()


@contextmanager
def worker(folder: Path, nats_url: str) -> Iterator[int]:
    """A worker of its own process on a state folder; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("NATS_", "WATCHDECK_", "XDG_"))}
    command = [
        *(sys.executable, "-P", "-m", "app.cli", "worker", "--nats-url", nats_url, "--namespace", ""),
        *("--state-dir", str(folder), "--listen", f"127.0.0.1:{port}"),
    ]
    with (folder.parent / "worker.log").open("wb") as log, subprocess.Popen(
        command, env=kept | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}, stderr=log
    ) as process:  # fmt: skip
        try:
            yield port
        finally:
            process.kill()


async def settled(port: int, folder: Path) -> str:
    """Waits until the worker has kept the scores of the days, and has nothing more to do; gives the owner's token."""
    deadline = time.monotonic() + PATIENCE
    kept = -1
    while time.monotonic() < deadline:
        await asyncio.sleep(2)
        with closing(sqlite3.connect(f"file:{folder}/watchdeck.db?mode=ro", uri=True)) as raw:
            (now,) = raw.execute("SELECT COUNT(*) FROM score").fetchone()
        if now == kept > 0:
            return (folder / "owner.token").read_text().strip()
        kept = now
    raise AssertionError("the worker does not come to rest")


async def probed(probe: Probe, until: asyncio.Future[object] | asyncio.Task[object]) -> list[float]:
    times = []
    while not until.done():
        times.append(await probe.ask())
        await asyncio.sleep(0.001)
    return times


def overview(port: int, token: str, window: int) -> float:
    """Milliseconds; in a thread, so that reading the answer delays no probe."""
    began = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", f"/api/health/overview?window={window}", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - began) * 1000
    connection.close()
    assert body.count(b'"agentId"') == AGENTS
    return took


async def measured(port: int, token: str) -> list[Round]:
    probe = await Probe.of_worker(port)
    rounds = []
    for window in WINDOWS:
        idle = await probed(probe, asyncio.create_task(asyncio.sleep(0.5)))
        asking = asyncio.create_task(asyncio.to_thread(overview, port, token, window))
        times = await probed(probe, asking)
        rounds.append(Round(window, asking.result(), len(times), median(times), max(times), max(idle)))
    probe.close()
    return rounds


def test_a_probe_beside_an_overview(tmp_path: Path) -> None:
    store = filled(
        tmp_path / "state", agents=AGENTS, sessions=SESSIONS, days=DAYS, now=time.time_ns() // 1_000_000 - 5000
    )
    asyncio.run(store.close())
    with NatsServer(tmp_path / "nats") as server, worker(tmp_path / "state", server.url) as port:
        token = asyncio.run(settled(port, tmp_path / "state"))
        rounds = asyncio.run(measured(port, token))
    print(f"\n/healthz beside an overview of {SESSIONS:,} sessions of {AGENTS:,} agents, worked out from nothing; ms")
    for each in rounds:
        print(
            f"  window {each.window:2}: overview {each.took:6.0f}   {each.probes:4} probes, p50 {each.middle:4.1f},"
            f" longest {each.longest:5.1f}   longest without it {each.idle:5.1f}"
        )
    delays = sorted(each.longest - each.middle for each in rounds)
    print(f"  longest delay: least {delays[0]:.1f}, median {median(delays):.1f}, most {delays[-1]:.1f}")
    assert delays[0] < MOST
