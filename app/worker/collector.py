"""Collector: asks the sources at their interval and publishes what is known, whatever happens to any of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from app.model.broker import LinkState
from app.model.components import Component
from app.model.snapshot import SourceState, SourceStatus
from app.model.triage.ingest import SOURCE as SESSIONS
from app.model.triage.sources import STORE
from app.settings import Settings
from app.sources.advisories import ADVISORY_SOURCE
from app.sources.jetstream import BrokerFacts
from app.sources.jobs import JobFacts
from app.sources.registry import FleetFacts
from app.sources.services import ServiceFacts
from app.worker import parts
from app.worker.assembly import Assembly, Gathered, Judge, failed
from app.worker.board import Board
from app.worker.judge import TriageJudge
from app.worker.outside import Sources, nats_sources
from app.worker.scorekeeper import NO_SESSIONS
from app.worker.turn import Turns

BROKER_SOURCES = ("account", "streams", "consumers")
FLEET_SOURCES = ("registry", "facts", "state")
TIMEOUT = 30.0
"""Seconds after which a collection is given up. Above the list timeout of 6 s times the rounds of a large account."""
PATIENCE = 2.0
"""Seconds that a snapshot waits for a source at most; a source that takes longer is in a later one."""
GAP = 0.25
"""Seconds between two collections at least, however often a refresh is asked for or the connection changes."""
LEAVE = 5.0
"""Seconds that the connection is kept at the end for those who still need it."""
LAG_LEAST = 1.0
"""Seconds by which the worker must be late for it to be told."""
RARE = 2.0
"""Seconds between two rounds above which news of other parts make a snapshot of their own."""
PULSE = 5.0
"""Seconds between two signs of life at most."""

_log = logging.getLogger(__name__)


def _unheard() -> None:
    """What it brings waits for the next snapshot."""


def utc_now() -> datetime:
    """The worker's clock."""
    return datetime.now(UTC)


