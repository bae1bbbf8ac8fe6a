"""One message of a KV bucket: what it says of its key, and where it stands in the stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from app.sources.client import fields

NANO = 1_000_000_000
_FAREWELLS = ("DEL", "PURGE")


@dataclass(frozen=True, slots=True)
class Entry:
    """The last message of a key. `at` is the broker's time of it; a marker's value is empty.

    `marker` says what became of the key: `DEL` and `PURGE` by a client, `MaxAge` and the like by the server.
    """

    value: bytes
    revision: int
    at: datetime
    marker: str = ""

    @property
    def farewell(self) -> bool:
        """A client deleted the key; it did not just expire."""
        return self.marker in _FAREWELLS


def marker(headers: bytes | None) -> str:
    """The marker in a message's headers, empty for a value."""
    if not headers or (b"KV-Operation" not in headers and b"Nats-Marker-Reason" not in headers):
        return ""
    found = fields(headers)
    operation = found.get("KV-Operation", "")
    return found.get("Nats-Marker-Reason", "") or (operation if operation in _FAREWELLS else "")


def position(reply: bytes) -> tuple[int, int, datetime, int] | None:
    """Stream sequence, consumer sequence, time and pending of a delivery, from its reply subject.

    `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`, or with domain and account
    hash before the stream and a random token at the end (ADR-15).
    """
    parts = reply.split(b".")
    first = 5 if len(parts) == 9 else 7
    if len(parts) < first + 4 or parts[0] != b"$JS":
        return None
    try:
        sequence, delivered, nanoseconds, pending = (int(part) for part in parts[first : first + 4])
        at = datetime.fromtimestamp(nanoseconds / NANO, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return sequence, delivered, at, pending
