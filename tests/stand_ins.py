"""Stand-ins: small scripts on a PATH of their own, in place of `systemctl` and `journalctl`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

SYSTEM = "/usr/bin:/bin"


class StandIns:
    """A folder of programs, and the environment in which they are found first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.env = {"PATH": f"{folder}:{SYSTEM}"}

    def script(self, name: str, body: str) -> None:
        """A program of this name; `$@` is what it was called with. Its calls are written down."""
        file = self.folder / name
        called = shlex.quote(str(self.folder / f"{name}.calls"))
        file.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {called}\n{body}\n')
        file.chmod(0o755)

    def says(self, name: str, written: str | bytes, *, code: int = 0, complaint: str = "") -> None:
        """A program that writes a text and ends."""
        text = self.folder / f"{name}.says"
        text.write_bytes(written if isinstance(written, bytes) else written.encode())
        complain = f"printf '%s\\n' {shlex.quote(complaint)} >&2; " if complaint else ""
        self.script(name, f"{complain}cat {shlex.quote(str(text))}; exit {code}")

    def calls(self, name: str) -> list[str]:
        """What it was called with, call by call."""
        file = self.folder / f"{name}.calls"
        return file.read_text().splitlines() if file.exists() else []


def unit_block(name: str, **properties: str | int) -> str:
    """What `systemctl show` writes of a running service, with some properties otherwise."""
    block: dict[str, str | int] = {
        "Id": name, "Names": name, "LoadState": "loaded", "ActiveState": "active", "SubState": "running",
        "Result": "success", "Type": "simple", "Description": f"The {name}", "MainPID": 4242, "ExecMainCode": 0,
        "ExecMainStatus": 0, "ExecMainStartTimestamp": "Sun 2026-11-22 14:00:00 UTC", "NRestarts": 0,
        "MemoryCurrent": 52428800, "CPUUsageNSec": 1000000000, "TasksCurrent": 7,
        "ActiveEnterTimestamp": "Sun 2026-11-22 14:00:00 UTC", "InactiveEnterTimestamp": "",
        "StateChangeTimestamp": "Sun 2026-11-22 14:00:00 UTC", "UnitFileState": "enabled",
        "FragmentPath": f"/etc/systemd/user/{name}", "NeedDaemonReload": "no", **properties,
    }  # fmt: skip
    return "".join(f"{key}={value}\n" for key, value in block.items())


def entry(number: int, message: object = None, **fields: object) -> str:
    """A line of `journalctl -o json`: the entry of that number, a second after the one before."""
    known: Mapping[str, object] = {
        "__CURSOR": f"s=1;i={number:x}", "__REALTIME_TIMESTAMP": str(1_795_000_000_000_000 + number * 1_000_000),
        "PRIORITY": "6", "SYSLOG_IDENTIFIER": "web", "_PID": "42",
        "MESSAGE": f"line {number}" if message is None else message, **fields,
    }  # fmt: skip
    return json.dumps({key: value for key, value in known.items() if value is not ...}) + "\n"
