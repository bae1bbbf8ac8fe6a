"""Asked: parameters and answers that endpoints have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BeforeValidator
from starlette.responses import Response

Row = TypeVar("Row")
Limit = Annotated[int, Query(ge=1, le=1000, description="Rows at most")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="Rows to pass over")]
FARTHEST = timedelta(days=30)
"""How far ahead a snooze or mute may end."""


def _text_only(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a time is text as in 2026-11-22T14:00:00Z")
    if len(value) < len("2026-11-22T14:00Z") or value[10:11] not in ("T", "t", " "):
        raise ValueError("a time has a date, an hour and a zone, as in 2026-11-22T14:00:00Z")
    return value


When = Annotated[AwareDatetime, BeforeValidator(_text_only)]
"""A moment in ISO 8601 with its zone; a number is none."""


def answer(value: Any, status: int = 200) -> Response:
    """A body as JSON, field for field."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def page(rows: Sequence[Row], limit: int, offset: int, **more: Any) -> Response:
    """Some of the rows, and how many there are in all."""
    part = list(rows[offset : offset + limit])
    return answer({"items": part, "total": len(rows), "limit": limit, "offset": offset, **more})


def invalid(where: str, field: str, message: str) -> RequestValidationError:
    """The refusal of one parameter (`where` is `query`, `path` or `body`)."""
    return RequestValidationError([{"loc": (where, field), "msg": message, "type": "value_error"}])


def soon(until: datetime, *, farthest: timedelta = FARTHEST, field: str = "until") -> datetime:
    """The same moment in UTC, if it is to come and not too far away."""
    now = datetime.now(UTC)
    if until <= now:
        raise invalid("body", field, "this time is over")
    if until > now + farthest:
        raise invalid("body", field, f"this is more than {farthest.days} days ahead")
    return until.astimezone(UTC)
