"""The lists of consumers, stream by stream, as the request budget allows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from math import ceil

from app.sources import jsapi
from app.sources.errors import ApiError, LinkDown, NotPermitted, SourceError
from app.sources.jsapi import JetStreamApi
from app.sources.pace import Pace
from app.sources.rotation import Turn, plan, sweep_length
from app.sources.states import States
from app.sources.tables import StreamEntry, Tables
from app.sources.tasks import ended

_PAGE = 256
"""Rows of one page of a list (nats-server)."""
_AGAIN = 60.0
"""Seconds until a refused list is tried again: each try is a line in the server's log."""
_PHASE = 8.0
"""Seconds after which the lists of one collection are left for the next."""
_DENIED_SHOWN = 8

_log = logging.getLogger(__name__)


class ConsumerLists:
    """Asks for consumers in turns. `sweep` is how many collections a whole round takes."""

    def __init__(self, api: JetStreamApi, tables: Tables, pace: Pace, flight: asyncio.Semaphore) -> None:
        self._api = api
        self._tables = tables
        self._pace = pace
        self._flight = flight
        self._turn = 0
        self._later: asyncio.Task[None] | None = None
        self.sweep = 1
        self.reserve = 0  # requests of a collection's budget that are left for others

    def go_on(self, looking_at: frozenset[str]) -> None:
        """Goes on with the rotation in the background where the next collection is more than a second away."""
        if self._pace.interval > 2:
            self._later = asyncio.get_running_loop().create_task(self._sweep_on(looking_at), name="sweep")

    async def _sweep_on(self, looking_at: frozenset[str]) -> None:
        """Goes on with the rotation between two collections that are more than a second apart."""
        ends = time.monotonic() + self._pace.interval - 1.0
        while time.monotonic() + 1.0 < ends:
            self._pace.spent(self._api.link.api_calls)
            await asyncio.sleep(1.0)
            try:
                await self._ask(looking_at, unasked=True)
            except SourceError:
                return
            except Exception:
                _log.exception("consumers could not be listed between two collections")
                return

    async def pause(self) -> None:
        """Ends what `go_on` began."""
        later, self._later = self._later, None
        if later is not None:
            await ended(later)

    async def collect(self, now: datetime, looking_at: frozenset[str], states: States) -> None:
        """The lists of one collection, and what they mean for the state `consumers`. Raises LinkDown only."""
        self._turn += 1
        troubles = await self._ask(looking_at)
        clock = time.monotonic()
        holders = [entry for entry in self._tables.streams.values() if entry.record.consumers]
        self._judge(now, states, [entry for entry in holders if entry.denied_until <= clock], troubles)

    async def _ask(self, looking_at: frozenset[str], *, unasked: bool = False) -> list[str]:
        """Lists the consumers whose turn it is; what went wrong. `unasked`: only of streams not asked in this turn."""
        clock = time.monotonic()
        streams = self._tables.streams
        turns = [
            _turn(entry, looking_at)
            for entry in streams.values()
            if entry.record.consumers and entry.denied_until <= clock and not (unasked and entry.asked == self._turn)
        ]
        budget = self._pace.budget(self._api.link.api_calls)
        chosen = plan(turns, budget if unasked else budget - self.reserve)
        if not unasked:
            self.sweep = sweep_length(turns, self._pace.per_collection - self.reserve)
        troubles: list[str] = []

        async def ask(entry: StreamEntry) -> None:
            async with self._flight:
                trouble = await self._list(entry)
            if trouble:
                troubles.append(trouble)

        try:
            async with asyncio.timeout(_PHASE):
                await asyncio.gather(*(ask(streams[name]) for name in chosen))
        except TimeoutError:
            troubles.append("lists take too long")
            for entry in (streams[name] for name in chosen):
                if entry.asked != self._turn:
                    self._tables.silence_consumers(entry)
        return troubles

    async def _list(self, entry: StreamEntry) -> str:
        """Lists one stream's consumers; what went wrong, or nothing."""
        try:
            pages = await self._api.pages(f"CONSUMER.LIST.{entry.name}")
        except LinkDown:
            raise
        except SourceError as error:
            if isinstance(error, ApiError) and error.number == jsapi.NO_STREAM:
                return ""  # a stream that went between two requests is no trouble
            self._tables.silence_consumers(entry)
            if isinstance(error, NotPermitted):
                entry.denied_until = time.monotonic() + _AGAIN
                return ""
            return str(error) if isinstance(error, ApiError) else f"{entry.record.name}: {error}"
        self._tables.take_consumers(entry, pages)
        entry.asked = self._turn
        silent = sum(len(page.missing or ()) + len(page.offline or ()) for page in pages)
        return f"{silent} of {entry.record.name} did not answer" if silent else ""

    def _judge(self, now: datetime, states: States, asked: Sequence[StreamEntry], troubles: Sequence[str]) -> None:
        holders = [entry for entry in self._tables.streams.values() if entry.record.consumers]
        refused = [entry for entry in holders if entry.denied_until > time.monotonic()]
        unseen = sum(1 for entry in asked if entry.asked < 0 and entry.denied_until <= 0)
        if refused and len(refused) == len(holders):
            states.denied("consumers", self._api.spelling("CONSUMER.LIST.>"))
        elif refused:
            names = [self._api.spelling(f"CONSUMER.LIST.{entry.name}") for entry in refused[:_DENIED_SHOWN]]
            states.partial("consumers", now, f"{len(refused)} streams not permitted", tuple(names))
        elif troubles and all(entry.asked != self._turn for entry in asked):
            states.failed(("consumers",), troubles[0])
        elif troubles:
            states.partial("consumers", now, troubles[0])
        elif unseen:
            states.partial("consumers", now, f"first look: {unseen} of {len(holders)} streams still to come")
        else:
            states.good("consumers", now)


def _turn(entry: StreamEntry, looking_at: frozenset[str]) -> Turn:
    prefix = f"consumer:{entry.record.name}/"
    on_screen = f"stream:{entry.record.name}" in looking_at or any(ref.startswith(prefix) for ref in looking_at)
    pages = max(1, ceil(entry.record.consumers / _PAGE))
    return Turn(entry.name, pages, entry.asked, entry.busy, on_screen)
