"""One open connection to a gateway: calls told apart by their ids, events skipped, and who we are said once."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from app.model.gateways import GatewayState
from app.model.text import clean
from app.settings.fields import GatewaySettings
from app.sources.gatewaydial import platform
from app.sources.gatewayframes import (
    CHALLENGE,
    PATIENCE,
    PROTOCOL,
    TOO_LARGE,
    Event,
    Garbled,
    GatewayTrouble,
    Response,
    explained,
    read,
    redacted,
    request,
)
from app.sources.gatewayidentity import Identity, signed_text
from app.sources.tasks import ended

ROLE = "operator"
SCOPES = ("operator.read", "operator.admin", "operator.approvals", "operator.pairing")
CLIENT_VERSION = "1.0.0"
CHALLENGE_WAIT = 2.0
"""Seconds that a gateway has for its challenge; older ones send none."""
LARGE = 262_144
"""Bytes of a message from which on it is read beside the event loop."""
_TOO_BIG, _POLICY = 1009, 1008


class Line:
    """Calls may be made from several tasks at once. `heard` is when anything last came, on the monotonic clock."""

    def __init__(self, socket: ClientConnection, secret: str) -> None:
        self._socket = socket
        self._secret = secret
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._challenge: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.trouble: GatewayTrouble | None = None  # why it has ended
        self.heard = time.monotonic()
        self._reader = asyncio.create_task(self._read(), name="gateway line")

    async def lost(self) -> GatewayTrouble:
        """Waits for its end, and gives the reason."""
        await asyncio.wait({self._reader})
        return self.trouble or GatewayTrouble(GatewayState.FAILING, "closed the connection")

    @property
    def challenged(self) -> bool:
        """Whether a challenge has come."""
        return self._challenge.done()

    async def challenge(self, wait: float) -> str:
        """The nonce that is to be signed; empty if none comes within `wait` seconds. Raises why the line has ended."""
        first: set[asyncio.Future[Any]] = {self._challenge, self._reader}
        await asyncio.wait(first, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        if self.trouble is not None:
            raise self.trouble.again()
        return self._challenge.result() if self._challenge.done() else ""

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """What the gateway answers. Raises GatewayTrouble: a Refusal is its own, all else is the line's end.

        The caller bounds the time.
        """
        if self.trouble is not None:
            raise self.trouble.again()
        id = str(uuid.uuid4())
        answered = self._waiting[id] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(request(id, method, params))
            return await answered
        except ConnectionClosed as error:
            raise self.trouble or self._closed(error) from None
        finally:
            self._waiting.pop(id, None)
            if not answered.cancel() and not answered.cancelled():
                answered.exception()  # it was looked at

    def drop(self, trouble: GatewayTrouble) -> None:
        """Ends it at once, without a word to the other end. Whoever waits for an answer hears why."""
        self._end(trouble)
        self._socket.transport.abort()

    async def close(self) -> None:
        """Ends it as one should; takes a second where the other end does not answer."""
        self._end(GatewayTrouble(GatewayState.FAILING, "the connection was given up"))
        await self._socket.close()
        await ended(self._reader)

    async def _read(self) -> None:
        trouble: GatewayTrouble | None = None
        try:
            while True:
                data = await self._socket.recv(decode=False)
                self.heard = time.monotonic()
                self._take(await asyncio.to_thread(read, data) if len(data) > LARGE else read(data))
        except ConnectionClosed as error:
            trouble = self._closed(error)
        except GatewayTrouble as error:
            trouble = error
        finally:
            self._end(trouble or GatewayTrouble(GatewayState.FAILING, "the connection was given up"))
        await self._socket.close()

    def _take(self, frame: Response | Event | None) -> None:
        if isinstance(frame, Event):
            if frame.name == CHALLENGE and not self._challenge.done():
                nonce = frame.payload.get("nonce") if isinstance(frame.payload, dict) else None
                usable = isinstance(nonce, str) and nonce.isascii() and nonce.isprintable() and len(nonce) <= 1000
                self._challenge.set_result(str(nonce) if usable else "")
        elif frame is not None and (waiting := self._waiting.get(frame.id)) is not None and not waiting.done():
            if frame.error is None:
                waiting.set_result(frame.payload)
            else:
                waiting.set_exception(explained(frame.error, self._secret))

    def _end(self, trouble: GatewayTrouble) -> None:
        self.trouble = self.trouble or trouble
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self.trouble.again())

    def _closed(self, error: ConnectionClosed) -> GatewayTrouble:
        if error.sent is not None and error.sent.code == _TOO_BIG and error.rcvd_then_sent is not True:
            return Garbled(TOO_LARGE)
        code = error.rcvd.code if error.rcvd is not None else 0
        said = redacted(clean(error.rcvd.reason, 120).strip(), self._secret) if error.rcvd is not None else ""
        if code == _POLICY and said:
            return GatewayTrouble(explained(said).state, str(explained(said)), said)
        how = f": {said} ({code})" if said else f" ({code})" if code else ""
        return GatewayTrouble(GatewayState.FAILING, f"closed the connection{how}")


async def greet(
    line: Line, settings: GatewaySettings, identity: Callable[[], Identity], *, challenge: bool
) -> dict[str, Any]:
    """Says who we are; gives what the gateway says of itself. `challenge`: one is waited for.

    Raises GatewayTrouble; the caller bounds the time.
    """
    nonce = await line.challenge(min(CHALLENGE_WAIT, PATIENCE)) if challenge else ""
    hello = await line.call("connect", introduction(settings, identity, nonce, round(time.time() * 1000)))
    return hello if isinstance(hello, dict) else {}


def introduction(settings: GatewaySettings, identity: Callable[[], Identity], nonce: str, at: int) -> dict[str, Any]:
    """The parameters of `connect`; `at` in milliseconds."""
    paired, token = not settings.disable_device_pairing, settings.token.reveal()
    client, mode = ("gateway-client", "backend") if paired else ("openclaw-control-ui", "ui")
    told: dict[str, Any] = {
        "minProtocol": PROTOCOL,
        "maxProtocol": PROTOCOL,
        "role": ROLE,
        "scopes": list(SCOPES),
        "client": {"id": client, "version": CLIENT_VERSION, "platform": platform(), "mode": mode},
    }
    if token:
        told["auth"] = {"token": token}
    if paired:
        device = identity()
        text = signed_text(device, client=client, mode=mode, role=ROLE, scopes=SCOPES, at=at, token=token, nonce=nonce)
        told["device"] = {
            "id": device.id, "publicKey": device.public_key, "signature": device.sign(text), "signedAt": at,
        }  # fmt: skip
        if nonce:
            told["device"]["nonce"] = nonce
    return told
