"""Gateways that are watched while a test goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from app.model.gateways import GatewayState
from app.settings.fields import GatewaySettings
from app.sources.gateways import Gateway, Gateways
from tests.integration.watching import running

PATIENCE = 30.0


@asynccontextmanager
async def watched(folder: Path, *settings: GatewaySettings) -> AsyncIterator[Gateways]:
    """These gateways, watched until the block ends."""
    gateways = Gateways(settings, folder)
    async with running(gateways.run):
        yield gateways


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.01)


async def stands(gateway: Gateway, state: GatewayState) -> str:
    """The reason of its component, once it stands so."""
    await until(lambda: gateway.state is state)
    return gateway.component.reason
