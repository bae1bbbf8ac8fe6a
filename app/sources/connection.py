"""Supervised NATS connection: one client per attempt, every failure told apart, never given up."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import math
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from typing import Any

from nats import errors as nats_errors
from nats.nuid import NUID

from app.model.broker import Cause, Connection, LinkState, ServerInfo
from app.model.text import clean
from app.settings import NatsSettings
from app.sources import credentials as credentials_
from app.sources.client import Handler, RawClient
from app.sources.credentials import Credentials
from app.sources.errors import LinkDown, Misconfigured, SourceError
from app.sources.failures import CONNECT_TIMEOUT, Failure, NameMismatch, explain, is_name_mismatch
from app.sources.requests import Reply, Requests
from app.sources.servers import Server, certificate_names, parse_servers
from app.sources.tasks import ended, happened

RETRY = 2.0
"""Seconds between two rounds through the servers while the network fails."""
RETRY_AUTH = 30.0
"""Longest pause in seconds while the server refuses our credentials."""
PING_EVERY = 2.0
PONG_WITHIN = 6.0
"""Seconds: with both, a server that stands still is noticed within 8 s."""

_log = logging.getLogger(__name__)


class _Failed(Exception):
    """Carries the exception of an attempt out of nats-py, which would otherwise try for ever by itself."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True, eq=False)
class _Live:
    """A client that is connected, and what ends it."""

    client: RawClient
    server: Server
    requests: Requests
    lost: asyncio.Event


