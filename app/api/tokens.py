"""Tokens: made, listed and revoked over HTTP, and the trail of what people did."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.api.asked import When, answer, soon
from app.api.attention import Asked
from app.api.behind import Keeping, TokenRow, kept, store_of, there
from app.api.gates import Gates
from app.api.pages import AuditList, NewToken, TokenList
from app.api.principal import by
from app.api.shapes import Accepted
from app.model.access import Permission, Role
from app.worker.board import Board

LONGEST = timedelta(days=3660)
"""How far ahead a token may expire."""


class TokenAsked(Asked):
    """A new token. Without `expires_at` it holds until it is revoked."""

    role: Role
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._@+-]*$")]
    expires_at: When | None = None


def tokens(gates: Gates, board: Board) -> None:
    """`GET`, `POST /api/v1/tokens`, `POST /api/v1/tokens/{id}/revoke`, `GET /api/v1/audit`."""

    def store() -> Keeping:
        return there(store_of(board), "store")

    async def create(request: Request, body: TokenAsked) -> Response:
        expires = soon(body.expires_at, farthest=LONGEST, field="expires_at") if body.expires_at else None
        record, text = await kept(store().tokens.create(body.role, body.name, expires, by(request.scope)))
        return answer({**_shown(record), "token": text}, 201)

    async def listed() -> Response:
        rows = await kept(store().tokens.list())
        return answer({"items": [_shown(row) for row in rows], "total": len(rows)})

    async def revoke(request: Request, id: Annotated[str, Path(pattern=r"^[A-Za-z0-9]{1,64}$")]) -> Response:
        if not await kept(store().tokens.revoke(id, by(request.scope))):
            raise HTTPException(404, "there is no such token in force")
        return answer({"ok": True})

    async def audit(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    ) -> Response:
        return answer({"items": await kept(store().audit.recent(limit, before))})

    gates.get("/api/v1/tokens", Permission.TOKENS_READ, listed, answer=TokenList)
    gates.post("/api/v1/tokens", Permission.TOKENS_WRITE, create, answer=NewToken, status=201)
    none = {404: "There is no such token in force"}
    gates.post("/api/v1/tokens/{id}/revoke", Permission.TOKENS_WRITE, revoke, answer=Accepted, also=none)
    gates.get("/api/v1/audit", Permission.AUDIT_READ, audit, answer=AuditList)


def _shown(row: TokenRow) -> dict[str, Any]:
    """Named field by field, so that nothing else of a token can ever be told."""
    return {
        "id": row.id,
        "name": row.name,
        "role": row.role,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
        "revoked_at": row.revoked_at,
    }
