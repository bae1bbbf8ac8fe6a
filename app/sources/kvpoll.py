"""A bucket's entries without a consumer, where the server permits us to make none."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable
from datetime import datetime

import msgspec

from app.sources import jsapi
from app.sources.client import fields
from app.sources.errors import ApiError, NoResponders, NotPermitted, SourceError
from app.sources.jsapi import JetStreamApi
from app.sources.shapes import moment
from app.sources.wire import MessageGet, StreamInfo

POLL_EVERY = 10.0
"""Seconds between two listings."""
_IN_FLIGHT = 8
_TIMEOUT = 5.0

Found = tuple[bytes, int, datetime, bytes | None]
"""Value, revision, broker's time, raw headers."""

_times = msgspec.json.Decoder(datetime)


async def last_values(api: JetStreamApi, stream: str, subjects: Iterable[str]) -> dict[str, Found]:
    """The last message of each subject that has one, by subject. Raises what a request raises."""
    found: dict[str, Found] = {}
    left = iter(subjects)
    way = _Way()

    async def read() -> None:
        try:
            for one in left:
                message = await way.last(api, stream, one)
                if message is not None:
                    found[one] = message
        finally:
            for _ in left:  # after a failure nobody goes on
                pass

    await asyncio.gather(*(read() for _ in range(_IN_FLIGHT)))
    return found


async def subjects_of(api: JetStreamApi, stream: str, subject: str) -> list[str]:
    """The subjects that hold messages, of those that `subject` covers. Raises what a request raises."""
    names: list[str] = []
    while True:
        request = {"subjects_filter": subject, "offset": len(names)}
        info = await api.call(f"STREAM.INFO.{stream}", StreamInfo, request)
        page = list((info.state.subjects or {}) if info.state else ())
        names.extend(page)
        if not page or len(names) >= info.total:
            return names


class _Way:
    """`DIRECT.GET`, and from its first refusal on `STREAM.MSG.GET`."""

    def __init__(self) -> None:
        self._direct = True

    async def last(self, api: JetStreamApi, stream: str, subject: str) -> Found | None:
        if self._direct:
            try:
                return await self._by_direct(api, stream, subject)
            except (NotPermitted, NoResponders):  # refused, or the stream allows none
                self._direct = False
        return await self._by_get(api, stream, subject)

    async def _by_direct(self, api: JetStreamApi, stream: str, subject: str) -> Found | None:
        reply = await api.link.ask(api.subject(f"DIRECT.GET.{stream}.{subject}"), b"", _TIMEOUT)
        if reply.status is not None:
            return None
        headers = fields(reply.headers)
        try:
            at = moment(_times.decode(msgspec.json.encode(headers["Nats-Time-Stamp"])))
            revision = int(headers["Nats-Sequence"])
        except (KeyError, ValueError) as error:
            raise SourceError("answer not understood") from error
        return (reply.payload, revision, at, reply.headers) if at else None

    async def _by_get(self, api: JetStreamApi, stream: str, subject: str) -> Found | None:
        try:
            answer = await api.call(f"STREAM.MSG.GET.{stream}", MessageGet, {"last_by_subj": subject}, _TIMEOUT)
        except ApiError as error:
            if error.number == jsapi.NO_MESSAGE:
                return None
            raise
        message = answer.message
        at = moment(message.time) if message else None
        if message is None or at is None:
            return None
        try:
            headers = base64.b64decode(message.hdrs) if message.hdrs else None
            return base64.b64decode(message.data), message.seq, at, headers
        except ValueError as error:
            raise SourceError("answer not understood") from error
