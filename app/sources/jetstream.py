"""Streams, consumers and the account, by raw JetStream API requests inside a request budget."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.model.broker import Account, Consumer, LinkState, Stream
from app.model.snapshot import ApiUse, SourceState
from app.sources import jsapi
from app.sources.account import AccountReader
from app.sources.connection import NatsLink
from app.sources.consumerlists import ConsumerLists
from app.sources.errors import ApiError, LinkDown, NoResponders, NotPermitted, RequestTimeout, SourceError
from app.sources.jsapi import JetStreamApi
from app.sources.lookups import Lookups
from app.sources.pace import Pace
from app.sources.states import States
from app.sources.tables import Tables

IN_FLIGHT = 8
_AGAIN = 60.0
"""Seconds until a refused request is tried again: each try is a line in the server's log."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class BrokerFacts:
    """What one collection knows. Rows that did not change are the same objects as in the facts before.

    `states` are those of `account`, `streams` and `consumers`; `interval` is in seconds and in force now; `api` is how
    the API has answered.
    """

    account: Account | None = None
    streams: Mapping[str, Stream] = field(default_factory=dict)
    consumers: Mapping[str, Consumer] = field(default_factory=dict)
    states: tuple[SourceState, ...] = ()
    interval: float = 1.0
    api: ApiUse = ApiUse()


