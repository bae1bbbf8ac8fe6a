"""A gateway double: speaks a gateway's protocol 3 on loopback as it is described, and fails in every known way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from app.settings.fields import GatewaySettings, Secret

TOKEN = "gw-s3cret/+token"
NONCE = "n-0nce"
MAIN = "agent:mc-gateway-7:main"
SESSIONS: list[Any] = [
    {"key": MAIN, "label": "Gateway Agent", "updatedAt": 1_790_000_000_000, "channel": "internal"},
    {"key": "agent:mc-web:main", "displayName": "Web", "origin": {"provider": "slack"}, "model": "opal-4",
     "updatedAt": 1_790_000_050_000, "totalTokens": 95_000, "contextTokens": 100_000, "sessionId": "s-2"},
    {"key": "agent:mc-web:slack:c/9", "name": "a/b:c", "lastActiveAt": "2026-09-21T14:00:00Z"},
]  # fmt: skip
HISTORY: list[Any] = [
    {"role": "user", "content": "fix the build", "timestamp": 1_790_000_000_000},
    {"role": "assistant", "timestamp": 1_790_000_001_000, "content": [
        {"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "I look.\nOne moment."},
        {"type": "toolCall", "id": "c1", "name": "exec", "arguments": {"command": "make"}}]},
    {"role": "toolResult", "toolCallId": "c1", "toolName": "exec", "isError": True, "timestamp": 1_790_000_002_000,
     "content": [{"type": "text", "text": "make: *** Error 2"}]},
    {"role": "assistant", "content": [{"type": "text", "text": "It fails."}], "timestamp": 1_790_000_003_000},
]  # fmt: skip
Answer = Callable[[dict[str, Any]], Any]


class Refuse(Exception):
    """The double answers with this error message."""


@dataclass
class GatewayDouble:
    """What it does can be changed while it runs. `seen` are the requests that came, `heads` those of the handshake."""

    version: str | None = "2026.3.1"
    challenge: bool = True
    token: str = TOKEN  # empty: it wants none
    sessions: Any = field(default_factory=lambda: [*SESSIONS])
    history: Any = field(default_factory=lambda: [*HISTORY])
    config: Any = None  # what `config.get` answers; None: an error
    mute: frozenset[str] = frozenset()  # methods that are never answered
    raw: Mapping[str, str | bytes] = field(default_factory=dict)  # what is sent instead of the answer, by method
    refuse: Mapping[str, Any] = field(default_factory=dict)  # the error of the answer, by method
    close_on: Mapping[str, tuple[int, str]] = field(default_factory=dict)  # code and reason, by method
    legacy: bool = False  # answers in the old form
    events: int = 0  # events that are sent before each answer
    delays: Mapping[str, float] = field(default_factory=dict)
    http: int = 0  # answered instead of the handshake
    wants_origin: str | None = None  # what a browser would have to send
    hello: Mapping[str, Any] = field(default_factory=dict)
    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)
    heads: list[Request] = field(default_factory=list)
    live: set[ServerConnection] = field(default_factory=set)
    connections: int = 0
    _server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    def settings(self, **changed: Any) -> GatewaySettings:
        given = {"name": "main", "url": self.url, "token": Secret(self.token), **changed}
        return GatewaySettings(**given)

    async def start(self, **tls: Any) -> None:
        """Serves, on the port of before if there was one."""
        self._server = await serve(
            self._serve, "127.0.0.1", self.port, process_request=self._head, max_size=None, close_timeout=0.1, **tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Closes everything; the port is free then."""
        server, self._server = self._server, None
        if server is not None:
            for each in [*self.live]:
                each.transport.abort()
            server.close()
            await server.wait_closed()

    def calls(self, method: str) -> list[dict[str, Any]]:
        return [each for each in self.seen if each["method"] == method]

    def _head(self, connection: ServerConnection, head: Request) -> Response | None:
        self.heads.append(head)
        return connection.respond(self.http, "no\n") if self.http else None

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections += 1
        self.live.add(connection)
        try:
            if self.challenge:
                await self._send(connection, {"type": "event", "event": "connect.challenge",
                                              "payload": {"nonce": NONCE}})  # fmt: skip
            async for data in connection:
                await self._take(connection, json.loads(data))
        except ConnectionClosed:
            pass
        finally:
            self.live.discard(connection)

    async def _take(self, connection: ServerConnection, asked: dict[str, Any]) -> None:
        self.seen.append(asked)
        method = asked["method"]
        if method in self.mute:
            return
        if method in self.close_on:
            await connection.close(*self.close_on[method])
            return
        if method in self.raw:
            await connection.send(self.raw[method])
            return
        if method in self.delays:
            await asyncio.sleep(self.delays[method])
        for number in range(self.events):
            await self._send(connection, {"type": "event", "event": "tick", "id": asked["id"], "payload": number})
            await self._send(connection, {"type": "res", "id": "another", "ok": True, "payload": "not yours"})
        try:
            payload = self._answer(connection, method, asked.get("params") or {})
        except Refuse as error:
            said = {"message": str(error)} if str(error) else {}
            if self.legacy:
                await self._send(connection, {"id": asked["id"], "error": said})
            else:
                await self._send(connection, {"type": "res", "id": asked["id"], "ok": False, "error": said})
            return
        if self.legacy:
            await self._send(connection, {"id": asked["id"], "result": payload})
        else:
            await self._send(connection, {"type": "res", "id": asked["id"], "ok": True, "payload": payload})

    def _answer(self, connection: ServerConnection, method: str, params: dict[str, Any]) -> Any:
        if method in self.refuse:
            raise Refuse(self.refuse[method])
        if method == "connect":
            self._let_in(connection, params)
            server = {} if self.version is None else {"version": self.version}
            return {"type": "hello-ok", "protocol": 3, "server": server, **self.hello}
        if method == "sessions.list":
            return {"sessions": self.sessions} if isinstance(self.sessions, list) else self.sessions
        if method == "chat.history":
            assert params["sessionKey"]
            return {"messages": self.history} if isinstance(self.history, list) else self.history
        if method == "config.get" and self.config is not None:
            return self.config
        raise Refuse(f"unknown method {method}")

    def _let_in(self, connection: ServerConnection, params: dict[str, Any]) -> None:
        """Checks everything that a real one does."""
        if (params["minProtocol"], params["maxProtocol"], params["role"]) != (3, 3, "operator"):
            raise Refuse("protocol mismatch")
        head = self.heads[-1]
        if self.token:
            asked = parse_qs(urlsplit(head.path).query)
            if params.get("auth") != {"token": self.token} or asked != {"token": [self.token]}:
                raise Refuse("unauthorized: gateway token mismatch")
        client, device = params["client"], params.get("device")
        if client["mode"] == "ui":
            if device is not None or head.headers.get("Origin") != self.wants_origin:
                raise Refuse("origin not allowed")
            return
        assert (client["id"], client["mode"]) == ("gateway-client", "backend")
        nonce = NONCE if self.challenge else ""
        if (device.get("nonce") or "") != nonce:
            raise Refuse("device nonce required")
        if not signed(params, nonce):
            raise Refuse("device signature invalid")

    async def _send(self, connection: ServerConnection, frame: Any) -> None:
        await connection.send(json.dumps(frame))


def signed(params: Mapping[str, Any], nonce: str) -> bool:
    """Whether the signature of a device is one of this text, made anew from what was sent."""
    device, client = params["device"], params["client"]
    token = (params.get("auth") or {}).get("token", "")
    text = "|".join([
        "v2" if nonce else "v1", device["id"], client["id"], client["mode"], params["role"],
        ",".join(params["scopes"]), str(device["signedAt"]), token, *([nonce] if nonce else []),
    ])  # fmt: skip
    try:
        VerifyKey(decoded(device["publicKey"])).verify(text.encode(), decoded(device["signature"]))
    except BadSignatureError:
        return False
    return True


def decoded(text: str) -> bytes:
    from base64 import urlsafe_b64decode

    assert "=" not in text
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@asynccontextmanager
async def doubled(**changed: Any) -> AsyncIterator[GatewayDouble]:
    """A double that serves until the block ends."""
    double = GatewayDouble(**changed)
    await double.start()
    try:
        yield double
    finally:
        await double.stop()
