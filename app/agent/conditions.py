"""The conditions of a host, by OSAPI's rules and in its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.demo.stamps import nano

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """A condition is true strictly above its limit. A limit of 0 for the process: its condition is not reported."""

    memory: float = 90.0  # percent in use
    load: float = 2.0  # of one minute, per CPU
    disk: float = 90.0  # percent in use
    process_memory: int = 0  # bytes
    process_cpu: float = 0.0  # percent of a core


@dataclass(frozen=True, slots=True)
class Disk:
    """A local file system; bytes."""

    mountpoint: str
    total: int
    used: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What conditions are judged by. 0 where something is not known; bytes and percent."""

    memory_total: int = 0
    memory_available: int = 0
    load1: float = 0.0
    cpus: int = 0
    disks: Sequence[Disk] = ()
    rss: int = 0
    cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """One condition: its reason only while it is true."""

    type: str
    status: bool
    reason: str = ""


def judge(reading: Reading, limits: Limits) -> list[Judgement]:
    """The three conditions of the node, always and in OSAPI's order, then those of the process that have a limit."""
    found = [_memory(reading, limits), _load(reading, limits), _disk(reading, limits)]
    if limits.process_memory:
        reason = f"process RSS {reading.rss} bytes exceeds threshold {limits.process_memory} bytes"
        found.append(_told("ProcessMemoryPressure", reading.rss > limits.process_memory, reason))
    if limits.process_cpu:
        reason = f"process CPU {reading.cpu:.1f}% exceeds threshold {limits.process_cpu:.1f}%"
        found.append(_told("ProcessHighCPU", reading.cpu > limits.process_cpu, reason))
    return found


def _memory(reading: Reading, limits: Limits) -> Judgement:
    total, used = reading.memory_total, reading.memory_total - reading.memory_available
    high = total > 0 and used / total * 100 > limits.memory
    return _told("MemoryPressure", high, f"memory {_used(used, total)}" if high else "")


def _load(reading: Reading, limits: Limits) -> Judgement:
    limit = reading.cpus * limits.load
    high = reading.cpus > 0 and reading.load1 > limit
    return _told("HighLoad", high, f"load {reading.load1:.2f}, threshold {limit:.2f} for {reading.cpus} CPUs")


def _disk(reading: Reading, limits: Limits) -> Judgement:
    for disk in reading.disks:
        if disk.total > 0 and disk.used / disk.total * 100 > limits.disk:
            return Judgement("DiskPressure", True, f"{disk.mountpoint} {_used(disk.used, disk.total)}")
    return Judgement("DiskPressure", False)


def _told(kind: str, status: bool, reason: str) -> Judgement:
    return Judgement(kind, status, reason if status else "")


def _used(used: int, total: int) -> str:
    return f"{used / total * 100:.0f}% used ({used / GIB:.1f}/{total / GIB:.1f} GB)"


class Transitions:
    """Remembers since when each condition has been as it is; a new process knows nothing of the time before."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[bool, str]] = {}

    def values(self, judged: Sequence[Judgement], now: int) -> list[dict[str, Any]]:
        """The conditions as a registration has them; `now` in nanoseconds."""
        found = []
        for one in judged:
            before = self._since.get(one.type)
            since = before[1] if before is not None and before[0] == one.status else nano(now)
            self._since[one.type] = (one.status, since)
            value: dict[str, Any] = {"type": one.type, "status": one.status}
            if one.reason:
                value["reason"] = one.reason
            found.append(value | {"last_transition_time": since})
        return found
