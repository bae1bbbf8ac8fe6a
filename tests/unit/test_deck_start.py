"""What the command line hands to the deck: options that tell the truth, and a feed that comes later."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.cli.deck import LateFeed, _options
from app.feed import client, spawn
from app.feed.protocol import FeedState, Frame
from app.model.snapshot import Snapshot
from app.settings import Settings
from app.settings.fields import NatsSettings, Secret


def settings(tmp_path: Path, **nats: Any) -> Settings:
    return Settings(state_dir=tmp_path, nats=NatsSettings(**nats))


def test_the_deck_is_told_where_it_connects_and_who_said_so(tmp_path: Path) -> None:
    given = settings(
        tmp_path, url="nats://nats-1:4222", origin="context prod", user="ana", password=Secret("hush"), context="prod"
    )
    assert _options(given, {}).target == "nats://nats-1:4222 (context prod)"


def test_no_credentials_and_no_controls_get_into_the_target(tmp_path: Path) -> None:
    given = settings(tmp_path, url="nats://ana:hush@nats-1:4222", origin="NATS_URL\x1b]52;c;aGk=\x07")
    told = _options(given, {}).target
    assert "hush" not in told
    assert "ana" not in told
    assert told.isprintable()


def test_thresholds_of_the_configuration_are_those_that_are_explained(tmp_path: Path) -> None:
    thresholds = {"agent.gone": {"gone": "90s"}}
    given = replace(settings(tmp_path), thresholds=thresholds)
    assert _options(given, {}).thresholds == thresholds


class _Feed:
    """What stands in for the worker's feed, and notes what it is told."""

    def __init__(self, locate: object) -> None:
        self.looked: list[frozenset[str]] = []
        self.watched: list[frozenset[str]] = []
        made.append(self)

    def watch(self, sections: Collection[str]) -> None:
        self.watched.append(frozenset(sections))

    def look(self, refs: Collection[str]) -> None:
        self.looked.append(frozenset(refs))

    async def frames(self) -> AsyncIterator[Frame]:
        yield Frame(Snapshot(), FeedState.STARTING)


made: list[_Feed] = []


async def test_what_is_looked_at_before_there_is_a_feed_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.clear()
    monkeypatch.setattr(client, "WorkerFeed", _Feed)
    monkeypatch.setattr(spawn, "Spawner", lambda settings: spawn)
    monkeypatch.setattr(spawn, "locate", None, raising=False)
    feed = LateFeed(settings(tmp_path))
    feed.watch({"streams"})
    feed.look({"stream:JOBS"})
    frames = feed.frames()
    await anext(frames)
    (real,) = made
    assert real.watched == [frozenset({"streams"})]
    assert real.looked == [frozenset({"stream:JOBS"})]
    feed.look({"stream:AUDIT"})
    assert real.looked[-1] == frozenset({"stream:AUDIT"})
