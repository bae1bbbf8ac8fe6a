"""Probes: health endpoints and databases of other systems, each looked at on its own time."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.model.components import Component
from app.model.sessions import Session
from app.model.snapshot import SourceState, SourceStatus
from app.settings.fields import ProbeSettings
from app.sources import httplook
from app.sources.looks import Look, Looks, lost
from app.sources.secretless import shown_url
from app.sources.sqllook import Database
from app.sources.tasks import ended, happened

if TYPE_CHECKING:
    import httpx

SOURCE = "probes"
AGAIN = 2.0
"""Seconds after which a first failure is looked at again: it is believed if it fails again."""
JITTER = 0.1
"""Share by which an interval is longer or shorter, so that looks do not come all at once."""
SPREAD = 1.0
"""Seconds over which the first looks are spread."""
_NO_SESSIONS: Mapping[str, Session] = {}
_log = logging.getLogger(__name__)


class Probes:
    """All that is probed: concurrent with each other, never two looks at one system at once."""

    def __init__(self, probes: Sequence[ProbeSettings], clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._settings = tuple(probes)
        self._looks = {each.name: _looks(each) for each in self._settings}
        self._good_at: datetime | None = None
        self._interval = max((each.interval for each in self._settings), default=1.0)
        self.components: Mapping[str, Component] = {}
        self.sessions = _NO_SESSIONS
        self._gather()

    @property
    def state(self) -> SourceState | None:
        """How the looking itself does; None without anything to look at."""
        if not self._settings:
            return None
        status = SourceStatus.WAITING if self._good_at is None else SourceStatus.OK
        return SourceState(SOURCE, status, self._good_at, interval=self._interval)

    async def run(self, stopping: asyncio.Event) -> None:
        """Looks until the worker stops."""
        client = None
        if any(each.url.startswith("http") for each in self._settings):
            client = await httplook.open_client()
        databases: list[Database] = []
        tasks = []
        for each in self._settings:
            look = _http(client, each) if client is not None and each.url.startswith("http") else None
            if look is None:
                databases.append(Database(each))
                look = databases[-1].look
            tasks.append(asyncio.create_task(self._follow(each, look, stopping), name=f"probe {each.name}"))
        try:
            await stopping.wait()
        finally:
            for task in tasks:
                await ended(task)
            for database in databases:
                await database.close()
            if client is not None:
                await client.aclose()

    async def _follow(
        self, settings: ProbeSettings, look: Callable[[], Awaitable[Look]], stopping: asyncio.Event
    ) -> None:
        looks = self._looks[settings.name]
        wait = random.uniform(0, min(SPREAD, settings.interval))  # noqa: S311 - no secret
        while not await happened(stopping, wait):
            began = time.monotonic()
            try:
                seen = await look()
            except Exception:
                _log.exception("the probe of %s broke", settings.name)
                seen = lost("internal error, see the log")
            self._good_at = self._clock()
            looks.take(seen, self._good_at)
            self._gather()
            interval = settings.interval * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
            if looks.doubtful:
                interval = min(interval, AGAIN)
            wait = max(0.0, interval - (time.monotonic() - began))

    def _gather(self) -> None:
        """One table of all; the same object while no row changed."""
        table = {key: row for looks in self._looks.values() for key, row in looks.rows.items()}
        before = self.components
        if table.keys() != before.keys() or any(row is not before[key] for key, row in table.items()):
            self.components = table


def _looks(settings: ProbeSettings) -> Looks:
    return Looks(
        f"probe:{settings.name}",
        settings.name,
        host=urlsplit(settings.url).hostname or "",
        address=shown_url(settings.url),
        interval=settings.interval,
        timeout=settings.timeout,
    )


def _http(client: httpx.AsyncClient, settings: ProbeSettings) -> Callable[[], Awaitable[Look]]:
    request = httplook.Request(
        url=settings.url,
        timeout=settings.timeout,
        user=settings.user,
        password=settings.password,
        token=settings.token,
    )
    told = False

    async def look() -> Look:
        nonlocal told
        seen = await httplook.look(client, request, settings.expect, told_before=told)
        told = told or (seen.telling and not settings.expect)
        return seen

    return look
