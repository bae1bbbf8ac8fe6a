"""This host and the worker's own process, as psutil tells."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from app import __version__
from app.model.components import Component, ComponentKind
from app.model.health import Health
from app.model.text import clean, osapi_bytes
from app.sources.figures import steady

EVERY = 5.0
"""Seconds between two measurements."""
DISK_WARN, DISK_CRIT = 0.90, 0.97
"""Shares of the disk of the state folder in use from which on it is short, and the store soon cannot be written."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement. Bytes and shares; cpu in percent: of one core for the process, of all for the host."""

    load: float
    cpus: int
    cpu: float
    memory_total: int
    memory_used: int
    disk_total: int
    disk_used: int
    disk_share: float  # of what may be used: the system keeps some for itself
    booted_at: datetime
    process_cpu: float
    process_rss: int
    process_threads: int
    process_started: datetime


class HostSource:
    """Measures every few seconds, in a thread. Never raises."""

    def __init__(self, state_dir: Path, *, every: float = EVERY) -> None:
        self._state_dir = state_dir
        self._every = every
        self._process = psutil.Process()
        self._next = 0.0
        self._failing = False
        self._parts: Mapping[str, Component] = {}

    async def collect(self, now: datetime) -> Mapping[str, Component]:
        """`worker:process` and `worker:host`; the same object while nothing was measured or changed."""
        clock = time.monotonic()
        if clock < self._next:
            return self._parts
        self._next = clock + self._every
        try:
            measured = await asyncio.to_thread(measure, self._process, self._state_dir)
        except (psutil.Error, OSError, RuntimeError) as error:
            if not self._failing:
                _log.warning("this host cannot be measured: %s", error)
            self._failing = True
            return self._parts
        self._failing = False
        parts = {part.key: part for part in components(measured, self._parts, now)}
        if parts != self._parts:
            self._parts = {
                key: self._parts[key] if self._parts.get(key) == part else part for key, part in parts.items()
            }
        return self._parts


def measure(process: psutil.Process, state_dir: Path) -> Measured:
    """Measures now. Blocks for some milliseconds; raises OSError or psutil.Error."""
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage(str(_existing(state_dir)))
    with process.oneshot():
        return Measured(
            load=os.getloadavg()[0],
            cpus=os.cpu_count() or 1,
            cpu=psutil.cpu_percent(None),
            memory_total=memory.total,
            memory_used=memory.total - memory.available,
            disk_total=disk.total,
            disk_used=disk.used,
            disk_share=disk.percent / 100,
            booted_at=datetime.fromtimestamp(psutil.boot_time(), UTC),
            process_cpu=process.cpu_percent(None),
            process_rss=process.memory_info().rss,
            process_threads=process.num_threads(),
            process_started=datetime.fromtimestamp(process.create_time(), UTC),
        )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next((one for one in (folder, *folder.parents) if one.exists()), Path("/"))


def components(measured: Measured, before: Mapping[str, Component], now: datetime) -> tuple[Component, Component]:
    """The host and the process. Figures that hardly moved stay as they were."""
    return _host(measured, before.get("worker:host"), now), _process(measured, before.get("worker:process"))


def _host(measured: Measured, before: Component | None, now: datetime) -> Component:
    share = measured.disk_share
    health = Health.CRIT if share >= DISK_CRIT else Health.WARN if share >= DISK_WARN else Health.OK
    state = "ok" if health is Health.OK else "disk"
    used, total = osapi_bytes(measured.disk_used), osapi_bytes(measured.disk_total)
    disk = f"disk {share:.0%} used ({used} of {total})" if state == "disk" else f"disk {share:.0%}"
    load = f"load {round(measured.load)} on {measured.cpus} cores"
    memory = f"memory {measured.memory_used / max(1, measured.memory_total):.0%}"
    return Component(
        "worker:host",
        ComponentKind.WORKER,
        "host",
        health,
        state,
        host=clean(platform.node(), 100),
        since=before.since if before is not None and before.state == state else None if before is None else now,
        reason=" · ".join((disk, memory, load)),
        cpu=steady(before.cpu if before else None, measured.cpu, share=0.1, least=2.0),
        rss=steady(before.rss if before else None, measured.memory_used, share=0.01),
        started_at=_began(before, measured.booted_at),
    )


def _began(before: Component | None, booted_at: datetime) -> datetime:
    """A clock that is set moves the time of the start by as much: as long as that is little, the first one stays."""
    known = before.started_at if before is not None else None
    return known if known is not None and abs((booted_at - known).total_seconds()) < 60 else booted_at


def _process(measured: Measured, before: Component | None) -> Component:
    return Component(
        "worker:process",
        ComponentKind.WORKER,
        "process",
        Health.OK,
        "ok",
        host=clean(platform.node(), 100),
        since=measured.process_started,
        reason=f"{measured.process_threads} threads",
        cpu=steady(before.cpu if before else None, measured.process_cpu, share=0.1, least=1.0),
        rss=steady(before.rss if before else None, measured.process_rss, share=0.01),
        started_at=measured.process_started,
        version=__version__,
    )
