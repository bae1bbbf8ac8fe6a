"""Probes: what is known of another system's health endpoint, or of a query of its database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

CONFIRM = 2
"""Failures in a row that make a probe down: one lost answer alone is no news."""
MEDIAN_OF = 10
"""Answers whose middle is the latency that is shown."""
TURNS_KEPT = 30
FAILURES_COUNTED = 20
"""Failures in a row that are counted: further ones are no news."""


@dataclass(frozen=True, slots=True)
class Turn:
    """That a probe failed after it had been well (`good` false), or was well again, and why."""

    at: datetime
    good: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Facts of another system as it told them: columns, rows of cells, and how many rows were left out."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """How a component that is probed has done. Times are the worker's; seconds where nothing else is said.

    `failures` counts those in a row, up to now, and `failing_since` is the first of them; `good_at` is when it last
    was well, of one that fails. What `tables` say is as old as that.
    """

    interval: float = 10.0
    timeout: float = 5.0
    failures: int = 0
    failing_since: datetime | None = None
    good_at: datetime | None = None
    measured: int = 0  # answers that the latency is the middle of
    error: str = ""  # of the last failure, also when it is over
    error_at: datetime | None = None
    expires: datetime | None = None  # its certificate
    turns: tuple[Turn, ...] = ()  # newest first
    tables: tuple[Table, ...] = ()
    origin: str = ""  # where the tables are from, if that is not plain, and what they are good for
