"""Instants that others write as they like: ISO 8601, seconds or milliseconds since 1970, as numbers or as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

_MILLISECONDS, _SECONDS = 1e12, 1e9
"""From which size on a number is taken for either (Mission Control); a smaller one is no instant."""
_LATEST = 253_402_300_799  # the last second of the year 9999
_NUMBER = re.compile(r"[0-9]{10,17}(?:\.[0-9]{1,9})?")


def instant(value: Any) -> datetime | None:
    """The instant in UTC, to the millisecond; None for what is none. Text without a zone is UTC."""
    if isinstance(value, str):
        value = value.strip()[:64]
        if not _NUMBER.fullmatch(value):
            return _written(value)
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not _SECONDS <= value <= _LATEST * 1000:
        return None
    seconds = value / 1000 if value >= _MILLISECONDS else value
    return _rounded(datetime.fromtimestamp(seconds, UTC)) if seconds <= _LATEST else None


def _written(text: str) -> datetime | None:
    if len(text) < len("2026-11-22"):
        return None
    try:
        at = datetime.fromisoformat(text)
        return _rounded((at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _rounded(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
