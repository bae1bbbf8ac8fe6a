"""`watchdeck agent`: from the settings to an agent that reports, and its care not to disturb a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from app.agent.conditions import Limits
from app.agent.host import ThisHost, machine_id
from app.agent.report import Agent
from app.demo.layout import Layout, agent_key
from app.demo.link import FAILURES, ApiError, Link
from app.demo.namespace import namespace_of
from app.demo.server import DemoError
from app.demo.simulate import occupied, on_signals, simulated
from app.settings import NameSettings, NatsSettings

AGAIN = 5.0
"""Seconds between two attempts to reach NATS at the start."""
_FINAL = ("authorization", "authentication", "nkey", "credential", "permission")
"""Words of a refusal that waiting does not change."""


async def report(
    nats: NatsSettings,
    names: NameSettings,
    namespace: str,
    state_dir: Path,
    labels: Mapping[str, str],
    limits: Limits,
    *,
    yes: bool,
    note: Callable[[str], None],
    stop: asyncio.Event | None = None,
) -> None:
    """Reports this host until `stop` is set, or SIGTERM or SIGINT comes.

    `namespace`: `auto` takes the one fleet that is there, `osapi` where there is none. DemoError in one sentence:
    refused by NATS, the registry of a real controller without `yes`, this machine has an agent already.
    """
    stop = stop or asyncio.Event()
    handled = on_signals(stop)
    link = Link(nats)
    try:
        if not await _reach(link, stop, note):
            return
        layout = Layout(await namespace_of(link, names, namespace, "osapi"), names)
        identity, made = machine_id(state_dir)
        await _may(link, layout, agent_key(identity), yes)
        if made:
            note(f"no /etc/machine-id: using {identity}, kept in {state_dir / 'machine-id'}")
        host = ThisHost()
        note(f"{host.hostname} ({identity}) reports in {layout.registry} on {nats.url} every 10 s; ctrl+c ends it")
        await Agent(link, layout, host, identity, labels, limits, note).run(stop)
    except (*FAILURES, ApiError) as error:
        raise DemoError(f"JetStream does not answer at {nats.url}: {error or type(error).__name__}.") from error
    finally:
        for number in handled:
            asyncio.get_running_loop().remove_signal_handler(number)
        await link.close()


async def _reach(link: Link, stop: asyncio.Event, note: Callable[[str], None]) -> bool:
    """Connects, however long that takes; False when it was told to stop before."""
    told = False
    while not stop.is_set():
        opening = asyncio.create_task(link.open("watchdeck-agent"))
        ended = asyncio.create_task(stop.wait())
        await asyncio.wait([opening, ended], return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not opening.done():
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            return False
        error = opening.exception()
        if error is None:
            return True
        if not isinstance(error, DemoError) or any(word in str(error).lower() for word in _FINAL):
            raise error
        if not told:
            note(f"{error} Trying again every {AGAIN:.0f} s.")
            told = True
        link.renew()
        try:
            await asyncio.wait_for(stop.wait(), AGAIN)
        except TimeoutError:
            continue
    return False


async def _may(link: Link, layout: Layout, key: str, yes: bool) -> None:
    """DemoError: this registry is not ours to write into."""
    value = await link.get(layout.registry, key)
    if value is not None and not simulated(value):
        raise DemoError(f"This machine reports already: {key} in {layout.registry} is alive and another agent's.")
    reason = await occupied(link, layout)
    if reason and not yes:
        raise DemoError(f"This looks like a real fleet: {reason}. Choose another --namespace, or say --yes.")
