"""The bond between a worker and the deck that started it: a pipe that brings the settings and closes with the deck."""

from __future__ import annotations

import asyncio
import os
import select
import time

from app.settings import Settings, SettingsError
from app.settings.handover import unpack
from app.worker.board import Board

HANDOVER_TIMEOUT = 10.0
"""Seconds within which the deck must have sent the settings."""
LINGER = 6.0
"""Seconds without any deck's poll after which a worker without parent ends: a poll is held for 5 s."""
_STEP = 0.25


def receive_settings(descriptor: int) -> Settings:
    """Reads the settings that the parent writes first; the pipe stays open after them."""
    deadline = time.monotonic() + HANDOVER_TIMEOUT
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(descriptor, 65536) if ready else b""
        if not piece:
            raise SettingsError("the deck that started this worker sent no settings")
        line += piece
    try:
        return unpack(line)
    except ValueError:
        raise SettingsError("the deck that started this worker has another version: restart it") from None


async def outlive_no_deck(descriptor: int, board: Board) -> None:
    """Returns once the parent is gone and no deck polls any more; then the worker is to stop."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()

    def readable() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            gone.set()

    os.set_blocking(descriptor, False)
    loop.add_reader(descriptor, readable)
    await gone.wait()
    while board.decks(LINGER):  # noqa: ASYNC110 (nobody tells when a deck falls silent)
        await asyncio.sleep(_STEP)
