"""What messages of the sessions stream hold: events with their place and id, and what is none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.model.sessionevents import ID_LONGEST, BadEvent, read_many
from app.model.sessions import SessionEvent
from app.model.taskwords import BadTask, check_task
from app.model.text import clean
from app.sources.client import fields
from app.sources.sessionfeed import Message
from app.store.intake import Arrived, Unusable

BODY_MOST = 2000
"""Characters that are kept of what is no event."""
WHOLE = -1
"""Place of what is about a message as a whole."""
_ID_HEADER = "Nats-Msg-Id"
_SUFFIX = 12
"""Characters that a place may add to the id of a message."""
_decode = msgspec.json.Decoder().decode


@dataclass(slots=True, eq=False)
class Batch:
    """Messages that are taken in together. `useless` are those of which nothing can be kept."""

    messages: Sequence[Message]
    arrived: list[Arrived] = field(default_factory=list)
    unusable: list[Unusable] = field(default_factory=list)
    kept: list[Message] = field(default_factory=list)
    useless: list[Message] = field(default_factory=list)


def read_into(batch: Batch, message: Message) -> None:
    """Adds what a message holds. Never raises: what cannot be read is unusable."""
    try:
        raw = _decode(message.payload)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        put_aside(batch, message, f"not JSON: {clean(str(error), 200)}")
        return
    found = read_many(raw, message.at)
    elements = _elements(raw)
    usable = not found
    name = "" if message.headers is None else _name(message.headers)
    for place, event in enumerate(found):
        if isinstance(event, BadEvent):
            whole = elements is None or len(elements) != len(found)
            body = raw if whole or elements is None else elements[place]
            batch.unusable.append(_unusable(message, WHOLE if whole else place, str(event), _text(body)))
            continue
        usable = True
        if name and not event.id:
            event = _named(event, name if type(raw) is dict and elements is None else f"{name}#{place}")
        batch.arrived.append(Arrived(event, message.seq, place))
        try:
            check_task(event)
        except BadTask as bad:  # the event itself is kept; that it tells of no task must not go unnoticed
            batch.unusable.append(_unusable(message, place, str(bad), _text(event.payload)))
    (batch.kept if usable else batch.useless).append(message)


def put_aside(batch: Batch, message: Message, reason: str) -> None:
    """Adds a message as one that nothing can be made of."""
    batch.unusable.append(_unusable(message, WHOLE, reason, clean(message.payload[: 4 * BODY_MOST], BODY_MOST)))
    batch.useless.append(message)


def _unusable(message: Message, place: int, reason: str, body: str) -> Unusable:
    return Unusable(message.seq, place, clean(message.subject, 255), clean(reason, 500), body)


def _elements(raw: Any) -> list[Any] | None:
    """The elements that `read_many` looked at; None where the message is a single one."""
    if type(raw) is dict and "events" in raw and "eventType" not in raw:
        raw = raw["events"]
    return raw if type(raw) is list else None


def _text(raw: object) -> str:
    return clean(msgspec.json.encode(raw)[: 4 * BODY_MOST], BODY_MOST)


def _name(headers: bytes) -> str:
    """The id that the publisher gave the message; one that cannot be kept as it is stands for itself as a hash."""
    if _ID_HEADER.encode() not in headers:
        return ""
    name = fields(headers).get(_ID_HEADER, "")
    if len(name) > ID_LONGEST - _SUFFIX or clean(name, ID_LONGEST) != name:
        return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
    return name


def _named(event: SessionEvent, id: str) -> SessionEvent:
    return SessionEvent(
        event.session, event.agent, event.type, event.severity, event.at, event.payload, event.metadata, id
    )
