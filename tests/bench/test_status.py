"""What the status of the whole costs, beside constant bytes of the same length from the same server in the same run."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest
import uvloop

pytestmark = pytest.mark.bench

CONNECTIONS = 8
SECONDS = 0.5
ROUNDS = 5


@pytest.fixture(params=[10, 2000])
def served(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.bench.status_server", str(request.param)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield {**json.loads(process.stdout.readline()), "agents": request.param}
        finally:
            process.kill()


async def asked(port: int, path: str, token: str, connections: int) -> tuple[float, float]:
    """Requests a second over some connections, and the median time of one, in ms."""
    text = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    times: list[float] = []
    ends = time.perf_counter() + SECONDS

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        while (began := time.perf_counter()) < ends:
            writer.write(text)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return len(times) / (time.perf_counter() - began), median(times) * 1000


def test_the_status_costs_what_constant_bytes_cost(served: dict[str, Any]) -> None:
    (guarded, bare), token = served["ports"], served["token"]
    kinds = {"status": (guarded, "/api/health/status"), "constant": (guarded, "/constant"), "bare": (bare, "/")}

    async def measure() -> dict[str, list[tuple[float, float]]]:
        found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
        for _ in range(ROUNDS):
            for kind, (port, path) in kinds.items():
                rate, _ = await asked(port, path, token, CONNECTIONS)
                _, middle = await asked(port, path, token, 1)
                found[kind].append((rate, middle))
        return found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(measure())
    rates = {kind: median(rate for rate, _ in rows) for kind, rows in found.items()}
    middles = {kind: median(middle for _, middle in rows) for kind, rows in found.items()}
    print(f"\n{served['agents']} agents, {served['bytes']} bytes, {CONNECTIONS} connections; p50 over one")
    for kind in kinds:
        print(f"  {kind:9} {rates[kind]:8.0f} requests/s   p50 {middles[kind]:6.2f} ms")
    beside = {kind: rates["status"] / rates[kind] for kind in ("constant", "bare")}
    print(f"  status / constant {beside['constant']:.2f}   status / bare {beside['bare']:.2f}")
    assert rates["status"] >= 0.8 * rates["constant"]
    assert middles["status"] < 5
