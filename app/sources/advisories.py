"""Advisories of streams and consumers, as they come: each is sent once, to whoever listens."""

from __future__ import annotations

from datetime import datetime

from app.model.events import Advisory
from app.model.snapshot import SourceState

ADVISORY_SOURCE = "advisories"


class AdvisorySource:
    """Listens on `$JS.EVENT.ADVISORY.STREAM.>` and `.CONSUMER.>`. Never raises."""

    async def collect(self, now: datetime) -> SourceState:
        """Sees to it that we listen; says how that stands."""
        return SourceState(ADVISORY_SOURCE)

    def take(self) -> tuple[Advisory, ...]:
        """What came since the last call, oldest first."""
        return ()

    async def close(self) -> None:
        """Ends the listening."""
