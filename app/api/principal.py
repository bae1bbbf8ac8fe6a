"""Principal: who asks, as a guard has said before any endpoint sees the request."""

from __future__ import annotations

import getpass
import re
import socket
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from app.model.access import Permission, Role, allows

BY_HEADER = "x-watchdeck-by"
"""Who sits at the deck (`ana@ops-1`); believed on the worker's own socket only."""
_BY = re.compile(r"[A-Za-z0-9._@+-]{1,100}")


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who may ask. `name` is what people read beside an act: a token's name, or user@host."""

    role: Role
    name: str
    token_id: str = ""  # empty: came by the socket


class Owner:
    """Everything that comes through is the owner's: only for a socket that lets nobody else in."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._local = Principal(Role.OWNER, f"{_user()}@{socket.gethostname()}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            by = Headers(scope=scope).get(BY_HEADER, "")
            known = Principal(Role.OWNER, by) if _BY.fullmatch(by) else self._local
            scope.setdefault("state", {})["principal"] = known
        await self._app(scope, receive, send)


def principal(scope: Scope) -> Principal | None:
    """Who asks; None for somebody whom no guard has named."""
    known = scope.get("state", {}).get("principal")
    return known if isinstance(known, Principal) else None


def may(scope: Scope, permission: Permission) -> bool:
    """Whether who asks has this permission."""
    known = principal(scope)
    return known is not None and allows(known.role, permission)


def need(scope: Scope, permission: Permission) -> None:
    """Raises 403 with the name of the permission if who asks does not have it."""
    if not may(scope, permission):
        raise HTTPException(403, f"missing permission: {permission}")


def by(scope: Scope) -> str:
    """The name to be written beside what they do."""
    known = principal(scope)
    return known.name if known else ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        return "owner"
