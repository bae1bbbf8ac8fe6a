"""Guard: what every request passes before an endpoint sees it. Plain ASGI; no body is read here."""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import time
from collections.abc import Callable, Collection, Iterable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.refusals import error_body

BODY_LIMIT = 64 * 1024
"""Bytes of a request's body; nothing that is posted here comes near, but for events."""
EVENTS_PATH = "/api/events"
EVENTS_LIMIT = 1024 * 1024
"""Bytes of a body of session events (AgentLens's limit)."""
SAFETY = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
_log = logging.getLogger(__name__)
_SPELLINGS = 64
_SAFETY = [(name.encode(), value.encode()) for name, value in SAFETY.items()]
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


RawHeaders = Iterable[tuple[bytes, bytes]]
Traffic = Callable[[Scope, int, float], None]
"""Told of each answer: the scope as routing left it, the status, and the seconds it took."""


async def refuse(
    scope: Scope, send: Send, status: int, error: str, *, close: bool = False, headers: RawHeaders = ()
) -> None:
    """Answers with the error body from outside of any endpoint."""
    body = error_body(status, error, request_id=scope["state"].get("request_id", ""))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Envelope:
    """Gives each request an id (the caller's, if it is a plain word) and each answer its headers; counts them."""

    def __init__(self, app: ASGIApp, traffic: Traffic | None = None) -> None:
        self._app = app
        self._count = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        request_id = _given_id(scope) or os.urandom(16).hex()
        scope.setdefault("state", {})["request_id"] = request_id
        status, started = 500, False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started = True
                status = message["status"]
                headers = list(message.get("headers", ()))
                present = {name for name, _ in headers}
                headers += [pair for pair in _SAFETY if pair[0] not in present]
                headers.append((b"x-request-id", request_id.encode()))
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:  # a fault of ours, where no route was asked yet: nothing of it is shown
            if started:
                raise
            _log.exception("a request could not be answered")
            await refuse(scope, send_with_headers, 500, "Internal Server Error", close=True)
        finally:
            if self._count is not None:
                self._count(scope, status, time.perf_counter() - began)


def _given_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            return text if _REQUEST_ID.fullmatch(text) else ""
    return ""


class BodyLimit:
    """413 for bodies over `BODY_LIMIT`, or `EVENTS_LIMIT` where events are posted: by what they announce and by what
    comes."""

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        announced = b"0"
        for name, value in scope["headers"]:
            if name == b"content-length":
                announced = value
        limit = EVENTS_LIMIT if scope["path"] == EVENTS_PATH else self._limit
        sentence = f"the body is larger than {limit} bytes"
        if not announced.isdigit() or int(announced[:20]) > limit:
            await refuse(scope, send, 413, sentence, close=True)
            return
        taken = 0

        async def receive_some() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413, sentence, {"connection": "close"})
            return message

        await self._app(scope, receive_some, send)


class HostGuard:
    """Answers only to names that are its own, so that no web page can reach it under a name of its making.

    Own are localhost and the loopback addresses, the names it was told, and the address that a connection came in
    on: an address typed as such cannot be made to point elsewhere. 421 for others; HTTP/1.1 without Host is a 400.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset({"localhost", "127.0.0.1", "::1"}.union(map(_name, allowed)) - {""})
        self._seen: set[bytes] = set()  # spellings of own names that have been used, so that each is read once

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) > 1 or (not hosts and scope["http_version"] != "1.0"):
            await refuse(scope, send, 400, "exactly one Host is needed", close=True)
        elif hosts and not self._own(hosts[0], scope):
            await refuse(scope, send, 421, "this Host is not ours; add it to http.allowed_hosts if it is", close=True)
        else:
            await self._app(scope, receive, send)

    def _own(self, host: bytes, scope: Scope) -> bool:
        if host in self._seen:
            return True
        name = _name(host.decode("latin-1"))
        if name in self._allowed:
            if len(self._seen) < _SPELLINGS:
                self._seen.add(host)
            return True
        server = scope.get("server")
        return server is not None and name != "" and name == _address(server[0])


def _name(host: str) -> str:
    """The host of a Host header or an address of the configuration: lower case, without port and final dot."""
    host = host.strip().lower()
    if host.startswith("["):
        inside, bracket, rest = host[1:].partition("]")
        return _address(inside) if bracket and re.fullmatch(r"(:\d{1,5})?", rest) else ""
    if host.count(":") > 1:  # an IPv6 address as the configuration may write it
        return _address(host)
    name, colon, port = host.partition(":")
    if colon and not port.isdecimal():
        return ""
    return _address(name.removesuffix("."))


def _address(text: str) -> str:
    """An address in its one spelling; other names as they are."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text
