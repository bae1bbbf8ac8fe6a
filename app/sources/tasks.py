"""Waiting and ending, in a way that neither loses a cancellation nor waits for ever."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN = 0.5


async def ended(task: asyncio.Future[Any]) -> None:
    """Cancels a task and waits until it has ended; its outcome is of no interest.

    Cancelled again as long as it takes: up to Python 3.11 `asyncio.wait_for`, which nats-py uses, may swallow a
    cancellation that comes together with its result.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN)
    if not task.cancelled():
        task.exception()


async def happened(event: asyncio.Event, within: float) -> bool:
    """Whether the event comes within some seconds."""
    try:
        async with asyncio.timeout(within):
            await event.wait()
    except TimeoutError:
        return False
    return True
