"""What runs beside the agents: OSAPI's controller and its NATS server, as they register themselves."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from app.demo.fleet import MARK_FIELD, MARK_VALUE
from app.demo.layout import HOUR
from app.demo.stamps import nano
from app.model.fleet import sanitise_key

VERSION = "0.1.0"
_CONTROLLER = {
    "controller.api": {"status": "ok", "address": "http://0.0.0.0:8080"},
    "controller.heartbeat": {"status": "ok"},
    "controller.metrics": {"status": "ok", "address": "http://0.0.0.0:9090"},
    "controller.notifier": {"status": "ok"},
    "controller.pki": {"status": "disabled"},
    "controller.tracing": {"status": "disabled"},
    "controller.ui": {"status": "ok"},
}
_NATS = {
    "nats.heartbeat": {"status": "ok"},
    "nats.metrics": {"status": "ok", "address": "http://0.0.0.0:9092"},
    "nats.server": {"status": "ok", "address": "nats://0.0.0.0:4222"},
}


@dataclass(slots=True)
class Control:
    """One of them. `kind`: controller or nats. The figures of its process wander with each heartbeat."""

    kind: str
    parts: dict[str, dict[str, str]]
    rng: random.Random
    cpu: float  # percent
    rss: float  # bytes
    hostname: str = "ctl-01"
    started: int = 0  # nanoseconds
    tasks: int = field(default=60)

    @property
    def key(self) -> str:
        """`controller.<host>` or `nats.<host>`."""
        return f"{self.kind}.{sanitise_key(self.hostname)}"

    def begin(self, now: int) -> None:
        """It has been running for a while."""
        self.started = now - 30 * HOUR

    def registration(self, now: int) -> dict[str, Any]:
        """The value of its registry key."""
        self.cpu = min(9.0, max(0.4, self.cpu + self.rng.uniform(-0.4, 0.4)))
        self.rss = min(160e6, max(50e6, self.rss + self.rng.uniform(-4e5, 4e5)))
        return {
            "type": self.kind,
            "hostname": self.hostname,
            "started_at": nano(self.started),
            "registered_at": nano(now),
            "process": {
                "cpu_percent": round(self.cpu, 2),
                "rss_bytes": int(self.rss),
                "goroutines": self.tasks + self.rng.randrange(8),
            },
            "conditions": [],
            "version": VERSION,
            "sub_components": self.parts,
            MARK_FIELD: MARK_VALUE,
        }


def controls(seed: int) -> tuple[Control, ...]:
    """The controller and its NATS server, by a seed."""
    rng = random.Random(f"{seed}:components")  # noqa: S311  a simulation
    return tuple(
        Control(
            kind,
            parts,
            random.Random(rng.getrandbits(64)),  # noqa: S311
            cpu=rng.uniform(1, 5),
            rss=rng.uniform(60e6, 120e6),
            tasks=rng.randrange(60, 140),
        )
        for kind, parts in (("controller", _CONTROLLER), ("nats", _NATS))
    )
