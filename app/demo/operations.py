"""What the fleet's jobs do: operations as OSAPI names them, what each finds on a host, and how each may fail."""

from __future__ import annotations

import random
from typing import Any

from app.demo.fleet import Host
from app.demo.layout import verb_of

OPERATIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("node.hostname.get", {}),
    ("node.disk.get", {}),
    ("node.memory.get", {}),
    ("node.load.get", {}),
    ("node.uptime.get", {}),
    ("node.os.get", {}),
    ("network.dns.get", {"interface": "eth0"}),
    ("network.ping.do", {"address": "10.20.0.1"}),
    ("service.status", {"name": "nginx"}),
    ("file.status", {"path": "/etc/nginx/nginx.conf"}),
    ("ntp.get", {}),
    ("file.deploy", {"object": "nginx.conf", "path": "/etc/nginx/nginx.conf"}),
    ("network.dns.update", {"servers": ["10.20.0.2"], "interface": "eth0"}),
    ("sysctl.update", {"key": "net.core.somaxconn", "value": "4096"}),
    ("cron.update", {"name": "rotate", "schedule": "0 3 * * *"}),
    ("docker.restart", {"name": "api"}),
)
UNSUPPORTED = "unsupported OS family"
"""What OSAPI's agents say when they skip a job."""
_NOT_EVERYWHERE = {"sysctl.update"}
_ERRORS = {
    "node": ("timeout", "context deadline exceeded"),
    "network": ("connection refused", "i/o timeout"),
    "service": ("exit status 1", "unit nginx.service not found"),
    "file": ("object nginx.conf: no responders", "open /etc/nginx/nginx.conf: permission denied"),
    "docker": ("container api is not running", "exit status 1"),
}
_ANY_ERROR = ("timeout", "exit status 1")


def draw(rng: random.Random) -> tuple[str, dict[str, Any]]:
    """An operation and its data: three of four are queries."""
    wanted = "query" if rng.random() < 0.75 else "modify"
    return rng.choice([entry for entry in OPERATIONS if verb_of(entry[0]) == wanted])


def data_of(operation: str) -> dict[str, Any]:
    """What a request for this operation carries."""
    return dict(OPERATIONS).get(operation, {})


def category(operation: str) -> str:
    return operation.partition(".")[0]


def error_of(operation: str, rng: random.Random) -> str:
    """How the operation fails."""
    return rng.choice(_ERRORS.get(category(operation), _ANY_ERROR))


def supported(operation: str, host: Host) -> bool:
    """Whether the host's family of systems knows the operation."""
    return operation not in _NOT_EVERYWHERE or host.system[0] != "Rocky Linux"


def result_of(operation: str, host: Host) -> object:
    """What the operation found on this host."""
    if operation == "node.hostname.get":
        return {"hostname": host.hostname}
    if operation == "node.memory.get":
        return {"total": host.memory, "free": int(host.memory * (1 - host.memory_used))}
    if operation == "node.disk.get":
        return {"disks": [{"name": "/", "total": host.disk, "used": int(host.disk * host.disk_used)}]}
    if operation == "node.load.get":
        return {"1min": host.load[0], "5min": host.load[1], "15min": host.load[2]}
    if operation == "node.os.get":
        return {"distribution": host.system[0], "version": host.system[1]}
    return {"ok": True}
