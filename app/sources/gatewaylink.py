"""Gateway link: the one connection to a gateway that is kept, used by all calls at once, and made again by itself."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.model.gateways import GatewayState
from app.model.text import clean
from app.settings.fields import GatewaySettings
from app.sources import gatewayversions
from app.sources.gatewaydial import dial, shown, trust
from app.sources.gatewayframes import PATIENCE, GatewayTrouble, Refusal
from app.sources.gatewayidentity import Identity
from app.sources.gatewayline import Line, greet
from app.sources.tasks import ended, happened

FIRST_PAUSE, LONGEST_PAUSE, FACTOR, JITTER = 0.5, 15.0, 2.0, 0.15
"""Seconds between two attempts: the first pause, the longest, by how much each is longer, and its share of chance."""
UNWELCOME_PAUSE = 60.0
"""Longest pause while the gateway refuses the token, or is of a version that we do not speak with."""
RESTED = 1.0
"""Seconds since the last attempt before a call may cause another one; of a refused token ten times that."""
LASTING = 30.0
"""Seconds after which a connection counts as one that lasted: the next pause is the first one again."""
_UNWELCOME = (GatewayState.UNAUTHORIZED, GatewayState.UNSUPPORTED)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hello:
    """What a gateway said of itself when it was met."""

    version: str = ""
    main_session: str = ""  # key of its main session; empty: not told


class GatewayLink:
    """One gateway. `trouble` is why there is no connection now; `hello` what it said when it was last met."""

    def __init__(self, settings: GatewaySettings, identity: Callable[[], Identity]) -> None:
        self.settings = settings
        self.address = shown(settings.url)
        self.hello = Hello()
        self.trouble: GatewayTrouble | None = None
        self._identity = identity
        self._tls: ssl.SSLContext | None = None
        self._prepared = False
        self._met_challenge = False
        self._dead: Line | None = None  # of which a call heard nothing at all
        self._line: Line | None = None
        self._challenges = True  # whether it sends one, as far as is known
        self.changed = asyncio.Event()  # set at the end of each attempt, and when the connection is lost
        self._hurry = asyncio.Event()
        self._tried = asyncio.Event()  # replaced at the end of each attempt
        self._tried_at = 0.0

    @property
    def connected(self) -> bool:
        return self._line is not None

    async def run(self, stopping: asyncio.Event) -> None:
        """Keeps the connection until `stopping` is set. Never raises."""
        keeping = asyncio.create_task(self._keep(), name=f"gateway {self.settings.name}")
        try:
            await stopping.wait()
        finally:
            await ended(keeping)

    async def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """What the gateway answers to one call. Raises GatewayTrouble, after `PATIENCE` seconds at the latest."""
        line: Line | None = None
        asked = 0.0
        try:
            async with asyncio.timeout(PATIENCE):
                line, asked = await self._ready(), time.monotonic()
                return await line.call(method, params or {})
        except TimeoutError:
            trouble = _silent(method if line is not None else "")
            if line is not None and line.heard < asked:
                self._unheard(line, trouble)
            raise trouble from None

    def _unheard(self, line: Line, trouble: GatewayTrouble) -> None:
        """Nothing at all came while a call waited. The second time the line is dead, whatever TCP believes."""
        self._dead, was = line, self._dead
        if was is line:
            line.drop(trouble)

    async def _ready(self) -> Line:
        """The line, once there is one. Raises why there is none."""
        if self._line is None:
            if self.trouble is not None:
                rested = RESTED * (10 if self.trouble.state in _UNWELCOME else 1)
                if time.monotonic() - self._tried_at < rested:
                    raise self.trouble.again()
            tried = self._tried
            self._hurry.set()
            await tried.wait()
        if self._line is None:
            raise self.trouble.again() if self.trouble is not None else _silent("")
        return self._line

    async def _keep(self) -> None:
        pause = FIRST_PAUSE
        while True:
            self._hurry.clear()
            began = time.monotonic()
            try:
                await self._hold(await self._attempt())
            except GatewayTrouble as trouble:
                self._set(trouble)
            except Exception:  # a defect of ours must not end the keeping
                _log.exception("the link to gateway %s failed; it goes on", self.settings.name)
                self._set(GatewayTrouble(GatewayState.FAILING, "internal error, see the log"))
            longest = UNWELCOME_PAUSE if self.trouble and self.trouble.state in _UNWELCOME else LONGEST_PAUSE
            pause = FIRST_PAUSE if time.monotonic() - began > LASTING else min(longest, pause)
            await happened(self._hurry, pause * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 (no secret)
            pause = min(longest, pause * FACTOR)

    async def _hold(self, line: Line) -> None:
        """Uses a line until it has ended; raises why it did."""
        self.trouble, self._line = None, line
        self._outcome()
        try:
            raise await line.lost()
        finally:
            self._line = None
            self.changed.set()
            await line.close()

    def _set(self, trouble: GatewayTrouble) -> None:
        before, self.trouble = self.trouble, trouble
        if before is None or str(before) != str(trouble):
            _log.info("gateway %s %s: %s", self.settings.name, trouble.state, trouble)
        self._outcome()

    def _outcome(self) -> None:
        self._tried_at = time.monotonic()
        tried, self._tried = self._tried, asyncio.Event()
        tried.set()
        self.changed.set()

    async def _attempt(self) -> Line:
        """A line on which we were let in and whose version fits. Raises GatewayTrouble."""
        if not self._prepared:
            self._tls = await asyncio.to_thread(trust, self.settings)
            self._prepared = True
        try:
            async with asyncio.timeout(PATIENCE):
                try:
                    return await self._meet()
                except GatewayTrouble:
                    if self._challenges or not self._met_challenge:
                        raise
                self._challenges = True  # it sends one after all
                return await self._meet()
        except TimeoutError:
            raise _silent("") from None

    async def _meet(self) -> Line:
        self._met_challenge = False
        line = Line(await dial(self.settings, self._tls), self.settings.token.reveal())
        try:
            hello = await greet(line, self.settings, self._identity, challenge=self._challenges)
            self.hello = await _told(line, hello)
            why = gatewayversions.refusal(self.hello.version)
            if why:
                raise GatewayTrouble(GatewayState.UNSUPPORTED, why)
        except BaseException:
            self._met_challenge = line.challenged
            line.drop(_silent(""))
            raise
        self._challenges = line.challenged
        return line


async def _told(line: Line, hello: dict[str, Any]) -> Hello:
    """What it says of itself; its version also by its configuration, where the greeting has none that is one."""
    version = _text(hello.get("server"), "version")
    if gatewayversions.parts(version) is None:
        try:
            answered = await line.call("config.get", {})
        except Refusal:
            answered = None
        config = answered.get("config") if isinstance(answered, dict) else None
        version = _text(config.get("meta") if isinstance(config, dict) else None, "lastTouchedVersion") or version
    snapshot = hello.get("snapshot")
    defaults = snapshot.get("sessionDefaults") if isinstance(snapshot, dict) else None
    return Hello(version, _text(defaults, "mainSessionKey"))


def _text(holder: Any, name: str) -> str:
    value = holder.get(name) if isinstance(holder, dict) else None
    return clean(value, 300).strip() if isinstance(value, str) else ""


def _silent(method: str) -> GatewayTrouble:
    what = f"does not answer {method}" if method else "takes the connection and does not answer"
    return GatewayTrouble(GatewayState.SILENT, f"{what} within {PATIENCE:g} s")
