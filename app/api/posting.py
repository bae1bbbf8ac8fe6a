"""Posting: session events over HTTP, all of them or none."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.api.asked import answer
from app.api.behind import intake_of, kept
from app.api.errors import error_response
from app.api.gates import Gates
from app.api.guard import EVENTS_PATH
from app.api.sessionbodies import TakenBody, hash_of
from app.model.access import Permission
from app.model.eventshapes import MISSING, PAYLOADS, Problem, expected
from app.model.sessionevents import SEVERITIES, BadEvent, read_event
from app.model.sessions import SessionEvent
from app.model.taskwords import BadTask, check_task
from app.store.intake import Arrived
from app.worker.board import Board

MOST = 1000
"""Events of one request (AgentLens)."""
TOLD_MOST = 200
"""Problems that are told of one request."""
_LARGE = 32 * 1024  # bytes that are read aside of the event loop
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["events"],
                    "properties": {
                        "events": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MOST,
                            "items": {
                                "type": "object",
                                "required": ["sessionId", "agentId", "eventType", "payload"],
                                "properties": {
                                    "id": {
                                        "type": "string",
                                        "description": "Unique within agent and session: what is sent twice is kept"
                                        " once",
                                    },
                                    "sessionId": {"type": "string"},
                                    "agentId": {"type": "string"},
                                    "eventType": {"enum": list(PAYLOADS)},
                                    "severity": {"enum": list(SEVERITIES), "default": "info"},
                                    "timestamp": {"type": "string", "description": "ISO 8601 that ends in Z"},
                                    "payload": {"type": "object"},
                                    "metadata": {"type": "object"},
                                },
                            },
                        }
                    },
                }
            }
        },
    }
}


def posting(gates: Gates, board: Board) -> None:
    """`POST /api/events`."""

    async def take(request: Request) -> Response:
        body = await request.body()
        received = time.time_ns() // 1_000_000
        read = await asyncio.to_thread(_read, body, received) if len(body) > _LARGE else _read(body, received)
        if isinstance(read, Refused):
            return error_response(request, 400, read.why, [{"path": p.path, "message": p.message} for p in read.told])
        taken = await kept(intake_of(board).take([Arrived(event) for event in read]))
        named = await asyncio.to_thread(_named, taken.ids, read) if len(body) > _LARGE else _named(taken.ids, read)
        notes = _notes(read)
        return answer({"ingested": len(read), "events": named, **({"notes": notes} if notes else {})}, 201)

    also = {400: "The body is not JSON, or an event in it is not valid: nothing is kept, `details` say where and why"}
    gates.post(EVENTS_PATH, Permission.EVENTS_WRITE, take, answer=TakenBody, status=201, also=also, described=_BODY)


class Refused:
    """Why nothing of a body is taken."""

    def __init__(self, why: str, told: Sequence[Problem] = ()) -> None:
        self.why = why
        self.told = told[:TOLD_MOST]


def _read(body: bytes, received: int) -> list[SessionEvent] | Refused:
    try:
        raw = _decoded(body)
    except (ValueError, RecursionError):
        return Refused("Invalid JSON body")
    if not raw and raw not in ([], {}):  # as JavaScript sees it: null, false, 0, "" are no body
        return Refused("Invalid JSON body")
    if type(raw) is not dict:
        return Refused("Validation failed", [Problem("", expected("object", raw))])
    events = raw.get("events", MISSING)
    if type(events) is not list:
        return Refused("Validation failed", [Problem("events", expected("array", events))])
    if not events:
        return Refused("Validation failed", [Problem("events", "Too small: expected array to have >=1 items")])
    if len(events) > MOST:
        return Refused("Validation failed", [Problem("events", f"Too big: expected array to have <={MOST} items")])
    return _all_or_none(events, received)


def _all_or_none(events: list[Any], received: int) -> list[SessionEvent] | Refused:
    good: list[SessionEvent] = []
    problems: list[Problem] = []
    for place, raw in enumerate(events):
        try:
            good.append(read_event(raw, received, f"events.{place}"))
        except BadEvent as bad:
            problems += bad.problems
            if len(problems) >= TOLD_MOST:
                break
    return Refused("Validation failed", problems) if problems else good


def _notes(events: Sequence[SessionEvent]) -> list[dict[str, str]]:
    """What is wrong with events that mean to be of a task."""
    found: list[Problem] = []
    for place, event in enumerate(events):
        try:
            check_task(event, f"events.{place}.")
        except BadTask as bad:
            found += bad.problems
    return [{"path": p.path, "message": p.message} for p in found[:TOLD_MOST]]


def _decoded(body: bytes) -> Any:
    """JSON as JavaScript reads it. The quick reader refuses some of it: numbers too large, half characters."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError):
        return json.loads(body.decode())


def _named(ids: Sequence[str], events: Sequence[SessionEvent]) -> list[dict[str, str]]:
    """What each event is called, those of a session together, sessions in the order in which they come first."""
    sessions: dict[str, list[dict[str, str]]] = {}
    for id, event in zip(ids, events, strict=True):
        sessions.setdefault(event.session, []).append({"id": id, "hash": hash_of(id, event)})
    return [named for together in sessions.values() for named in together]
