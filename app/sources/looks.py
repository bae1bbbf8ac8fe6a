"""Looks: what one look at another system brought, and what a row of them makes of it: well, down, or in doubt."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from app.model.components import Component, ComponentKind
from app.model.health import Health
from app.model.probes import CONFIRM, FAILURES_COUNTED, MEDIAN_OF, TURNS_KEPT, Probe, Table, Turn
from app.sources.figures import steady
from app.sources.healthjson import Check

EXPIRES_SOON = timedelta(days=14)
"""How long before its end a certificate is told of."""
LATENCY_STEP = 0.2
"""Share by which the latency must have moved to be shown anew: else every look would be news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look. `health` CRIT: it failed, WARN: it works in part, UNKNOWN: that cannot be told.

    `answered`: there was an answer at all, `latency` what it took in seconds.
    """

    health: Health
    state: str = "ok"
    reason: str = ""
    answered: bool = True
    latency: float | None = None
    checks: tuple[Check, ...] = ()
    version: str = ""
    expires: datetime | None = None
    tables: tuple[Table, ...] = ()
    telling: bool = False  # it told of its health in words, not by its status alone


def lost(reason: str) -> Look:
    """A look without an answer."""
    return Look(health=Health.CRIT, state="down", reason=reason, answered=False)


class Looks:
    """The looks at one system, as a component and its parts. Rows that did not change stay the same objects.

    A failure is believed when it is the second in a row; until then everything stands as it did, with the reason.
    """

    def __init__(self, key: str, name: str, *, host: str, address: str, interval: float, timeout: float) -> None:
        self._latencies: deque[float] = deque(maxlen=MEDIAN_OF)
        self._good_at: datetime | None = None
        self._told: tuple[Check, ...] = ()
        self._parts: dict[str, Component] = {}
        self.component = Component(
            key,
            ComponentKind.PROBE,
            name,
            state="waiting",
            host=host,
            address=address,
            reason="not looked at yet",
            probe=Probe(interval, timeout),
        )

    @property
    def probe(self) -> Probe:
        probe = self.component.probe
        assert probe is not None  # noqa: S101 - made with one
        return probe

    @property
    def doubtful(self) -> bool:
        """Whether the last look failed and has not been confirmed: the next one should come soon."""
        return 0 < self.probe.failures < CONFIRM

    @property
    def rows(self) -> Mapping[str, Component]:
        """The component and its parts, by key."""
        return {self.component.key: self.component, **self._parts}

    def take(self, look: Look, at: datetime) -> None:
        """Takes a look in."""
        failed = look.health is Health.CRIT
        if look.latency is not None and not failed:
            self._latencies.append(look.latency)
        probe = self._failed(look, at) if failed else self._good(look, at)
        self._show(look, replace(probe, measured=len(self._latencies)), at)
        self._show_parts(look, at)

    def _failed(self, look: Look, at: datetime) -> Probe:
        probe = self.probe
        turns = probe.turns
        if probe.failures == 0:
            turns = (Turn(at, False, look.reason), *turns)[:TURNS_KEPT]
        return replace(
            probe,
            failures=min(probe.failures + 1, FAILURES_COUNTED),
            failing_since=probe.failing_since or at,
            good_at=probe.good_at or self._good_at,
            error=look.reason,
            error_at=at if probe.error != look.reason or probe.failures == 0 else probe.error_at,
            turns=turns,
            expires=look.expires or probe.expires,
            tables=look.tables or probe.tables,
        )

    def _good(self, look: Look, at: datetime) -> Probe:
        probe, self._good_at = self.probe, at
        turns = probe.turns
        if probe.failures:
            turns = (Turn(at, True, look.reason), *turns)[:TURNS_KEPT]
        tables = probe.tables if probe.tables == look.tables else look.tables
        return replace(
            probe, failures=0, failing_since=None, good_at=None, turns=turns, expires=look.expires, tables=tables
        )

    def _show(self, look: Look, probe: Probe, at: datetime) -> None:
        before = self.component
        health, state, reason = look.health, look.state, look.reason
        if 0 < probe.failures < CONFIRM:
            health, state = before.health, before.state
            reason = f"one look failed: {look.reason}"
        elif health is Health.OK and probe.expires is not None and probe.expires - at < EXPIRES_SOON:
            health, reason = Health.WARN, expiry(probe.expires, at)
        since = before.since if state == before.state and before.since is not None else probe.failing_since or at
        now = median(self._latencies) if self._latencies else None
        component = replace(
            before,
            health=health,
            state=state,
            reason=reason,
            since=since if state != "waiting" else None,
            latency=steady(before.latency, now, share=LATENCY_STEP),
            version=look.version or before.version,
            probe=probe,
        )
        if component != before:
            self.component = component

    def _show_parts(self, look: Look, at: datetime) -> None:
        """Its parts as last told; while it tells nothing they are only the last known."""
        if look.checks:
            self._told = look.checks
        elif look.health is not Health.CRIT:
            self._told = ()
        stale = not look.checks and self.component.health is Health.CRIT
        parts: dict[str, Component] = {}
        for check in self._told:
            key = f"{self.component.key}/{check.name}"
            if key in parts and parts[key].health.rank >= check.health.rank:
                continue  # two of one name
            before = self._parts.get(key)
            since = before.since if before is not None and before.state == check.word else at
            part = Component(
                key,
                ComponentKind.PROBE,
                check.name,
                Health.STALE if stale else check.health,
                check.word,
                parent=self.component.key,
                since=since,
                reason=check.reason,
                address=check.address,
            )
            parts[key] = before if before is not None and before == part else part
        if parts.keys() != self._parts.keys() or any(part is not self._parts[key] for key, part in parts.items()):
            self._parts = parts


def expiry(expires: datetime, at: datetime) -> str:
    """`its certificate expires in 9d (2026-12-01)`."""
    left = (expires - at).total_seconds()
    if left <= 0:
        return f"its certificate has expired ({expires:%Y-%m-%d})"
    words = f"{int(left // 86400)}d" if left >= 2 * 86400 else f"{int(left // 3600)}h"
    return f"its certificate expires in {words} ({expires:%Y-%m-%d})"
