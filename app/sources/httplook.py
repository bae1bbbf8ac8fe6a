"""HTTP looks: asks a health endpoint once, within bounds, and says in words what came of it."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app import __version__
from app.model.text import clean
from app.settings.fields import Secret
from app.sources.failures import network_failure, tls_failure
from app.sources.healthbody import BODY_MOST, Answer, read
from app.sources.looks import Look, lost
from app.sources.secretless import scrubbed

if TYPE_CHECKING:
    import httpx

KEPT_OPEN = 120.0
"""Seconds that an idle connection is kept."""
SLACK = 0.25
"""Seconds by which all steps together may take longer than one of them."""
_ACCEPT = "application/health+json, application/json;q=0.9, text/plain;q=0.8, */*;q=0.5"
_CHUNK = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked: a GET of `url`, given up after `timeout` seconds altogether."""

    url: str
    timeout: float = 5.0
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    token: Secret = field(default_factory=lambda: Secret(""))

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(secret.reveal() for secret in (self.password, self.token) if secret)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer, the seconds it took, and when the certificate it came under ends."""

    answer: Answer
    took: float
    expires: datetime | None = None


class Unanswered(Exception):
    """There was no answer; the text says why."""


async def open_client() -> httpx.AsyncClient:
    """One client for all: connections are kept, redirects are not followed, no cookie is, nor any proxy or netrc of the
    environment."""
    return await asyncio.to_thread(_client)


def _client() -> httpx.AsyncClient:
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx

    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every look says nothing
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=KEPT_OPEN)
    return httpx.AsyncClient(
        verify=trusted(),
        limits=limits,
        headers={"Accept": _ACCEPT, "Accept-Encoding": "identity", "User-Agent": f"watchdeck/{__version__}"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
        timeout=httpx.Timeout(None),  # each request brings its own
    )


def trusted() -> ssl.SSLContext:
    """Who is trusted: the machine's own certificates (also those of SSL_CERT_FILE), and those that come with httpx."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


async def look(client: httpx.AsyncClient, request: Request, expect: str = "", *, told_before: bool = False) -> Look:
    """One look. Never raises: what goes wrong is what it says."""
    try:
        fetched = await fetch(client, request)
    except Unanswered as error:
        return lost(str(error))
    reading = read(fetched.answer, expect, told_before=told_before)
    hidden = request.secrets
    return Look(
        health=reading.health,
        state=reading.word,
        reason=clean(scrubbed(reading.reason, hidden), 300),
        latency=fetched.took,
        checks=tuple(replace(check, reason=scrubbed(check.reason, hidden)) for check in reading.checks),
        version=reading.version,
        expires=fetched.expires,
        telling=reading.telling,
    )


async def fetch(client: httpx.AsyncClient, request: Request, most: int = BODY_MOST) -> Fetched:
    """The answer to one request, its body up to `most` bytes; Unanswered if there is none.

    A connection that was kept may have been closed by the other side at that very moment: then it is asked once more.
    """
    import httpx

    host = urlsplit(request.url).hostname or request.url
    try:
        # Each step has its own end a little earlier: httpx closes what it ends itself, and not what is ended from here.
        async with asyncio.timeout(request.timeout + SLACK):
            try:
                return await _fetch(client, request, most)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                return await _fetch(client, request, most)
    except httpx.ConnectTimeout:
        raise Unanswered(f"no connection within {request.timeout:g} s: firewall? wrong port?") from None
    except (TimeoutError, httpx.TimeoutException):
        raise Unanswered(f"no answer within {request.timeout:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, ValueError) as error:
        raise Unanswered(clean(scrubbed(words(error, host), request.secrets), 300)) from None


async def _fetch(client: httpx.AsyncClient, request: Request, most: int) -> Fetched:
    import httpx

    headers = {"Authorization": f"Bearer {request.token.reveal()}"} if request.token else {}
    auth = httpx.BasicAuth(request.user, request.password.reveal()) if request.user and not request.token else None
    began = time.perf_counter()
    async with client.stream("GET", request.url, headers=headers, auth=auth, timeout=request.timeout) as response:
        expires = _expiry(response.extensions.get("network_stream"))
        body, cut = await _body(response, most)
        return Fetched(
            Answer(
                response.status_code,
                response.headers.get("content-type", ""),
                body,
                cut,
                response.headers.get("location", ""),
            ),
            time.perf_counter() - began,
            expires,
        )


async def _body(response: httpx.Response, most: int) -> tuple[bytes, bool]:
    """What there is of a body up to `most` bytes, and whether there is more; unpacked no further than that."""
    encoding = response.headers.get("content-encoding", "").lower()
    unpack = zlib.decompressobj(47) if encoding in ("gzip", "deflate") else None
    body = bytearray()
    async for chunk in response.aiter_raw(_CHUNK):
        try:
            body += unpack.decompress(chunk, most + 1 - len(body)) if unpack is not None else chunk
        except zlib.error:
            return bytes(body), True
        if len(body) > most:
            return bytes(body[:most]), True
    return bytes(body), False


def _expiry(stream: Any) -> datetime | None:
    """When the certificate of a connection ends; None without TLS."""
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    certificate = tls.getpeercert() if tls is not None else None
    end = certificate.get("notAfter") if certificate else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC) if isinstance(end, str) else None


def words(error: BaseException, host: str) -> str:
    """Why there was no answer, in one sentence."""
    for each in _chain(error):
        if isinstance(each, ssl.SSLError):
            if each.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
                return f"{clean(host, 100)} does not speak TLS there: http://?"
            return tls_failure(each, clean(host, 100)).text
        if isinstance(each, OSError) and (each.errno is not None or each.__cause__ is None):
            return network_failure(each, clean(host, 100)).text
    text = clean(str(error) or type(error).__name__, 150)
    return f"no HTTP answer: {text[:1].lower()}{text[1:]}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """What lies under an exception, the plainest last: causes, and what is grouped in them."""
    for _ in range(10):
        if error is None:
            return
        yield error
        inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
        error = inner[0] if inner else error.__cause__ or error.__context__
