"""What the deck was told at its start: plain values, read from settings by the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """What is to be opened in the place of a deck that has been left: a NATS context, or the demo."""

    context: str = ""
    demo: bool = False


def _none() -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeckOptions:
    """How the deck looks and what it may do.

    `target` says what is connected to and who chose it, for the time before a worker speaks:
    `nats://nats-1:4222 (context prod)`. `state_dir` holds what is remembered between starts (None: nothing is).
    `monotonic` and `wall` are the clocks, in seconds and as aware UTC. `keymap`, `views` and `thresholds` are
    `[keys]`, `[views.*]` and `[thresholds]` of the configuration. `read_only`: nothing outside can be changed from
    here; `hands_off`: nor what people have said about findings. `contexts` names the NATS contexts that there are.
    `doctor` looks at everything that watchdeck needs and tells it in lines; it may take seconds, and is asked in a
    thread.
    """

    ascii: bool = False
    theme: str = ""
    utc: bool = False
    read_only: bool = True
    hands_off: bool = False
    site: str = ""
    target: str = ""
    state_dir: Path | None = None
    keymap: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    thresholds: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    contexts: Callable[[], Sequence[str]] = _none
    doctor: Callable[[], str] | None = None
    monotonic: Callable[[], float] = monotonic
    wall: Callable[[], datetime] = _utc_now
