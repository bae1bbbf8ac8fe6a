"""The applications: one for the worker's own socket, one for TCP. Both serve the same routes."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from app.api.agents import agents
from app.api.attempts import Attempts
from app.api.attention import attention
from app.api.bearer import Bearer
from app.api.document import document
from app.api.errors import on_crash, on_http_exception, on_invalid
from app.api.feed import feed
from app.api.fleet import fleet
from app.api.gates import Gates
from app.api.gateways import gateways
from app.api.guard import BodyLimit, Envelope, HostGuard
from app.api.health import StatusFirst, StatusPages, health
from app.api.kpis import kpis
from app.api.members import members
from app.api.metrics import Metrics, exposition
from app.api.polls import Polls, PollsFirst
from app.api.posting import posting
from app.api.principal import Owner
from app.api.probes import probes
from app.api.scores import scores
from app.api.sessions import sessions
from app.api.sharing import shared_with
from app.api.tokens import tokens
from app.api.units import units
from app.api.weights import weights
from app.model.access import Permission
from app.worker.board import Board


class Application:
    """Every route of one worker, once for all of its servers."""

    def __init__(self, board: Board, polls: Polls | None = None) -> None:
        self._board = board
        polls = polls or Polls(board)
        self.routes = _bare()
        self.gates = Gates(self.routes)
        self.metrics = Metrics(board)
        pages = StatusPages(board)
        probes(self.gates, board)
        health(self.gates, board, pages)
        exposition(self.gates, self.metrics)
        self._describe()
        feed(self.gates, board, polls)
        fleet(self.gates, board)
        attention(self.gates, board)
        tokens(self.gates, board)
        members(self.gates, board)
        agents(self.gates, board)
        posting(self.gates, board)
        scores(self.gates, board)
        weights(self.gates, board)
        kpis(self.gates, board)
        units(self.gates, board)
        gateways(self.gates, board)
        sessions(self.gates, board)  # the last: its `/api/agents/{id}` takes what no other wants
        self.inner = PollsFirst(StatusFirst(self.routes, pages), polls)

    def socket(self) -> ASGIApp:
        """For a Unix socket that only the owner can reach."""
        return Envelope(Owner(BodyLimit(self.inner)), self.metrics.count)

    def tcp(
        self, allowed_hosts: Collection[str], attempts: Attempts | None = None, *, origins: Collection[str] = ()
    ) -> ASGIApp:
        """For TCP: known names only, and a token for everything but the probes. Pages of `origins` may ask too."""
        bearer = Bearer(self.inner, self._board, self.gates.open_paths, attempts)
        return Envelope(HostGuard(shared_with(BodyLimit(bearer), origins), allowed_hosts), self.metrics.count)

    def _describe(self) -> None:
        made = b""

        async def described() -> Response:
            nonlocal made
            made = made or msgspec.json.encode(document(self.routes))
            return Response(made, media_type="application/json")

        self.gates.get("/openapi.json", Permission.HEALTH_READ, described, answer=dict[str, object])


def _bare() -> FastAPI:
    """Without pages of documentation: FastAPI's load their scripts from elsewhere."""
    return FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            HTTPException: on_http_exception,
            RequestValidationError: on_invalid,
            Exception: on_crash,
        },
    )
