"""The simulated hosts: who they are, and what they say of themselves with each heartbeat."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.demo.layout import SECOND
from app.demo.stamps import nano

GIB = 1 << 30
MARK_FIELD = "simulator"
"""A field of ours in each registration: OSAPI ignores it, and a simulation knows its own by it."""
MARK_VALUE = "watchdeck"
ROLES = ("web", "db", "web", "cache", "edge", "web", "db", "cache", "edge", "web")
REGIONS = ("eu", "us", "ap")
SYSTEMS = (("Ubuntu", "24.04"), ("Debian", "12"), ("Ubuntu", "22.04"), ("Rocky Linux", "9.4"))
MEMORY_LIMIT = 90.0  # percent
LOAD_FACTOR = 2.0  # per cpu
DISK_LIMIT = 90.0  # percent
DAY = 86_400 * SECOND


@dataclass(slots=True)
class Host:
    """One agent's machine. Figures wander as the generator says; `strain` overrides one of them."""

    machine_id: str
    hostname: str
    labels: dict[str, str]
    cpus: int
    memory: int  # bytes
    disk: int  # bytes, of /
    system: tuple[str, str]
    address: str
    age: int  # nanoseconds that the agent has been running when the simulation begins
    boot: int  # nanoseconds that the host has been up then
    rng: random.Random
    started: int = 0
    booted: int = 0
    state: str = "Ready"
    alive: bool = True
    strain: dict[str, float] = field(default_factory=dict)  # memory, disk: share; load: per cpu
    memory_used: float = 0.5
    disk_used: float = 0.5
    load: tuple[float, float, float] = (0.3, 0.3, 0.3)
    cpu: float = 1.0
    rss: float = 48e6
    _conditions: dict[str, tuple[bool, str]] = field(default_factory=dict)

    def begin(self, now: int) -> None:
        """The agent process has been running for a while. Called once, and by `restart`."""
        self.started, self.booted = now - self.age, now - self.boot

    def restart(self, now: int) -> None:
        """The agent process is started anew: OSAPI forgets when conditions changed."""
        self.age, self.started, self.alive = 0, now, True
        self._conditions.clear()

    def registration(self, now: int) -> dict[str, Any]:
        """The value of its registry key; the figures move one step."""
        self._wander()
        available = int(self.memory * (1 - self.memory_used))
        value: dict[str, Any] = {
            "machine_id": self.machine_id,
            "hostname": self.hostname,
            "labels": self.labels,
            "registered_at": nano(now),
            "started_at": nano(self.started),
            "os_info": {"Distribution": self.system[0], "Version": self.system[1], "changed": False},
            "uptime": now - self.booted,
            "load_averages": {
                "Load1": round(self.load[0], 2),
                "Load5": round(self.load[1], 2),
                "Load15": round(self.load[2], 2),
                "changed": False,
            },
            "memory_stats": {
                "Total": self.memory,
                "Available": available,
                "Free": int(available * 0.4),
                "Cached": int(available * 0.5),
                "changed": False,
            },
            "process": {
                "cpu_percent": round(self.cpu, 2),
                "rss_bytes": int(self.rss),
                "goroutines": 38 + int(self.cpu * 4),
            },
            "conditions": self._judge(now),
            "state": self.state,
            "sub_components": {
                "agent.facts": {"status": "ok"},
                "agent.heartbeat": {"status": "ok"},
                "agent.metrics": {"status": "ok", "address": "http://0.0.0.0:9091"},
                "agent.pki": {"status": "disabled"},
            },
            MARK_FIELD: MARK_VALUE,
        }
        return value

    def facts(self) -> dict[str, Any]:
        """The value of its facts key."""
        gateway = self.address.rsplit(".", 1)[0] + ".1"
        return {
            "architecture": "x86_64",
            "kernel_version": "6.8.0-45-generic",
            "cpu_count": self.cpus,
            "fqdn": f"{self.hostname}.example.net",
            "service_mgr": "systemd",
            "package_mgr": "apt" if self.system[0] in ("Ubuntu", "Debian") else "dnf",
            "containerized": False,
            "interfaces": [
                {"name": "lo", "ipv4": "127.0.0.1", "family": "inet"},
                {
                    "name": "eth0",
                    "ipv4": self.address,
                    "mac": f"02:42:{self.machine_id[:2]}:00:00:01",
                    "family": "inet",
                },
            ],
            "primary_interface": "eth0",
            "routes": [{"destination": "0.0.0.0", "gateway": gateway, "interface": "eth0"}],  # noqa: S104  a route
            "facts": {"rack": f"r{int(self.machine_id[:2], 16) % 12 + 1:02d}"},
        }

    def _wander(self) -> None:
        step = self.rng.uniform
        self.memory_used = self.strain.get("memory") or _near(self.memory_used + step(-0.012, 0.012), 0.35, 0.78)
        self.disk_used = self.strain.get("disk") or _near(self.disk_used + step(-0.0005, 0.0006), 0.25, 0.8)
        target = self.strain.get("load", 0.35) * self.cpus
        one = max(0.01, self.load[0] + (target - self.load[0]) * 0.3 + step(-0.05, 0.05) * self.cpus)
        five, fifteen = (old + (one - old) * pace for old, pace in zip(self.load[1:], (0.1, 0.03), strict=True))
        self.load = (one, five, fifteen)
        self.cpu = _near(self.cpu + step(-0.3, 0.3), 0.2, 4.0)
        self.rss = _near(self.rss + step(-2e5, 2e5), 30e6, 90e6)

    def _judge(self, now: int) -> list[dict[str, Any]]:
        """The three node conditions that OSAPI always sends, in its order, with its reasons."""
        used, total = self.memory * self.memory_used, self.memory
        filled = self.disk * self.disk_used
        limit = self.cpus * LOAD_FACTOR
        return [
            self._condition("MemoryPressure", used / total * 100 > MEMORY_LIMIT, f"memory {_used(used, total)}", now),
            self._condition(
                "HighLoad",
                self.load[0] > limit,
                f"load {self.load[0]:.2f}, threshold {limit:.2f} for {self.cpus} CPUs",
                now,
            ),
            self._condition(
                "DiskPressure", filled / self.disk * 100 > DISK_LIMIT, f"/ {_used(filled, self.disk)}", now
            ),
        ]

    def _condition(self, kind: str, status: bool, reason: str, now: int) -> dict[str, Any]:
        before = self._conditions.get(kind)
        if before is not None and before[0] == status:
            since = before[1]
        else:
            since = nano(self.started if before is None else now)
        self._conditions[kind] = (status, since)
        value: dict[str, Any] = {"type": kind, "status": status}
        if status:
            value["reason"] = reason
        return value | {"last_transition_time": since}


