"""Verification of a worker that runs, over the API that others use: health, readiness, pages, role, agents, gateways,
metrics (the steps that Mission Control's operators take by hand)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import msgspec

from app.cli.checks import Check, Grade
from app.feed.link import Answered, Link, LinkError, open_link
from app.feed.spawn import Spawner
from app.feed.target import NoWorker, Target, WrongWorker
from app.model.text import count
from app.settings import Settings

MEMBER = "/api/v1/organizations/me/member"


async def verify(settings: Settings, origins: Collection[str]) -> list[Check]:
    """What the worker answers to everybody who uses it. Without a worker nothing is verified."""
    try:
        target, _ = await Spawner(settings).find()
    except (NoWorker, WrongWorker):
        return []
    if target is None:
        return []
    try:
        link = await open_link(target)
    except LinkError as error:
        return [Check("api", Grade.FAIL, str(error))]
    try:
        found = [check async for check in _asked(link)]
    except LinkError as error:
        return [Check("api", Grade.FAIL, str(error))]
    finally:
        await link.close()
    return [*found, *[check async for check in _pages(settings, target, dict.fromkeys(origins))]]


async def _asked(link: Link) -> AsyncIterator[Check]:
    alive = await link.answer("GET", "/healthz")
    good = alive.status == 200 and _read(alive).get("ok") is True
    yield Check("health", Grade.OK if good else Grade.FAIL, "it turns" if good else f"/healthz answers {alive.status}")
    ready = await link.answer("GET", "/readyz")
    if ready.status == 200:
        yield Check("readiness", Grade.OK, "ready")
    else:
        failed = ", ".join(map(str, _read(ready).get("failed") or [f"/readyz answers {ready.status}"]))
        yield Check("readiness", Grade.FAIL, f"not ready: {failed}", "GET /readyz?verbose says why")
    yield _role(await link.answer("GET", MEMBER))
    yield _agents(await link.answer("GET", "/api/v1/agents"))
    yield _gateways(await link.answer("GET", "/api/v1/gateway/status"))
    yield _metrics(await link.answer("GET", "/api/v1/metrics/dashboard?range=24h"))


def _role(answered: Answered) -> Check:
    if answered.status != 200:
        return _refused("role", answered)
    body = _read(answered)
    until = f", until {body['expires_at']}Z" if body.get("expires_at") else ""
    name = (body.get("user") or {}).get("name") or ""
    return Check("role", Grade.OK, f"{body.get('role')} ({name}{until})")


def _agents(answered: Answered) -> Check:
    if answered.status != 200:
        return _refused("agents", answered)
    body = _read(answered)
    items = body.get("items") or []
    total = int(body.get("total") or 0)
    states = Counter(str(item.get("status")) for item in items)
    parts = [f"{number} {state}" for state, number in states.most_common()]
    first = f" (of the first {len(items)})" if len(items) < total else ""
    said = f"{count(total)} agents{': ' if parts else ''}{', '.join(parts)}{first}"
    return Check("agents", Grade.WARN if states["offline"] else Grade.OK, said)


def _gateways(answered: Answered) -> Check:
    if answered.status != 200:
        return _refused("gateways", answered)
    body = _read(answered)
    if not body.get("connected"):
        return Check("gateways", Grade.WARN, str(body.get("error") or "not connected"), "see [[gateways]]")
    sessions = int(body.get("sessions_count") or 0)
    return Check("gateways", Grade.OK, f"connected, {count(sessions)} session{'' if sessions == 1 else 's'}")


def _metrics(answered: Answered) -> Check:
    if answered.status != 200:
        return _refused("metrics", answered)
    kpis = _read(answered).get("kpis") or {}
    said = f"{kpis.get('active_agents', 0)} active agents, {kpis.get('tasks_in_progress', 0)} tasks in progress in 24 h"
    return Check("metrics", Grade.OK, said)


async def _pages(settings: Settings, target: Target, origins: Collection[str]) -> AsyncIterator[Check]:
    """Whether pages of these origins may ask, as their browsers find out."""
    if not origins:
        return
    tcp = target if target.url else _tcp(settings)
    if tcp is None:
        yield Check("cors", Grade.WARN, "the worker does not listen on TCP: no page can ask it", "see [http] listen")
        return
    try:
        link = await open_link(tcp)
    except LinkError as error:
        yield Check("cors", Grade.FAIL, str(error))
        return
    try:
        for origin in origins:
            asked = {"origin": origin, "access-control-request-method": "GET"}
            answered = await link.answer("OPTIONS", MEMBER, asked)
            allowed = answered.headers.get("access-control-allow-origin") == origin and answered.status == 200
            advice = "" if allowed else "add it to [http] cors_origins, exactly as the browser names it"
            said = f"{origin} {'may ask' if allowed else 'may not ask'}"
            yield Check("cors", Grade.OK if allowed else Grade.FAIL, said, advice)
    except LinkError as error:
        yield Check("cors", Grade.FAIL, str(error))
    finally:
        await link.close()


def _tcp(settings: Settings) -> Target | None:
    """Where the worker of this machine listens. A preflight needs no token."""
    if settings.http.listen is None:
        return None
    scheme = "https" if settings.http.tls_cert else "http"
    return Target(url=f"{scheme}://{settings.http.listen}", ca_file=settings.http.tls_cert)


def _refused(name: str, answered: Answered) -> Check:
    """Who may not see something is told which permission it takes: that is no fault of the worker."""
    said = str(_read(answered).get("error") or f"the worker answers {answered.status}")
    if answered.status == 403:
        return Check(name, Grade.OK, f"not for this role ({said})")
    return Check(name, Grade.FAIL if answered.status != 404 else Grade.WARN, said)


def _read(answered: Answered) -> Mapping[str, Any]:
    try:
        body = msgspec.json.decode(answered.body)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}
