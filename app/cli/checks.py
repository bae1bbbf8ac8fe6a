"""Checks: what `watchdeck doctor` says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Grade(IntEnum):
    """Also the exit code: the worst of all."""

    OK = 0
    WARN = 1
    FAIL = 2


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `advice` is what to do about it."""

    name: str
    grade: Grade
    said: str
    advice: str = ""
