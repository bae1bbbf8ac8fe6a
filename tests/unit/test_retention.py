"""Retention: what is older than anybody can ask for goes, in small steps; what a window needs stays."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.model.sessions import SessionEvent
from app.store import retention
from app.store.intake import Arrived, Origin, Unusable
from app.store.store import Store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)
DAY = 86_400_000


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    store = Store.open("", tmp_path, clock=clock)
    yield store
    await store.close()


def events(session: str, days_ago: float, count: int = 1) -> list[Arrived]:
    at = MS - int(days_ago * DAY)
    return [
        Arrived(SessionEvent(session, "a", "tool_call", "info", at + n, {"costUsd": 1, "n": n})) for n in range(count)
    ]


def value(folder: Path, asked: str) -> Any:
    with sqlite3.connect(folder / "watchdeck.db") as connection:
        (found,) = connection.execute(asked).fetchone()
    connection.close()
    return found


async def clean_up(store: Store, now: datetime) -> int:
    steps = 1
    while await store.retention.step(now):
        steps += 1
        assert steps < 100
    return steps


async def test_nothing_that_a_window_can_reach_goes(store: Store, tmp_path: Path) -> None:
    for days in (0, 1, 31, 89, 91, 179.9, 399):
        await store.intake.take(events(f"s{days}", days))
    before = await store.scores.overview(90, NOW)
    await clean_up(store, NOW)
    assert value(tmp_path, "SELECT COUNT(*) FROM session") == 7
    assert value(tmp_path, "SELECT SUM(calls) FROM tool") == 7
    assert await store.scores.overview(90, NOW) == before
    assert await store.intake.verify() == []


async def test_contents_go_after_their_time_and_the_figures_stay(store: Store, tmp_path: Path, clock: Clock) -> None:
    await store.intake.take(events("old", 89, 1200))
    await store.intake.take(events("young", 5))
    clock.now = NOW + timedelta(days=2)
    steps = await clean_up(store, clock.now)
    assert steps > 2  # never all at once
    assert value(tmp_path, "SELECT COUNT(*) FROM event WHERE payload IS NOT NULL") == 1
    assert value(tmp_path, "SELECT COUNT(*) FROM event") == 1201
    old = await store.sessions.session("old", clock.now)
    assert old is not None
    assert (old.events, old.tool_calls) == (1200, 1200)
    assert await clean_up(store, clock.now) == 1  # it knows how far it came


async def test_what_is_past_all_windows_goes_with_its_sums(store: Store, tmp_path: Path, clock: Clock) -> None:
    await store.intake.take(events("long", 2, 700))
    await store.intake.take(events("other", 1))
    clock.now = NOW + timedelta(days=398, hours=12)
    pages = value(tmp_path, "PRAGMA page_count")
    await clean_up(store, clock.now)
    assert value(tmp_path, "SELECT COUNT(*) FROM session") == 1
    assert value(tmp_path, "SELECT COUNT(*) FROM event") == 1
    assert value(tmp_path, "PRAGMA page_count") < pages  # the disk has it back
    assert value(tmp_path, "SELECT SUM(sessions) FROM day") == 1
    assert value(tmp_path, "SELECT SUM(calls) FROM tool") == 1
    assert await store.intake.verify() == []


async def test_a_session_that_goes_on_is_kept_however_long_ago_it_began(store: Store, clock: Clock) -> None:
    await store.intake.take([*events("s", 399), *events("s", 0)])
    clock.now = NOW + timedelta(days=300)
    await clean_up(store, clock.now)
    kept = await store.sessions.session("s", clock.now)
    assert kept is not None
    assert kept.events == 2
    assert await store.intake.verify() == []


async def test_contents_of_a_session_that_goes_on_go_after_their_time_too(
    store: Store, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_LOOKED_AT", 2)
    for number in range(3):
        await store.intake.take(events(f"short{number}", 1))
    for session in ("long", "longer"):
        await store.intake.take([*events(session, 89, 700), *events(session, 89, 3), *events(session, 1, 3)])
    clock.now = NOW + timedelta(days=2)
    assert await clean_up(store, clock.now) > 4  # a few hundred at a time
    assert value(tmp_path, "SELECT COUNT(*) FROM event") == 2 * 706 + 3
    assert value(tmp_path, "SELECT COUNT(*) FROM event WHERE payload IS NOT NULL") == 2 * 3 + 3
    assert await clean_up(store, clock.now) == 1  # once a day
    clock.now += timedelta(days=88)
    await clean_up(store, clock.now)
    assert value(tmp_path, "SELECT COUNT(*) FROM event WHERE metadata IS NOT NULL") == 0
    long = await store.sessions.session("long", clock.now)
    assert long is not None
    assert long.tool_calls == 706


async def test_dead_letters_and_scores_of_days_have_their_time_too(store: Store, tmp_path: Path, clock: Clock) -> None:
    dead = [Unusable(seq, -1, "sessions.x", "not JSON", "{") for seq in range(600)]
    await store.intake.take([], origin=Origin("S", "t"), unusable=dead)
    await store.intake.take(events("s", 0))
    await store.scores.keep_today(NOW)
    await clean_up(store, NOW)
    assert value(tmp_path, "SELECT COUNT(*) FROM dead_letter") == 600
    assert value(tmp_path, "SELECT COUNT(*) FROM score") == 1
    clock.now = NOW + timedelta(days=91)
    await clean_up(store, clock.now)
    assert value(tmp_path, "SELECT COUNT(*) FROM dead_letter") == 0
    assert value(tmp_path, "SELECT COUNT(*) FROM score") == 1
    clock.now = NOW + timedelta(days=retention.KEEP_SCORES + 1)
    await clean_up(store, clock.now)
    assert value(tmp_path, "SELECT COUNT(*) FROM score") == 0
