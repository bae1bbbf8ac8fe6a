"""Finds the running worker, else starts one that ends with the deck."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from app.feed.child import LOCK_HELD, Child
from app.feed.link import LinkError, Refused, open_link
from app.feed.target import NoWorker, Target, WrongWorker
from app.model.text import clean
from app.settings import Secret, Settings, SettingsError
from app.settings.lockfile import read_lock
from app.settings.places import SERVICE_SOCKET
from app.settings.profiles import differences

ANSWER_TIMEOUT = 5.0
"""Seconds within which a worker must say who it is."""
START_TIMEOUT = 10.0
"""Seconds within which a started worker must answer."""
HELD_PATIENCE = 1.0
"""Seconds to wait for the worker that holds the state folder before another one is tried."""
_POLL = 0.02
_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class About:
    """What a worker says of itself."""

    version: str = ""
    wire: int = 0
    fingerprint: Mapping[str, Any] = field(default_factory=dict)


class Silent(Exception):
    """Something holds the socket, but no worker answers on it."""


class Spawner:
    """Looks for a worker in this order: `--attach`, the own state folder's, the system service's; else starts one.

    `service` is the socket of the system's worker, None to leave it out (a demo has nothing to do with it).
    """

    def __init__(self, settings: Settings, *, service: Path | None = SERVICE_SOCKET) -> None:
        self._settings = settings
        self._service = service
        self._child: Child | None = None

    async def locate(self) -> Target:
        """A worker that answers. Raises NoWorker or WrongWorker with a sentence."""
        note = "" if self._settings.attach else self._ended_child()
        found, passed_over = await self.find()
        return found or await self._started("; ".join(filter(None, (note, passed_over))))

    async def find(self) -> tuple[Target | None, str]:
        """A worker that runs already, and what was passed over if there is none. Raises as `locate`.

        One that is named by `--attach` is the only one that may be.
        """
        if "://" in self._settings.attach:
            return await self._far(self._settings.attach), ""
        if self._settings.attach:
            return await self._attached(Path(self._settings.attach)), ""
        own = await self._own()
        return (own, "") if own is not None else await self._served()

    def end(self) -> None:
        """Ends a worker that was started here, in good order, and waits for it. For a demo; a deck only lets go."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    async def _attached(self, path: Path) -> Target:
        try:
            about = await ask(path)
        except Silent as error:
            raise NoWorker(str(error)) from None
        if about is None:
            raise NoWorker(f"no worker answers at {path}")
        self._same(about, f"the worker at {path}")
        return Target(socket_path=str(path))

    async def _far(self, url: str) -> Target:
        from app.settings.secrets import read_secret

        file = self._settings.token_file
        try:
            token = read_secret(Path(file), "--token-file") if file else Secret("")
        except SettingsError as error:
            raise WrongWorker(str(error)) from None
        target = Target(url=url, token=token, ca_file=self._settings.ca_file)
        link = None
        try:
            link = await open_link(target)
            about = msgspec.json.decode(await link.get("/api/v1/worker"), type=About)
        except Refused as error:
            raise WrongWorker(_refusal(str(error), url, token)) from None
        except LinkError as error:
            raise NoWorker(str(error)) from None
        except msgspec.DecodeError:
            raise WrongWorker(f"what answers at {url} is not a worker") from None
        finally:
            if link is not None:
                await link.close()
        self._same(about, f"the worker at {url}")
        return target

    async def _own(self) -> Target | None:
        """The worker that owns the state folder, ours or another deck's child or a service; None if none answers."""
        record = read_lock(self._settings.state_dir)
        if record is None:
            return None
        path = Path(record.socket)
        if not _ours(path):
            raise WrongWorker(f"the worker's socket {path} belongs to another user")
        try:
            about = await ask(path)
        except Silent as error:
            if self._child is None or self._child.pid != record.pid:
                raise NoWorker(f"{error} (process {record.pid})") from None
            await asyncio.to_thread(self._child.kill)  # ours, and stuck: another one is started in its place
            return None
        if about is None:
            return None
        self._same(about, f"the worker of {self._settings.state_dir} (process {record.pid})")
        return Target(socket_path=str(path))

    async def _served(self) -> tuple[Target | None, str]:
        """The system service's worker if it may be used, and why not if there is one."""
        if self._service is None or not self._service.exists():
            return None, ""
        try:
            about = await ask(self._service)
        except (Silent, WrongWorker) as error:
            return None, f"passed over: {error}"
        if about is None:
            return None, ""
        differing = differences(self._settings, about.fingerprint)
        if differing:
            return None, f"passed over the worker at {self._service}: {'; '.join(differing)}"
        return Target(socket_path=str(self._service)), ""

    async def _started(self, note: str) -> Target:
        """Starts a child until one answers, or until the worker of another deck that was faster does."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            try:
                child = self._child = await asyncio.to_thread(Child.start, self._settings)
            except (OSError, SettingsError) as error:
                raise NoWorker(f"cannot start a worker: {clean(str(error), 300)}") from None
            path = await self._first_answer(child, deadline)
            if path:
                return Target(socket_path=path, started=True, note=note, close=child.let_go)
            # Another worker holds the state folder: one that is about to answer, or one that is about to end.
            patience = min(deadline, time.monotonic() + HELD_PATIENCE)
            while time.monotonic() < patience:
                own = await self._own()
                if own is not None:
                    return own
                await asyncio.sleep(_POLL)
        raise NoWorker(f"another worker holds {self._settings.state_dir} and does not answer")

    async def _first_answer(self, child: Child, deadline: float) -> str:
        """The socket of a started child once it answers; empty if it found the state folder held. Else NoWorker."""
        while time.monotonic() < deadline:
            record = read_lock(self._settings.state_dir)
            if record is not None and record.pid == child.pid and await self._answers(Path(record.socket)):
                return record.socket
            code = child.ended()
            if code is not None:
                self._child = None
                child.let_go()
                if code == LOCK_HELD:
                    return ""
                raise NoWorker(f"the worker could not start: {child.last_words()}")
            await asyncio.sleep(_POLL)
        self._child = None
        await asyncio.to_thread(child.kill)
        raise NoWorker(f"the started worker did not answer within {START_TIMEOUT:g} s; its log is {child.log}")

    async def _answers(self, path: Path) -> bool:
        try:
            return await ask(path) is not None
        except Silent:
            return False

    def _ended_child(self) -> str:
        """What is to be said of a child that has ended since it was started."""
        child = self._child
        if child is None or child.ended() is None:
            return ""
        self._child = None
        child.let_go()
        return "" if child.ended() == 0 else child.last_words()

    def _same(self, about: About, who: str) -> None:
        differing = differences(self._settings, about.fingerprint)
        if differing:
            raise WrongWorker(f"{who} watches another NATS: {'; '.join(differing)}")


def _refusal(said: str, url: str, token: Secret) -> str:
    """What to do when a worker at a URL does not let us in without a token."""
    if token:
        return f"the worker at {url}: {said}"
    return f"the worker at {url}: {said} (--token-file FILE names a token; watchdeck token create makes one)"


def _ours(path: Path) -> bool:
    """Whether a socket is this user's or root's; one that is gone is nobody else's."""
    try:
        return path.lstat().st_uid in (0, os.getuid())
    except OSError:
        return True


async def ask(path: Path) -> About | None:
    """Asks the worker on a socket who it is; None if nobody listens there. Raises Silent or WrongWorker.

    Spoken by hand: a client library for it would take longer to import than the deck's first picture.
    """
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            reader, writer = await asyncio.open_unix_connection(str(path))
            try:
                writer.write(b"GET /api/v1/worker HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = await reader.read(_LARGEST)
                while not reader.at_eof() and len(answer) < _LARGEST:
                    answer += await reader.read(_LARGEST)
            finally:
                writer.close()
    except PermissionError:
        raise WrongWorker(f"the worker's socket {path} is not open to this user") from None
    except TimeoutError:
        raise Silent(f"the worker at {path} does not answer") from None
    except OSError:
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    if not answer:
        return None
    status = head.partition(b"\r\n")[0].split(b" ")
    if len(status) > 1 and status[1] in (b"401", b"403"):
        raise WrongWorker(f"the worker at {path} does not let this user in")
    try:
        return msgspec.json.decode(body, type=About)
    except msgspec.DecodeError:
        raise Silent(f"what answers at {path} is not a worker") from None
