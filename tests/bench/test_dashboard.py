"""What a dashboard of tasks costs over HTTP, beside sixteen plain statements on the same store in the same run."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest

from app.model.metrics import Range

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]
ROUNDS, EACH = 5, 20
MISSION_CONTROL = 105.0
"""Milliseconds of its range of 24 hours with as many tasks and events, the better of what was measured."""


@pytest.fixture
def served() -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.bench.task_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_a_dashboard_of_many_tasks(served: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {served['token']}"}
    connection = http.client.HTTPConnection("127.0.0.1", served["port"])

    def timed(path: str) -> float:
        began = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert (answer.status, bool(body)) == (200, True), body
        return (time.perf_counter() - began) * 1000

    found: dict[tuple[str, Range], list[float]] = {}
    for _ in range(ROUNDS):
        for span in Range:
            for kind, path in (("dashboard", "/api/v1/metrics/dashboard"), ("plain", "/naive")):
                times = [timed(f"{path}?range={span.value}") for _ in range(EACH if kind == "dashboard" else 3)]
                found.setdefault((kind, span), []).extend(times)
    connection.close()
    middle = {key: median(times) for key, times in found.items()}
    tasks, events = served["counted"]
    print(f"\n{tasks} tasks, {events} events, written in {served['wrote']:.1f} s; p50 over HTTP, each worked out anew")
    for span in Range:
        ours, naive = middle["dashboard", span], middle["plain", span]
        print(f"  {span.value:4} {ours:6.2f} ms   sixteen plain statements {naive:7.1f} ms   {naive / ours:5.1f} times")
    print(f"  Mission Control, another day: 24h {MISSION_CONTROL:g} to 168 ms")
    assert all(middle["plain", span] > 20 * middle["dashboard", span] for span in Range)
