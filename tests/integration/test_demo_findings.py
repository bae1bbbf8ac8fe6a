"""What the worker finds in the demo, in real time: next to nothing in the calm, and each ailment of the others."""

from __future__ import annotations

import asyncio

import pytest

from app.demo.run import Demo
from app.model.findings import Severity
from app.settings import NatsSettings, Settings
from app.worker.board import Board
from app.worker.collector import Collector

WATCHED = 165.0
"""Seconds: the slowest rule of the incident (a client that hangs) shows after 2 minutes without an acknowledgement."""


async def _findings(demo: Demo) -> dict[str, Severity]:
    """Every finding of that time, by its id, with its worst severity."""
    board = Board()
    collector = Collector(Settings(nats=NatsSettings(url=demo.nats_url)), board)
    task = asyncio.create_task(collector.run())
    found: dict[str, Severity] = {}
    loop = asyncio.get_running_loop()
    until = loop.time() + WATCHED
    while loop.time() < until:
        assert not task.done(), task
        for key, finding in board.snapshot.findings.items():
            found[key] = max(finding.severity, found.get(key, finding.severity), key=lambda one: one.rank)
        await asyncio.sleep(0.5)
    assert len(board.snapshot.agents) == 10, "the fleet is seen"
    board.stopping.set()
    await task
    return found


@pytest.mark.soak
@pytest.mark.timeout(400)
async def test_next_to_nothing_is_found_in_the_calm_and_every_ailment_in_the_incident_and_in_the_storm() -> None:
    async with Demo(scenario="calm") as calm, Demo(scenario="incident") as incident, Demo(scenario="storm") as storm:
        quiet, loud, wild = await asyncio.gather(_findings(calm), _findings(incident), _findings(storm))
    assert quiet == {"dead_letters|osapi-JOBS-DLQ": Severity.WARN}, "two jobs that gave up"
    _is_the_incident(loud)
    _is_the_storm(wild)


def _is_the_incident(found: dict[str, Severity]) -> None:
    rules = {key.partition("|")[0] for key in found}
    assert rules >= {
        "agent.gone", "agent.condition", "stream.rejecting", "consumer.no_client", "consumer.stalled",
        "consumer.losing", "dead_letters", "jobs.failing", "jobs.unclaimed", "service.errors",
    }  # fmt: skip
    assert found["stream.rejecting|KV_shop-sessions"] is Severity.CRIT
    assert found["consumer.stalled|ORDERS/billing"] is Severity.CRIT
    assert found["consumer.losing|TELEMETRY/rollup"] is Severity.CRIT
    assert found["dead_letters|osapi-JOBS-DLQ"] is Severity.CRIT
    lost = {key for key in found if key.startswith("consumer.no_client|ORDERS/")}
    assert len(lost) == 1
    assert lost <= {"consumer.no_client|ORDERS/shipping", "consumer.no_client|ORDERS/export"}
    gone = [key for key in found if key.startswith("agent.gone|")]
    assert len(gone) == 1
    assert found[gone[0]] is Severity.CRIT
    pressed = {key.rpartition("|")[2]: level for key, level in found.items() if key.startswith("agent.condition|")}
    assert pressed == {"MemoryPressure": Severity.WARN, "DiskPressure": Severity.CRIT}


def _is_the_storm(found: dict[str, Severity]) -> None:
    rules = {key.partition("|")[0]: level for key, level in found.items()}
    assert {"agent.gone", "jobs.failing", "jobs.unclaimed", "agent.condition"} <= rules.keys()
    assert found["service.down|thumbnailer"] is Severity.CRIT
    assert found["stream.rejecting|KV_osapi-job-queue"] is Severity.CRIT
