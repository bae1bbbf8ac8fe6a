"""Values of the fleet's buckets as OSAPI writes them, for tests that write them themselves."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from nats.js import JetStreamContext
from nats.js.kv import KeyValue

MACHINE = "4f2a9c1e0b7d4a55a1b2c3d4e5f60718"


def registration(hostname: str, machine_id: str = MACHINE, **changes: Any) -> bytes:
    """An agent's registration, with Go's capitals and nanoseconds."""
    value: dict[str, Any] = {
        "machine_id": machine_id,
        "hostname": hostname,
        "labels": {"group": "web.dev.us-east"},
        "registered_at": datetime.now(UTC).isoformat().replace("+00:00", "123Z"),
        "started_at": "2026-11-20T08:00:00.123456789Z",
        "os_info": {"Distribution": "Ubuntu", "Version": "24.04", "changed": False},
        "uptime": 3_600_000_000_000,
        "load_averages": {"Load1": 0.5, "Load5": 0.25, "Load15": 0.1, "changed": False},
        "memory_stats": {"Total": 16 << 30, "Available": 4 << 30, "Free": 1 << 30, "Cached": 1 << 30, "changed": False},
        "process": {"cpu_percent": 1.5, "rss_bytes": 52_428_800, "goroutines": 40},
        "conditions": [
            {"type": "MemoryPressure", "status": False, "last_transition_time": "2026-11-20T08:00:10Z"},
            {
                "type": "DiskPressure",
                "status": True,
                "reason": "/var 95% used (95.0/100.0 GB)",
                "last_transition_time": "2026-11-22T08:00:10.5Z",
            },
        ],
        "state": "Ready",
        "sub_components": {"agent.heartbeat": {"status": "ok"}, "agent.metrics": {"status": "disabled"}},
        "something_new": {"deep": [1, 2, 3]},
    }
    value.update(changes)
    return json.dumps(value).encode()


async def make_fleet(js: JetStreamContext, namespace: str = "osapi") -> dict[str, KeyValue]:
    """The fleet's buckets, with the limits of OSAPI's sample configuration."""
    prefix = f"{namespace}-" if namespace else ""
    ages = {"agent-registry": 30, "job-queue": 3600, "agent-facts": 300, "agent-state": None}
    return {name: await js.create_key_value(bucket=prefix + name, ttl=ttl) for name, ttl in ages.items()}
