"""Members: who asks, in the words of Mission Control's membership: one organization, and a token's role in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from app.api.asked import answer
from app.api.behind import TokenRow, kept, store_of
from app.api.gates import Gates
from app.api.principal import Principal, principal
from app.model.access import PERMISSIONS, Permission, Role
from app.model.ids import id_of
from app.worker.board import Board

Naive = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?$", description="UTC, without a zone")
]
"""A time as Mission Control writes it."""


class UserBody(BaseModel):
    """The holder of a token. Of people nothing is kept but what the token is called."""

    id: UUID
    email: str | None
    name: str | None
    preferred_name: str | None


class MemberBody(BaseModel):
    """A membership. `permissions`, `token_id` and `expires_at` are
    ours: what the role may, and until when."""

    id: UUID
    organization_id: UUID
    user_id: UUID
    role: Role
    all_boards_read: bool
    all_boards_write: bool
    created_at: Naive
    updated_at: Naive
    user: UserBody
    board_access: list[dict[str, Any]]
    permissions: list[Permission]
    token_id: str
    expires_at: Naive | None


def members(gates: Gates, board: Board) -> None:
    """`GET /api/v1/organizations/me/member`."""

    async def me(request: Request) -> Response:
        who = principal(request.scope)
        assert who is not None  # noqa: S101 (a guard has let somebody through)
        return answer(_member(who, await _token(board, who)))

    gates.get("/api/v1/organizations/me/member", Permission.SELF_READ, me, answer=MemberBody)


async def _token(board: Board, who: Principal) -> TokenRow | None:
    """The token that was shown; None for somebody who came by the socket."""
    store = store_of(board)
    if not who.token_id or store is None:
        return None
    return next((row for row in await kept(store.tokens.list()) if row.id == who.token_id), None)


def _member(who: Principal, token: TokenRow | None) -> dict[str, Any]:
    person = who.token_id or who.name
    began = naive(token.created_at if token is not None else datetime.fromtimestamp(0, UTC))
    used = naive(token.last_used_at) if token is not None and token.last_used_at is not None else began
    user = id_of("user", person)
    may = PERMISSIONS[who.role]
    return {
        "id": id_of("member", person),
        "organization_id": id_of("organization", ""),
        "user_id": user,
        "role": who.role,
        "all_boards_read": Permission.METRICS_READ in may,
        "all_boards_write": Permission.EVENTS_WRITE in may,
        "created_at": began,
        "updated_at": used,
        "user": {"id": user, "email": None, "name": who.name, "preferred_name": who.name},
        "board_access": [],
        "permissions": sorted(may),
        "token_id": who.token_id,
        "expires_at": naive(token.expires_at) if token is not None and token.expires_at is not None else None,
    }


def naive(at: datetime) -> datetime:
    """A time as Mission Control writes it: UTC, and no zone said."""
    return at.astimezone(UTC).replace(tzinfo=None)
