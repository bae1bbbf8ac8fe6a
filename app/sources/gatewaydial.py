"""Dialling a gateway: address, TLS and WebSocket, every failure told apart; no address that is shown holds a secret."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import sys
from urllib.parse import quote, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Origin

from app import __version__
from app.model.gateways import GatewayState
from app.model.text import clean
from app.settings.fields import GatewaySettings
from app.sources.failures import network_failure, tls_failure
from app.sources.gatewayframes import FRAME_MOST, PATIENCE, GatewayTrouble

_PLAIN = "what listens there is no WebSocket server, or wants TLS: wss://"
_PLATFORMS = {"linux": "linux", "darwin": "darwin", "win32": "windows"}
# The library writes the request line, and with it the token, where it logs at all.
_silent = logging.getLogger("app.sources.gatewaydial.websockets")
_silent.setLevel(logging.CRITICAL + 1)
_silent.propagate = False


def platform() -> str:
    return _PLATFORMS.get(sys.platform, "linux")


def shown(url: str) -> str:
    """The address as it may be shown: without user, query and fragment."""
    parts = urlsplit(url)
    return clean(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")), 200)


def target(settings: GatewaySettings) -> str:
    """The address as it is dialled: with a token, the query holds that and nothing else."""
    parts = urlsplit(settings.url)
    query = f"token={quote(settings.token.reveal(), safe='')}" if settings.token else parts.query
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))


def origin(url: str) -> str:
    """What a page served by the gateway itself would name as its origin."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if parts.scheme == "wss" else "http"
    return f"{scheme}://{host}{f':{parts.port}' if parts.port else ''}"


def trust(settings: GatewaySettings) -> ssl.SSLContext | None:
    """What certificates are taken; None without TLS."""
    if urlsplit(settings.url).scheme != "wss":
        return None
    context = ssl.create_default_context()
    if settings.allow_insecure_tls:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def dial(settings: GatewaySettings, tls: ssl.SSLContext | None) -> ClientConnection:
    """An open WebSocket. Raises GatewayTrouble; the caller bounds the time."""
    parts = urlsplit(settings.url)
    host, port = parts.hostname or "", parts.port or (443 if tls is not None else 80)
    plain = await _socket(host, port)
    try:
        opened = await connect(
            target(settings),
            sock=plain,
            ssl=tls,
            server_hostname=host if tls is not None else None,
            origin=Origin(origin(settings.url)) if settings.disable_device_pairing else None,
            user_agent_header=f"watchdeck/{__version__}",
            compression=None,
            open_timeout=None,
            ping_interval=None,  # whoever asks every few seconds hears of the end by that
            close_timeout=1.0,
            max_size=FRAME_MOST,
            max_queue=64,
            logger=_silent,
        )
    except BaseException as error:
        plain.close()
        if isinstance(error, Exception):
            raise _trouble(error, host, secure=tls is not None) from None
        raise
    return opened


async def _socket(host: str, port: int) -> socket.socket:
    """A connected socket: the first address of the host that answers."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("no address")
    try:
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise _trouble(error, host) from None
    for family, kind, protocol, _, address in addresses:
        plain = socket.socket(family, kind, protocol)
        plain.setblocking(False)
        try:
            async with asyncio.timeout(PATIENCE * 0.8 / len(addresses)):
                await loop.sock_connect(plain, address)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return plain
        except (OSError, TimeoutError) as error:
            plain.close()
            failure = error
        except BaseException:
            plain.close()
            raise
    if isinstance(failure, TimeoutError):
        raise GatewayTrouble(GatewayState.UNREACHABLE, "no answer: firewall? wrong port?")
    raise _trouble(failure, host)


def _trouble(error: Exception, host: str, *, secure: bool = False) -> GatewayTrouble:
    if isinstance(error, InvalidStatus):
        return _status(error.response.status_code, error.response.headers)
    if isinstance(error, OSError):
        return _network(error, clean(host, 100), secure)
    if isinstance(error, ValueError):  # the library follows no redirect on a connection that was made for it
        return GatewayTrouble(GatewayState.REFUSED, "sends us somewhere else: its address has changed")
    if isinstance(error, InvalidHandshake | ConnectionClosed | EOFError):
        return GatewayTrouble(GatewayState.REFUSED, "what listens there is no WebSocket server" if secure else _PLAIN)
    return GatewayTrouble(GatewayState.FAILING, f"cannot be dialled: {type(error).__name__}")


def _network(error: OSError, host: str, secure: bool) -> GatewayTrouble:
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        asked = ": does it speak TLS?" if secure else ""
        return GatewayTrouble(GatewayState.REFUSED, f"closed the connection before it was a WebSocket{asked}")
    failure = tls_failure(error, host) if isinstance(error, ssl.SSLError) else network_failure(error, host)
    refused = isinstance(error, ConnectionRefusedError)
    return GatewayTrouble(GatewayState.REFUSED if refused else GatewayState.UNREACHABLE, failure.text)


def _status(status: int, headers: Headers) -> GatewayTrouble:
    if status in (401, 403):
        return GatewayTrouble(GatewayState.UNAUTHORIZED, f"authentication failed: HTTP {status}")
    if 300 <= status < 400:
        return GatewayTrouble(GatewayState.REFUSED, f"answers HTTP {status}: it is somewhere else")
    return GatewayTrouble(GatewayState.REFUSED, f"answers HTTP {status} where a WebSocket was asked for")
