"""Names in the job queue and on the job stream: what a status key and a job's subject say (OSAPI)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from sys import intern
from typing import NamedTuple

from app.model.text import clean

JOBS = "jobs."
STATUS = "status."
VERBS = ("query", "modify")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = 19
_LONGEST = 100


class StatusKey(NamedTuple):
    """`status.<job>.<event>.<host>.<unixnano>`. `job` is as the key spells it, event and host are cleaned."""

    job: str
    event: str
    host: str
    unixnano: str

    @property
    def at(self) -> datetime | None:
        """The time in the key, by the clock of who wrote it; None where it is none."""
        return from_nanoseconds(self.unixnano)


def status_key(key: str) -> StatusKey | None:
    """Reads a status key; None where it has fewer than four parts, which OSAPI passes over."""
    parts = key.split(".", 4)
    if len(parts) < 4 or parts[0] != "status" or not parts[1]:
        return None
    unixnano = parts[4] if len(parts) == 5 else ""
    return StatusKey(parts[1], intern(clean(parts[2], _LONGEST)), intern(clean(parts[3], _LONGEST)), unixnano)


def from_nanoseconds(text: str) -> datetime | None:
    """A time in nanoseconds since 1970, None where it is none."""
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        return None
    return _EPOCH + timedelta(microseconds=int(text) // 1000)


def route(subject: str) -> tuple[str, str]:
    """Verb and target of `[ns.]jobs.<verb>.<route>`; both empty where the subject is another.

    The target in words: `_any`, `_all`, a machine id, or `key:value` of a label.
    """
    parts = subject[:2000].split(".")
    for at in range(len(parts) - 2):
        if parts[at] == "jobs" and parts[at + 1] in VERBS:
            return parts[at + 1], intern(clean(_target(parts[at + 2 :]), 200))
    return "", ""


def _target(parts: list[str]) -> str:
    if parts[0] == "host" and len(parts) > 1:
        return ".".join(parts[1:])
    if parts[0] == "label" and len(parts) > 2:
        return f"{parts[1]}:{'.'.join(parts[2:])}"
    return ".".join(parts)
