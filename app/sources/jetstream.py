"""Streams, consumers and the account, by raw JetStream API requests inside a request budget."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil

import msgspec

from app.model.broker import Account, Consumer, LinkState, Stream
from app.model.snapshot import SourceState
from app.model.text import clean
from app.sources import jsapi, shapes
from app.sources.connection import NatsLink
from app.sources.errors import ApiError, LinkDown, NoResponders, NotPermitted, RequestTimeout, SourceError
from app.sources.jsapi import JetStreamApi
from app.sources.lookups import Lookups
from app.sources.pace import Pace
from app.sources.rotation import Turn, plan, sweep_length
from app.sources.states import States
from app.sources.tables import StreamEntry, Tables, decode_page
from app.sources.tasks import ended
from app.sources.wire import AccountInfo, Page, UserInfoReply

IN_FLIGHT = 8
_PAGE = 256
"""Rows of one page of a list (nats-server)."""
_AGAIN = 60.0
"""Seconds until a refused request is tried again: each try is a line in the server's log."""
_CONSUMER_PHASE = 8.0
"""Seconds after which the consumer lists of one collection are left for the next."""
_DENIED_SHOWN = 8
_TOTAL_EVERY = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class BrokerFacts:
    """What one collection knows. Rows that did not change are the same objects as in the facts before.

    `states` are those of `account`, `streams` and `consumers`; `interval` is in seconds and in force now.
    """

    account: Account | None = None
    streams: Mapping[str, Stream] = field(default_factory=dict)
    consumers: Mapping[str, Consumer] = field(default_factory=dict)
    states: tuple[SourceState, ...] = ()
    interval: float = 1.0


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
        self._account: Account | None = None
        self._account_at = 0.0
        self._account_name = ""
        self._named = 0  # generation in which the name was asked for
        self._states = States("account", "streams", "consumers")
        self._denied_until: dict[str, float] = {}
        self._generation = 0
        self._turn = 0
        self._later: asyncio.Task[None] | None = None
        self._sweep = 1
        self._known = False  # streams were listed at least once in this process
        self.facts = BrokerFacts(states=self._states.all())

    async def collect(self, now: datetime, looking_at: frozenset[str] = frozenset()) -> BrokerFacts:
        """One collection. `now` is our clock; `looking_at` are the refs on a screen, which come first."""
        await self._stop_sweep()
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

    async def _collect(self, now: datetime, looking_at: frozenset[str]) -> None:
        if self._generation != self._link.generation:
            self._generation = self._link.generation
            self._denied_until.clear()
            self._lookups.forget()
            for entry in self._tables.streams.values():
                entry.denied_until = 0.0
        self._turn += 1
        self._pace.clustered(self._is_clustered())
        enabled, listed = await asyncio.gather(self._collect_account(now), self._collect_streams(now))
        if enabled and listed:
            await self._collect_consumers(now, looking_at)
            await self._lookups.fill(self._tables.streams, looking_at, self._flight)
            if self._pace.interval > 2:
                self._later = asyncio.get_running_loop().create_task(self._sweep_on(looking_at), name="sweep")

    async def _sweep_on(self, looking_at: frozenset[str]) -> None:
        """Goes on with the rotation between two collections that are more than a second apart."""
        ends = time.monotonic() + self._pace.interval - 1.0
        while time.monotonic() + 1.0 < ends:
            self._pace.spent(self._link.api_calls)
            await asyncio.sleep(1.0)
            try:
                await self._ask_consumers(looking_at, unasked=True)
            except SourceError:
                return
            except Exception:
                _log.exception("consumers could not be listed between two collections")
                return

    async def _stop_sweep(self) -> None:
        later, self._later = self._later, None
        if later is not None:
            await ended(later)

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
            if self._named != self._generation:
                self._account_name = await self._name()
                self._named = self._generation
            info = await self._api.call("INFO", AccountInfo)
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
        self._keep_account(shapes.account(info, self._account_name))
        self._states.good("account", now)
        return True

    def _keep_account(self, account: Account) -> None:
        """Takes the new record where it differs. The API's total, which our own requests move, is no news for 10 s."""
        before = self._account
        clock = time.monotonic()
        same = before is not None and replace(before, api_total=account.api_total) == account
        if not same or (account != before and clock - self._account_at >= _TOTAL_EVERY):
            self._account = account
            self._account_at = clock

    async def _name(self) -> str:
        """The account's name: servers tell it to their users; where that is not permitted, our JWT's."""
        try:
            answer = await self._link.request("$SYS.REQ.USER.INFO", timeout=2.0)
            data = msgspec.json.decode(answer, type=UserInfoReply).data
        except LinkDown:
            raise
        except (SourceError, msgspec.MsgspecError):
            data = None
        name = (data.account_name or data.account) if data else ""
        return clean(name or self._link.account, 100)

    def _not_enabled(self, number: int) -> None:
        name = f"account {self._account_name}" if self._account_name else "this account"
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
            pages = await self._pages("STREAM.LIST", clock=True)
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

    async def _pages(self, name: str, *, clock: bool = False) -> Sequence[Page]:
        """All pages of a list. Raises what a request raises."""
        pages: list[Page] = []
        while True:
            rows = sum(len(page.streams or ()) + len(page.consumers or ()) for page in pages)
            sent = self._link.now()
            self._link.api_calls += 1
            body = msgspec.json.encode({"offset": rows}) if rows else b""
            answer = await self._link.request(self._api.subject(name), body, jsapi.LIST_TIMEOUT)
            received = self._link.now()
            try:
                page = decode_page(answer)
            except msgspec.MsgspecError as error:
                raise SourceError(f"answer not understood: {clean(str(error), 200)}") from error
            if page.error is not None:
                raise ApiError(page.error.code, page.error.err_code, clean(page.error.description, 200))
            if clock and page.streams and page.streams[-1].ts is not None:
                self._link.saw_clock(page.streams[-1].ts, sent, received)
            pages.append(page)
            got = len(page.streams or ()) + len(page.consumers or ())
            if not got or rows + got >= page.total:
                return pages

    # --- consumers

    async def _collect_consumers(self, now: datetime, looking_at: frozenset[str]) -> None:
        troubles = await self._ask_consumers(looking_at)
        clock = time.monotonic()
        holders = [entry for entry in self._tables.streams.values() if entry.record.consumers]
        self._judge_consumers(now, [entry for entry in holders if entry.denied_until <= clock], troubles)

    async def _ask_consumers(self, looking_at: frozenset[str], *, unasked: bool = False) -> list[str]:
        """Lists the consumers whose turn it is; what went wrong. `unasked`: only of streams not asked in this turn."""
        clock = time.monotonic()
        streams = self._tables.streams
        turns = [
            _turn(entry, looking_at)
            for entry in streams.values()
            if entry.record.consumers and entry.denied_until <= clock and not (unasked and entry.asked == self._turn)
        ]
        chosen = plan(turns, self._pace.budget(self._link.api_calls))
        if not unasked:
            self._sweep = sweep_length(turns, self._pace.per_collection)
        troubles: list[str] = []

        async def ask(entry: StreamEntry) -> None:
            async with self._flight:
                trouble = await self._list(entry)
            if trouble:
                troubles.append(trouble)

        try:
            async with asyncio.timeout(_CONSUMER_PHASE):
                await asyncio.gather(*(ask(streams[name]) for name in chosen))
        except TimeoutError:
            troubles.append("lists take too long")
        return troubles

    async def _list(self, entry: StreamEntry) -> str:
        """Lists one stream's consumers; what went wrong, or nothing."""
        try:
            pages = await self._pages(f"CONSUMER.LIST.{entry.name}")
        except NotPermitted:
            entry.denied_until = time.monotonic() + _AGAIN
            return ""
        except LinkDown:
            raise
        except ApiError as error:
            # A stream that went between two requests is no trouble.
            return "" if error.number == jsapi.NO_STREAM else str(error)
        except SourceError as error:
            return f"{entry.record.name}: {error}"
        self._tables.take_consumers(entry, pages)
        entry.asked = self._turn
        silent = sum(len(page.missing or ()) + len(page.offline or ()) for page in pages)
        return f"{silent} of {entry.record.name} did not answer" if silent else ""

    def _judge_consumers(self, now: datetime, asked: Sequence[StreamEntry], troubles: Sequence[str]) -> None:
        holders = [entry for entry in self._tables.streams.values() if entry.record.consumers]
        refused = [entry for entry in holders if entry.denied_until > time.monotonic()]
        unseen = sum(1 for entry in asked if entry.asked < 0 and entry.denied_until <= 0)
        if refused and len(refused) == len(holders):
            self._states.denied("consumers", self._api.spelling("CONSUMER.LIST.>"))
        elif refused:
            names = [self._api.spelling(f"CONSUMER.LIST.{entry.name}") for entry in refused[:_DENIED_SHOWN]]
            self._states.partial("consumers", now, f"{len(refused)} streams not permitted", tuple(names))
        elif troubles and all(entry.asked != self._turn for entry in asked):
            self._states.failed(("consumers",), troubles[0])
        elif troubles:
            self._states.partial("consumers", now, troubles[0])
        elif unseen:
            self._states.partial("consumers", now, f"first look: {unseen} of {len(holders)} streams still to come")
        else:
            self._states.good("consumers", now)

    # --- states

    def _may(self, name: str) -> bool:
        return self._denied_until.get(name, 0.0) <= time.monotonic()

    def _denied(self, name: str, need: str) -> None:
        self._denied_until[name] = time.monotonic() + _AGAIN
        self._states.denied(name, need)

    def _absent(self, sentence: str) -> None:
        """There is no JetStream: nothing that was known of it is there."""
        self._tables.clear()
        self._account = None
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
        self._states.set("consumers", interval=interval * self._sweep)
        if self._lookups.denied and not self._states["consumers"].denied:
            self._states.set("consumers", denied=self._lookups.denied)
        return BrokerFacts(
            self._account,
            self._tables.stream_records(),
            self._tables.consumer_records(),
            self._states.all(),
            interval,
        )


def _turn(entry: StreamEntry, looking_at: frozenset[str]) -> Turn:
    prefix = f"consumer:{entry.record.name}/"
    on_screen = f"stream:{entry.record.name}" in looking_at or any(ref.startswith(prefix) for ref in looking_at)
    pages = max(1, ceil(entry.record.consumers / _PAGE))
    return Turn(entry.name, pages, entry.asked, entry.busy, on_screen)
