"""What one gateway, or several at once, say to what was asked; each within the time that one call may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from starlette.exceptions import HTTPException

from app.api.behind import Gate
from app.api.gatewaybodies import known
from app.model.gateways import GatewayState
from app.sources.gatewayframes import PATIENCE, GatewayTrouble
from app.sources.gatewaysessions import IDS

T = TypeVar("T")
_MAY_ANSWER = (GatewayState.CONNECTED.value, GatewayState.CONNECTING.value)


async def status(gate: Gate, configured: Sequence[Gate]) -> dict[str, Any]:
    """How a gateway does. One that does not answer is not connected, and says why."""
    error, sessions = None, None
    try:
        sessions = await gate.sessions()
    except GatewayTrouble as trouble:
        error = str(trouble)
    return {
        "connected": error is None,
        "gateway_url": gate.url,
        "sessions_count": None if sessions is None else len(sessions),
        "sessions": sessions,
        "main_session": _main(gate, sessions or []),
        "main_session_error": None,
        "error": error,
        "gateway": gate.name,
        "version": gate.version,
        "gateways": [known(each.component) for each in configured],
    }


async def sessions(gates: Sequence[Gate]) -> dict[str, Any]:
    """The sessions of all of them; 502 if none answers. Of several, those that are known to be away are not waited
    for: they are tried again all the time."""
    answers = await asyncio.gather(*(_listed(gate, alone=len(gates) == 1) for gate in gates))
    errors = {gate.name: found.told for gate, found in zip(gates, answers, strict=True) if not isinstance(found, list)}
    if len(errors) == len(gates):
        raise HTTPException(502, errors[gates[0].name] if len(gates) == 1 else _each(errors))
    rows: list[Any] = []
    main = None
    for gate, found in zip(gates, answers, strict=True):
        if isinstance(found, list):
            rows += [{**row, "gateway": gate.name} if isinstance(row, dict) else row for row in found]
            main = main or _main(gate, found)
    return {"sessions": rows, "main_session": main, "errors": errors}


async def session(gates: Sequence[Gate], id: str) -> dict[str, Any]:
    """The session of this id, of the first that has it; 404 if none has, 502 if one of them does not answer."""
    gate, found = await bounded(_found(*_narrowed(gates, id)))
    if gate is None:
        raise HTTPException(404, "Session not found")
    return {**found, "gateway": gate.name}


async def history(gates: Sequence[Gate], id: str) -> list[Any]:
    """What was said in a session. Of several gateways the one that has the session is asked, else the first: it knows
    what to say of it."""
    return await bounded(_history(*_narrowed(gates, id)))


async def bounded(asked: Awaitable[T]) -> T:
    """What is answered within the time that one call may take, however many it takes; 502 with the reason if not."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await asked
    except TimeoutError:
        raise HTTPException(502, f"no answer within {PATIENCE:g} s") from None
    except GatewayTrouble as trouble:
        raise HTTPException(502, trouble.told) from None


async def _history(gates: Sequence[Gate], id: str) -> list[Any]:
    gate = gates[0]
    if len(gates) > 1:
        with suppress(GatewayTrouble):  # of one that may have it
            gate = (await _found(gates, id))[0] or gate
    return await gate.history(id)


async def _found(gates: Sequence[Gate], id: str) -> tuple[Gate | None, dict[str, Any]]:
    """All are asked at once, and heard in their order: those that are known to be away last."""
    asked = [(gate, asyncio.ensure_future(_listed(gate))) for gate in sorted(gates, key=_away)]
    trouble: GatewayTrouble | None = None
    try:
        for gate, listing in asked:
            found = await listing
            if isinstance(found, GatewayTrouble):
                trouble = trouble or found
                continue
            for row in found:
                if isinstance(row, dict) and any(row.get(name) == id for name in IDS):
                    return gate, row
    finally:
        for _, listing in asked:
            listing.cancel()
    if trouble is not None:
        raise trouble.again()
    return None, {}


def _narrowed(gates: Sequence[Gate], id: str) -> tuple[Sequence[Gate], str]:
    """An id that begins with the name of a gateway, as decks tell it, is of that one."""
    name, _, rest = id.partition("/")
    own = [gate for gate in gates if rest and gate.name == name]
    return (own, rest) if own else (gates, id)


def _main(gate: Gate, listed: Sequence[Any]) -> dict[str, Any] | None:
    """Its main session, if it is among those that it tells: the one that it names, else Mission Control's."""
    for row in listed:
        key = row.get("key") if isinstance(row, dict) else None
        if not isinstance(key, str):
            continue
        if key == gate.main_session if gate.main_session else _is_main(key):
            return dict(row)
    return None


def _is_main(key: str) -> bool:
    return key.startswith("agent:mc-gateway-") and key.endswith(":main")


async def _listed(gate: Gate, *, alone: bool = True) -> list[Any] | GatewayTrouble:
    if not alone and _away(gate):
        return GatewayTrouble(GatewayState(gate.component.state), gate.component.reason)
    try:
        return await gate.sessions()
    except GatewayTrouble as trouble:
        return trouble


def _away(gate: Gate) -> bool:
    return gate.component.state not in _MAY_ANSWER


def _each(errors: dict[str, str]) -> str:
    return "; ".join(f"{name}: {error}" for name, error in errors.items())
