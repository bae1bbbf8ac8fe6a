"""Server: the worker's HTTP on its own Unix socket and, where wanted, on TCP; two servers in one event loop."""

from __future__ import annotations

import asyncio
import errno
import os
import socket as sockets
import stat
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from app.api.application import socket_application, tcp_application
from app.api.protocol import OwnerProtocol, PatientProtocol
from app.worker.board import Board

GRACE = 5
"""Seconds for running answers once the worker stops."""
_SOCKET_MASK = 0o177


class AddressTaken(OSError):
    """Somebody listens there already; the text is the sentence for the user."""


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


def bind_socket(path: str | Path) -> sockets.socket:
    """Binds the worker's Unix socket so that only its user can connect, from its first moment on.

    To be called before any thread runs: the mask for new files belongs to the whole process. A file left by a worker
    that died is removed; AddressTaken if somebody listens there, or if what is there is not a socket.
    """
    _remove_stale(str(path))
    listener = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    before = os.umask(_SOCKET_MASK)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressTaken(error.errno, f"another worker has just taken {path}") from error
        raise
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener


def _remove_stale(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise AddressTaken(errno.EADDRINUSE, f"{path} is in the way: it is not a socket")
    with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            with suppress(FileNotFoundError):
                os.unlink(path)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            raise AddressTaken(errno.EADDRINUSE, f"{path} is in use: {error.strerror or error}") from error
    raise AddressTaken(errno.EADDRINUSE, f"a worker listens on {path} already")


def bind_tcp(host: str, port: int) -> sockets.socket:
    """Binds a TCP address; AddressTaken with a sentence if that cannot be had. Port 0 takes any free one."""
    try:
        found = sockets.getaddrinfo(host or None, port, type=sockets.SOCK_STREAM, flags=sockets.AI_PASSIVE)
        family, kind, protocol, _, address = sorted(found, key=lambda entry: entry[0] != sockets.AF_INET)[0]
        listener = sockets.socket(family, kind, protocol)
    except OSError as error:
        raise AddressTaken(error.errno, f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    try:
        listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        reason = "the address is taken" if taken else error.strerror or str(error)
        raise AddressTaken(
            error.errno, f"cannot listen on {host}:{port}: {reason}; choose another with --listen"
        ) from error
    listener.setblocking(False)
    return listener


async def serve(
    board: Board,
    *,
    socket: sockets.socket,
    listen: sockets.socket | tuple[str, int] | None = None,
    allowed_hosts: Collection[str] = (),
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serves until `board.stopping`, then lets held polls say goodbye and ends within about `GRACE` seconds.

    `socket` is bound by `bind_socket`; its file is removed at the end. `listen` is a bound TCP socket or an address.
    `ready` is called once both answer. Raises AddressTaken if an address cannot be had.
    """
    path = socket.getsockname()
    inode = os.stat(path).st_ino
    try:
        near = _server(socket_application(board), OwnerProtocol, keep_alive=30)
        running = [(near, socket)]
        if listen is not None:
            host = listen[0] if isinstance(listen, tuple) else ""
            tcp = bind_tcp(*listen) if isinstance(listen, tuple) else listen
            far = _server(tcp_application(board, {*allowed_hosts, host}), PatientProtocol, keep_alive=5)
            running.append((far, tcp))
        await _run(board, running, ready)
    finally:
        socket.close()
        with suppress(OSError):
            if os.stat(path).st_ino == inode:
                os.unlink(path)


def _server(app: ASGIApp, protocol: type[asyncio.Protocol], *, keep_alive: int) -> _Server:
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=GRACE,
    )
    return _Server(config)


async def _run(board: Board, running: list[tuple[_Server, sockets.socket]], ready: Callable[[], None]) -> None:
    tasks = [asyncio.create_task(server.serve(sockets=[bound])) for server, bound in running]
    stopping = asyncio.create_task(board.stopping.wait())
    try:
        for (server, _), task in zip(running, tasks, strict=True):
            up = asyncio.create_task(server.up.wait())
            await asyncio.wait([up, task], return_when=asyncio.FIRST_COMPLETED)
            up.cancel()
        if all(server.started for server, _ in running):
            ready()
            await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        # The socket first: meanwhile a readiness probe over TCP still hears that this worker is stopping.
        for (server, _), task in zip(running, tasks, strict=True):
            server.should_exit = True
            await asyncio.wait([task], timeout=1.0)
        await asyncio.gather(*tasks)
    finally:
        stopping.cancel()
        for (server, _), task in zip(running, tasks, strict=True):
            task.cancel()
            for connection in list(server.server_state.connections):
                connection.transport.abort()
        await asyncio.gather(stopping, *tasks, return_exceptions=True)
