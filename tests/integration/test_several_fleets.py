"""Two fleets on one server: nothing is guessed, one is chosen over the wire, and the choice outlives the worker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.feed.acts import ChooseNamespace
from app.feed.client import WorkerFeed
from app.feed.protocol import Feed, FeedState
from app.feed.spawn import Spawner
from app.model.snapshot import Capability, Snapshot
from app.settings import Settings, load
from app.tui.app import WatchdeckApp
from app.tui.options import DeckOptions
from tests.integration.fleet_values import make_fleet, registration
from tests.integration.watching import client
from tests.nats_server import NatsServer

PATIENCE = 40.0


@pytest.fixture
def settings(server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NATS_", "WATCHDECK_", "XDG_"))}
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    env = kept | {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    return load({"nats_url": server.url, "state_dir": str(tmp_path / "state")}, env)


@asynccontextmanager
async def two_fleets(server: NatsServer) -> AsyncIterator[None]:
    """`blue` with the host blue-01, `green` with green-01, each with a beat every few seconds."""
    async with client(server.url) as nc:
        registries = {name: (await make_fleet(nc.jetstream(), name))["agent-registry"] for name in ("blue", "green")}

        async def beat() -> None:
            while True:
                for name, registry in registries.items():
                    await registry.put(f"agents.{name}01", registration(f"{name}-01", f"{name}01"))
                await asyncio.sleep(5)

        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()


async def until(feed: Feed, holds: Callable[[Snapshot], object]) -> Snapshot:
    async def seen() -> Snapshot:
        async for frame in feed.frames():
            if frame.state is FeedState.LIVE and holds(frame.snapshot):
                return frame.snapshot
        raise AssertionError("the frames ended")

    return await asyncio.wait_for(seen(), PATIENCE)


def hosts(snapshot: Snapshot) -> set[str]:
    return {agent.hostname for agent in snapshot.agents.values()}


async def test_none_is_shown_until_one_is_chosen_and_each_can_be(server: NatsServer, settings: Settings) -> None:
    spawner = Spawner(settings, service=None)
    feed = WorkerFeed(spawner.locate)
    feed.watch({"agents"})
    try:
        async with two_fleets(server):
            found = await until(feed, lambda one: len(one.site.namespaces) == 2)
            assert found.site.namespaces == ("blue", "green")
            assert not found.agents
            assert Capability.FLEET not in found.site.capabilities
            assert await feed.act(ChooseNamespace("green")) == ""
            green = await until(feed, lambda one: one.agents)
            assert (hosts(green), green.site.namespace, green.site.namespace_found) == ({"green-01"}, "green", False)
            assert await feed.act(ChooseNamespace("blue")) == ""
            blue = await until(feed, lambda one: hosts(one) == {"blue-01"})
            assert blue.site.namespace == "blue"
            assert await feed.act(ChooseNamespace("auto")) == ""
            assert not (await until(feed, lambda one: not one.agents)).site.namespace
    finally:
        await feed.close()
        await asyncio.to_thread(spawner.end)


async def test_a_choice_made_in_a_deck_is_there_at_its_next_start(server: NatsServer, settings: Settings) -> None:
    async def once(keys: str, words: str) -> None:
        """A deck with a worker of its own, until the screen says these words."""
        spawner = Spawner(settings, service=None)
        feed = WorkerFeed(spawner.locate)
        deck = WatchdeckApp(feed, options=DeckOptions(state_dir=settings.state_dir))
        try:
            async with asyncio.timeout(PATIENCE), deck.run_test(size=(100, 30)) as pilot:
                while "green" not in shown(deck):
                    await pilot.pause(0.1)
                assert deck.surface is not None
                for key in keys:
                    await deck.surface.router.key("enter" if key == "\r" else key, key if key != "\r" else None)
                while words not in shown(deck):
                    await pilot.pause(0.1)
        finally:
            await asyncio.to_thread(spawner.end)

    def shown(deck: WatchdeckApp) -> str:
        return "\n".join(strip.text for strip in deck.screen._compositor.render_strips())

    async with two_fleets(server):
        await once(":namespace\r26", "green-01")
        await once("6", "green-01")
