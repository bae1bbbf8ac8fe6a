"""This host and the worker's own process, as psutil tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from app.model.components import Component


class HostSource:
    """Measures every few seconds. Never raises."""

    async def collect(self, now: datetime) -> Mapping[str, Component]:
        """`worker:process` and `worker:host`."""
        return {}