class Collector:
    """Turns sources into snapshots on a board, until the board is stopping."""

    def __init__(
        self,
        settings: Settings,
        board: Board,
        *,
        clock: Callable[[], datetime] = utc_now,
        sources: Sources | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._board = board
        self._clock = clock
        self._sources = sources or nats_sources(settings, clock)
        board.inquiry = self._sources.inquiry
        self._interval = settings.nats.interval or 1.0
        self._assembly = Assembly(
            judge or TriageJudge(settings.thresholds, settings.runbooks),
            site=site_name(settings),
            namespace=settings.namespace,
            actions=settings.actions,
            standards=settings.scores,
        )
        self._own = parts.OwnParts()
        board.events = self._assembly.events
        self._wake = asyncio.Event()
        self._namespace = settings.namespace
        self._forced = False
        self._lag = 0.0  # seconds by which we were late since the last collection
        self._standing: tuple[LinkState, int] | None = None
        self._failing = False
        first = tuple(SourceState(name) for name in BROKER_SOURCES)
        broker = BrokerFacts(account=None, streams={}, consumers={}, states=first, interval=self._interval)
        fleet = FleetFacts(states=tuple(SourceState(name) for name in FLEET_SOURCES))
        self._broker = Turns("broker", broker, TIMEOUT, self._wake.set)
        self._fleet = Turns("fleet", fleet, TIMEOUT, self._wake.set)
        self._jobs = Turns("jobs", JobFacts(), TIMEOUT, self._wake.set)
        self._services = Turns("services", ServiceFacts(), TIMEOUT, self._wake.set)
        self._listening = Turns("advisories", SourceState(ADVISORY_SOURCE), TIMEOUT, _unheard)
        self._host: Turns[Mapping[str, Component]] = Turns("host", {}, TIMEOUT, _unheard)

    async def run(self) -> None:
        """Collects and publishes until the board is stopping; then lets go of the sources. Never raises."""
        link = self._sources.link
        link.on_change = self._link_changed
        try:
            await self._guarded(link.start)
            while not self._board.stopping.is_set():
                began = time.monotonic()
                await self._guarded(self._collect)
                self._board.took = time.monotonic() - began
                await self._rest(began)
        finally:
            link.on_change = None
            await self._close()

    def hear(self) -> None:
        """Another part of the worker has news for the snapshot; where rounds are rare, they do not wait for one."""
        if self._broker.facts.interval > RARE:
            self._wake.set()

    def _link_changed(self) -> None:
        """Collects at once when the connection was lost or made; a changed time of travel can wait."""
        link = self._sources.link
        standing = (link.connection.state, link.generation)
        if standing != self._standing:
            self._standing = standing
            _log.info("NATS %s: %s %s", link.connection.url, link.connection.state, link.connection.error)
            self._forced = True
            self._wake.set()

    async def _collect(self) -> None:
        """One round: the broker, then the fleet on what the broker said; each as long as the patience lasts."""
        sources, board = self._sources, self._board
        now, generation = self._clock(), sources.link.generation
        if board.refresh_wanted.is_set() and not sources.link.up:
            sources.link.retry()
        self._wake.clear()
        self._forced = False
        board.refresh_wanted.clear()
        await self._choose()
        turn = self._broker.begin(lambda: sources.broker(now, board.looking_at()), generation)
        await self._wait_for(turn)
        self._listening.begin(lambda: sources.listen(now), generation)
        self._services.begin(lambda: sources.services(now), generation)
        self._host.begin(lambda: sources.host(now), generation)
        turn = self._fleet.begin(lambda: sources.fleet(now, self._broker.facts), generation)
        await self._wait_for(turn)
        turn = self._jobs.begin(lambda: sources.jobs(now, self._broker.facts, self._fleet.facts), generation)
        await self._wait_for(turn)
        self._wake.clear()
        self._publish()
        self._lag = 0.0

    async def _choose(self) -> None:
        """Takes over the namespace that somebody has chosen since."""
        chosen = self._board.namespace
        if chosen is not None and chosen != self._namespace:
            self._namespace = chosen
            self._assembly.namespace = chosen
            await self._sources.choose(chosen)

    async def _wait_for(self, turn: asyncio.Task[None]) -> None:
        """Until a turn ends, the connection changes, the worker stops, or patience does."""
        deadline = time.monotonic() + min(PATIENCE, max(self._broker.facts.interval, 0.5))
        while not turn.done() and not self._forced and not self._board.stopping.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._board.beat()
            self._lag = max(self._lag, await _first(min(left, PULSE), self._wake, self._board.stopping))
            self._wake.clear()

    async def _rest(self, began: float) -> None:
        """Until the next round is due. What came in late meanwhile is published at once."""
        board = self._board
        while not board.stopping.is_set():
            board.beat()
            passed = time.monotonic() - began
            wanted = self._forced or board.refresh_wanted.is_set()
            left = (GAP if wanted else self._broker.facts.interval) - passed
            if left <= 0:
                return
            if wanted:
                self._lag = max(self._lag, await _first(left, board.stopping))
                continue
            self._lag = max(self._lag, await _first(min(left, PULSE), self._wake, board.refresh_wanted, board.stopping))
            if self._wake.is_set():
                self._wake.clear()
                await self._guarded(self._late)

    async def _late(self) -> None:
        self._publish()

    async def _guarded(self, step: Callable[[], Awaitable[None]]) -> None:
        """A fault of our own must not end the watching: it is logged once, until a step succeeds again."""
        try:
            await step()
        except Exception:
            if not self._failing:
                _log.exception("a collection failed")
            self._failing = True
        else:
            self._failing = False

    def _publish(self) -> None:
        link, board = self._sources.link, self._board
        advisories = self._sources.advisories()
        self._sources.note(advisories)
        board.unreachable = "" if link.up else link.connection.error or "not connected yet"
        if link.up and self._broker.mark == self._fleet.mark == link.generation:
            board.collected = True
        board.publish(
            self._assembly.next(
                Gathered(
                    at=self._clock(),
                    connection=link.connection,
                    server=link.server,
                    clock_offset=link.clock_offset,
                    lag=self._told_lag,
                    broker=self._broker.facts,
                    fleet=self._fleet.facts,
                    jobs=self._jobs.facts,
                    services=self._services.facts,
                    host=self._host.facts,
                    own=self._parts(),
                    advisories=advisories,
                    states=self._states(),
                    marks=board.attention.marks if board.attention is not None else {},
                    sessions=board.scorekeeper.facts if board.scorekeeper is not None else NO_SESSIONS,
                    intake=board.intake,
                    lately=board.lately,
                    beside=board.beside.components,
                    beside_sessions=board.beside.sessions,
                    store_damage=board.store.damage if board.store is not None else "",
                    set_aside=board.store.set_aside if board.store is not None else "",
                )
            )
        )
        if board.attention is not None:
            board.attention.review(board.snapshot)

    @property
    def _told_lag(self) -> float:
        return round(self._lag) if self._lag >= LAG_LEAST else 0.0

    def _parts(self) -> Mapping[str, Component]:
        """Watchdeck's own parts as they stand now."""
        link, board = self._sources.link, self._board
        return self._own.now(
            self._clock(),
            parts.nats(link.connection, link.server),
            parts.collection(board.collected, self._broker.facts.interval, self._told_lag),
            parts.store(board.store.trouble if board.store is not None else None),
            parts.ingest(board.intake) if board.scorekeeper is not None else None,
            parts.http(board.listening),
        )

    def _states(self) -> Mapping[str, SourceState]:
        """The sources' states as they must be shown: facts from before the present connection are never fresh."""
        link = self._sources.link
        states: dict[str, SourceState] = {}
        for turns, known in self._turns():
            error = turns.trouble
            if not link.up:
                error = link.connection.error or "no connection to NATS"
            elif turns.mark is not None and turns.mark != link.generation:
                error = error or "connected again, not collected yet"
            for state in known:
                waiting = state.status is SourceStatus.WAITING and bool(turns.trouble)
                states[state.name] = failed(state, error) if error and (state.fresh or waiting) else state
        store = self._board.store
        if store is not None:  # without a time: it says nothing of how old any facts are
            status = SourceStatus.FAILED if store.trouble else SourceStatus.OK
            states[STORE] = SourceState(STORE, status, error=store.trouble)
        if self._board.scorekeeper is not None:
            states[SESSIONS] = self._board.scorekeeper.source(self._board.intake)
        states.update(self._board.beside.states)
        return states

    def _turns(self) -> Iterator[tuple[Turns[Any], tuple[SourceState, ...]]]:
        """The sources over NATS, each with the states that it gave last."""
        yield self._broker, self._broker.facts.states
        yield self._fleet, self._fleet.facts.states
        yield self._jobs, self._jobs.facts.states
        yield self._services, self._services.facts.states
        yield self._listening, (self._listening.facts,)

    async def _close(self) -> None:
        if self._board.connected:
            await asyncio.wait(self._board.connected, timeout=LEAVE)
        for turns, _ in self._turns():
            await turns.end()
        await self._host.end()
        for close in (self._sources.close, self._sources.link.stop):
            try:
                async with asyncio.timeout(3):
                    await close()
            except Exception as error:  # nothing of it may keep the worker from ending
                _log.warning("closing: %s: %s", type(error).__name__, error)


def site_name(settings: Settings) -> str:
    """The name of the site: a named profile, the context, else the first server's host."""
    if "profile" in settings.origins:
        return settings.profile
    if settings.nats.context:
        return settings.nats.context
    host = settings.nats.url.partition(",")[0].partition("://")[2].rpartition(":")[0]
    return host or settings.profile or "default"


async def _first(timeout: float, *events: asyncio.Event) -> float:
    """Waits for the first of some events, `timeout` seconds at most; gives the seconds by which it came back later."""
    ends = time.monotonic() + timeout
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return max(0.0, time.monotonic() - ends)
