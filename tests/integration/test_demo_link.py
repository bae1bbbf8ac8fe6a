"""The connection of a simulation: when it is closed nothing of it goes on."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from app.demo.link import Link
from app.settings import NatsSettings
from tests.nats_server import NatsServer

PATIENCE = 30.0


async def test_an_attempt_that_does_not_hear_of_the_end_is_the_last_but_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts, begun = 0, asyncio.Event()

    async def refused(server: object) -> None:
        """As `asyncio.wait_for` does when the refusal and the cancellation come together."""
        nonlocal attempts
        attempts += 1
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.5)
        raise ConnectionRefusedError

    with NatsServer(tmp_path) as server:
        link = Link(NatsSettings(url=server.url))
        await link.open("test")
        monkeypatch.setattr(link.nc, "_connect_to_server", refused)
        server.kill()
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
        await link.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    assert attempts < 5
