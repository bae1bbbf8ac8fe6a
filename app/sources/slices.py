"""Long work cut into slices, between which everything else on the event loop gets its turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

SLICE = 0.005
"""Seconds of work at a time."""
_EVERY = 16
"""Items between two looks at the clock."""
T = TypeVar("T")


async def sliced(items: Iterable[T]) -> AsyncIterator[T]:
    """The items, with a pause after each 5 ms."""
    until = time.monotonic() + SLICE
    for number, item in enumerate(items, 1):
        yield item
        if number % _EVERY == 0 and time.monotonic() >= until:
            await asyncio.sleep(0)
            until = time.monotonic() + SLICE
