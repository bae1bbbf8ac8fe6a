"""Beside: what is watched without NATS, each on its own time: gateways, probes, units."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from operator import is_
from typing import Any, Protocol

from app.model.components import Component
from app.model.sessions import Session
from app.model.snapshot import SourceState
from app.sources.tasks import happened

EVERY = 0.5
"""Seconds between two looks at whether anything of it is new."""
_log = logging.getLogger(__name__)


class Watch(Protocol):
    """One kind of thing that is watched. Its tables stay the same objects while nothing in them changed.

    `run` looks at it until `stopping` is set, ends within seconds then, and never raises.
    """

    @property
    def components(self) -> Mapping[str, Component]: ...
    @property
    def sessions(self) -> Mapping[str, Session]: ...
    @property
    def state(self) -> SourceState | None: ...
    async def run(self, stopping: asyncio.Event) -> None: ...


class Beside:
    """All of it together. `on_news` is called when any of it is other than before."""

    def __init__(self, watches: Sequence[Watch] = ()) -> None:
        self._watches = tuple(watches)
        self._parts: tuple[Mapping[str, Any], ...] = ()
        self.components: Mapping[str, Component] = {}
        self.sessions: Mapping[str, Session] = {}
        self.on_news: Callable[[], None] | None = None

    @property
    def states(self) -> Mapping[str, SourceState]:
        """How each does, by name."""
        return {state.name: state for watch in self._watches if (state := watch.state) is not None}

    async def run(self, stopping: asyncio.Event) -> None:
        """Has everything watched until the worker stops."""
        tasks = [asyncio.create_task(self._guarded(watch, stopping)) for watch in self._watches]
        while not stopping.is_set():
            self.look()
            await happened(stopping, EVERY)
        if tasks:
            await asyncio.wait(tasks)

    def look(self) -> None:
        """Takes what they have now."""
        components = tuple(watch.components for watch in self._watches)
        sessions = tuple(watch.sessions for watch in self._watches)
        parts = (*components, *sessions)
        if len(parts) == len(self._parts) and all(map(is_, parts, self._parts)):
            return
        self._parts = parts
        self.components = {key: row for table in components for key, row in table.items()}
        self.sessions = {key: row for table in sessions for key, row in table.items()}
        if self.on_news is not None:
            self.on_news()

    async def _guarded(self, watch: Watch, stopping: asyncio.Event) -> None:
        try:
            await watch.run(stopping)
        except Exception:  # a defect of ours: the rest goes on without it
            _log.exception("%s broke", type(watch).__name__)
