"""Score queries: numbers and weights as AgentLens's clients give them, and its words where they do not fit."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.api.errors import error_response
from app.model.eventshapes import MISSING, Problem, expected, received
from app.model.scoring import Dimension, Weights

DAYS_MOST = 365
"""Days of history that can be asked for."""
WINDOW_MOST = 90
SORTS = ("lastSeen", "score", "change", "name")
_WINDOW = f"window must be an integer between 1 and {WINDOW_MOST}"
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_ENDLESS = re.compile(r"[+-]?Infinity")


class Unfit(Exception):
    """What is asked for cannot be; the text is AgentLens's, `problems` say where."""

    def __init__(self, text: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(text)
        self.problems = problems


def refused(request: Request, unfit: Unfit) -> Response:
    """The 400 that says it."""
    details = [{"path": each.path, "message": each.message} for each in unfit.problems]
    return error_response(request, 400, str(unfit), details)


def window(request: Request, default: int) -> int:
    """Days of the window, 1 to 90."""
    return whole(request, "window", default, WINDOW_MOST, _WINDOW)


def whole(request: Request, field: str, default: int, most: int, text: str = "", least: int = 1) -> int:
    """A whole number of the query from `least` to `most`. `text` is said of one that is outside."""
    given = request.query_params.getlist(field)
    if not given:
        return default
    value = number(given[0]) if len(given) == 1 else math.nan
    message = _fault(value, least, most, text)
    if message:
        raise Unfit(message, (Problem(field, message),))
    return int(value)


def sort(request: Request) -> str:
    """The order of an overview."""
    given = request.query_params.getlist("sort") or [SORTS[0]]
    if len(given) > 1 or given[0] not in SORTS:
        message = "Invalid option: expected one of " + "|".join(f'"{word}"' for word in SORTS)
        raise Unfit(message, (Problem("sort", message),))
    return given[0]


def number(text: str) -> float:
    """A number as JavaScript reads it of a text; not a number where it is none."""
    text = text.strip()
    if not text:
        return 0.0
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _WHOLE.fullmatch(text):
        return float(int(text, 0))
    return math.inf if _ENDLESS.fullmatch(text) else math.nan


def _fault(value: float, least: int, most: int, text: str) -> str:
    """What is wrong with it, empty if nothing."""
    if not math.isfinite(value):
        return expected("number", value)
    if value != int(value):
        return "Invalid input: expected int, received number"
    if value < least:
        return text or f"Too small: expected number to be >={least}"
    return (text or f"Too big: expected number to be <={most}") if value > most else ""


def camel(name: str) -> str:
    """`error_rate` as AgentLens writes it: `errorRate`."""
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)


def read_weights(body: bytes) -> Weights:
    """The weights of a body; others than the five are passed over."""
    try:
        raw = _decoded(body)
    except (ValueError, RecursionError):
        raise Unfit("Invalid JSON body") from None
    if type(raw) is not dict:
        message = expected("record", raw)
        raise Unfit(message, (Problem("", message),))
    values = {each: raw.get(camel(each), MISSING) for each in Dimension}
    problems = [Problem(camel(each), fault) for each, value in values.items() if (fault := _weight_fault(value))]
    if problems:
        raise Unfit("; ".join(problem.message for problem in problems), problems)
    return Weights(**{each.value: float(value) for each, value in values.items()})


def _weight_fault(value: Any) -> str:
    if received(value) != "number":
        return expected("number", value)
    if value < 0:
        return "Too small: expected number to be >=0"
    return "Too big: expected number to be <=1" if value > 1 else ""


def _decoded(body: bytes) -> Any:
    """JSON as JavaScript reads it. The quick reader refuses some of it: numbers too large, half characters."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError):
        return json.loads(body.decode(), parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
