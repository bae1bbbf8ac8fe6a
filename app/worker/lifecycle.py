"""The life of a worker: lock, addresses, signals, collecting and serving, and an orderly end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket as sockets
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app import __version__
from app.model.triage.thresholds import ThresholdError
from app.settings import Settings, SettingsError, places
from app.settings.lockfile import LockRecord
from app.settings.profiles import fingerprint
from app.store.errors import StoreRefused
from app.worker.attention import AttentionDesk
from app.worker.beside import Beside, Watch
from app.worker.board import Board
from app.worker.collector import Collector, utc_now
from app.worker.judge import TriageJudge
from app.worker.lock import LockHeld, StateLock
from app.worker.outside import NatsSources, nats_sources
from app.worker.owner_token import keep_owner_token
from app.worker.parent import outlive_no_deck
from app.worker.scorekeeper import Scorekeeper
from app.worker.sockets import AddressTaken, bind_tcp, bind_unix, parse_listen, tls_files

if TYPE_CHECKING:
    from app.store.store import Store

DRAIN = 8.0
"""Seconds that an orderly end may take; after two more the process ends without order."""
COLLECT_AFTER = (5_000, 3, 3_000)
"""Of Python's garbage collector. At its own pace it looks through every record of a large fleet while that comes in,
and holds everything up for a tenth of a second each time; records hold no cycles."""
DURABLE_TTL = 72 * 3600.0
"""Seconds that the consumer of a worker that a deck started outlives it, where the settings say nothing."""
_log = logging.getLogger(__name__)


class CannotStart(Exception):
    """The worker cannot start; the text says why and what to do. `held`: another worker owns the state folder."""

    def __init__(self, sentence: str, *, held: bool = False) -> None:
        super().__init__(sentence)
        self.held = held


class Serve(Protocol):
    """Serves a board on its sockets until the board is stopping."""

    def __call__(
        self,
        board: Board,
        *,
        socket: sockets.socket,
        tcp: sockets.socket | None,
        allowed_hosts: Collection[str],
        origins: Collection[str],
        tls: tuple[str, str] | None,
        ready: Callable[[], None],
    ) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a worker owns while it lives."""

    lock: StateLock
    socket_path: Path
    socket: sockets.socket
    tcp: sockets.socket | None
    tls: tuple[str, str] | None = None  # paths of the certificate and the key for `tcp`

    @property
    def listening(self) -> str:
        """Host and port of the TCP endpoint; empty without one."""
        if self.tcp is None:
            return ""
        host, port = self.tcp.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def release(self) -> None:
        """Gives all of it up; the socket's file first, so that nobody connects to an end."""
        with suppress(OSError):
            self.socket_path.unlink(missing_ok=True)
        self.socket.close()
        if self.tcp is not None:
            self.tcp.close()
        self.lock.release()


class Ending:
    """The end of a worker: begun once, and reached in time whatever hangs."""

    def __init__(self, board: Board) -> None:
        self._board = board
        # Should the event loop itself hang, the process ends all the same. A daemon: it keeps nothing alive.
        self._last_resort = threading.Timer(DRAIN + 1.5, os._exit, (1,))
        self._last_resort.daemon = True

    def begin(self, why: str) -> None:
        """Not ready from now on; everything is asked to end. A second call changes nothing."""
        if self._board.stopping.is_set():
            return
        _log.info("stopping: %s", why)
        self._board.stop()
        self._last_resort.start()

    def reached(self) -> None:
        """Everything has ended."""
        self._last_resort.cancel()


def take_hold(settings: Settings, env: Mapping[str, str], *, child: bool) -> Holdings:
    """Locks the state folder and binds the addresses; CannotStart if any of it is another's.

    A child of a deck serves its socket only, unless it was told on the command line where to listen.
    """
    os.umask(0o077)
    path = places.socket_path(settings.state_dir, env)
    listen = settings.http.listen
    if child and settings.origins.get("http.listen") not in ("--listen", "WATCHDECK_LISTEN"):
        listen = None
    try:
        lock = StateLock.acquire(settings.state_dir)
    except (LockHeld, SettingsError, OSError) as error:
        raise CannotStart(str(error), held=isinstance(error, LockHeld)) from None
    tcp = tls = None
    try:
        if listen:
            tls = tls_files(settings.http.tls_cert, settings.http.tls_key)
            tcp = bind_tcp(listen, insecure=settings.http.insecure, tls=tls is not None)
        bound = bind_unix(path, env)
    except (AddressTaken, SettingsError) as error:
        if tcp is not None:
            tcp.close()
        lock.release()
        raise CannotStart(str(error)) from None
    return Holdings(lock, path, bound, tcp, tls)


