"""This host as psutil and its own files tell it: figures for the registration, facts, and who it is."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import platform
import shutil
import socket
import struct
import sys
import uuid
from pathlib import Path
from typing import Any

import psutil

from app.agent.conditions import Disk, Reading

MACHINE_ID = Path("/etc/machine-id")
_NEVER_WRITTEN = {"squashfs", "iso9660", "erofs", "udf"}
"""File systems that are always full."""
_PACKAGE_MANAGERS = ("apt", "dnf", "yum", "apk", "pacman", "zypper", "brew")
_ROUTES = Path("/proc/net/route")


def machine_id(state_dir: Path, source: Path = MACHINE_ID) -> tuple[str, bool]:
    """The machine's id, and whether it is one that we made for want of `/etc/machine-id`. OSError: not to be kept."""
    for path, made in ((source, False), (state_dir / "machine-id", True)):
        try:
            found = path.read_text("ascii").strip().lower()
        except (OSError, ValueError):
            continue
        if len(found) == 32 and set(found) <= set("0123456789abcdef"):
            return found, made
    made_up = uuid.uuid4().hex
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (state_dir / "machine-id").write_text(made_up + "\n", "ascii")
    return made_up, True


class ThisHost:
    """Reads the host anew with each call. CPU figures are since the last reading."""

    def __init__(self) -> None:
        self.hostname = socket.gethostname()
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first answer is always 0: from now on it means something

    def reading(self) -> Reading:
        """What its conditions are judged by."""
        memory = psutil.virtual_memory()
        with self._process.oneshot():
            rss, cpu = self._process.memory_info().rss, self._process.cpu_percent()
        return Reading(
            memory_total=memory.total,
            memory_available=memory.available,
            load1=psutil.getloadavg()[0],
            cpus=psutil.cpu_count() or 0,
            disks=_disks(),
            rss=rss,
            cpu=cpu,
        )

    def registration(self, reading: Reading, now: int) -> dict[str, Any]:
        """The part of its registration that is about the host and this process; `now` in nanoseconds."""
        memory = psutil.virtual_memory()
        one, five, fifteen = psutil.getloadavg()
        distribution, version = _system()
        return {
            "os_info": {"Distribution": distribution, "Version": version, "changed": False},
            "uptime": now - int(psutil.boot_time() * 1_000_000_000),
            "load_averages": {
                "Load1": round(one, 2),
                "Load5": round(five, 2),
                "Load15": round(fifteen, 2),
                "changed": False,
            },
            "memory_stats": {
                "Total": memory.total,
                "Available": memory.available,
                "Free": memory.free,
                "Cached": getattr(memory, "cached", 0),
                "changed": False,
            },
            "process": {
                "cpu_percent": round(reading.cpu, 2),
                "rss_bytes": reading.rss,
                "goroutines": len(asyncio.all_tasks()),
            },
        }

    def facts(self) -> dict[str, Any]:
        """The value of its facts key."""
        routes = _routes()
        primary = next((route["interface"] for route in routes if route["destination"] == "0.0.0.0"), "")  # noqa: S104
        value: dict[str, Any] = {
            "architecture": platform.machine(),
            "kernel_version": platform.release(),
            "cpu_count": psutil.cpu_count() or 0,
            "fqdn": socket.getfqdn(),
            "service_mgr": _service_manager(),
            "package_mgr": next((name for name in _PACKAGE_MANAGERS if shutil.which(name)), ""),
            "containerized": any(Path(path).exists() for path in ("/.dockerenv", "/run/.containerenv")),
            "interfaces": _interfaces(),
            "primary_interface": primary,
            "routes": routes,
            "facts": {},
        }
        return {name: found for name, found in value.items() if found != ""}


def _system() -> tuple[str, str]:
    if sys.platform == "darwin":
        return "macOS", platform.mac_ver()[0]
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return platform.system(), platform.release()
    return release.get("NAME", platform.system()), release.get("VERSION_ID", "")


def _service_manager() -> str:
    if sys.platform == "darwin":
        return "launchd"
    return "systemd" if Path("/run/systemd/system").is_dir() else ""


def _disks() -> list[Disk]:
    """Local file systems that can be written, each device once. One that does not answer is left out."""
    found: dict[str, Disk] = {}
    for partition in psutil.disk_partitions(all=False):
        if partition.fstype in _NEVER_WRITTEN or partition.device in found or not os.path.isdir(partition.mountpoint):
            continue
        try:
            usage = psutil.disk_usage(partition.mountpoint)
        except OSError:
            continue
        found[partition.device] = Disk(partition.mountpoint, usage.total, usage.used)
    return list(found.values())


def _interfaces() -> list[dict[str, str]]:
    found = []
    for name, addresses in psutil.net_if_addrs().items():
        value = {"name": name}
        for address in addresses:
            if address.family == socket.AF_INET:
                value.setdefault("ipv4", address.address)
            elif address.family == socket.AF_INET6:
                value.setdefault("ipv6", address.address.partition("%")[0])
            elif address.family == psutil.AF_LINK and address.address.strip("0:"):
                value.setdefault("mac", address.address)
        if "ipv4" in value or "ipv6" in value:
            both = "ipv4" in value and "ipv6" in value
            value["family"] = "dual" if both else "inet" if "ipv4" in value else "inet6"
        found.append(value)
    return found


def _routes(source: Path = _ROUTES) -> list[dict[str, Any]]:
    """The IPv4 routes, where the kernel shows them as Linux does."""
    found = []
    try:
        lines = source.read_text("ascii").splitlines()[1:]
        for line in lines:
            interface, destination, gateway, _, _, _, metric, mask, *_ = line.split()
            found.append(
                {
                    "destination": _address(destination),
                    "gateway": _address(gateway),
                    "interface": interface,
                    "mask": _address(mask),
                    "metric": int(metric),
                }
            )
    except (OSError, ValueError):
        return []
    return found


def _address(text: str) -> str:
    """`0102A8C0`, in the byte order of the machine, as `192.168.2.1`."""
    return str(ipaddress.IPv4Address(struct.pack("=L", int(text, 16))))
