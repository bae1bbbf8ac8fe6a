"""Board: what the worker knows now, put where the API can read it, and what the decks ask of the worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.model.metrics import Lately
from app.model.sessions import Intake
from app.model.snapshot import Snapshot
from app.worker.beside import Beside

if TYPE_CHECKING:
    from app.sources.gateways import Gateways
    from app.sources.inquiry import Inquiry
    from app.sources.journal import Journal
    from app.store.store import Store
    from app.worker.attention import AttentionDesk
    from app.worker.events import EventLog
    from app.worker.scorekeeper import Scorekeeper

PULSE_PATIENCE = 30.0
"""Seconds without a sign of the collector after which the worker calls itself dead. A collection that waits for a
slow broker still gives one every few seconds."""
LOOK_PATIENCE = 15.0
"""Seconds after a deck's last poll during which what it looks at is still asked first: three held polls."""


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of readiness. `reason` is a sentence for `?verbose`, empty while `ok`."""

    name: str
    ok: bool
    reason: str = ""


@dataclass(slots=True)
class _Deck:
    heard: float = 0.0
    refs: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Board:
    """One per worker; belongs to the worker's event loop, except for `alive()`.

    `fingerprint` says which NATS this worker watches, as `GET /api/v1/worker` publishes it; never a secret.
    """

    fingerprint: Mapping[str, object] = field(default_factory=dict)
    snapshot: Snapshot = field(default_factory=Snapshot)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    refresh_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    collected: bool = False  # the first collection is done, whatever it found
    took: float = 0.0  # seconds from the beginning of the last collection to its snapshot
    namespace: str | None = None  # of the fleet to look at, once somebody has chosen it here; `auto`: found anew
    listening: str = ""  # where the API is served on TCP, `127.0.0.1:8000`; empty: nowhere
    unreachable: str = "not connected yet"  # why there is no NATS connection, in words; empty while there is one
    events: EventLog | None = None  # what has happened, for those who have something to add
    store: Store | None = None  # what this worker keeps on disk, from before it serves until it has ended
    inquiry: Inquiry | None = None  # answers single questions about jobs and messages
    attention: AttentionDesk | None = None  # what people say of findings
    lately: Lately = Lately()  # what got done in the last 24 hours
    intake: Intake = Intake()  # how session events are taken in
    scorekeeper: Scorekeeper | None = None  # what is known of AI agents, their scores and sessions
    beside: Beside = field(default_factory=Beside)  # what is watched without NATS
    gateways: Gateways | None = None  # those that are configured; None: none is
    journal: Journal | None = None  # reads the logs of the units that are watched
    connected: set[asyncio.Future[Any]] = field(default_factory=set)
    """What needs the NATS connection to end in order: it is kept until all of them are done, for some seconds."""
    _published: asyncio.Event = field(default_factory=asyncio.Event)
    _decks: dict[str, _Deck] = field(default_factory=dict)
    _pulse: float = field(default_factory=time.monotonic)

    def publish(self, snapshot: Snapshot) -> None:
        """Puts a snapshot up. Those who wait for news are woken only by a higher `seq` (or another epoch)."""
        before, self.snapshot = self.snapshot, snapshot
        if snapshot.seq != before.seq or snapshot.epoch != before.epoch:
            self._wake()

    def stop(self) -> None:
        """From now on the worker is not ready; held polls return at once. Safe to call twice."""
        self.stopping.set()
        self.refresh_wanted.set()
        self._wake()

    async def news(self, after: int, timeout: float) -> None:
        """Returns once the snapshot's seq is greater than `after`, on stopping, or after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self.snapshot.seq <= after and not self.stopping.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            try:
                await asyncio.wait_for(self._published.wait(), left)
            except TimeoutError:
                return

    def request_refresh(self) -> None:
        """Asks the collector to collect now; many requests make one collection."""
        self.refresh_wanted.set()

    def choose_namespace(self, namespace: str) -> None:
        """The fleet of this namespace is looked at from the next collection on, which is now; `auto`: found anew."""
        self.namespace = namespace
        self.request_refresh()

    def heard(self, deck_id: str) -> None:
        """A deck polled: called when its poll comes in and again when it is answered."""
        self._decks.setdefault(deck_id, _Deck()).heard = time.monotonic()

    def look(self, deck_id: str, refs: frozenset[str]) -> None:
        """What a deck has on its screen (`stream:NAME`, `consumer:STREAM/NAME`); counts as hearing from it."""
        self.heard(deck_id)
        self._decks[deck_id].refs = refs

    def looking_at(self) -> frozenset[str]:
        """What any deck looks at now; the collector asks for it first."""
        self._forget()
        return frozenset().union(*(deck.refs for deck in self._decks.values()))

    def decks(self, within: float) -> int:
        """How many decks were heard in the last `within` seconds."""
        oldest = time.monotonic() - within
        return sum(deck.heard >= oldest for deck in self._decks.values())

    def beat(self) -> None:
        """The collector turns."""
        self._pulse = time.monotonic()

    def alive(self) -> bool:
        """Liveness: the collector gave a sign within `PULSE_PATIENCE`, and the store's writing thread is not stuck.

        NATS, the fleet and a full disk have no say in it.
        """
        writes = self.store is None or self.store.turning
        return writes and time.monotonic() - self._pulse < PULSE_PATIENCE

    def checks(self) -> tuple[Check, ...]:
        """Readiness: NATS is connected, the store is written, the first collection is done, and no end has begun."""
        stopping = self.stopping.is_set()
        kept = () if self.store is None else (Check("store", not self.store.trouble, self.store.trouble),)
        return (
            Check("nats", not self.unreachable, self.unreachable),
            *kept,
            Check("collection", self.collected, "" if self.collected else "the first collection is not done yet"),
            Check("stopping", not stopping, "the worker is stopping" if stopping else ""),
        )

    def _wake(self) -> None:
        """Wakes every waiter of `news`: each looks for itself whether it has what it waited for."""
        self._published.set()
        self._published = asyncio.Event()

    def _forget(self) -> None:
        oldest = time.monotonic() - LOOK_PATIENCE
        self._decks = {name: deck for name, deck in self._decks.items() if deck.heard >= oldest}