def run_worker(
    settings: Settings,
    *,
    serve: Serve,
    env: Mapping[str, str],
    parent_fd: int | None = None,
    ready: Callable[[Holdings], None] | None = None,
) -> int:
    """Runs a worker until a signal, or until its deck is gone; gives the exit code. Raises CannotStart.

    `ready` is called once, when readiness is reached.
    """
    try:
        judge = TriageJudge(settings.thresholds, settings.runbooks)
    except ThresholdError as error:
        raise CannotStart(f"{settings.config_file}: {error}") from None
    holdings = take_hold(settings, env, child=parent_fd is not None)
    try:
        gc.set_threshold(*COLLECT_AFTER)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_live(settings, judge, holdings, serve, parent_fd, ready))
    finally:
        holdings.release()


async def _live(
    settings: Settings,
    judge: TriageJudge,
    holdings: Holdings,
    serve: Serve,
    parent_fd: int | None,
    ready: Callable[[Holdings], None] | None,
) -> int:
    mark = fingerprint(settings)
    board = Board(fingerprint=mark, listening=holdings.listening)
    ending = Ending(board)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, ending.begin, signal.Signals(number).name)
    for warning in settings.warnings:
        _log.warning("%s", warning)
    board.store = store = await _open_store(settings)
    board.attention = attention = AttentionDesk(board)
    await attention.load()
    sources = nats_sources(settings, utc_now)
    collector = Collector(settings, board, sources=sources, judge=judge)
    keepers = _keepers(settings, board, store, sources, child=parent_fd is not None)
    keepers |= _scorekeeper(settings, board, store, collector)
    keepers |= _beside(settings, board, collector)

    def listening() -> None:
        record = LockRecord(pid=os.getpid(), socket=str(holdings.socket_path), version=__version__, fingerprint=mark)
        holdings.lock.publish(record)
        _log.info("worker %s of process %d on %s", __version__, os.getpid(), holdings.socket_path)

    hosts = {*settings.http.allowed_hosts, *([parse_listen(settings.http.listen)[0]] if settings.http.listen else [])}
    server = serve(
        board,
        socket=holdings.socket,
        tcp=holdings.tcp,
        allowed_hosts=hosts,
        origins=settings.http.cors_origins,
        tls=holdings.tls,
        ready=listening,
    )
    parts: dict[asyncio.Future[None], str] = {
        asyncio.ensure_future(server): "server",
        asyncio.create_task(collector.run()): "collector",
        **keepers,
    }
    aside = [asyncio.create_task(_announce(board, store, settings.state_dir, holdings, ready))]
    if parent_fd is not None:
        aside.append(asyncio.create_task(_leave_with(parent_fd, board, ending)))
    await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    asked = board.stopping.is_set()
    ending.begin("a part ended by itself")
    _, late = await asyncio.wait(parts, timeout=DRAIN)
    for task in [*aside, *late]:
        task.cancel()
    await asyncio.wait([*aside, *late], timeout=1.0)
    await attention.close()
    await store.close()
    ending.reached()
    return _outcome(parts, asked=asked)


async def _open_store(settings: Settings) -> Store:
    """The store, open or in trouble that may pass; CannotStart if it can never be used as things are."""

    def opened() -> Store:
        from app.store.store import Store  # half a second of imports on a slow machine: only who keeps things pays it

        return Store.open(
            settings.store.url,
            settings.state_dir,
            clock=utc_now,
            standards=settings.scores,
            keep_payloads=timedelta(seconds=settings.store.keep_payloads),
        )

    try:
        return await asyncio.to_thread(opened)
    except StoreRefused as error:
        raise CannotStart(str(error)) from None


