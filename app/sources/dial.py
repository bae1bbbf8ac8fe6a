"""One attempt at one server: credentials read anew, TLS as asked for, and why it failed if it did."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from nats import errors as nats_errors

from app.settings import NatsSettings
from app.sources import credentials
from app.sources.client import RawClient
from app.sources.credentials import Credentials
from app.sources.errors import SourceError
from app.sources.failures import CONNECT_TIMEOUT, Failure, NameMismatch, explain, is_name_mismatch
from app.sources.requests import Requests
from app.sources.servers import Server, certificate_names

_NEVER = 86400
"""Seconds between nats-py's own pings: we ping ourselves, and measure."""


class _Failed(Exception):
    """Carries the exception of an attempt out of nats-py, which would otherwise try for ever by itself."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True, eq=False)
class Live:
    """A client that is connected, and what ends it."""

    client: RawClient
    server: Server
    requests: Requests
    lost: asyncio.Event


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt: a live client, or else a failure. The rest is what may be said of the credentials."""

    live: Live | None = None
    failure: Failure | None = None
    credentials: str = ""
    credentials_expire: datetime | None = None
    account: str = ""


async def dial(server: Server, settings: NatsSettings, clock: Callable[[], datetime]) -> Attempt:
    """Tries one server once, CONNECT_TIMEOUT seconds at most."""
    held, ends = Credentials(), None
    live: Live | None = None
    failure: Failure | None = None
    try:
        held = await asyncio.to_thread(credentials.load, _sources(server, settings), clock())
        context, ends = await _context(server, settings)
        async with asyncio.timeout(CONNECT_TIMEOUT):
            live = await _open(server, settings, held, context)
    except (_Failed, SourceError, OSError, TimeoutError, nats_errors.Error) as error:
        cause = error.error if isinstance(error, _Failed) else error
        failure = explain(await _named(cause, server, settings), server.host, held, clock())
        if live is not None:  # the time was up just when it was there
            await let_go(live.client)
            live = None
    expire = min((moment for moment in (held.expire, ends) if moment is not None), default=None)
    return Attempt(live, failure, held.text, expire, held.account)


def _sources(server: Server, settings: NatsSettings) -> credentials.Sources:
    given = credentials.Sources(
        creds=settings.creds,
        user_jwt=settings.user_jwt.reveal(),
        nkey=settings.nkey,
        user=settings.user,
        password=settings.password.reveal(),
        token=settings.token.reveal(),
    )
    if given == credentials.Sources():
        return credentials.from_url(server.user, server.password) or given
    return given


def _wants_tls(server: Server, settings: NatsSettings) -> bool:
    return server.scheme == "tls" or bool(settings.tls_ca or settings.tls_cert)


async def _context(server: Server, settings: NatsSettings) -> tuple[ssl.SSLContext | None, datetime | None]:
    """None where a plain connection is meant: the client takes the system's defaults if the server wants TLS."""
    if not (_wants_tls(server, settings) or settings.tls_first):
        return None, None
    return await _tls(settings)


async def _tls(settings: NatsSettings) -> tuple[ssl.SSLContext, datetime | None]:
    return await asyncio.to_thread(credentials.tls_context, settings.tls_ca, settings.tls_cert, settings.tls_key)


async def _named(error: Exception, server: Server, settings: NatsSettings) -> Exception:
    """Adds to a certificate for another host which hosts it is for."""
    if not is_name_mismatch(error):
        return error
    context, _ = await _tls(settings)
    names = await certificate_names(server, context, settings.tls_first, CONNECT_TIMEOUT)
    return NameMismatch(names) if names else error


async def _open(server: Server, settings: NatsSettings, held: Credentials, context: ssl.SSLContext | None) -> Live:
    client = RawClient(want_tls=_wants_tls(server, settings))
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
            ping_interval=_NEVER,
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
        await let_go(client)
        raise
    return Live(client, server, requests, lost)


async def let_go(client: RawClient) -> None:
    """Closes a client, however dead its peer."""
    try:
        async with asyncio.timeout(1.0):
            await client.close()
    except (TimeoutError, nats_errors.Error, OSError, AssertionError):
        pass
    finally:
        client.abort()
