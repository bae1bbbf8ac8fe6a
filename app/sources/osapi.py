"""OSAPI's own API as a source: its status always, and while NATS is out of reach its agents and jobs as well.

Its status is answered from a cache of 15 s and is not audited: it is asked that often. Lists of agents and jobs are in
its audit log, entry by entry: they are asked for once a minute, and only while there is no other way to know.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from app.model.components import Component
from app.model.health import Health
from app.model.probes import Table
from app.model.sessions import Session
from app.model.snapshot import SourceState, SourceStatus
from app.model.text import clean
from app.settings.fields import OsapiSettings
from app.sources import httplook, osapiwire
from app.sources.healthbody import read
from app.sources.httplook import Fetched, Request, Unanswered
from app.sources.looks import Look, Looks, lost
from app.sources.secretless import scrubbed, shown_url
from app.sources.tasks import happened

if TYPE_CHECKING:
    import httpx

SOURCE = "osapi"
KEY = "probe:/osapi"
"""No probe can be named so."""
EVERY, AUDITED_EVERY = 15.0, 60.0
"""Seconds between two questions for its status, and for what is written to its audit log."""
TIMEOUT = 12.0
"""Seconds: it looks for its bucket for up to 5, and collects for up to 3."""
AGAIN = 3.0
MOST = 4 * 1024 * 1024
"""Bytes of an answer: a status names every agent."""
JOBS = 100
"""Jobs of a list; its own limit."""
STATUS, ALIVE, AGENTS, LIST = "/api/health/status", "/api/health", "/api/agent", f"/api/job?limit={JOBS}"
_log = logging.getLogger(__name__)


class Osapi:
    """Asks until the worker stops. `nats_out`: whether NATS is out of reach now."""

    def __init__(
        self,
        settings: OsapiSettings,
        clock: Callable[[], datetime],
        nats_out: Callable[[], bool],
        *,
        every: float = EVERY,
        audited_every: float = AUDITED_EVERY,
    ) -> None:
        self._settings, self._clock, self._nats_out = settings, clock, nats_out
        self._every, self._audited_every = every, audited_every
        address = shown_url(settings.url + STATUS)
        host = urlsplit(settings.url).hostname or ""
        self._looks = Looks(KEY, SOURCE, host=host, address=address, interval=every, timeout=TIMEOUT)
        self._lists: tuple[Table, ...] = ()
        self._listed_at: datetime | None = None
        self._list_next = 0.0
        self._list_trouble = ""
        self._good_at: datetime | None = None
        self.components: Mapping[str, Component] = self._looks.rows
        self.sessions: Mapping[str, Session] = {}

    @property
    def state(self) -> SourceState:
        """Fresh where it told its status; failed, with the reason, where it did not."""
        if self._good_at is None and not self._looks.probe.failures:
            return SourceState(SOURCE, interval=self._every)
        failing = self._looks.component.health is not Health.OK
        error = self._looks.component.reason if failing else ""
        good = not self._looks.probe.failures
        status = SourceStatus.OK if good and not failing else SourceStatus.PARTIAL if good else SourceStatus.FAILED
        return SourceState(SOURCE, status, self._good_at, error, interval=self._every)

    async def run(self, stopping: asyncio.Event) -> None:
        client = await httplook.open_client()
        wait = random.uniform(0, min(1.0, self._every))  # noqa: S311 - no secret
        try:
            while not await happened(stopping, wait):
                began = time.monotonic()
                try:
                    seen = await self._look(client)
                except Exception:
                    _log.exception("OSAPI's answer could not be read")
                    seen = lost("internal error, see the log")
                self._take(seen)
                pause = AGAIN if self._looks.doubtful else self._every * random.uniform(0.95, 1.1)  # noqa: S311
                wait = max(0.0, min(pause, self._every * 1.1) - (time.monotonic() - began))
        finally:
            await client.aclose()

    def _take(self, look: Look) -> None:
        now = self._clock()
        if look.health is not Health.CRIT:
            self._good_at = now
        before = dict(self.components)
        self._looks.take(look, now)
        rows = dict(self._looks.rows)
        head = rows[KEY]
        if head.probe is not None and head.probe.origin != self._origin():
            head = replace(head, probe=replace(head.probe, origin=self._origin()))
            self._looks.component = rows[KEY] = head
        if rows.keys() != before.keys() or any(row is not before[key] for key, row in rows.items()):
            self.components = rows

    def _origin(self) -> str:
        """What the facts are and how old, while they stand for those of NATS."""
        if not self._lists and not self._list_trouble:
            return ""
        told = f"as OSAPI told them {self._listed_at:%H:%M:%SZ}" if self._listed_at is not None else "not told yet"
        every = f"asked once in {self._audited_every:g} s while NATS is out of reach"
        trouble = f"; {self._list_trouble}" if self._list_trouble else ""
        return f"agents and jobs {told}, {every}: each question is in its audit log{trouble}"

    async def _look(self, client: httpx.AsyncClient) -> Look:
        if not self._settings.token:
            return await self._alive(client, "without a token it tells no more: [osapi] token_file")
        try:
            fetched = await self._get(client, STATUS)
        except Unanswered as error:
            return lost(str(error))
        if fetched.answer.status in (401, 403):
            return await self._alive(client, self._refusal(fetched))
        body = _decoded(fetched)
        if body is None or "components" not in body:
            reading = read(fetched.answer)
            if fetched.answer.status >= 400:
                return Look(health=reading.health, state=reading.word, reason=self._safe(reading.reason))
            page = " with an HTML page" if fetched.answer.page else ""
            reason = f"answers {fetched.answer.status}{page}, which is not OSAPI's status: is [osapi] url right?"
            return Look(health=Health.UNKNOWN, state="unclear", reason=reason, latency=fetched.took)
        return await self._status(client, fetched, body)

    async def _status(self, client: httpx.AsyncClient, fetched: Fetched, body: Mapping[str, Any]) -> Look:
        reading = read(replace(fetched.answer, cut=False))
        tables = osapiwire.of_status(body)
        if self._nats_out():
            await self._list(client)
            tables = (*self._lists, *tables, *(() if self._lists else osapiwire.of_registry(body)))
        else:
            self._lists, self._listed_at, self._list_next, self._list_trouble = (), None, 0.0, ""
        return Look(
            health=reading.health,
            state=reading.word,
            reason=self._safe(reading.reason),
            latency=fetched.took,
            checks=tuple(replace(check, reason=self._safe(check.reason)) for check in reading.checks),
            version=reading.version,
            expires=fetched.expires,
            tables=tables,
        )

    async def _list(self, client: httpx.AsyncClient) -> None:
        """Agents and jobs, once in a minute. What it does not tell now stays as it told it last."""
        if time.monotonic() < self._list_next:
            return
        self._list_next = time.monotonic() + self._audited_every
        self._list_trouble = ""
        found: list[Table] = []
        for path, tables in ((AGENTS, osapiwire.of_agents), (LIST, osapiwire.of_jobs)):
            name = "agents" if path == AGENTS else "jobs"
            try:
                fetched = await self._get(client, path)
            except Unanswered as error:
                self._list_trouble = f"{name}: {error}"
                continue
            body = _decoded(fetched)
            if body is None or fetched.answer.status != 200:
                self._list_trouble = f"{name}: {self._safe(read(fetched.answer).reason)}"
                continue
            found += tables(body)
        if found:
            self._lists, self._listed_at = tuple(found), self._clock()

    async def _alive(self, client: httpx.AsyncClient, why: str) -> Look:
        """Whether it is there at all, where it does not tell how it is."""
        try:
            fetched = await httplook.fetch(client, Request(url=self._settings.url + ALIVE, timeout=TIMEOUT))
        except Unanswered as error:
            return lost(str(error))
        reading = read(fetched.answer)
        if reading.health is not Health.OK:
            return Look(health=reading.health, state=reading.word, reason=reading.reason, latency=fetched.took)
        if not self._settings.token:
            return Look(health=Health.OK, reason=f"alive; {why}", latency=fetched.took, expires=fetched.expires)
        return Look(health=Health.WARN, state="refuses", reason=f"alive, but {why}", latency=fetched.took)

    def _refusal(self, fetched: Fetched) -> str:
        body = _decoded(fetched) or {}
        said = body.get("error")
        words = self._safe(said) if isinstance(said, str) else ""
        what = (
            "this token is not accepted" if fetched.answer.status == 401 else "this token may not see it (health:read)"
        )
        return f"{what} ({fetched.answer.status}){': ' + words if words else ''}"

    async def _get(self, client: httpx.AsyncClient, path: str) -> Fetched:
        request = Request(url=self._settings.url + path, timeout=TIMEOUT, token=self._settings.token)
        return await httplook.fetch(client, request, MOST)

    def _safe(self, text: str) -> str:
        return clean(scrubbed(text, (self._settings.token.reveal(),)), 300)


def _decoded(fetched: Fetched) -> Mapping[str, Any] | None:
    """An answer that is an object; None for anything else."""
    if fetched.answer.cut:
        return None
    try:
        body = msgspec.json.decode(fetched.answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return body if isinstance(body, Mapping) else None
