"""Values of the job queue and payloads of dead letters, as they are written; read by field, everything optional."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any, TypeVar

import msgspec

from app.model.jobs import JobResponse
from app.model.jobstatus import EventValue
from app.model.text import clean
from app.sources.agentwire import Unreadable, moment
from app.sources.jobkeys import route
from app.sources.peek import shown_json

_ERROR = 300
_ID = 100
_NOTHING = msgspec.Raw(b"")
T = TypeVar("T")


class _Envelope(msgspec.Struct):
    """Around any value, where the writer signs (PKI)."""

    payload: str = ""
    signature: str = ""
    fingerprint: str = ""


class _Operation(msgspec.Struct):
    type: str = ""
    data: msgspec.Raw = _NOTHING


class _Job(msgspec.Struct):
    created: str = ""
    subject: str = ""
    operation: _Operation | None = None
    status_history: msgspec.Raw = _NOTHING


class _Past(msgspec.Struct):
    retried_from: str = ""


class _EventData(msgspec.Struct):
    error: str = ""
    new_job_id: str = ""


class _Event(msgspec.Struct):
    event: str = ""
    hostname: str = ""
    timestamp: str = ""
    data: msgspec.Raw = _NOTHING


class _Response(msgspec.Struct):
    status: str = ""
    hostname: str = ""
    timestamp: str = ""
    error: str = ""
    changed: bool | None = None
    data: msgspec.Raw = _NOTHING


class _Advisory(msgspec.Struct):
    type: str
    stream: str
    consumer: str = ""
    stream_seq: int = 0
    deliveries: int = 0
    reason: str = ""


_envelopes = msgspec.json.Decoder(_Envelope)
_jobs = msgspec.json.Decoder(_Job)
_pasts = msgspec.json.Decoder(list[_Past])
_events = msgspec.json.Decoder(_Event)
_event_data = msgspec.json.Decoder(_EventData)
_responses = msgspec.json.Decoder(_Response)
_advisories = msgspec.json.Decoder(_Advisory)


@dataclass(frozen=True, slots=True)
class JobValue:
    """What `jobs.<id>` says."""

    created: datetime | None
    operation: str
    subject: str
    verb: str
    target: str
    retry_of: str = ""


@dataclass(frozen=True, slots=True)
class DeadAdvisory:
    """Why the server (or a reader) gave a message up. Names are as the server spells them."""

    terminated: bool
    stream: str
    consumer: str
    sequence: int
    deliveries: int
    reason: str


def job_value(value: bytes) -> JobValue:
    """Reads `jobs.<id>`. Raises Unreadable."""
    wire = _read(_jobs, value)
    verb, target = route(wire.subject)
    return JobValue(
        moment(wire.created),
        intern(clean(wire.operation.type, 100)) if wire.operation else "",
        clean(wire.subject, 255),
        verb,
        target,
        _retried_from(wire.status_history),
    )


def operation_data(value: bytes) -> str:
    """The data of a job's operation as JSON text, secrets hidden. Raises Unreadable."""
    wire = _read(_jobs, value)
    return shown_json(wire.operation.data) if wire.operation else ""


def event_value(value: bytes) -> EventValue:
    """Reads a status event. Raises Unreadable, also where it has no usable time (OSAPI passes over it then)."""
    wire = _read(_events, value)
    at = moment(wire.timestamp)
    if at is None:
        raise Unreadable("no time")
    data = _optional(_event_data, wire.data) or _EventData()
    return EventValue(
        clean(wire.event, 40),
        clean(wire.hostname, 255),
        at,
        intern(clean(data.error, _ERROR)),
        clean(data.new_job_id, _ID),
    )


def response_value(value: bytes) -> JobResponse:
    """Reads a response. Raises Unreadable."""
    wire = _read(_responses, value)
    return JobResponse(
        clean(wire.hostname, 255),
        clean(wire.status, 40),
        moment(wire.timestamp),
        shown_json(wire.data),
        clean(wire.error, 1000),
        wire.changed,
    )


def dead_advisory(payload: bytes) -> DeadAdvisory | None:
    """Reads the payload of a dead letter; None where it is no advisory."""
    if b"io.nats.jetstream.advisory" not in payload:
        return None
    try:
        wire = _advisories.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError):
        return None
    kind = wire.type.rpartition(".")[2]
    if kind not in ("max_deliver", "terminated"):
        return None
    return DeadAdvisory(
        kind == "terminated",
        wire.stream[:255],
        wire.consumer[:255],
        max(0, wire.stream_seq),
        max(0, wire.deliveries),
        clean(wire.reason, _ERROR),
    )


def job_id(payload: bytes) -> str:
    """The job that a message of the job stream is about: its payload is the id and nothing else."""
    if not 0 < len(payload) <= _ID:
        return ""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() and text.isascii() and not set(text) & set(" .*>/") else ""


def unwrapped(value: bytes) -> bytes:
    """The value without the envelope of a signature, if it has one: all three parts must be there."""
    if b'"signature"' not in value or b'"payload"' not in value:
        return value
    try:
        envelope = _envelopes.decode(value)
        if envelope.payload and envelope.signature and envelope.fingerprint:
            return base64.b64decode(envelope.payload, validate=True)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError, binascii.Error):
        pass
    return value


def _read(decoder: msgspec.json.Decoder[T], value: bytes) -> T:
    try:
        return decoder.decode(unwrapped(value))
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError) as error:
        raise Unreadable(type(error).__name__) from error


def _optional(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw) -> Any:
    """What is only worth something if it can be read."""
    try:
        return decoder.decode(raw) if raw else None
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError):
        return None


def _retried_from(history: msgspec.Raw) -> str:
    if not history:
        return ""
    for past in _optional(_pasts, history) or ():
        if past.retried_from:
            return clean(past.retried_from, _ID)
    return ""