class NatsLink:
    """The connection of one site. `connection` and `server` are immutable records, replaced on change.

    `generation` grows by one with each successful connection; `clock_offset` is how many seconds the broker's clock is
    ahead of ours; `api_calls` counts `STREAM.*` and `CONSUMER.*` requests of all sources, for the request budget.
    """

    def __init__(self, settings: NatsSettings, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._settings = settings
        self._clock = clock
        self.connection = Connection(origin=clean(settings.origin, 100), since=clock())
        self.server: ServerInfo | None = None
        self.generation = 0
        self.clock_offset = 0.0
        self.api_calls = 0
        self.account = ""  # public key of the account, where our user JWT names it
        self.on_change: Callable[[], None] | None = None
        self._live: _Live | None = None
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
        """Takes in the time in an answer. Of the last 20 the one with the shortest way counts."""
        way = (received - sent).total_seconds()
        middle = sent + (received - sent) / 2
        if 0 <= way < 1:
            self._samples.append((way, (broker - middle).total_seconds()))
            self.clock_offset = min(self._samples)[1]

    async def request(self, subject: str, payload: bytes = b"", timeout: float = 6.0) -> bytes:
        """The payload of the answer. Raises LinkDown, NoResponders, NotPermitted or RequestTimeout."""
        return (await self.ask(subject, payload, timeout)).payload

    async def ask(self, subject: str, payload: bytes = b"", timeout: float = 6.0) -> Reply:
        """As `request`, with the headers of the answer."""
        return await self._alive().requests.ask(subject, payload, timeout)

    async def subscribe(self, handler: Handler) -> tuple[str, Callable[[], Awaitable[None]]]:
        """Opens an inbox for this connection only: its subject, and the coroutine function that closes it.

        After a reconnect nothing arrives any more. Raises LinkDown.
        """
        live = self._alive()
        subject = f"{self._settings.inbox_prefix}.{NUID().next().decode()}"
        try:
            end = await live.client.listen(subject, handler)
        except nats_errors.Error as error:
            raise LinkDown("connection lost") from error

        async def close() -> None:
            with contextlib.suppress(nats_errors.Error, OSError):
                await end()

        return subject, close

    def _alive(self) -> _Live:
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
            live = await self._attempt(server, failures)
            if live is not None:
                self._change(servers=len(servers))
                await self._hold(live)
                return None
            self._change(url=server.shown, servers=len(servers))
        return max(failures, key=lambda failure: failure.weight)

    async def _attempt(self, server: Server, failures: list[Failure]) -> _Live | None:
        held = Credentials()
        try:
            sources = self._sources(server)
            held = await asyncio.to_thread(credentials_.load, sources, self._clock())
            context, certificate_ends = await self._context(server)
            ends = [moment for moment in (held.expire, certificate_ends) if moment is not None]
            self._change(credentials=held.text, credentials_expire=min(ends, default=None))
            self.account = held.account
            async with asyncio.timeout(CONNECT_TIMEOUT):
                return await self._open(server, held, context)
        except (SourceError, OSError, TimeoutError, nats_errors.Error) as error:
            failures.append(explain(await self._named(error, server), server.host, held, self._clock()))
        except _Failed as failed:
            failures.append(explain(await self._named(failed.error, server), server.host, held, self._clock()))
        return None

    def _sources(self, server: Server) -> credentials_.Sources:
        settings = self._settings
        given = credentials_.Sources(
            creds=settings.creds,
            user_jwt=settings.user_jwt.reveal(),
            nkey=settings.nkey,
            user=settings.user,
            password=settings.password.reveal(),
            token=settings.token.reveal(),
        )
        if given == credentials_.Sources():
            return credentials_.from_url(server.user, server.password) or given
        return given

    async def _context(self, server: Server) -> tuple[ssl.SSLContext | None, datetime | None]:
        """None where a plain connection is meant: the client takes the system's defaults if the server wants TLS."""
        settings = self._settings
        if not (self._wants_tls(server) or settings.tls_first):
            return None, None
        return await asyncio.to_thread(credentials_.tls_context, settings.tls_ca, settings.tls_cert, settings.tls_key)

    def _wants_tls(self, server: Server) -> bool:
        return server.scheme == "tls" or bool(self._settings.tls_ca or self._settings.tls_cert)

    async def _named(self, error: Exception, server: Server) -> Exception:
        """Adds to a certificate for another host which hosts it is for."""
        if not is_name_mismatch(error):
            return error
        settings = self._settings
        context, _ = await asyncio.to_thread(
            credentials_.tls_context, settings.tls_ca, settings.tls_cert, settings.tls_key
        )
        names = await certificate_names(server, context, self._settings.tls_first, CONNECT_TIMEOUT)
        return NameMismatch(names) if names else error

    async def _open(self, server: Server, held: Credentials, context: ssl.SSLContext | None) -> _Live:
        settings = self._settings
        client = RawClient(want_tls=self._wants_tls(server))
        lost = asyncio.Event()
        requests = Requests(client, settings.inbox_prefix)
        connecting = True

        async def on_error(error: Exception) -> None:
            if connecting:
                raise _Failed(error)
            requests.refused(str(error))

        async def on_closed() -> None:
            lost.set()

        try:
            await client.connect(
                servers=[server.url],
                name="watchdeck",
                error_cb=on_error,
                closed_cb=on_closed,
                allow_reconnect=False,
                connect_timeout=CONNECT_TIMEOUT,  # type: ignore[arg-type, unused-ignore]
                ping_interval=86400,  # we ping ourselves, and measure
                tls=context,
                tls_hostname=server.name or None,
                tls_handshake_first=settings.tls_first,
                inbox_prefix=settings.inbox_prefix,
                **held.options,
            )
            if not client.is_connected:
                raise ConnectionResetError("closed during the greeting")
            connecting = False
            await requests.open()
        except BaseException:
            connecting = False
            await _let_go(client)
            raise
        return _Live(client, server, requests, lost)

    # --- while connected

    async def _hold(self, live: _Live) -> None:
        """Keeps a connection until it is lost, and says so."""
        greeting = live.client.greeting
        self.server = _server_info(greeting)
        self._told = _told(greeting, live.server, self._settings)
        self.generation += 1
        self._samples.clear()
        self._live = live
        again = self.generation > 1
        self._change(
            state=LinkState.CONNECTED,
            url=live.server.shown,
            cause=Cause.NONE,
            error="",
            reconnects=self.connection.reconnects + again,
        )
        failure = Failure(Cause.CLOSED, "connection closed")
        try:
            failure = await self._watch(live)
        finally:
            self._live = None
            live.requests.close()
            await _let_go(live.client)
            self._change(state=LinkState.DOWN, cause=failure.cause, error=failure.text, rtt=None)

    async def _watch(self, live: _Live) -> Failure:
        """Pings until the connection ends."""
        times: deque[float] = deque(maxlen=5)
        while True:
            ping = asyncio.ensure_future(live.client.rtt(PONG_WITHIN))  # type: ignore[arg-type, unused-ignore]
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

    def _ended(self, live: _Live) -> Failure:
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


async def _let_go(client: RawClient) -> None:
    """Closes a client, however dead its peer."""
    try:
        async with asyncio.timeout(1.0):
            await client.close()
    except (TimeoutError, nats_errors.Error, OSError, AssertionError):
        pass
    finally:
        client.abort()


def _server_info(greeting: dict[str, Any]) -> ServerInfo:
    def text(name: str) -> str:
        return clean(str(greeting.get(name) or ""), 100)

    payload = greeting.get("max_payload")
    return ServerInfo(
        name=text("server_name"),
        version=text("version"),
        cluster=text("cluster"),
        jetstream=bool(greeting.get("jetstream")),
        domain=text("domain"),
        max_payload=payload if isinstance(payload, int) else 0,
    )


def _told(greeting: dict[str, Any], server: Server, settings: NatsSettings) -> tuple[Server, ...]:
    """Further servers of the cluster, as the server told us; those configured are not repeated."""
    known = {(one.host, one.port) for one in parse_servers(settings.url)}
    told: list[Server] = []
    for url in greeting.get("connect_urls") or ():
        with contextlib.suppress(Misconfigured):
            (one,) = parse_servers(f"{server.scheme}://{url}")
            if (one.host, one.port) not in known:
                name = (server.name or server.host) if _is_ip(one.host) else ""
                told.append(replace(one, user=server.user, password=server.password, name=name))
    return tuple(told[:16])


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
