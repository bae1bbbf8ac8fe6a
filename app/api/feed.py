"""Feed: the routes by which decks hear of everything, and say what they want."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from app.api import polls
from app.api.gates import Gates
from app.api.polls import HOLD, MEDIA_TYPE, Asked, Polls
from app.api.shapes import Accepted, WorkerShape
from app.feed.wire import Mark
from app.model.access import Permission
from app.model.snapshot import SECTIONS
from app.worker.board import Board

NAMESPACE = r"^[A-Za-z0-9_-]{0,100}$"
"""What may stand before a bucket's name; empty: nothing does; `auto`: the worker looks for it."""


def feed(gates: Gates, board: Board, answers: Polls) -> None:
    """`GET /api/v1/feed`, `POST /api/v1/refresh`, `POST /api/v1/namespace`, `GET /api/v1/worker`.

    Another namespace changes what everybody sees, so it has a permission of its own.
    """

    async def poll(
        request: Request,
        sections: Annotated[str, Query(max_length=polls.SECTIONS_LONGEST)] = "",
        since: Annotated[str, Query(max_length=polls.SINCE_LONGEST)] = "",
        deck: Annotated[str, Query(pattern=polls.DECK)] = "",
        look: Annotated[list[str] | None, Query(max_length=polls.LOOK_MOST)] = None,
        wait: Annotated[float, Query(ge=0, le=HOLD)] = HOLD,
    ) -> Response:
        return await answers.answer(
            request, Asked(_sections(sections), _mark(since), deck, frozenset(look or ()), wait)
        )

    async def refresh() -> Response:
        board.request_refresh()
        return Response(b'{"ok":true}', 202, media_type="application/json")

    async def namespace(namespace: Annotated[str, Body(embed=True, pattern=NAMESPACE)]) -> Response:
        board.choose_namespace(namespace)
        return Response(b'{"ok":true}', 202, media_type="application/json")

    async def worker() -> Response:
        return answers.about()

    gates.get(polls.FEED_PATH, Permission.FLEET_READ, poll, media_type=MEDIA_TYPE)
    gates.post("/api/v1/refresh", Permission.FLEET_READ, refresh, answer=Accepted, status=202)
    gates.post("/api/v1/namespace", Permission.FLEET_CHOOSE, namespace, answer=Accepted, status=202)
    gates.get(polls.WORKER_PATH, Permission.FLEET_READ, worker, answer=WorkerShape)


def _sections(text: str) -> frozenset[str]:
    sections = frozenset(name for name in text.split(",") if name)
    if unknown := sorted(sections - SECTIONS.keys()):
        raise _invalid("sections", f"there is no section {unknown[0][:40]!r}")
    return sections


def _mark(text: str) -> Mark | None:
    if not text:
        return None
    try:
        return Mark.parse(text)
    except ValueError as error:
        raise _invalid("since", str(error)) from None


def _invalid(parameter: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("query", parameter), "msg": message, "type": "value_error"}])
