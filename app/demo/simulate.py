"""`watchdeck simulate`: the demo's fleet on any NATS, and its care not to disturb a real one."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable

from app.demo.fleet import MARK_FIELD, MARK_VALUE
from app.demo.layout import Layout
from app.demo.link import FAILURES, ApiError, Link, is_ours
from app.demo.play import Simulation
from app.demo.server import DemoError
from app.settings import NatsSettings

LOOKED_AT = 20
"""Agents' registrations that are looked at; of controllers all are."""


async def occupied(link: Link, layout: Layout) -> str:
    """Why the fleet of this namespace looks like a real one; empty when it does not.

    A registration that is alive and not a simulation's, or a registry or a jobs stream that no simulation made.
    """
    registry = f"KV_{layout.registry}"
    for kind in ("controller", "agents"):
        for key in await _keys(link, registry, f"$KV.{layout.registry}.{kind}.>"):
            value = await link.get(layout.registry, key)
            if value is not None and not simulated(value):
                return f"{key} in {layout.registry} is alive and no simulation's"
    for name in (layout.jobs, registry):
        try:
            info = await link.api(f"STREAM.INFO.{name}")
        except ApiError:
            continue
        if not is_ours(info):
            return f"the stream {name} is there already and no simulation made it"
    return ""


async def _keys(link: Link, stream: str, subjects: str) -> list[str]:
    """The first keys of a bucket that match."""
    try:
        info = await link.api(f"STREAM.INFO.{stream}", {"subjects_filter": subjects})
    except ApiError:
        return []
    found = sorted(info["state"].get("subjects") or {})
    return [subject.split(".", 2)[2] for subject in found[:LOOKED_AT]]


def simulated(value: bytes) -> bool:
    """Whether a registration says that it is ours."""
    try:
        return bool(json.loads(value).get(MARK_FIELD) == MARK_VALUE)
    except (ValueError, AttributeError):
        return False


async def simulate(
    settings: NatsSettings,
    namespace: str = "osapi",
    agents: int = 10,
    rate: float = 2.0,
    scenario: str = "calm",
    seed: int = 7,
    *,
    yes: bool = False,
    clean: bool = False,
    sessions: bool = False,
    stop: asyncio.Event | None = None,
    ready: Callable[[], None] | None = None,
) -> None:
    """Plays until `stop` is set, or SIGTERM or SIGINT comes; then the fleet says goodbye.

    Nothing else is removed, unless `clean`: then all that a simulation made goes, and nothing of anybody else's.

    Creates OSAPI's streams and buckets, and those of the shop, where there are none of these names, and with `sessions`
    that of session events. DemoError when NATS
    cannot be reached, or when the registry looks like a real one and `yes` is not given; with `yes` on such a registry
    jobs go to the simulated hosts alone, so that no real agent runs any. ValueError for an unknown scenario.
    """
    stop = stop or asyncio.Event()
    link = Link(settings)
    await link.open("watchdeck-simulation")
    try:
        reason = await occupied(link, Layout(namespace))
    except FAILURES as error:
        raise DemoError(f"JetStream does not answer at {settings.url}.") from error
    finally:
        await link.close()
    if reason and not yes:
        raise DemoError(f"This looks like a real fleet: {reason}. Choose another --namespace, or say --yes.")
    simulation = Simulation(
        settings,
        namespace=namespace,
        agents=agents,
        rate=rate,
        scenario=scenario,
        seed=seed,
        direct_only=bool(reason),
        sessions=sessions,
    )
    handled = on_signals(stop)
    try:
        await simulation.open()
        if ready is not None:
            ready()
        await simulation.run(stop)
        await simulation.farewell()
        if clean:
            await simulation.clean()
    finally:
        for number in handled:
            asyncio.get_running_loop().remove_signal_handler(number)
        await simulation.close()


def on_signals(stop: asyncio.Event) -> tuple[signal.Signals, ...]:
    """SIGTERM and SIGINT set `stop`; outside the main thread nobody can ask for that, and none is handled."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    except (ValueError, RuntimeError):
        return ()
    return (signal.SIGTERM, signal.SIGINT)
