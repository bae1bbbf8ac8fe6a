"""Feed: all that a screen may ask. Near or far worker, recording or literal: a screen cannot tell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeVar

from app.feed.acts import Act
from app.feed.questions import Question, Unanswered
from app.model.snapshot import Snapshot

T = TypeVar("T")


class FeedState(StrEnum):
    """How the deck stands to its worker. Says nothing about NATS: that is in `snapshot.site.connection`."""

    STARTING = "starting"  # a worker is being looked for or started
    LIVE = "live"
    LOST = "lost"  # no answer: the snapshot is the last known one
    REFUSED = "refused"  # answers, but not to us: another wire version, another fleet, no permission


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One step of a feed: the whole snapshot as now known, and what of it is new since the frame before.

    `changed` names keys by section; a section that is in `whole` was replaced altogether (first frame of a section,
    new epoch). `heard` is the deck's `time.monotonic()` when the worker last said anything.
    """

    snapshot: Snapshot
    state: FeedState
    note: str = ""  # one sentence for LOST and REFUSED, or what happened to the worker
    changed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    gone: Mapping[str, frozenset[str]] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()
    heard: float = 0.0


class Feed(Protocol):
    """A source of frames. All methods are called on the deck's event loop and never raise for the outside's faults."""

    def watch(self, sections: Collection[str]) -> None:
        """Sets which sections the coming frames hold (names of `SECTIONS`); the findings are always among them."""

    def look(self, refs: Collection[str]) -> None:
        """Says which rows are on the screen now (`stream:NAME`, `consumer:STREAM/NAME`, `agent:KEY`): the worker
        asks for them first. Cheap; of very many only some are told."""

    def frames(self) -> AsyncIterator[Frame]:
        """Every change as it comes, until `close()`. One consumer."""

    async def ask(self, question: Question[T]) -> T | Unanswered:
        """Asks the worker one thing, now."""

    async def act(self, act: Act) -> str:
        """Tells the worker to do something. Answers why it was not done, in one sentence; nothing if it was."""

    async def close(self) -> None:
        """Ends `frames()` and lets go of everything, also of a worker that this feed started."""
