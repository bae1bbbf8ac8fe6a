"""What the lock file of a state folder says of the worker that owns it. The lock itself is the worker's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

LOCK_NAME = "worker.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRecord:
    """Who owns a state folder: process, socket, and which NATS it watches."""

    pid: int
    socket: str
    version: str = ""
    fingerprint: Mapping[str, Any] = field(default_factory=dict)


def read_lock(state: Path) -> LockRecord | None:
    """The record of a state folder's worker, which may have ended since; None without a readable one."""
    try:
        return msgspec.json.decode((state / LOCK_NAME).read_bytes(), type=LockRecord)
    except (OSError, msgspec.DecodeError):
        return None
