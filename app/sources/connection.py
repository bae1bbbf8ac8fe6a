"""Supervised NATS connection: one client per attempt, every failure told apart, never given up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from statistics import median
from typing import Any

from nats import errors as nats_errors
from nats.nuid import NUID

from app.model.broker import Cause, Connection, LinkState, ServerInfo
from app.model.text import clean
from app.settings import NatsSettings
from app.sources.apiuse import ApiCounter
from app.sources.client import Handler
from app.sources.credentials import Credentials
from app.sources.dial import Live, dial, let_go
from app.sources.errors import LinkDown, Misconfigured, NotPermitted
from app.sources.failures import Failure, explain
from app.sources.greeting import server_info, told
from app.sources.requests import Reply
from app.sources.servers import Server, parse_servers
from app.sources.tasks import ended, happened

RETRY = 2.0
"""Seconds between two rounds through the servers while the network fails."""
RETRY_AUTH = 30.0
"""Longest pause in seconds while the server refuses our credentials."""
PING_EVERY = 2.0
_PONG_LATEST = 60
"""Seconds that an answer may take while a long listing comes in before it."""
_LISTING = 1000
"""Messages within PONG_WITHIN that say so."""
PONG_WITHIN = 6.0
"""Seconds: with both, a server that stands still is noticed within 8 s."""

_CLOCK_STEP = 1.0
"""Seconds by which a clock must have been set for it to matter: less is drift, and the age of a list."""

_log = logging.getLogger(__name__)


class NatsLink:
    """The connection of one site. `connection` and `server` are immutable records, replaced on change.

    `generation` grows by one with each successful connection; `clock_offset` is how many seconds the broker's clock is
    ahead of ours; `api_calls` counts `STREAM.*` and `CONSUMER.*` requests of all sources, for the request budget;
    `api` how the JetStream API has answered all of them.
    """

    def __init__(self, settings: NatsSettings, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._settings = settings
        self._clock = clock
        self.connection = Connection(origin=clean(settings.origin, 100), since=clock())
        self.server: ServerInfo | None = None
        self.generation = 0
        self.clock_offset = 0.0
        self.api_calls = 0
        self.api = ApiCounter()
        self.account = ""  # public key of the account, where our user JWT names it
        self.on_change: Callable[[], None] | None = None
        self._live: Live | None = None
        self._told: tuple[Server, ...] = ()  # by the cluster
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._samples: deque[tuple[float, float]] = deque(maxlen=20)

    @property
    def up(self) -> bool:
        """Whether requests can be made now."""
        return self._live is not None

    async def start(self) -> None:
        """Begins to connect, in the background. Returns at once."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._supervise(), name="nats-link")

    async def stop(self) -> None:
        """Closes the connection and ends the supervisor. Pending requests fail with LinkDown."""
        task, self._task = self._task, None
        if task is not None:
            await ended(task)

    def retry(self) -> None:
        """Tries again now rather than at the end of the pause."""
        self._hurry.set()

    def now(self) -> datetime:
        """Our clock; `clock_offset` added gives the broker's."""
        return self._clock()

    def saw_clock(self, broker: datetime, sent: datetime, received: datetime) -> None:
        """Takes in the time in an answer. Of the last 20 the one with the shortest way counts.

        Two answers that cannot both be true say that a clock was set: then those of before count no more.
        """
        way = (received - sent).total_seconds()
        middle = sent + (received - sent) / 2
        if not 0 <= way < 1:
            return
        offset = (broker - middle).total_seconds()
        if self._samples:
            shortest, known = min(self._samples)
            if abs(offset - known) > (way + shortest) / 2 + _CLOCK_STEP:
                self._samples.clear()
        self._samples.append((way, offset))
        self.clock_offset = min(self._samples)[1]

    async def request(self, subject: str, payload: bytes = b"", timeout: float = 6.0) -> bytes:
        """The payload of the answer. Raises LinkDown, NoResponders, NotPermitted or RequestTimeout."""
        return (await self.ask(subject, payload, timeout)).payload

    async def ask(self, subject: str, payload: bytes = b"", timeout: float = 6.0) -> Reply:
        """As `request`, with the headers of the answer."""
        return await self._alive().requests.ask(subject, payload, timeout)

    async def gather(
        self, subject: str, payload: bytes = b"", *, quiet: float = 0.3, longest: float = 2.0, most: int = 5000
    ) -> list[bytes]:
        """The payloads of all who answer, see `Requests.gather`. Raises LinkDown or NotPermitted."""
        return await self._alive().requests.gather(subject, payload, quiet=quiet, longest=longest, most=most)

    async def listen(self, subject: str, handler: Handler) -> Callable[[], Awaitable[None]]:
        """Subscribes to a subject for this connection only; gives the coroutine function that ends it.

        Comes back when the server has let it stand. Raises LinkDown or NotPermitted.
        """
        live = self._alive()
        refused = False

        def refuse() -> None:
            nonlocal refused
            refused = True

        live.requests.listening(subject, refuse)
        try:
            end = await live.client.listen(subject, handler)
            for _ in range(2):  # the client's first ping may overtake what it has not sent yet
                await live.client.rtt(PONG_WITHIN)  # type: ignore[arg-type, unused-ignore]
        except (nats_errors.Error, TimeoutError, OSError) as error:
            raise LinkDown("connection lost") from error
        close = _closer(end)
        if refused:
            await close()
            raise NotPermitted("subscribe", subject)
        return close

    async def send(self, messages: Iterable[tuple[bytes, bytes, bytes]]) -> None:
        """Publishes messages (subject, reply subject or nothing, payload) that the server answers elsewhere or not at
        all. Raises LinkDown."""
        try:
            await self._alive().client.send(messages)
        except (nats_errors.Error, OSError) as error:
            raise LinkDown("connection lost") from error

    def publishing(self, prefix: str, refused: Callable[[], None]) -> Callable[[], None]:
        """Tells what becomes of `send` on this connection, see `Requests.publishing`. Raises LinkDown."""
        return self._alive().requests.publishing(prefix, refused)

    async def drained(self) -> None:
        """Waits until everything that the server has sent so far was taken in. Raises LinkDown."""
        ping = asyncio.ensure_future(self._alive().client.rtt(_PONG_LATEST))
        ping.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            await asyncio.shield(ping)  # a ping that is given up would end the client's reading once it is answered
        except (TimeoutError, nats_errors.Error, OSError) as error:
            raise LinkDown("connection lost") from error

    async def subscribe(self, handler: Handler, *, tail: str = "") -> tuple[str, Callable[[], Awaitable[None]]]:
        """Opens an inbox for this connection only: its subject, and the coroutine function that closes it.

        `tail`: what may come after the subject, such as `.*`.
        After a reconnect nothing arrives any more. Raises LinkDown.
        """
        live = self._alive()
        subject = f"{self._settings.inbox_prefix}.{NUID().next().decode()}"
        try:
            end = await live.client.listen(subject + tail, handler)
        except nats_errors.Error as error:
            raise LinkDown("connection lost") from error

        return subject, _closer(end)

    def _alive(self) -> Live:
        if self._live is None:
            raise LinkDown(self.connection.error or "not connected")
        return self._live

    # --- the supervisor

    async def _supervise(self) -> None:
        failed = 0
        while True:
            try:
                failure = await self._round()
            except Misconfigured as error:
                failure = Failure(Cause.CONFIGURATION, str(error))
            except Exception:
                _log.exception("the connection's supervisor failed; it goes on")
                failure = Failure(Cause.CLOSED, "internal error, see the log")
            if failure is None:
                failed = 0
                continue
            failed = failed + 1 if failure.refused_credentials else 0
            self._change(state=LinkState.DOWN, cause=failure.cause, error=failure.text, rtt=None)
            pause = min(RETRY_AUTH, RETRY * 2 ** min(failed - 1, 10)) if failed else RETRY
            self._hurry.clear()
            await happened(self._hurry, pause)

    async def _round(self) -> Failure | None:
        """Tries every server once. None: one was connected, and the connection has ended since."""
        servers = (*parse_servers(self._settings.url), *self._told)
        failures: list[Failure] = []
        for server in servers:
            if self.connection.state is LinkState.CONNECTING:
                self._change(url=server.shown, servers=len(servers))
            attempt = await dial(server, self._settings, self._clock)
            self._change(
                servers=len(servers), credentials=attempt.credentials, credentials_expire=attempt.credentials_expire
            )
            self.account = attempt.account
            if attempt.live is not None:
                await self._hold(attempt.live)
                return None
            self._change(url=server.shown)
            if attempt.failure is not None:
                failures.append(attempt.failure)
        return max(failures, key=lambda failure: failure.weight)

    # --- while connected

    async def _hold(self, live: Live) -> None:
        """Keeps a connection until it is lost, and says so."""
        failure = Failure(Cause.CLOSED, "connection closed")
        try:
            greeting = live.client.greeting
            self.server = server_info(greeting)
            self._told = told(greeting, live.server, self._settings.url)
            self.generation += 1
            self._samples.clear()
            self.api.forget()
            self._live = live
            again = self.generation > 1
            self._change(
                state=LinkState.CONNECTED,
                url=live.server.shown,
                cause=Cause.NONE,
                error="",
                reconnects=self.connection.reconnects + again,
            )
            failure = await self._watch(live)
        finally:
            self._live = None
            live.requests.close()
            await let_go(live.client)
            self._change(state=LinkState.DOWN, cause=failure.cause, error=failure.text, rtt=None)

    async def _watch(self, live: Live) -> Failure:
        """Pings until the connection ends."""
        times: deque[float] = deque(maxlen=5)
        while True:
            ping = asyncio.ensure_future(_pinged(live))
            if await _first(ping, live.lost):
                return self._ended(live)
            try:
                times.append(ping.result())
            except (TimeoutError, nats_errors.Error, OSError):
                if live.lost.is_set():
                    return self._ended(live)
                return Failure(Cause.TIMEOUT, f"connected, but no answer to a ping for {PONG_WITHIN:.0f} s")
            # To the millisecond: a figure that trembles would be news for every deck every time.
            rtt = math.ceil(median(times) * 1000) / 1000
            if self.connection.rtt is None or abs(rtt - self.connection.rtt) > max(0.001, self.connection.rtt / 4):
                self._change(rtt=rtt)
            if await happened(live.lost, PING_EVERY):
                return self._ended(live)

    def _ended(self, live: Live) -> Failure:
        error = live.client.last_error
        if error is None or isinstance(error, nats_errors.StaleConnectionError):
            return Failure(Cause.CLOSED, "connection closed by the server")
        held = Credentials(expire=self.connection.credentials_expire)
        return explain(error, live.server.host, held, self._clock())

    def _change(self, **fields: Any) -> None:
        before = self.connection
        after = replace(before, **fields)
        if after.state is not before.state:
            after = replace(after, since=self._clock())
        if after == before:
            return
        self.connection = after
        if self.on_change is not None:
            self.on_change()


def _closer(end: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Ends a subscription, also one whose connection is gone."""

    async def close() -> None:
        with contextlib.suppress(nats_errors.Error, OSError):
            await end()

    return close


async def _pinged(live: Live) -> float:
    """The time of travel. Raises TimeoutError after PONG_WITHIN without an answer and with little else coming in."""
    ping = asyncio.ensure_future(live.client.rtt(_PONG_LATEST))
    try:
        while True:
            before = live.client.taken
            done, _ = await asyncio.wait({ping}, timeout=PONG_WITHIN)
            if done:
                return ping.result()
            if live.client.taken - before < _LISTING:
                raise TimeoutError
    finally:
        if not ping.done():
            await ended(ping)


async def _first(work: asyncio.Future[Any], lost: asyncio.Event) -> bool:
    """Waits for one of the two; True if the connection was lost first. Ends `work` then."""
    waiter = asyncio.ensure_future(lost.wait())
    try:
        await asyncio.wait({work, waiter}, return_when=asyncio.FIRST_COMPLETED)
        return not work.done()
    finally:
        for task in (work, waiter):
            if not task.done():
                await ended(task)