class JetStreamSource:
    """Collects the broker's facts. Never raises; keeps the last facts while the broker does not answer."""

    def __init__(
        self,
        link: NatsLink,
        *,
        interval: float | None = None,
        max_requests: int | None = None,
        domain: str = "",
        api_prefix: str = "",
    ) -> None:
        self._link = link
        self._api = JetStreamApi(link, domain=domain, api_prefix=api_prefix)
        self._pace = Pace(interval, max_requests)
        self._tables = Tables()
        self._lookups = Lookups(self._api)
        self._flight = asyncio.Semaphore(IN_FLIGHT)
        self._consumers = ConsumerLists(self._api, self._tables, self._pace, self._flight)
        self._account = AccountReader(self._api)
        self._states = States("account", "streams", "consumers")
        self._denied_until: dict[str, float] = {}
        self._generation = 0
        self._known = False  # streams were listed at least once in this process
        self.facts = BrokerFacts(states=self._states.all())

    async def collect(self, now: datetime, looking_at: frozenset[str] = frozenset()) -> BrokerFacts:
        """One collection. `now` is our clock; `looking_at` are the refs on a screen, which come first."""
        await self._consumers.pause()
        began = time.monotonic()
        try:
            if self._link.up:
                await self._collect(now, looking_at)
            else:
                self._no_link()
        except LinkDown:
            self._no_link()
        except Exception:
            _log.exception("the broker's facts could not be collected")
            self._states.failed(("account", "streams", "consumers"), "internal error, see the log")
        self._pace.took(time.monotonic() - began)
        self._pace.spent(self._link.api_calls)
        self.facts = self._assemble()
        return self.facts

    async def close(self) -> None:
        """Ends what goes on between two collections."""
        await self._consumers.pause()

    async def _collect(self, now: datetime, looking_at: frozenset[str]) -> None:
        if self._generation != self._link.generation:
            self._generation = self._link.generation
            self._denied_until.clear()
            self._lookups.forget()
            for entry in self._tables.streams.values():
                entry.denied_until = 0.0
        self._pace.clustered(self._is_clustered())
        enabled, listed = await asyncio.gather(self._collect_account(now), self._collect_streams(now))
        if enabled and listed:
            self._consumers.reserve = min(self._lookups.asking, self._pace.max_requests // 5)
            await self._consumers.collect(now, looking_at, self._states)
            budget = self._pace.budget(self._link.api_calls)
            await self._lookups.fill(self._tables.streams, looking_at, self._flight, budget)
            self._consumers.go_on(looking_at)

    def _is_clustered(self) -> bool:
        if self._link.server is not None and self._link.server.cluster:
            return True
        return any(entry.record.cluster is not None for entry in self._tables.streams.values())

    # --- the account

    async def _collect_account(self, now: datetime) -> bool:
        """False: there is no JetStream for this account, and all three states say so."""
        if not self._may("account"):
            return True
        try:
            await self._account.read()
        except ApiError as error:
            if error.number in jsapi.NOT_ENABLED:
                self._not_enabled(error.number)
                return False
            self._states.failed(("account",), str(error))
            return True
        except NoResponders:
            return not self._nobody()
        except NotPermitted as error:
            self._denied("account", error.needs)
            return True
        except RequestTimeout:
            self._states.failed(("account",), self._silence())
            return True
        except LinkDown:
            raise
        except SourceError as error:
            self._states.failed(("account",), str(error))
            return True
        self._states.good("account", now)
        return True

    def _not_enabled(self, number: int) -> None:
        name = f"account {self._account.name}" if self._account.name else "this account"
        self._known = False
        self._absent(f"Connected to {name}, but JetStream is not enabled for it ({number}).")

    def _nobody(self) -> bool:
        """Nobody answers the API. True where that means that there is no JetStream here."""
        if self._known:
            self._states.failed(("account", "streams", "consumers"), self._silence())
            return False
        server = self._link.server
        where = server.name if server and server.name else "the server"
        self._absent(f"Connected to {where}, but nobody answers the JetStream API there.{self._hint()}")
        return True

    def _silence(self) -> str:
        return f"JetStream does not answer.{self._hint()}"

    def _hint(self) -> str:
        domain = self._link.server.domain if self._link.server else ""
        if domain and domain != self._api.domain:
            return f' On a leaf node? Try --domain {domain} (servers report domain "{domain}").'
        return ""

    # --- streams

    async def _collect_streams(self, now: datetime) -> bool:
        if not self._may("streams"):
            return False
        try:
            pages = await self._api.pages("STREAM.LIST", clock=True)
        except NotPermitted as error:
            self._denied("streams", error.needs)
            return False
        except LinkDown:
            raise
        except RequestTimeout:
            self._states.failed(("streams", "consumers"), self._silence())
            return False
        except ApiError as error:
            if error.number in jsapi.NOT_ENABLED:
                self._not_enabled(error.number)
            else:
                self._states.failed(("streams", "consumers"), str(error))
            return False
        except NoResponders:
            self._nobody()
            return False
        except SourceError as error:
            self._states.failed(("streams", "consumers"), str(error))
            return False
        self._tables.take_streams(pages)
        self._known = True
        silent = sum(len(page.missing or ()) + len(page.offline or ()) for page in pages)
        if silent:
            self._states.partial("streams", now, f"{silent} of {len(self._tables.streams)} did not answer")
        else:
            self._states.good("streams", now)
        return True

    # --- states

    def _may(self, name: str) -> bool:
        return self._denied_until.get(name, 0.0) <= time.monotonic()

    def _denied(self, name: str, need: str) -> None:
        self._denied_until[name] = time.monotonic() + _AGAIN
        self._states.denied(name, need)

    def _absent(self, sentence: str) -> None:
        """There is no JetStream: nothing that was known of it is there."""
        self._tables.clear()
        self._account.record = None
        self._states.absent(self._states.names, sentence, self._link.now())

    def _no_link(self) -> None:
        connection = self._link.connection
        if connection.state is LinkState.CONNECTING:
            return
        self._states.failed(self._states.names, connection.error or "not connected")

    def _assemble(self) -> BrokerFacts:
        interval = self._pace.interval
        self._states.set("account", interval=interval)
        self._states.set("streams", interval=interval)
        self._states.set("consumers", interval=interval * self._consumers.sweep)
        if self._lookups.denied and not self._states["consumers"].denied:
            self._states.set("consumers", denied=self._lookups.denied)
        return BrokerFacts(
            self._account.record,
            self._tables.stream_records(),
            self._tables.consumer_records(),
            self._states.all(),
            interval,
            self._link.api.use(self._link.now()),
        )
