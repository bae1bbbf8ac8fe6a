"""Buckets: where one of them begins and the next one does, and which of them a window of time is told in. All in UTC:
a day has 24 hours, whatever clocks are turned elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.model.metrics import Bucket, Range

_STEP = {Bucket.HOUR: timedelta(hours=1), Bucket.DAY: timedelta(days=1), Bucket.WEEK: timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time. Both of its ends belong to it (Mission Control)."""

    begins: datetime
    ends: datetime


def windows(range: Range, now: datetime) -> tuple[Window, Window]:
    """The window of a range that ends now, and the one before it; they share an instant."""
    middle = now - range.length
    return Window(middle, now), Window(middle - range.length, middle)


def floor(at: datetime, bucket: Bucket) -> datetime:
    """Where the bucket begins that an instant is in."""
    at = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if bucket is Bucket.HOUR:
        return at
    at = at.replace(hour=0)
    if bucket is Bucket.WEEK:
        return at - timedelta(days=at.weekday())
    return at.replace(day=1) if bucket is Bucket.MONTH else at


def following(begin: datetime, bucket: Bucket) -> datetime:
    """Where the bucket after the one that begins here begins."""
    if bucket is Bucket.MONTH:
        return (begin + timedelta(days=31)).replace(day=1)
    return begin + _STEP[bucket]


def periods(window: Window, bucket: Bucket) -> Iterator[datetime]:
    """The beginnings of a window's buckets. The first may be before the window; it and the last are partial."""
    at = floor(window.begins, bucket)
    while at <= window.ends:
        yield at
        at = following(at, bucket)


def part(window: Window, period: datetime, bucket: Bucket) -> Window | None:
    """What of a bucket is within a window; None if nothing is."""
    begins = max(period, window.begins)
    ends = min(following(period, bucket) - timedelta(milliseconds=1), window.ends)
    return Window(begins, ends) if begins <= ends else None
