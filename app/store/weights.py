"""Weights: those that somebody has set, in force from the next score on; the configured ones without any."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.engine import Connection
from sqlmodel import Session

from app.model.scoring import Dimension, Weights
from app.store.access import Access
from app.store.audit import noted
from app.store.tables import SettingRow

_KEY = "scores.weights"
_LEAST, _MOST = 0.95, 1.05


class KeptWeights:
    """The weights of one store. Setting and resetting them is in the audit trail, with what they were."""

    def __init__(self, store: Access, clock: Callable[[], datetime], configured: Weights) -> None:
        self._store = store
        self._clock = clock
        self._configured = configured
        self._known: tuple[Weights, datetime | None] | None = None  # not before they were read once

    async def weights(self) -> Weights:
        return (await self._in_force())[0]

    async def changed(self) -> datetime | None:
        """When the weights in force were set; None: they are the configured ones."""
        return (await self._in_force())[1]

    async def set(self, weights: Weights, by: str) -> None:
        """Keeps other weights; a ValueError says why they cannot be used (AgentLens's rules)."""
        require_usable(weights)
        at = self._clock()
        value = json.dumps({"weights": asdict(weights), "changed": at.isoformat()})
        before = await self.weights()

        def keep(connection: Connection) -> None:
            with Session(connection) as session:
                session.merge(SettingRow(key=_KEY, value=value))
                session.flush()
            noted(connection, at, by, "weights.set", "scores", "ok", _told(before, weights))

        await self._store.write(keep)
        self._known = weights, at

    async def reset(self, by: str) -> None:
        """The configured weights are in force again."""
        at = self._clock()
        before = await self.weights()

        def remove(connection: Connection) -> None:
            connection.exec_driver_sql("DELETE FROM setting WHERE key = ?", (_KEY,))
            noted(connection, at, by, "weights.reset", "scores", "ok", _told(before, self._configured))

        await self._store.write(remove)
        self._known = self._configured, None

    async def _in_force(self) -> tuple[Weights, datetime | None]:
        if self._known is None:
            found = await self._store.read(_kept)
            # somebody may have set others meanwhile
            self._known = self._known or found or (self._configured, None)
        return self._known


def _kept(connection: Connection) -> tuple[Weights, datetime] | None:
    with Session(connection) as session:
        row = session.get(SettingRow, _KEY)
    if row is None:
        return None
    kept = json.loads(row.value)
    return Weights(**kept["weights"]), datetime.fromisoformat(kept["changed"])


def require_usable(weights: Weights) -> None:
    """A ValueError, in AgentLens's words, if a weight is not from 0 to 1 or their sum is not about 1."""
    problems = []
    for weight in weights.values:
        if not weight >= 0:
            problems.append("Too small: expected number to be >=0")
        elif not weight <= 1:
            problems.append("Too big: expected number to be <=1")
    if problems:
        raise ValueError("; ".join(problems))
    if not _LEAST <= weights.total <= _MOST:
        raise ValueError(f"Weights must sum to approximately 1.0 (tolerance: {_LEAST:.2f}–{_MOST:.2f})")


def _told(before: Weights, after: Weights) -> str:
    return ", ".join(f"{each} {before.of(each):g} -> {after.of(each):g}" for each in Dimension)
