"""Services of the NATS services API: who answers on `$SRV`, and how they do."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.model.components import Component, Service
from app.model.snapshot import SourceState
from app.sources.connection import NatsLink
from app.sources.errors import NotPermitted, SourceError
from app.sources.instances import MOST_INSTANCES, Instances
from app.sources.srv import read_all
from app.sources.states import States

SERVICE_SOURCES = ("services",)
EVERY = 10.0
"""Seconds between two askings."""
STATS, PING, INFO = "$SRV.STATS", "$SRV.PING", "$SRV.INFO"
_REFUSED = 60.0
"""Seconds until a refused subject is tried again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class ServiceFacts:
    """What is known of the services; each has a component, `service:NAME`."""

    services: Mapping[str, Service] = field(default_factory=dict)
    components: Mapping[str, Component] = field(default_factory=dict)
    states: tuple[SourceState, ...] = tuple(map(SourceState, SERVICE_SOURCES))


class ServiceSource:
    """Asks `$SRV.STATS` every 10 s, if that is permitted; where only `$SRV.PING` is, there are no figures.

    Never raises; keeps the last facts while there is no connection.
    """

    def __init__(self, link: NatsLink, *, enabled: bool = True, every: float = EVERY) -> None:
        self._link = link
        self._enabled = enabled
        self._every = every
        self._instances = Instances()
        self._states = States(*SERVICE_SOURCES)
        self._states.set("services", interval=every)
        self._next = 0.0
        self._generation = 0
        self._no_stats_until = 0.0
        self._no_info_until = 0.0
        self.collected = ServiceFacts(states=self._states.all())

    async def collect(self, now: datetime) -> ServiceFacts:
        """The services as last asked; asks anew when it is time. The same object while nothing was asked."""
        if self._generation != self._link.generation:
            self._generation = self._link.generation
            self._next = self._no_stats_until = self._no_info_until = 0.0
        clock = time.monotonic()
        if clock < self._next:
            return self.collected
        self._next = clock + self._every
        try:
            await self._ask(now, clock)
        except Exception:
            _log.exception("services could not be asked")
            self._states.failed(SERVICE_SOURCES, "internal error, see the log")
        self.collected = self._facts()
        return self.collected

    async def _ask(self, now: datetime, clock: float) -> None:
        if not self._enabled:
            self._states.absent(SERVICE_SOURCES, "switched off: [services_api] enabled", now)
            return
        try:
            payloads, denied = await self._answers(clock)
            self._instances.take(read_all(payloads), now)
            if self._instances.undescribed:
                await self._describe(clock)
        except NotPermitted as error:
            self._states.denied("services", error.needs)
        except SourceError as error:
            if self._states["services"].good_at is not None:
                self._states.failed(SERVICE_SOURCES, str(error))
        else:
            self._judge(now, len(payloads), denied)

    async def _answers(self, clock: float) -> tuple[list[bytes], str]:
        """The answers, and the permission that was missing for more than names."""
        denied = f"publish on {STATS}"
        if clock >= self._no_stats_until:
            try:
                return await self._link.gather(STATS, most=MOST_INSTANCES), ""
            except NotPermitted as error:
                self._no_stats_until = clock + _REFUSED
                denied = error.needs
        return await self._link.gather(PING, most=MOST_INSTANCES), denied

    async def _describe(self, clock: float) -> None:
        if clock < self._no_info_until:
            return
        try:
            self._instances.describe(read_all(await self._link.gather(INFO, most=MOST_INSTANCES)))
        except NotPermitted:
            self._no_info_until = clock + _REFUSED

    def _judge(self, now: datetime, answers: int, denied: str) -> None:
        left_out = self._instances.left_out
        if denied:
            self._states.partial("services", now, f"not permitted: {denied}", (denied,))
        elif left_out or answers >= MOST_INSTANCES:
            self._states.partial("services", now, f"too many: {max(1, left_out)} instances or more are left out")
        elif self._instances.services():
            self._states.good("services", now)
        else:
            self._states.absent(SERVICE_SOURCES, "nothing answers on $SRV", now)

    def _facts(self) -> ServiceFacts:
        return ServiceFacts(self._instances.services(), self._instances.components(), self._states.all())
