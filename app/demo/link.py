"""A connection as a simulation needs it: the JetStream API in plain JSON, and writes to buckets without waiting."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import nats
import nats.errors
from nats.aio.client import Client

from app.demo.layout import Config
from app.demo.server import DemoError
from app.settings import NatsSettings

_log = logging.getLogger(__name__)
CONNECT_WITHIN = 8.0
"""Seconds to reach a server at the start."""
API_TIMEOUT = 10.0
_NAME_IN_USE = 10058
FAILURES = (nats.errors.Error, TimeoutError, ConnectionError)
"""What a connection that comes and goes may raise."""


class ApiError(Exception):
    """JetStream refused: its error code and its words."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code


def encode(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


class Link:
    """One NATS connection that reconnects by itself."""

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self.nc = Client()
        self.prefix = settings.api_prefix or (f"$JS.{settings.domain}.API" if settings.domain else "$JS.API")
        self._kv = "" if self.prefix == "$JS.API" else f"{self.prefix}."
        self.reconnected = asyncio.Event()
        """Set with each reconnect; cleared by whoever has acted on it."""

    async def open(self, name: str) -> None:
        """Connects. DemoError in one sentence when that does not succeed in time."""
        failed, refused = [""], [False]

        async def note(error: Exception) -> None:
            # What the server said counts for more than the connection that it closes upon it.
            if not (refused[0] and isinstance(error, OSError)):
                failed[0], refused[0] = str(error) or type(error).__name__, not isinstance(error, OSError)
            if not isinstance(error, (*FAILURES, OSError)):  # ours: a handler that broke
                _log.error("the simulation: %s", failed[0], exc_info=error)

        async def again() -> None:
            self.reconnected.set()

        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await self.nc.connect(
                    name=name,
                    error_cb=note,
                    reconnected_cb=again,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    **options(self._settings),
                )
        except (*FAILURES, OSError, ValueError) as error:
            await self.close()
            reason = failed[0] or str(error) or "no answer"
            raise DemoError(f"No NATS at {self._settings.url}: {reason}.") from error

    def renew(self) -> None:
        """Makes ready for another `open` after one that failed."""
        self.nc = Client()

    async def close(self) -> None:
        """Ends the connection, and with it the attempts to make it again: nats-py only cancels those, and where the
        refusal of an attempt comes in the same turn, `asyncio.wait_for` (before Python 3.12) loses the cancellation."""
        self.nc.options["max_reconnect_attempts"] = 1
        with contextlib.suppress(*FAILURES):
            await self.nc.close()

    @property
    def version(self) -> tuple[int, int]:
        """Of the server: major and minor."""
        version = self.nc.connected_server_version
        return version.major, version.minor

    async def api(self, subject: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Asks the JetStream API; `subject` without its prefix. ApiError when it refuses."""
        reply = await self.nc.request(f"{self.prefix}.{subject}", encode(body) if body else b"", timeout=API_TIMEOUT)
        answer: dict[str, Any] = json.loads(reply.data)
        if error := answer.get("error"):
            raise ApiError(error.get("err_code", 0), error.get("description", ""))
        return answer

    async def ensure_stream(self, config: Config) -> bool:
        """Creates the stream; one of that name that is there is left as it is. Whether it is a simulation's own."""
        try:
            answer = await self.api(f"STREAM.CREATE.{config['name']}", config)
        except ApiError as error:
            if error.code != _NAME_IN_USE:
                raise
            answer = await self.api(f"STREAM.INFO.{config['name']}")
        return is_ours(answer)

    async def ensure_consumer(self, stream: str, config: Config) -> None:
        """Creates the consumer, or brings it to this configuration."""
        name = config["name"]
        await self.api(f"CONSUMER.CREATE.{stream}.{name}", {"stream_name": stream, "config": config})

    async def remove_stream(self, name: str) -> bool | None:
        """Removes a stream that a simulation made. False: it is somebody else's and stays; None: there is none."""
        try:
            if not is_ours(await self.api(f"STREAM.INFO.{name}")):
                return False
            await self.api(f"STREAM.DELETE.{name}")
        except ApiError:
            return None
        return True

    async def remove_consumer(self, stream: str, name: str) -> None:
        """Removes a consumer, if it is there."""
        with contextlib.suppress(ApiError):
            await self.api(f"CONSUMER.DELETE.{stream}.{name}")

    async def stream_names(self) -> list[str]:
        """The names of all streams, buckets and object stores among them."""
        found: list[str] = []
        while True:
            page = await self.api("STREAM.NAMES", {"offset": len(found)})
            found += page.get("streams") or []
            if not page.get("streams") or len(found) >= page["total"]:
                return found

    async def messages(self, stream: str) -> tuple[int, int]:
        """How many messages and how many bytes a stream holds."""
        state = (await self.api(f"STREAM.INFO.{stream}"))["state"]
        return int(state["messages"]), int(state["bytes"])

    async def publish(self, subject: str, data: bytes, headers: dict[str, str] | None = None) -> None:
        """Sends without waiting for a confirmation; while there is no connection the message is dropped."""
        if self.nc.is_connected:
            with contextlib.suppress(*FAILURES):
                await self.nc.publish(subject, data, headers=headers)

    async def flush(self) -> None:
        """Waits until the server has read all that was published."""
        if self.nc.is_connected:
            with contextlib.suppress(*FAILURES):
                await self.nc.flush(timeout=10)

    async def put(self, bucket: str, key: str, value: Mapping[str, Any] | bytes) -> None:
        """Writes a key, without waiting."""
        data = value if isinstance(value, bytes) else encode(value)
        await self.publish(f"{self._kv}$KV.{bucket}.{key}", data)

    async def put_surely(self, bucket: str, key: str, value: Mapping[str, Any]) -> None:
        """Writes a key and waits until the broker has it, and so all that was written to the bucket before."""
        reply = await self.nc.request(f"{self._kv}$KV.{bucket}.{key}", encode(value), timeout=API_TIMEOUT)
        if error := json.loads(reply.data).get("error"):
            raise ApiError(error.get("err_code", 0), error.get("description", ""))

    async def delete(self, bucket: str, key: str, *, purge: bool = False) -> None:
        """Leaves a delete marker (or a purge marker, which drops what was), as a KV client does."""
        headers = {"KV-Operation": "PURGE", "Nats-Rollup": "sub"} if purge else {"KV-Operation": "DEL"}
        await self.publish(f"{self._kv}$KV.{bucket}.{key}", b"", headers)

    async def get(self, bucket: str, key: str) -> bytes | None:
        """The value of a key; None if there is none."""
        try:
            answer = await self.api(f"STREAM.MSG.GET.KV_{bucket}", {"last_by_subj": f"$KV.{bucket}.{key}"})
        except ApiError:
            return None
        message = answer["message"]
        deleted = b"KV-Operation" in base64.b64decode(message.get("hdrs", ""))
        return None if deleted else base64.b64decode(message.get("data", ""))


def is_ours(info: Mapping[str, Any]) -> bool:
    """Whether a stream's information says that a simulation made it."""
    metadata = info.get("config", {}).get("metadata") or {}
    return bool(metadata.get("watchdeck.demo"))


def options(settings: NatsSettings) -> dict[str, Any]:
    """What `connect` takes, by the settings."""
    found: dict[str, Any] = {
        "servers": [url.strip() for url in settings.url.split(",") if url.strip()],
        "inbox_prefix": settings.inbox_prefix,
    }
    if settings.creds:
        found["user_credentials"] = settings.creds
    if settings.nkey:
        found["nkeys_seed"] = settings.nkey
    if settings.user:
        found |= {"user": settings.user, "password": settings.password.reveal()}
    if settings.token:
        found["token"] = settings.token.reveal()
    if settings.user_jwt:
        jwt = settings.user_jwt.reveal().encode()
        found["user_jwt_cb"] = lambda: jwt
    if settings.tls_ca or settings.tls_cert or settings.tls_first:
        found |= {"tls": _tls(settings), "tls_handshake_first": settings.tls_first}
    return found


def _tls(settings: NatsSettings) -> Any:
    import ssl

    context = ssl.create_default_context(cafile=settings.tls_ca or None)
    if settings.tls_cert:
        context.load_cert_chain(settings.tls_cert, settings.tls_key or None)
    return context
