"""Servers to be probed: they say what a test has them say, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

Heads = list[tuple[str, dict[str, str]]]


@dataclass(slots=True)
class Endpoint:
    """An HTTP server whose next answers are `status`, `body` and `headers`; what it was asked is in `asked`.

    `delay` is seconds before it answers, `silent` that it never does, `abrupt` that it closes instead, `endless` that
    its body has no end.
    """

    status: int = 200
    body: bytes = b'{"ok":true}'
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    silent: bool = False
    abrupt: bool = False
    endless: bool = False
    answers: Callable[[str], tuple[int, bytes] | None] | None = None  # by path, before all of it
    asked: Heads = field(default_factory=list)
    connections: int = 0
    at_once: int = 0  # requests that were being answered at one time, at most
    port: int = 0
    scheme: str = "http"
    _now: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = head[0].split(" ")[1]
                fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
                raw = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
                self.asked.append((path, {name.lower(): value for name, value in raw.items()} or fields))
                self._now += 1
                self.at_once = max(self.at_once, self._now)
                try:
                    if not await self._answer(path, writer):
                        break
                finally:
                    self._now -= 1
        writer.close()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> bool:
        if self.silent:
            await asyncio.sleep(60)
        await asyncio.sleep(self.delay)
        if self.abrupt:
            return False
        said = self.answers(path) if self.answers is not None else None
        status, body = said if said is not None else (self.status, self.body)
        given = {"content-type": self.content_type, **self.headers}
        if not self.endless:
            given.setdefault("content-length", str(len(body)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body)
        await writer.drain()
        while self.endless:
            writer.write(b"x" * 8192)
            await writer.drain()
        return True


@contextlib.asynccontextmanager
async def endpoint(tls: ssl.SSLContext | None = None, **fields: object) -> AsyncIterator[Endpoint]:
    """A server on a port of its own."""
    made = Endpoint(**fields)  # type: ignore[arg-type]
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await made.talk(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    made.scheme = "https" if tls is not None else "http"
    try:
        yield made
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
