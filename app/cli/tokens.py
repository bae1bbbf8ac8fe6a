"""`watchdeck token`: made, listed and revoked through the worker that runs, else in its store directly."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from app.cli.run import USAGE, Failure
from app.model.access import Role
from app.model.text import clean
from app.model.triage.thresholds import seconds_of
from app.settings import Settings, SettingsError

if TYPE_CHECKING:
    from app.feed.link import Link
    from app.store.store import Store

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,63}")
_FARTHEST = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is listed; never its secret."""

    id: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Made:
    token: str


@dataclass(frozen=True, slots=True)
class _Listed:
    items: tuple[Token, ...]


class TokenDesk(Protocol):
    """Where tokens are made and ended."""

    async def create(self, role: Role, name: str, expires_at: datetime | None) -> str: ...
    async def list(self) -> Sequence[Token]: ...
    async def revoke(self, id: str) -> None: ...


def create_token(settings: Settings, *, role: str, name: str, expires: str) -> int:
    """Prints a new token, alone on stdout and this once."""
    if role not in tuple(Role):
        raise Failure(f"no role {clean(role, 40)}: there are {', '.join(Role)}", USAGE)
    name = name or _name()
    if _NAME.fullmatch(name) is None:
        raise Failure("a token's name has 64 letters, digits, spaces and ._@+- at most", USAGE)
    until = _until(expires) if expires else None
    text = _at_the_desk(settings, lambda desk: desk.create(Role(role), name, until))
    sys.stdout.write(text + "\n")
    return 0


def list_tokens(settings: Settings) -> int:
    """Prints all tokens, the revoked and expired ones too, in the order in which they were made."""
    tokens = _at_the_desk(settings, lambda desk: desk.list())
    now = datetime.now(UTC)
    rows = [("ID", "ROLE", "STATE", "CREATED", "EXPIRES", "LAST USED", "NAME"), *(_row(token, now) for token in tokens)]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        line = "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        sys.stdout.write(line.rstrip() + "\n")
    return 0


def revoke_token(settings: Settings, id: str) -> int:
    """Ends a token at once and for good."""
    _at_the_desk(settings, lambda desk: desk.revoke(id))
    return 0


def _row(token: Token, now: datetime) -> tuple[str, ...]:
    ended = token.expires_at is not None and token.expires_at <= now
    state = "revoked" if token.revoked_at else "expired" if ended else "valid"
    moments = (_moment(at) for at in (token.created_at, token.expires_at, token.last_used_at))
    return (clean(token.id, 64), token.role.value, state, *moments, clean(token.name, 100))


def _moment(at: datetime | None) -> str:
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%MZ}"


def _until(expires: str) -> datetime:
    seconds = seconds_of(expires)
    if seconds is None or not 0 < seconds <= _FARTHEST.total_seconds():
        raise Failure(f"--expires takes a length of time such as 30d or 12h, not {clean(expires, 40)}", USAGE)
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _name() -> str:
    """Who makes it, for a token that was given no name."""
    return re.sub(r"[^A-Za-z0-9 ._@+-]", "-", ourselves())[:64].lstrip(" ._@+-") or "token"


def ourselves() -> str:
    """Who runs this command, as the audit trail writes it: `ana@bastion`."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return clean(f"{user}@{socket.gethostname()}", 100)


def _at_the_desk(settings: Settings, ask: Callable[[TokenDesk], Awaitable[T]]) -> T:
    """Asks the worker that runs, else the store itself under the lock of its folder."""
    from app.feed.link import LinkError, open_link
    from app.feed.spawn import Spawner
    from app.feed.target import NoWorker, WrongWorker

    async def asked() -> T:
        try:
            target, _ = await Spawner(settings).find()
            if target is None:
                return await _directly(settings, ask)
            link = await open_link(target)
            try:
                return await ask(_Worker(link))
            finally:
                await link.close()
        except (LinkError, NoWorker, WrongWorker) as error:
            raise Failure(str(error)) from None
        except msgspec.DecodeError:
            raise Failure("the worker's answer cannot be read: restart the worker, it has another version") from None

    return asyncio.run(asked())


class _Worker:
    """The tokens of a worker that runs."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def create(self, role: Role, name: str, expires_at: datetime | None) -> str:
        body = {"role": role.value, "name": name}
        if expires_at is not None:
            body["expires_at"] = expires_at.isoformat()
        return msgspec.json.decode(await self._link.post("/api/v1/tokens", body), type=_Made).token

    async def list(self) -> Sequence[Token]:
        return msgspec.json.decode(await self._link.get("/api/v1/tokens"), type=_Listed).items

    async def revoke(self, id: str) -> None:
        if not id.isascii() or not id.isalnum():
            raise _unknown(id)
        await self._link.post(f"/api/v1/tokens/{id}/revoke", {})


class _Kept:
    """The tokens of a store that no worker has open."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, role: Role, name: str, expires_at: datetime | None) -> str:
        return (await self._store.tokens.create(role, name, expires_at, ourselves()))[1]

    async def list(self) -> Sequence[Token]:
        return [msgspec.convert(each, Token, from_attributes=True) for each in await self._store.tokens.list()]

    async def revoke(self, id: str) -> None:
        if not await self._store.tokens.revoke(id, ourselves()):
            raise _unknown(id)


def _unknown(id: str) -> Failure:
    return Failure(f"there is no token {clean(id, 64)} in force (see watchdeck token list)")


async def _directly(settings: Settings, ask: Callable[[TokenDesk], Awaitable[T]]) -> T:
    from app.store.errors import StoreFailed, StoreRefused
    from app.store.store import Store
    from app.worker.lock import LockHeld, StateLock

    try:
        lock = StateLock.acquire(settings.state_dir)
    except (LockHeld, SettingsError, OSError) as error:
        raise Failure(f"{error}; it does not answer" if isinstance(error, LockHeld) else str(error)) from None
    try:
        store = Store.open(settings.store.url, settings.state_dir, clock=lambda: datetime.now(UTC))
        try:
            return await ask(_Kept(store))
        finally:
            await store.close()
    except (StoreRefused, StoreFailed) as error:
        raise Failure(str(error)) from None
    finally:
        lock.release()
