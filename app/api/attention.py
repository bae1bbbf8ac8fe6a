"""Attention: people acknowledge, snooze and mute findings, and take it back."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, TypeVar

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.api.asked import When, answer, invalid, soon
from app.api.behind import desk_of
from app.api.gates import Gates
from app.api.pages import MarkBody
from app.api.principal import by
from app.api.shapes import Accepted
from app.model.access import Permission
from app.model.text import clean
from app.store.errors import StoreFailed
from app.worker.board import Board

T = TypeVar("T")
NOTE_LIMIT = 500
"""Characters of a note."""
Note = Annotated[str, Field(max_length=NOTE_LIMIT), AfterValidator(lambda text: clean(text, NOTE_LIMIT))]
Id = Annotated[str, Path(min_length=1, max_length=1000)]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AckAsked(Asked):
    """Somebody takes care of it."""

    note: Note = ""


class SnoozeAsked(Asked):
    """It is hidden until a time, at most 30 days ahead."""

    until: When
    note: Note = ""


class MuteAsked(Asked):
    """A rule is silent about subjects like a pattern (`*`, `?`) until a time, at most 30 days ahead."""

    rule: Annotated[str, Field(min_length=1, max_length=100)]
    subject: Annotated[str, Field(min_length=1, max_length=300)]
    until: When
    note: Note = ""


def attention(gates: Gates, board: Board) -> None:
    """`POST /api/v1/` `findings/{id}/ack`, `snooze`, `mute`; `mutes`; `marks/{key}/remove`.

    An id holds `|` and often `/`: percent-encoded or not, everything before the verb is the id.
    """

    async def ack(request: Request, id: Id, body: AckAsked | None = None) -> Response:
        note = body.note if body else ""
        return _kept(await _done(desk_of(board).acknowledge(id, by(request.scope), note)))

    async def snooze(request: Request, id: Id, body: SnoozeAsked) -> Response:
        until = soon(body.until)
        return _kept(await _done(desk_of(board).snooze(id, until, by(request.scope), body.note)))

    async def mute_like(request: Request, id: Id, body: SnoozeAsked) -> Response:
        until, desk = soon(body.until), desk_of(board)
        finding = board.snapshot.findings.get(id)
        if finding is None:
            raise HTTPException(404, "there is no such finding")
        asked = desk.mute(finding.rule, finding.subject, until, by(request.scope), body.note)
        return _kept(await _done(asked))

    async def mute(request: Request, body: MuteAsked) -> Response:
        until = soon(body.until)
        asked = desk_of(board).mute(body.rule, body.subject, until, by(request.scope), body.note)
        return _kept(await _done(asked))

    async def remove(request: Request, key: Id) -> Response:
        if not await _done(desk_of(board).take_back(key, by(request.scope))):
            raise HTTPException(404, "there is no such mark")
        return answer({"ok": True})

    write = Permission.FINDINGS_WRITE
    none = {404: "There is no such finding"}
    gates.post("/api/v1/findings/{id:path}/ack", write, ack, answer=MarkBody, also=none)
    gates.post("/api/v1/findings/{id:path}/snooze", write, snooze, answer=MarkBody, also=none)
    gates.post("/api/v1/findings/{id:path}/mute", write, mute_like, answer=MarkBody, also=none)
    gates.post("/api/v1/mutes", write, mute, answer=MarkBody)
    gates.post("/api/v1/marks/{key:path}/remove", write, remove, answer=Accepted, also={404: "There is no such mark"})


def _kept(mark: object) -> Response:
    return answer({"mark": mark})


async def _done(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except LookupError as error:
        raise HTTPException(404, str(error.args[0]) if error.args else "there is no such finding") from None
    except ValueError as error:
        raise invalid("body", "until" if "until" in str(error) else "subject", str(error)) from None
    except StoreFailed as error:
        raise HTTPException(503, str(error)) from None
