"""Watchdeck's own parts: the host, the process, the connection, collecting, the store and the endpoint."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from app.model.broker import Connection, LinkState, ServerInfo
from app.model.health import Health
from app.sources import host
from app.sources.figures import steady
from app.sources.host import HostSource, Measured, components, measure
from app.worker import parts
from app.worker.parts import LATENCY_KEPT, OwnParts
from tests.literals import NOW

GIB = 2**30
MEASURED = Measured(
    load=0.4,
    cpus=4,
    cpu=12.0,
    memory_total=16 * GIB,
    memory_used=4 * GIB,
    disk_total=100 * GIB,
    disk_used=50 * GIB,
    disk_share=0.5,
    booted_at=datetime(2026, 11, 1, tzinfo=UTC),
    process_cpu=3.0,
    process_rss=100_000_000,
    process_threads=9,
    process_started=datetime(2026, 11, 22, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("share", "state", "health"),
    [(0.5, "ok", Health.OK), (0.9, "disk", Health.WARN), (0.96, "disk", Health.WARN), (0.97, "disk", Health.CRIT)],
)
def test_a_full_disk_is_said(share: float, state: str, health: Health) -> None:
    row, _ = components(replace(MEASURED, disk_share=share, disk_used=int(100 * GIB * share)), {}, NOW)
    assert (row.state, row.health) == (state, health)
    if state == "disk":
        assert row.reason.startswith(f"disk {share:.0%} used ({share * 100:.1f} GB of 100.0 GB)")


def test_the_host_and_the_process() -> None:
    own, process = components(MEASURED, {}, NOW)
    assert own.reason == "disk 50% · memory 25% · load 0 on 4 cores"
    assert (process.cpu, process.rss, process.reason) == (3.0, 100_000_000, "9 threads")
    full, _ = components(replace(MEASURED, disk_share=0.95), {own.key: own}, NOW)
    assert full.since == NOW
    still, _ = components(replace(MEASURED, disk_share=0.95), {own.key: full}, NOW + timedelta(seconds=5))
    assert still.since == NOW


def test_figures_that_hardly_move_stay() -> None:
    before = {row.key: row for row in components(MEASURED, {}, NOW)}
    trembling = replace(MEASURED, cpu=13.0, process_cpu=3.4, process_rss=100_500_000, memory_used=4 * GIB + 1)
    assert {row.key: row for row in components(trembling, before, NOW)} == before
    assert components(replace(MEASURED, process_cpu=9.0), before, NOW)[1].cpu == 9.0
    assert steady(None, 3) == 3
    assert steady(3.0, None) is None


async def test_this_host_is_measured_at_its_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = HostSource(tmp_path / "not" / "there" / "yet")
    rows = await source.collect(NOW)
    assert set(rows) == {"worker:host", "worker:process"}
    assert rows["worker:process"].rss
    monkeypatch.setattr(host, "measure", lambda *_: pytest.fail("too early"))
    assert await source.collect(NOW) is rows


async def test_what_cannot_be_measured_is_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> Measured:
        raise OSError("no /proc")

    monkeypatch.setattr(host, "measure", fails)
    source = HostSource(tmp_path, every=0.0)
    for _ in range(3):
        assert await source.collect(NOW) == {}
    assert caplog.text.count("cannot be measured") == 1


def test_a_measurement_is_real() -> None:
    measured = measure(psutil.Process(), Path("/"))
    assert 0 < measured.disk_share <= 1
    assert measured.process_started <= datetime.now(UTC)


# --- watchdeck's own


def test_the_connection_is_a_part() -> None:
    row = parts.nats(
        Connection(LinkState.CONNECTED, "nats://n:4222", "context prod", rtt=0.002), ServerInfo("n1", "2.15")
    )
    assert (row.state, row.health, row.latency, row.version, row.reason) == (
        "connected",
        Health.OK,
        0.002,
        "2.15",
        "context prod",
    )
    down = parts.nats(Connection(LinkState.DOWN, error="connection refused"), None)
    assert (down.state, down.health, down.reason) == ("down", Health.CRIT, "connection refused")


def test_collecting_the_store_and_the_endpoint() -> None:
    assert parts.collection(True, 5.0, 0.0).reason == "every 5s"
    late = parts.collection(True, 1.0, 3.0)
    assert (late.state, late.health, late.reason) == ("late", Health.WARN, "3s late, every 1s")
    assert parts.collection(False, 1.0, 0.0).health is Health.UNKNOWN
    assert parts.store(None) is None
    broken = parts.store("the disk is full")
    assert broken is not None
    assert (broken.state, broken.health, broken.reason) == ("error", Health.CRIT, "the disk is full")
    assert parts.http("") is None


def test_parts_that_did_not_change_stay_and_know_since_when() -> None:
    own = OwnParts()
    first = own.now(NOW, parts.store(""), parts.http("127.0.0.1:8000"))
    later = NOW + timedelta(seconds=5)
    assert own.now(later, parts.store(""), parts.http("127.0.0.1:8000")) is first
    broken = own.now(later, parts.store("full"), parts.http("127.0.0.1:8000"))
    assert broken["worker:http"] is first["worker:http"]
    assert (first["worker:store"].since, broken["worker:store"].since) == (NOW, later)


def test_a_latency_by_itself_is_shown_from_time_to_time_only() -> None:
    def at(seconds: float, rtt: float) -> float | None:
        link = Connection(LinkState.CONNECTED, since=NOW, rtt=rtt)
        return own.now(NOW + timedelta(seconds=seconds), parts.nats(link, None))["worker:nats"].latency

    own = OwnParts()
    kept = LATENCY_KEPT.total_seconds()
    assert [at(0, 0.1), at(1, 0.2), at(2, 0.3), at(kept, 0.4), at(kept + 2, 0.5)] == [0.1, 0.2, 0.2, 0.2, 0.5]
