"""Messages: one stored message as a person looks at it, and the subjects of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.model.broker import Pairs


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message, read without a consumer and without acknowledging anything. All text is cleaned."""

    stream: str
    sequence: int
    subject: str = ""
    at: datetime | None = None
    size: int = 0  # bytes of the payload
    headers: Pairs = ()
    deliveries: int = 0  # 0: not known
    payload: str = ""  # the first 4 KiB, secrets hidden; empty unless it may be shown
    payload_shown: bool = False  # whether the configuration lets payloads be seen


@dataclass(frozen=True, slots=True)
class Subjects:
    """Subjects of a stream with their messages, most first; `total` of them in all, `rows` may be fewer."""

    stream: str
    rows: tuple[tuple[str, int], ...] = ()
    total: int = 0
