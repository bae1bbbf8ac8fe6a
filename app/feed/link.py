"""Link: one worker over HTTP, on its Unix socket or by URL. Tells the faults of the outside apart."""

from __future__ import annotations

import asyncio
import getpass
import json
import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from app.feed.target import Target
from app.feed.wire import Mark, WireError
from app.model.text import clean

if TYPE_CHECKING:
    import httpx

READ_TIMEOUT = 15.0
"""Seconds without a byte after which a connection is given up; a worker answers every 5 s."""
CONNECT_TIMEOUT = 5.0
ANSWER_TIMEOUT = 10.0
"""Seconds for the answer to one question: the worker itself gives up on the broker before that."""
_NOT_FOR_US = frozenset({400, 401, 403, 404, 405, 421, 422, 426})


class LinkError(Exception):
    """No answer; the text says why in one sentence."""


class Ended(LinkError):
    """Nobody is there, or the connection broke: asking again soon, elsewhere perhaps, may help."""


class Silent(LinkError):
    """Connected, and no byte came."""


class Refused(LinkError):
    """An answer, but not to us: asking again soon does not help."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer: its status, its headers by their names in lower case, and its body as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Link:
    """Made by `open_link`. Requests end with the answer's bytes or a LinkError."""

    def __init__(self, target: Target, client: httpx.AsyncClient) -> None:
        self._target = target
        self._client = client

    async def poll(
        self,
        since: Mark | None,
        sections: Collection[str],
        *,
        deck: str,
        look: Collection[str],
        wait: bool,
        heard: Callable[[], None],
    ) -> tuple[bytes, str]:
        """Asks for news: the raw body and its encoding.

        The worker holds the question until there is news unless `wait` is false. `heard` is called as bytes come in.
        """
        parameters: dict[str, str | list[str]] = {"sections": ",".join(sorted(sections)), "deck": deck}
        if since is not None:
            parameters["since"] = str(since)
        if not wait:
            parameters["wait"] = "0"
        if look:
            parameters["look"] = sorted(look)
        import httpx

        try:
            async with self._client.stream("GET", "/api/v1/feed", params=parameters) as response:
                heard()
                gathered = bytearray()
                async for piece in response.aiter_raw():
                    heard()
                    gathered += piece
                body = bytes(gathered)
                del gathered
                if response.status_code != 200:
                    self._status(response.status_code, body)
                return body, response.headers.get("content-encoding", "").strip().lower()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._fault(error)

    async def get(self, path: str) -> bytes:
        """The answer to a question. LinkError with the worker's own sentence where it has none."""
        return await self._asked("GET", path)

    async def post(self, path: str, body: Mapping[str, object]) -> bytes:
        """Tells the worker something: its answer. LinkError with the worker's own sentence where it does not do it."""
        return await self._asked("POST", path, body)

    async def answer(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Answered:
        """Whatever is answered, also a refusal. LinkError if nothing is."""
        import httpx

        try:
            response = await self._client.request(method, path, headers=dict(headers or {}), timeout=ANSWER_TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._fault(error)
        return Answered(response.status_code, dict(response.headers), response.content)

    async def _asked(self, method: str, path: str, body: Mapping[str, object] | None = None) -> bytes:
        import httpx

        try:
            response = await self._client.request(method, path, json=body or None, timeout=ANSWER_TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._fault(error)
        if response.status_code >= 300:
            raise Refused(_sentence(response.status_code, response.content))
        return response.content

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.aclose()

    def _status(self, status: int, body: bytes) -> NoReturn:
        said = clean(body[:300]).strip()
        if status in _NOT_FOR_US:
            reason = {401: "wants a token", 403: "does not let us in", 404: "has no feed for decks"}.get(status)
            raise Refused(f"the worker at {self._target.place} {reason or f'refuses our question ({status}): {said}'}")
        raise Ended(f"the worker at {self._target.place} answers {status}")

    def _fault(self, error: Exception) -> NoReturn:
        import httpx

        place = self._target.place
        causes = _causes(error)
        if any(isinstance(cause, PermissionError) for cause in causes):
            raise Refused(f"the worker's socket {place} belongs to another user") from error
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            raise Refused(f"the certificate of {place} is not trusted: {clean(str(error), 200)}") from error
        if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
            raise Refused(f"{clean(place, 200)} is not an address of a worker") from error
        if isinstance(error, httpx.TimeoutException):
            raise Silent(f"the worker at {place} does not answer") from error
        if isinstance(error, httpx.ConnectError):
            raise Ended(f"no worker answers at {place}") from error
        raise Ended("the worker ended") from error


def _sentence(status: int, body: bytes) -> str:
    """What the worker says in its error body, cleaned; else its status."""
    try:
        said = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        said = ""
    return clean(said, 300) if isinstance(said, str) and said else f"the worker answers {status}"


def _causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain and len(chain) < 10:
        chain.append(error)
        if isinstance(error, BaseExceptionGroup):
            chain.extend(error.exceptions)
        error = error.__cause__ or error.__context__
    return chain


async def open_link(target: Target) -> Link:
    """Makes a link; nothing is connected yet. httpx is imported here, in a thread: it takes longer than a frame."""
    return await asyncio.to_thread(_open, target)


def _open(target: Target) -> Link:
    import httpx

    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every poll says nothing
    timeout = httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT, pool=CONNECT_TIMEOUT)
    limits = httpx.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=25.0)
    headers = {"user-agent": "watchdeck", "accept": "application/x-ndjson"}
    if target.url:
        headers["accept-encoding"] = "zstd"
        if target.token:
            headers["authorization"] = f"Bearer {target.token.reveal()}"
        transport = httpx.AsyncHTTPTransport(limits=limits, verify=_trusted(target), trust_env=False)
        base = target.url
    else:
        headers["accept-encoding"] = "identity"
        headers["x-watchdeck-by"] = _ourselves()
        unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # spares reading the store of certificates
        transport = httpx.AsyncHTTPTransport(uds=target.socket_path, limits=limits, verify=unused, trust_env=False)
        base = "http://worker"
    client = httpx.AsyncClient(transport=transport, base_url=base, headers=headers, timeout=timeout, trust_env=False)
    return Link(target, client)


def _ourselves() -> str:
    """Who we are to a worker that knows us by our user id alone: `ana@bastion`. It signs what is done from here."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return clean(f"{user}@{socket.gethostname()}", 100).encode("ascii", "replace").decode()


def _trusted(target: Target) -> ssl.SSLContext:
    """Whose certificates are believed. Refused for a file of them that cannot be used."""
    context = ssl.create_default_context()
    if target.ca_file:
        try:
            context.load_verify_locations(target.ca_file)
        except OSError as error:  # an SSLError too
            said = clean(error.strerror or str(error), 200)
            raise Refused(f"{target.ca_file} holds no certificates to trust: {said}") from None
    return context


def decompress(body: bytes, encoding: str) -> bytes:
    """The body behind its Content-Encoding; WireError if it is not what that says."""
    if encoding in ("", "identity"):
        return body
    if encoding != "zstd":
        raise WireError(f"the worker's answer cannot be read: encoded as {clean(encoding, 20)}")
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    try:
        return zstd.decompress(body)
    except zstd.ZstdError as error:
        raise WireError("the worker's answer cannot be read: broken zstd") from error
