"""Server: the worker's HTTP on its own Unix socket and, where wanted, on TCP; two servers in one event loop."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from app.api.front import Front
from app.api.protocol import OwnerProtocol, PatientProtocol
from app.worker.board import Board

GRACE = 5
"""Seconds for running answers once the worker stops."""
_HEAD_START = 1.0


async def serve(
    board: Board,
    *,
    socket: sockets.socket,
    tcp: sockets.socket | None = None,
    allowed_hosts: Collection[str] = (),
    origins: Collection[str] = (),
    tls: tuple[str, str] | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serves until `board.stopping`, then lets held polls say goodbye and ends within about `GRACE` seconds.

    Both sockets come bound (`app.worker.sockets`) and are closed at the end; the file of `socket` is its owner's to
    remove. `allowed_hosts` are names besides the loopback's under which TCP may be asked, `origins` those of pages
    that may ask from a browser. `tls` are the paths of the
    certificate and the key with which TCP is served; None: without TLS. `ready` is called once both answer.
    """
    front = Front(board)
    running = [(_server(front.socket(), OwnerProtocol, keep_alive=30), socket)]
    if tcp is not None:
        running.append((_server(front.tcp(allowed_hosts, origins), PatientProtocol, keep_alive=5, tls=tls), tcp))
    tasks = [asyncio.create_task(server.serve(sockets=[bound])) for server, bound in running]
    stopping = asyncio.create_task(board.stopping.wait())
    preparing = None
    try:
        for (server, _), task in zip(running, tasks, strict=True):
            up = asyncio.create_task(server.up.wait())
            await asyncio.wait([up, task], return_when=asyncio.FIRST_COMPLETED)
            up.cancel()
        if all(server.started for server, _ in running):
            ready()
            preparing = asyncio.create_task(front.prepare())
            await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        # The socket first: meanwhile a readiness probe over TCP still hears that this worker is stopping.
        for (server, _), task in zip(running, tasks, strict=True):
            server.should_exit = True
            await asyncio.wait([task], timeout=_HEAD_START)
        await asyncio.gather(*tasks)
    finally:
        aside: list[asyncio.Task[Any]] = [stopping] if preparing is None else [stopping, preparing]
        for task in aside:
            task.cancel()
        for (server, bound), task in zip(running, tasks, strict=True):
            task.cancel()
            for connection in list(server.server_state.connections):
                connection.transport.abort()
            bound.close()
        await asyncio.gather(*aside, *tasks, return_exceptions=True)
        await front.end()


class _Server(uvicorn.Server):
    """Leaves signals to the worker: it knows what else must end, and in which order."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[sockets.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _server(
    app: ASGIApp, protocol: type[asyncio.Protocol], *, keep_alive: int, tls: tuple[str, str] | None = None
) -> _Server:
    certificate, key = tls or (None, None)
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=GRACE,
    )
    return _Server(config)
