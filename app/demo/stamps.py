"""Time stamps as Go writes them. The wall clock is asked here and nowhere else in the simulation."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ns() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns()


def nano(nanoseconds: int) -> str:
    """RFC 3339 with up to nine digits, trailing zeros left out: Go's RFC3339Nano, in UTC."""
    whole, rest = divmod(nanoseconds, 1_000_000_000)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def seconds(nanoseconds: int) -> str:
    """RFC 3339 to the second, in UTC."""
    return f"{datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
