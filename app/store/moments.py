"""Instants as the database holds them: whole microseconds since 1970 in UTC, the same in every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def stored(at: datetime) -> int:
    """An instant as it is stored; exact."""
    return (at - _EPOCH) // _MICROSECOND


def restored(micros: int) -> datetime:
    """The instant that was stored, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def stored_or_none(at: datetime | None) -> int | None:
    return None if at is None else stored(at)


def restored_or_none(micros: int | None) -> datetime | None:
    return None if micros is None else restored(micros)
