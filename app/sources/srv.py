"""Answers on `$SRV` as the NATS services API gives them (ADR-32), and records made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from app.model.components import Endpoint
from app.model.text import clean
from app.sources.agentwire import moment
from app.sources.shapes import shown_name

_NANO = 1e9
_ENDPOINTS = 100
"""Endpoints that are taken of one instance."""
_LARGEST = 2**63 - 1


class _EndpointStats(msgspec.Struct, gc=False):
    name: str = ""
    subject: str = ""
    queue_group: str = ""
    num_requests: int = 0
    num_errors: int = 0
    last_error: object = None
    processing_time: float = 0  # nanoseconds, all requests together


class _Answer(msgspec.Struct):
    """PING, STATS and INFO alike; what an answer has not is left as it is here."""

    name: str
    id: str
    version: str = ""
    description: str = ""
    started: str = ""
    endpoints: list[_EndpointStats] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What one instance says of itself. `busy` is the time in seconds that each endpoint has worked in all."""

    service: str
    id: str
    version: str = ""
    description: str = ""
    started: datetime | None = None
    endpoints: tuple[Endpoint, ...] = ()
    busy: tuple[float, ...] = ()


_answers = msgspec.json.Decoder(_Answer)


def read(payload: bytes) -> Told | None:
    """One answer; None if it is not what it should be: anybody may answer."""
    try:
        answer = _answers.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError):
        return None
    if not answer.name or not answer.id:
        return None
    rows = (answer.endpoints or ())[:_ENDPOINTS]
    return Told(
        shown_name(answer.name),
        clean(answer.id, 100),
        clean(answer.version, 60),
        clean(answer.description, 300),
        moment(answer.started),
        tuple(map(_endpoint, rows)),
        tuple(_number(row.processing_time) / _NANO for row in rows),
    )


def read_all(payloads: Sequence[bytes]) -> list[Told]:
    """The readable ones of some answers."""
    return [told for payload in payloads if (told := read(payload)) is not None]


def _endpoint(row: _EndpointStats) -> Endpoint:
    requests = int(_number(row.num_requests))
    return Endpoint(
        clean(row.name, 100),
        clean(row.subject, 255),
        clean(row.queue_group, 100),
        requests,
        int(_number(row.num_errors)),
        _number(row.processing_time) / _NANO / requests if requests else 0.0,
        _error(row.last_error),
    )


def _error(value: object) -> str:
    """A text; some libraries send an object with a code and a description, or null."""
    if isinstance(value, dict):
        value = ": ".join(str(value[name]) for name in ("code", "description") if value.get(name))
    return clean(value, 300) if isinstance(value, str) else ""


def _number(value: float) -> float:
    return value if 0 <= value <= _LARGEST else 0
