"""Weights: how much each dimension counts in a score, told and set, for AgentLens's clients and for decks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from app.api.asked import answer, invalid
from app.api.attention import Asked
from app.api.behind import kept, scores_of
from app.api.errors import error_response
from app.api.gates import Gates
from app.api.principal import by
from app.api.scorebodies import WeightsBody, weights_body
from app.api.scorequeries import Unfit, read_weights, refused
from app.model.access import Permission
from app.model.events import EventKind
from app.model.scoring import Dimension, Weights
from app.worker.board import Board

_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": WeightsBody.model_json_schema()}},
    }
}
Share = Annotated[float, Field(ge=0, le=1, strict=True)]


class WeightsAsked(Asked):
    """How much each dimension counts from now on: together 0.95 to 1.05."""

    error_rate: Share
    cost_efficiency: Share
    tool_success: Share
    latency: Share
    completion_rate: Share


def weights(gates: Gates, board: Board) -> None:
    """`GET`, `PUT`, `DELETE /api/config/health-weights`, `POST /api/v1/weights`, `POST /api/v1/weights/reset`."""

    async def current() -> Response:
        return answer(weights_body(await kept(scores_of(board).weights())))

    async def put(request: Request) -> Response:
        try:
            wanted = read_weights(await request.body())
            return answer(weights_body(await _set(request, wanted)))
        except Unfit as unfit:
            return refused(request, unfit)
        except ValueError as error:
            return error_response(request, 400, str(error))

    async def delete(request: Request) -> Response:
        return answer(weights_body(await _set(request, None)))

    async def replace(request: Request, body: WeightsAsked) -> Response:
        try:
            return answer(await _set(request, Weights(**body.model_dump())))
        except ValueError as error:
            raise invalid("body", "weights", str(error)) from None

    async def reset(request: Request) -> Response:
        return answer(await _set(request, None))

    async def _set(request: Request, wanted: Weights | None) -> Weights:
        """Puts weights in force, the configured ones for None; gives those in force. A ValueError says why not."""
        book, who = scores_of(board), by(request.scope)
        before = await kept(book.weights())
        await kept(book.reset_weights(who) if wanted is None else book.set_weights(wanted, who))
        after = await kept(book.weights())
        if board.events is not None:
            board.events.note(EventKind.ACTION, "scores", _told(before, after, reset=wanted is None), who)
        return after

    config, write = "/api/config/health-weights", Permission.WEIGHTS_WRITE
    gates.get(config, Permission.SCORES_READ, current, answer=WeightsBody)
    also = {400: "The weights cannot be used: each is 0 to 1, together 0.95 to 1.05"}
    gates.put(config, write, put, answer=WeightsBody, also=also, described=_BODY)
    gates.delete(config, write, delete, answer=WeightsBody)
    gates.post("/api/v1/weights", write, replace, answer=Weights)
    gates.post("/api/v1/weights/reset", write, reset, answer=Weights)


def _told(before: Weights, after: Weights, *, reset: bool) -> str:
    """What became of the weights: `error_rate 0.3 → 0.25, …`."""
    changed = [
        f"{each} {before.of(each):g} → {after.of(each):g}" for each in Dimension if before.of(each) != after.of(each)
    ]
    return f"weights {'reset' if reset else 'set'}: {', '.join(changed) or 'as they were'}"