def _near(value: float, low: float, high: float) -> float:
    return min(high, max(low, value))


def _used(used: float, total: float) -> str:
    return f"{used / total * 100:.0f}% used ({used / GIB:.1f}/{total / GIB:.1f} GB)"


def hosts(count: int, seed: int) -> tuple[Host, ...]:
    """A fleet by its seed: the same names, ids, labels and figures each time. From 4 hosts on one is cordoned.

    The cordoned host owns no durables: it was drained before its first job, so nothing is pending for it.
    """
    rng = random.Random(f"{seed}:fleet")  # noqa: S311  a simulation
    roles = [ROLES[index % len(ROLES)] for index in range(count)]
    width = max(2, len(str(max((roles.count(role) for role in set(roles)), default=0))))
    numbers = dict.fromkeys(ROLES, 0)
    found = []
    for index, role in enumerate(roles):
        numbers[role] += 1
        found.append(_host(f"{role}-{numbers[role]:0{width}d}", role, index, rng))
    if count >= 4:
        found[rng.randrange(count // 2, count)].state = "Cordoned"
    return tuple(found)


def _host(hostname: str, role: str, index: int, rng: random.Random) -> Host:
    own = random.Random(rng.getrandbits(64))  # noqa: S311  a simulation
    age = own.randrange(DAY // 8, 20 * DAY)
    cpus = own.choice((2, 4, 8, 16))
    load = cpus * own.uniform(0.2, 0.5)
    return Host(
        machine_id=f"{rng.getrandbits(128):032x}",
        hostname=hostname,
        labels={"group": f"{role}.{REGIONS[index % len(REGIONS)]}"},
        cpus=cpus,
        memory=own.choice((8, 16, 32)) * GIB,
        disk=own.choice((50, 100, 200)) * GIB,
        system=own.choice(SYSTEMS),
        address=f"10.{20 + index // 62_500}.{index // 250 % 250}.{index % 250 + 2}",
        age=age,
        boot=age + own.randrange(DAY, 90 * DAY),
        rng=own,
        memory_used=own.uniform(0.4, 0.7),
        load=(load, load, load),
        disk_used=own.uniform(0.3, 0.75),
    )


def with_durables(fleet: Iterable[Host], budget: int = 950) -> tuple[Host, ...]:
    """The hosts that own durables on the jobs stream, and so get jobs: the first ones, as many as the budget allows.

    A stream takes 1,000 consumers by OSAPI's and the server's usual limits, and an agent owns 6 and 2 for each level of
    its labels: of a fleet of thousands the first 95 work, the others only beat. Cordoned hosts own none.
    """
    found = []
    for host in fleet:
        size = 6 + 2 * sum(value.count(".") + 1 for value in host.labels.values())
        if host.state != "Cordoned" and size <= budget:
            budget -= size
            found.append(host)
    return tuple(found)
