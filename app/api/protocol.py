"""uvicorn's HTTP protocol, with a patience for slow requests; and the one that lets only the owner in."""

from __future__ import annotations

import asyncio
import logging

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.api.peer import peer_uid, welcome
from app.api.refusals import error_body

REQUEST_PATIENCE = 10.0
"""Seconds in which a request's headers must have come, from the connection or from their first byte."""
_LOG = logging.getLogger(__name__)


class PatientProtocol(HttpToolsProtocol):
    """Cuts connections that take longer than `REQUEST_PATIENCE` to say what they want."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "abort": transport.abort}
        self._arm()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._arm()

    def on_headers_complete(self) -> None:
        self._disarm()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self.transport.write(_closing(400, msg))
        self.transport.close()

    def _arm(self) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(REQUEST_PATIENCE, self.transport.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class OwnerProtocol(PatientProtocol):
    """For the worker's Unix socket: whoever is not its user or root is told so and shown out."""

    _out = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        uid = peer_uid(transport.get_extra_info("socket").fileno())
        if welcome(uid):
            return
        self._out = True
        _LOG.warning("refused a connection of user id %s", uid)
        transport.write(_closing(403, "this worker's socket belongs to another user"))

    def data_received(self, data: bytes) -> None:
        if self._out:
            self.transport.close()  # only now: an end with unread bytes would take the answer along
        else:
            super().data_received(data)

    def eof_received(self) -> None:
        if self._out:
            self.transport.close()


def _closing(status: int, error: str) -> bytes:
    """A whole answer that no application makes, the last one of its connection."""
    body = error_body(status, error)
    head = b"content-type: application/json\r\ncache-control: no-store\r\nconnection: close\r\n"
    return STATUS_LINE[status] + head + b"content-length: %d\r\n\r\n" % len(body) + body
