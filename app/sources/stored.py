"""One stored message, read without a consumer: by `DIRECT.GET` where that is possible, else by `STREAM.MSG.GET`."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from app.sources import jsapi
from app.sources.client import fields
from app.sources.errors import ApiError, NoResponders, NotPermitted, SourceError
from app.sources.jsapi import JetStreamApi
from app.sources.shapes import moment
from app.sources.wire import MessageGet

TIMEOUT = 2.0
_AGAIN = 60.0
"""Seconds until a refused way is tried again."""
ADDED = frozenset(
    ("Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending", "Nats-Last-Sequence")
)
"""Headers that `DIRECT.GET` adds to those of the message."""

_times = msgspec.json.Decoder(datetime)


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as it is stored; nothing in it is cleaned. Its headers may hold those of `DIRECT.GET`."""

    sequence: int
    subject: str
    at: datetime
    headers: bytes | None
    payload: bytes


class StoredMessages:
    """Reads messages. A way that was refused is left alone for a while."""

    def __init__(self, api: JetStreamApi) -> None:
        self._api = api
        self._refused: dict[str, float] = {}  # way -> monotonic until when it is not tried

    def forget(self) -> None:
        """After a reconnect: permissions may be others."""
        self._refused.clear()

    def counted(self, allow_direct: bool) -> bool:
        """Whether reading takes a request of the budget."""
        return not (allow_direct and self._may("DIRECT.GET"))

    async def at(self, stream: str, sequence: int, subject: str = "", *, direct: bool = True) -> Stored | None:
        """The message at a sequence, or with a subject the next at or behind it that fits; None if there is none.

        Raises NotPermitted, RequestTimeout, LinkDown and what else a request raises.
        """
        body: dict[str, Any] = {"seq": sequence}
        if subject:
            body["next_by_subj"] = subject
        return await self._read(stream, body, direct)

    async def last(self, stream: str, subject: str, *, direct: bool = True) -> Stored | None:
        """The last message of a subject."""
        return await self._read(stream, {"last_by_subj": subject}, direct)

    async def _read(self, stream: str, body: dict[str, Any], direct: bool) -> Stored | None:
        if direct and self._may("DIRECT.GET"):
            try:
                return await self._direct(stream, body)
            except NoResponders:  # the stream allows none
                pass
            except NotPermitted:
                self._refuse("DIRECT.GET")
        if not self._may("STREAM.MSG.GET"):
            raise NotPermitted("publish", self._api.subject(f"STREAM.MSG.GET.{stream}"))
        try:
            return await self._get(stream, body)
        except NotPermitted:
            self._refuse("STREAM.MSG.GET")
            raise

    async def _direct(self, stream: str, body: dict[str, Any]) -> Stored | None:
        subject = self._api.subject(f"DIRECT.GET.{stream}")
        reply = await self._api.link.ask(subject, msgspec.json.encode(body), TIMEOUT)
        if reply.status is not None:
            return None  # 404: no such message; 408: not understood
        headers = fields(reply.headers)  # the server's own come last, and of equal names the last counts
        try:
            at = moment(_times.decode(msgspec.json.encode(headers["Nats-Time-Stamp"])))
            sequence, name = int(headers["Nats-Sequence"]), headers["Nats-Subject"]
        except (KeyError, ValueError) as error:
            raise SourceError("answer not understood") from error
        return Stored(sequence, name, at, reply.headers, reply.payload) if at else None

    async def _get(self, stream: str, body: dict[str, Any]) -> Stored | None:
        try:
            answer = await self._api.call(f"STREAM.MSG.GET.{stream}", MessageGet, body, TIMEOUT)
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
            return Stored(message.seq, message.subject, at, headers, base64.b64decode(message.data))
        except ValueError as error:
            raise SourceError("answer not understood") from error

    def _may(self, way: str) -> bool:
        return self._refused.get(way, 0.0) <= time.monotonic()

    def _refuse(self, way: str) -> None:
        self._refused[way] = time.monotonic() + _AGAIN
