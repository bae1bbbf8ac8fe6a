"""What the deck was told at its start: plain values, read from settings by the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeckOptions:
    """How the deck looks and what it may do.

    `target` says what is connected to and who chose it, for the time before a worker speaks:
    `nats://nats-1:4222 (context prod)`. `state_dir` holds what is remembered between starts (None: nothing is).
    `monotonic` and `wall` are the clocks, in seconds and as aware UTC. `keymap`, `views` and `thresholds` are
    `[keys]`, `[views.*]` and `[thresholds]` of the configuration.
    """

    ascii: bool = False
    theme: str = ""
    utc: bool = False
    read_only: bool = True
    site: str = ""
    target: str = ""
    state_dir: Path | None = None
    keymap: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    thresholds: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    monotonic: Callable[[], float] = monotonic
    wall: Callable[[], datetime] = _utc_now
