"""Refusals: the one body of every answer that is a no, without anything that only a route needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

Details = str | Sequence[Mapping[str, str]]


def error_body(status: int, error: str, details: Details = "", request_id: str = "") -> bytes:
    """`error` is a sentence; `details` a text, or for each wrong parameter where (`path`) and what (`message`)."""
    return msgspec.json.encode(
        {
            "error": error,
            "details": details or error,
            "code": status,
            "status": status,
            "detail": details or error,
            "request_id": request_id,
        }
    )
