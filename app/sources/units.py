"""Units: systemd units of the user and of the system, as `systemctl show` tells all of a scope in one call."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.model.components import Component, ComponentKind
from app.model.health import Health
from app.model.sessions import Session
from app.model.snapshot import SourceState
from app.model.units import RESTARTS_KEPT, Unit
from app.settings.fields import UnitSettings
from app.sources.figures import steady
from app.sources.programs import NoProgram, ProgramError, environment, output
from app.sources.states import States
from app.sources.tasks import happened
from app.sources.unitfacts import (
    PROPERTIES,
    Properties,
    block_of,
    health_of,
    moment,
    number,
    read_blocks,
    since_of,
    state_of,
    unit_of,
)

SOURCE = "units"
EVERY = 5.0
"""Seconds between two looks."""
RARELY = 60.0
"""Seconds between two where there is no systemd to ask."""
PATIENCE = 4.0
"""Seconds that a call may take."""
LATELY = timedelta(minutes=10)
"""How long a restart is part of the reason that a row gives."""
_MOST = 1024 * 1024
_NO_BUS = ("connect to bus", "not been booted with systemd", "no medium found", "connection refused")
Restarts = Callable[[UnitSettings, datetime], Awaitable[Sequence[datetime]]]
"""Asks for the times since an instant at which systemd restarted a unit, newest first."""

_log = logging.getLogger(__name__)


class _Absent(Exception):
    """There is no systemd to be asked in this scope; the text says why."""


class Units:
    """Looks at the configured units every few seconds. Never raises; keeps what it knew while it cannot ask, and says
    so of each row.

    `restarts` tells of those before watching began; without it only what is seen is known.
    """

    def __init__(
        self,
        units: Sequence[UnitSettings],
        clock: Callable[[], datetime],
        *,
        env: Mapping[str, str] | None = None,
        restarts: Restarts | None = None,
        every: float = EVERY,
        patience: float = PATIENCE,
    ) -> None:
        self._units = tuple(units)
        self._clock = clock
        self._env = environment(os.environ if env is None else env)
        self._restarts = restarts
        self._every = every
        self._patience = patience
        self._states = States(SOURCE)
        self._states.set(SOURCE, interval=every)
        self._cpu: dict[str, tuple[datetime, int]] = {}  # by name: when, and nanoseconds of processor time
        self._failing = False
        self.components: Mapping[str, Component] = {
            key(each.name): Component(
                key(each.name), ComponentKind.UNIT, each.name, state="waiting", reason="not asked yet",
                unit=Unit(each.unit, each.scope),
            )
            for each in self._units
        }  # fmt: skip
        self.sessions: Mapping[str, Session] = {}

    @property
    def state(self) -> SourceState | None:
        """How asking goes; None without units."""
        return self._states[SOURCE] if self._units else None

    def named(self, name: str) -> UnitSettings | None:
        """A unit by the name that it has here."""
        return next((each for each in self._units if each.name == name), None)

    async def run(self, stopping: asyncio.Event) -> None:
        """Looks until `stopping`."""
        while self._units and not stopping.is_set():
            there = True
            try:
                there = await self.look()
            except Exception:  # a defect of ours: what is known stays
                if not self._failing:
                    _log.exception("units could not be looked at")
                self._failing = True
                self._states.failed((SOURCE,), "internal error, see the log")
            else:
                self._failing = False
            await happened(stopping, self._every if there else max(self._every, RARELY))

    async def look(self) -> bool:
        """Asks once about all units; whether there is a systemd that could be asked."""
        scopes = list(dict.fromkeys(each.scope for each in self._units))
        answers = dict(zip(scopes, await asyncio.gather(*map(self._ask, scopes)), strict=True))
        now = self._clock()
        rows = {key(each.name): await self._row(each, answers[each.scope], now) for each in self._units}
        if rows != self.components:
            self.components = {
                name: self.components[name] if self.components[name] == row else row for name, row in rows.items()
            }
        return self._judge([answer for answer in answers.values() if isinstance(answer, Exception)], len(scopes), now)

    async def _ask(self, scope: str) -> list[dict[str, str]] | ProgramError | _Absent:
        names = [each.unit for each in self._units if each.scope == scope]
        asked = ("systemctl", f"--{scope}", "--no-pager", "show", f"--property={','.join(PROPERTIES)}", "--", *names)
        try:
            return read_blocks(await output(asked, self._env, within=self._patience, most=_MOST))
        except NoProgram:
            return _Absent("systemctl is not installed here")
        except ProgramError as error:
            said = str(error)
            if any(words in said.casefold() for words in _NO_BUS):
                return _Absent(f"no systemd of the {scope} scope to ask: {said}")
            return error

    def _judge(self, troubles: list[Exception], scopes: int, now: datetime) -> bool:
        failed = [trouble for trouble in troubles if not isinstance(trouble, _Absent)]
        if not troubles:
            self._states.good(SOURCE, now)
        elif len(troubles) < scopes:
            self._states.partial(SOURCE, now, str(troubles[0]))
        elif failed:
            self._states.failed((SOURCE,), str(failed[0]))
        else:
            self._states.absent((SOURCE,), str(troubles[0]), now)
        return len(troubles) < scopes or bool(failed)

    async def _row(
        self, each: UnitSettings, answer: list[dict[str, str]] | ProgramError | _Absent, now: datetime
    ) -> Component:
        before = self.components[key(each.name)]
        block = None if isinstance(answer, Exception) else block_of(each.unit, answer)
        if block is not None and block.get("ActiveState"):
            return self._known(each, await self._restarted(each, before, block, now), block, now)
        why = str(answer) if isinstance(answer, Exception) else "systemctl tells nothing of it"
        if before.health is Health.UNKNOWN and before.state in ("waiting", "unknown"):
            return replace(before, state="unknown", reason=why)
        return replace(before, health=Health.STALE, reason=f"last known: {why}", cpu=None)

    def _known(self, each: UnitSettings, unit: Unit, block: Properties, now: datetime) -> Component:
        before = self.components[key(each.name)]
        health, why = health_of(unit)
        lately = sum(now - at <= LATELY for at in unit.restarted)
        times = f"restarted {lately} time{'s' if lately > 1 else ''} in 10m" if lately else ""
        memory = number(block, "MemoryCurrent")
        running = unit.pid > 0 and unit.active != "failed"
        return Component(
            key(each.name),
            ComponentKind.UNIT,
            each.name,
            health,
            state_of(unit),
            since=since_of(unit, block),
            reason=", ".join(part for part in (why, times) if part),
            cpu=steady(before.cpu, self._busy(each.name, number(block, "CPUUsageNSec"), now), share=0.1, least=0.2),
            rss=steady(before.rss, memory, share=0.02),
            started_at=moment(block, "ExecMainStartTimestamp") if running else None,
            unit=unit,
        )

    def _busy(self, name: str, spent: int | None, now: datetime) -> float | None:
        """Percent of a core since the look before."""
        last = self._cpu.get(name)
        if spent is None:
            self._cpu.pop(name, None)
            return None
        self._cpu[name] = (now, spent)
        if last is None or spent < last[1] or (passed := (now - last[0]).total_seconds()) <= 0:
            return None
        return round((spent - last[1]) / 1e7 / passed, 1)

    async def _restarted(self, each: UnitSettings, row: Component, block: Properties, now: datetime) -> Unit:
        """The unit with the times of its restarts: systemd itself only counts them."""
        unit, before = unit_of(each.unit, each.scope, block), row.unit
        if before is None or not before.active:  # the first look: what was before it is in the journal
            return replace(unit, restarted=await self._earlier(each, now) if unit.restarts else ())
        if unit.restarts < before.restarts:
            return unit  # somebody started it anew
        new = (now,) * min(RESTARTS_KEPT, unit.restarts - before.restarts)
        return replace(unit, restarted=(*new, *before.restarted)[:RESTARTS_KEPT])

    async def _earlier(self, each: UnitSettings, now: datetime) -> tuple[datetime, ...]:
        if self._restarts is None:
            return ()
        try:
            return tuple(await self._restarts(each, now - 2 * LATELY))[:RESTARTS_KEPT]
        except ProgramError:
            return ()


def key(name: str) -> str:
    """Of a unit's component."""
    return f"unit:{name}"
