"""Watchdeck's own parts as components: its connection, collecting, store, taking in of events, and endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from app.model.broker import Connection, LinkState, ServerInfo
from app.model.components import Component, ComponentKind
from app.model.health import Health
from app.model.sessions import Intake, IntakeState
from app.model.text import age_step, count, duration

LATENCY_KEPT = timedelta(seconds=30)
"""How long a latency is shown at least, while nothing else changes."""
BEHIND_LEAST, BEHIND_MOST = 5.0, 60.0
"""Seconds that session events wait before it is told, and before it is a fault."""
_INTAKE = {
    IntakeState.OFF: Health.OK,
    IntakeState.WAITING: Health.UNKNOWN,
    IntakeState.ABSENT: Health.OK,
    IntakeState.REFUSED: Health.OK,
    IntakeState.DENIED: Health.UNKNOWN,
    IntakeState.FAILED: Health.WARN,
    IntakeState.READING: Health.OK,
}
_LINK = {
    LinkState.CONNECTED: Health.OK,
    LinkState.CONNECTING: Health.UNKNOWN,
    LinkState.DOWN: Health.CRIT,
}


class OwnParts:
    """The parts as they stand. One that did not change stays the same object; `since` is of its state."""

    def __init__(self) -> None:
        self._parts: Mapping[str, Component] = {}
        self._timed_at: datetime | None = None

    def now(self, at: datetime, *parts: Component | None) -> Mapping[str, Component]:
        """Takes the parts of now, None for one that there is not; the same table while nothing changed."""
        table = {part.key: self._kept(part, at) for part in parts if part is not None}
        if table != self._parts:
            self._parts = table
        return self._parts

    def _kept(self, part: Component, at: datetime) -> Component:
        before = self._parts.get(part.key)
        if part.since is None:
            part = replace(part, since=before.since if before is not None and before.state == part.state else at)
        if before is None or before == part:
            return before or part
        if before.latency is not None and replace(before, latency=part.latency) == part:
            # A time of travel is no news by itself.
            if self._timed_at is not None and abs(at - self._timed_at) < LATENCY_KEPT:
                return before
            self._timed_at = at
        return part


def nats(connection: Connection, server: ServerInfo | None) -> Component:
    """The connection to NATS; latency is its round trip."""
    return Component(
        "worker:nats",
        ComponentKind.WORKER,
        "nats",
        _LINK[connection.state],
        connection.state.value,
        host=server.name if server is not None else "",
        since=connection.since,
        reason=connection.error or connection.origin,
        latency=connection.rtt,
        version=server.version if server is not None else "",
        address=connection.url,
    )


def collection(collected: bool, interval: float, lag: float) -> Component:
    """How collecting goes: every so many seconds, and by how many of them the worker itself was late."""
    every = f"every {duration(interval)}"
    state, health, reason = "ok", Health.OK, every
    if not collected:
        state, health, reason = "waiting", Health.UNKNOWN, "the first collection is not done yet"
    elif lag:
        state, health, reason = "late", Health.WARN, f"{duration(lag)} late, {every}"
    return Component("worker:collection", ComponentKind.WORKER, "collection", health, state, reason=reason)


def store(trouble: str | None) -> Component | None:
    """The store; `trouble` says why it cannot be written, None that there is none."""
    if trouble is None:
        return None
    state, health = ("error", Health.CRIT) if trouble else ("ok", Health.OK)
    return Component("worker:store", ComponentKind.WORKER, "store", health, state, reason=trouble)


def ingest(intake: Intake) -> Component | None:
    """How session events are taken in; None where that is switched off."""
    if intake.state is IntakeState.OFF:
        return None
    reason = intake.why
    if intake.state is IntakeState.READING:
        reason = f"{count(intake.taken)} events taken in"
        if intake.behind >= BEHIND_LEAST:
            reason += f", {duration(age_step(intake.behind))} behind, {count(intake.pending)} waiting"
    health = Health.WARN if intake.behind > BEHIND_MOST else _INTAKE[intake.state]
    return Component("worker:ingest", ComponentKind.WORKER, "ingest", health, intake.state.value, reason=reason)


def http(listening: str) -> Component | None:
    """The endpoint; empty: it does not listen."""
    if not listening:
        return None
    return Component("worker:http", ComponentKind.WORKER, "http", Health.OK, "ok", address=listening)