def _keepers(
    settings: Settings, board: Board, store: Store, sources: NatsSources, *, child: bool
) -> dict[asyncio.Future[None], str]:
    """Who takes session events and jobs into the store, and who looks after the store; all at work."""
    from app.worker.daykeeper import Daykeeper  # these come with the store
    from app.worker.ingester import Ingester
    from app.worker.taskkeeper import Taskkeeper
    from app.worker.upkeep import Upkeep

    ttl = settings.sessions.durable_ttl
    if ttl is None:
        ttl = DURABLE_TTL if child else 0.0
    ingester = asyncio.create_task(Ingester(settings, board, store, sources.api, ttl=ttl).run(), name="ingester")
    board.connected.add(ingester)
    taskkeeper = asyncio.create_task(Taskkeeper(board, store, sources.job_events).run(), name="taskkeeper")
    daykeeper = asyncio.create_task(Daykeeper(board, store.metrics, utc_now).run(), name="daykeeper")
    upkeep = asyncio.create_task(Upkeep(board, store, clock=utc_now).run(), name="upkeep")
    return {ingester: "ingester", taskkeeper: "taskkeeper", daykeeper: "daykeeper", upkeep: "upkeep"}


def _scorekeeper(
    settings: Settings, board: Board, store: Store, collector: Collector
) -> dict[asyncio.Future[None], str]:
    """Who keeps what decks see of agents, scores and sessions; at work."""
    board.scorekeeper = keeper = Scorekeeper(board, store, window=settings.scores.window, clock=utc_now)
    keeper.on_news = collector.hear
    return {asyncio.create_task(keeper.run(), name="scorekeeper"): "scorekeeper"}


def _beside(settings: Settings, board: Board, collector: Collector) -> dict[asyncio.Future[None], str]:
    """What is watched without NATS, as configured; at work."""
    from app.sources.journal import Journal
    from app.sources.units import Units

    watches: list[Watch] = []
    if settings.gateways:
        from app.sources.gateways import Gateways  # who has none needs neither WebSockets nor signatures

        board.gateways = Gateways(settings.gateways, settings.state_dir)
        watches.append(board.gateways)
    board.journal = journal = Journal(settings.units)
    if settings.units:
        watches.append(Units(settings.units, utc_now, restarts=journal.restarts))
    if settings.probes:
        from app.sources.probes import Probes

        watches.append(Probes(settings.probes, utc_now))
    if settings.osapi.url:
        from app.sources.osapi import Osapi

        watches.append(Osapi(settings.osapi, utc_now, lambda: bool(board.unreachable)))
    board.beside = beside = Beside(watches)
    beside.on_news = collector.hear
    return {asyncio.create_task(beside.run(board.stopping), name="beside"): "watching beside NATS"}


def _outcome(parts: Mapping[asyncio.Future[None], str], *, asked: bool) -> int:
    """0 after an end that somebody asked for; 1 if a part broke or ended by itself, and says which."""
    code = 0 if asked else 1
    for task, name in parts.items():
        if not task.done() or task.cancelled():
            _log.warning("the %s did not end in %g s", name, DRAIN)
        elif (error := task.exception()) is not None:
            _log.error("the %s broke", name, exc_info=error)
            code = 1
    _log.info("stopped")
    return code


async def _announce(
    board: Board,
    store: Store,
    state_dir: Path,
    holdings: Holdings,
    ready: Callable[[Holdings], None] | None,
) -> None:
    """Says `ready` when readiness is first reached; the owner's token is there by then."""
    await keep_owner_token(store, state_dir)
    while not all(check.ok for check in board.checks()):
        await board.news(board.snapshot.seq, 1.0)
        if board.stopping.is_set():
            return
    _log.info("ready")
    if ready is not None:
        ready(holdings)


async def _leave_with(parent_fd: int, board: Board, ending: Ending) -> None:
    await outlive_no_deck(parent_fd, board)
    ending.begin("the deck that started it is gone")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop

    return uvloop.new_event_loop
