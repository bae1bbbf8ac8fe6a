"""JetStream API requests over a link: subjects by domain or prefix, errors raised, list requests counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec

from app.model.text import clean
from app.sources.connection import NatsLink
from app.sources.errors import ApiError, SourceError
from app.sources.wire import Error, Page

LIST_TIMEOUT = 6.0
"""Seconds. A clustered list waits up to 4 s for leaders that do not answer, and then says which."""

NOT_ENABLED = (10039, 10076)
"""JetStream is not enabled for the account, or not at all."""
NO_MESSAGE = 10037
NO_STREAM = 10059
NO_CONSUMER = 10014


_pages = msgspec.json.Decoder(Page)


class _Answer(Protocol):
    error: Error | None


T = TypeVar("T", bound=_Answer)


class JetStreamApi:
    """One account's API, as this connection reaches it."""

    def __init__(self, link: NatsLink, *, domain: str = "", api_prefix: str = "") -> None:
        self.link = link
        self.domain = domain
        self.prefix = api_prefix.rstrip(".") or (f"$JS.{domain}.API" if domain else "$JS.API")

    def subject(self, name: str) -> str:
        """`STREAM.LIST` with the prefix in force."""
        return f"{self.prefix}.{name}"

    def spelling(self, name: str) -> str:
        """The permission that a request needs, as it is shown: `publish on $JS.API.STREAM.LIST`."""
        return f"publish on {clean(self.subject(name), 300)}"

    async def call(self, name: str, kind: type[T], payload: Any = None, timeout: float = LIST_TIMEOUT) -> T:
        """One request, decoded. Raises ApiError for an error in the answer, else what the link raises."""
        if name.startswith(("STREAM.", "CONSUMER.")):
            self.link.api_calls += 1
        body = b"" if payload is None else msgspec.json.encode(payload)
        with self._counted() as sent:
            answer = await self.link.request(self.subject(name), body, timeout)
            decoded = decode(answer, kind)
            self.link.api.answered(sent)
        return decoded

    async def pages(self, name: str, *, clock: bool = False) -> Sequence[Page]:
        """All pages of a list, its rows still bytes. `clock`: shows the link the broker's clock. Raises as `call`."""
        pages: list[Page] = []
        while True:
            rows = sum(len(page.streams or ()) + len(page.consumers or ()) for page in pages)
            self.link.api_calls += 1
            body = msgspec.json.encode({"offset": rows}) if rows else b""
            with self._counted() as sent:
                answer = await self.link.request(self.subject(name), body, LIST_TIMEOUT)
                received = self.link.now()
                page = _page(answer)
                self.link.api.answered(sent)
            if clock and page.streams and page.streams[-1].ts is not None:
                self.link.saw_clock(page.streams[-1].ts, sent, received)
            pages.append(page)
            got = len(page.streams or ()) + len(page.consumers or ())
            if not got or rows + got >= page.total:
                return pages

    @contextmanager
    def _counted(self) -> Iterator[datetime]:
        """One request, sent now: how it fails is counted."""
        sent = self.link.now()
        try:
            yield sent
        except SourceError as error:
            self.link.api.failed(sent, error)
            raise


def _page(answer: bytes) -> Page:
    try:
        page = _pages.decode(answer)
    except msgspec.MsgspecError as error:
        raise SourceError(f"answer not understood: {clean(str(error), 200)}") from error
    if page.error is not None:
        raise ApiError(page.error.code, page.error.err_code, clean(page.error.description, 200))
    return page


def decode(answer: bytes, kind: type[T]) -> T:
    """An API answer as `kind`. Raises ApiError for an error in it, SourceError where it is not understood."""
    try:
        decoded = msgspec.json.decode(answer, type=kind)
    except msgspec.MsgspecError as error:
        raise SourceError(f"answer not understood: {clean(str(error), 200)}") from error
    if decoded.error is not None:
        error_ = decoded.error
        raise ApiError(error_.code, error_.err_code, clean(error_.description, 200) or "JetStream error")
    return decoded
