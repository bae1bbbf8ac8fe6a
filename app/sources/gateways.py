"""Gateways: the configured OpenClaw gateways, each watched and asked over one connection, all at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from operator import is_
from pathlib import Path
from statistics import median
from typing import Any

from app.model.chat import Chat, chat
from app.model.components import Component, ComponentKind
from app.model.gateways import GatewayState
from app.model.sessions import Session
from app.model.snapshot import SourceState, SourceStatus
from app.model.text import count
from app.settings.fields import GatewaySettings
from app.sources.figures import steady
from app.sources.gatewayframes import GatewayTrouble
from app.sources.gatewayidentity import IDENTITY_FILE, Identity, load_identity
from app.sources.gatewaylink import GatewayLink
from app.sources.gatewaysessions import listed, said, sessions

EVERY = 10.0
"""Seconds between two looks at the sessions of a gateway."""
SOURCE = "gateways"
_KEPT = 10  # answers of which the middle is told
_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Gateway:
    """One gateway. `component` and `rows` stay the same objects while nothing in them changed; of one that does not
    answer the rows are the last known ones."""

    def __init__(
        self, settings: GatewaySettings, identity: Callable[[], Identity], clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.name = settings.name
        self.url = settings.url
        self.link = GatewayLink(settings, identity)
        self.good_at: datetime | None = None
        self.rows: Mapping[str, Session] = {}
        self._clock = clock
        self._keys: Mapping[str, str] = {}  # by row
        self._took: deque[float] = deque(maxlen=_KEPT)
        self.component = Component(
            f"gateway:{self.name}", ComponentKind.GATEWAY, self.name, GatewayState.CONNECTING.health,
            GatewayState.CONNECTING.value, since=clock(), address=self.link.address,
        )  # fmt: skip

    @property
    def state(self) -> GatewayState:
        return GatewayState(self.component.state)

    @property
    def version(self) -> str:
        """As it told it when it was last met; empty before."""
        return self.link.hello.version

    @property
    def main_session(self) -> str:
        """Key of its main session; empty if it does not tell it."""
        return self.link.hello.main_session

    @property
    def allows_insecure_tls(self) -> bool:
        return self.link.settings.allow_insecure_tls

    @property
    def pairs(self) -> bool:
        """Whether we come with a device identity."""
        return not self.link.settings.disable_device_pairing

    async def run(self, stopping: asyncio.Event) -> None:
        """Watches it until `stopping` is set."""
        keeping = asyncio.create_task(self.link.run(stopping))
        try:
            while not stopping.is_set():
                self.link.changed.clear()
                await self._look()
                waits = [asyncio.ensure_future(event.wait()) for event in (stopping, self.link.changed)]
                await asyncio.wait(waits, timeout=EVERY, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
        finally:
            await keeping

    # -- what it is asked: all of these raise GatewayTrouble, after five seconds at the latest ------------------------
    async def sessions(self) -> list[Any]:
        """Its sessions, as it tells them."""
        began = time.monotonic()
        raws = listed(await self.link.call("sessions.list"))
        self._took.append(time.monotonic() - began)
        self._take(raws)
        return raws

    async def history(self, key: str, limit: int | None = None) -> list[Any]:
        """What was said in a session, as it tells it; `limit`: the last messages, where it knows such a limit."""
        asked = {"sessionKey": key} | ({"limit": limit} if limit is not None else {})
        return said(await self.link.call("chat.history", asked))

    async def chat(self, row: str, limit: int) -> Chat:
        """What was said in the session of a row, to be read."""
        key = self._keys.get(row) or row.removeprefix(f"{self.name}/")
        return await asyncio.to_thread(chat, row, await self.history(key, limit), limit)

    # -- what is known of it ------------------------------------------------------------------------------------------
    async def _look(self) -> None:
        if not self.link.connected:
            if self.link.trouble is not None:
                self._stands(self.link.trouble.state, str(self.link.trouble))
            return
        try:
            await self.sessions()
        except GatewayTrouble as trouble:
            self._stands(trouble.state, str(trouble))
        except Exception:  # a defect of ours with what this one sent
            _log.exception("the sessions of gateway %s could not be read", self.name)
            self._stands(GatewayState.FAILING, "internal error, see the log")

    def _take(self, raws: list[Any]) -> None:
        now = self._clock()
        found = sessions(raws, self.name, now)
        before = self.rows
        rows = {key: old if (old := before.get(key)) == row else row for key, (row, _) in found.items()}
        if [*before] != [*rows] or not all(map(is_, before.values(), rows.values())):
            self.rows = rows
        self._keys = {key: raw for key, (_, raw) in found.items()}
        self.good_at = now
        number = len(raws)
        self._stands(GatewayState.CONNECTED, f"{count(number)} session{'' if number == 1 else 's'}")

    def _stands(self, state: GatewayState, reason: str) -> None:
        before, now = self.component, self._clock()
        if state is not GatewayState.CONNECTED:
            self._took.clear()
        latency = round(median(self._took), 4) if self._took else None
        same = (self.state is GatewayState.CONNECTED) == (state is GatewayState.CONNECTED)
        component = replace(
            before,
            health=state.health,
            state=state.value,
            since=before.since if same else now,  # from one failure to the next it is down all along
            reason=reason,
            latency=steady(before.latency, latency, share=0.5, least=0.002),
            version=self.version or before.version,
        )
        if component != before:
            self.component = component


class Gateways:
    """All of them. Their identity is kept in a file of the worker's state folder."""

    def __init__(
        self, configured: Sequence[GatewaySettings], state_dir: Path, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._file = state_dir / IDENTITY_FILE
        self._known: Identity | None = None
        self._paired = any(not each.disable_device_pairing for each in configured)
        self.each = tuple(Gateway(settings, self._identity, clock) for settings in configured)
        self._parts: tuple[object, ...] = ()
        self._components: Mapping[str, Component] = {}
        self._sessions: Mapping[str, Session] = {}

    @property
    def components(self) -> Mapping[str, Component]:
        self._refresh()
        return self._components

    @property
    def sessions(self) -> Mapping[str, Session]:
        self._refresh()
        return self._sessions

    @property
    def state(self) -> SourceState | None:
        """Those that do not answer are told each by its own component."""
        away = [each.name for each in self.each if each.state is not GatewayState.CONNECTED]
        good = max((each.good_at for each in self.each if each.good_at is not None), default=None)
        status = SourceStatus.PARTIAL if away else SourceStatus.OK
        return SourceState(SOURCE, status, good, f"not connected: {', '.join(away)}" if away else "", interval=EVERY)

    def named(self, name: str) -> Gateway | None:
        return next((each for each in self.each if each.name == name), None)

    def at(self, url: str) -> Gateway | None:
        """The one that is configured with this URL."""
        wanted = url.strip().rstrip("/")
        return next((each for each in self.each if each.url.rstrip("/") == wanted), None)

    async def run(self, stopping: asyncio.Event) -> None:
        if self._paired:
            await asyncio.to_thread(self._identity)
        await asyncio.gather(*(self._guarded(each, stopping) for each in self.each))

    async def _guarded(self, gateway: Gateway, stopping: asyncio.Event) -> None:
        try:
            await gateway.run(stopping)
        except Exception:  # a defect of ours: the others go on without it
            _log.exception("watching gateway %s broke", gateway.name)

    def _identity(self) -> Identity:
        if self._known is None:
            self._known = load_identity(self._file, round(time.time() * 1000))
        return self._known

    def _refresh(self) -> None:
        parts = (*(each.component for each in self.each), *(each.rows for each in self.each))
        if len(parts) == len(self._parts) and all(map(is_, parts, self._parts)):
            return
        rows = slice(len(self.each), None)
        self._components = {each.component.key: each.component for each in self.each}
        if not self._parts or not all(map(is_, parts[rows], self._parts[rows])):
            self._sessions = {key: row for each in self.each for key, row in each.rows.items()}
        self._parts = parts
