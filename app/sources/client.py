"""A nats-py client reduced to raw messages. Everything that leans on what nats-py keeps private is in this file.

nats-py hands each message through a queue, a task and a decoder: a subject that is not UTF-8 ends its read loop
without a word. Here a message goes as bytes straight to the handler of its subscription.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from app.sources.errors import SourceError

Handler = Callable[[bytes, bytes, bytes, bytes | None], None]
"""Takes subject, reply subject, payload and raw headers of one message. Must not block."""

_AT_ONCE = 64
"""Messages taken in without a pause."""

_log = logging.getLogger(__name__)


class NoTls(SourceError):
    """TLS was asked for and the server offers none: nats-py would have gone on in clear text."""


class NotNats(SourceError):
    """Somebody answers, but not as a NATS server does."""

    def __init__(self) -> None:
        super().__init__("what answers there is no NATS server")


class RawClient(Client):  # type: ignore[misc, unused-ignore]
    """One connection to one server, never reconnecting by itself."""

    def __init__(self, *, want_tls: bool) -> None:
        super().__init__()
        self._want_tls = want_tls
        self._handlers: dict[int, Handler] = {}
        self.taken = 0  # messages since the connection was made

    @property
    def greeting(self) -> dict[str, Any]:
        """The server's latest INFO."""
        return dict(self._server_info)

    async def listen(self, subject: str, handler: Handler) -> Callable[[], Any]:
        """Subscribes; returns the coroutine function that ends it."""
        subscription = await self.subscribe(subject, cb=_unreachable)
        number: int = subscription._id
        self._handlers[number] = handler

        async def end() -> None:
            self._handlers.pop(number, None)
            if not self.is_closed:
                await subscription.unsubscribe()

        return end

    async def send(self, messages: Iterable[tuple[bytes, bytes, bytes]]) -> None:
        """Publishes messages (subject, reply subject or nothing, payload) in one go. The subjects must be good."""
        if self.is_closed:
            raise nats_errors.ConnectionClosedError
        lines = [
            b"PUB %s %s %d\r\n%s\r\n" % (subject, reply, len(payload), payload) for subject, reply, payload in messages
        ]
        await self._send_command(b"".join(lines))
        await self._flush_pending()

    def abort(self) -> None:
        """Drops the socket without waiting for a peer that may never answer."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        handler = self._handlers.get(sid)
        if handler is None:
            return
        try:
            handler(subject, reply, data, headers)
        except Exception:
            _log.exception("a message could not be taken in")
        self.taken += 1
        if self.taken % _AT_ONCE == 0:
            await asyncio.sleep(0)  # the client reads on as long as there is something: others must get their turn

    async def _process_connect_init(self) -> None:
        transport: Any = self._transport
        first = b""
        readline = transport.readline

        async def read() -> bytes:
            nonlocal first
            line: bytes = await readline()
            first = first or line
            return line

        transport.readline = read  # the client tells silence and a foreign greeting by the same words
        try:
            await super()._process_connect_init()
        except OSError:
            raise  # among them those of TLS that are a ValueError too
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            raise NotNats from error
        except nats_errors.Error as error:
            if first and not first.startswith((b"INFO ", b"-ERR", b"PING", b"PONG", b"+OK")):
                raise NotNats from error
            raise
        finally:
            transport.readline = readline

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and self._want_tls and not info.get("tls_required"):
            if not info.get("tls_available"):
                raise NoTls("the server offers no TLS, and TLS was asked for")
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)


async def _unreachable(message: Msg) -> None:
    raise AssertionError("messages go to handlers")


def status(headers: bytes | None) -> int | None:
    """The status code in the first line of raw headers (`NATS/1.0 503`), None without one."""
    if not headers or headers[8:9] != b" ":
        return None
    code = headers[9:12]
    return int(code) if code.isdigit() else None


def fields(headers: bytes | None) -> dict[str, str]:
    """Raw headers by name; of a repeated name the last value."""
    found: dict[str, str] = {}
    for line in (headers or b"").split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            found[name.decode("utf-8", "replace").strip()] = value.decode("utf-8", "replace").strip()
    return found
