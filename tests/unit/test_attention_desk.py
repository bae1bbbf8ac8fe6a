"""The attention desk: what people say is kept, written down, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.model.attention import MarkKind
from app.model.findings import Finding, Severity
from app.model.health import Health
from app.model.snapshot import Snapshot, Verdict
from app.store.store import Store
from app.worker.attention import NOTE, UNHEARD, AttentionDesk, UnknownFinding
from app.worker.board import Board

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
FULL = Finding("stream.rejecting|KV_app", "stream.rejecting", Severity.WARN, "kv", "app", "90% of 1K", measured=0.9)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store.open("", tmp_path, clock=lambda: NOW)
    yield store
    await store.close()


def showing(*findings: Finding, at: datetime = NOW, marks: dict[str, object] | None = None) -> Snapshot:
    return Snapshot(
        at=at, verdict=Verdict(Health.WARN), findings={each.id: each for each in findings}, marks=dict(marks or {})
    )


def desk_over(board: Board, clock: Clock | None = None) -> AttentionDesk:
    return AttentionDesk(board, clock or Clock())


async def settled(desk: AttentionDesk) -> None:
    async with asyncio.timeout(10):
        await desk.close()


async def test_an_acknowledgement_is_kept_and_told(store: Store) -> None:
    board = Board(snapshot=showing(FULL), store=store)
    desk = desk_over(board)
    mark = await desk.acknowledge(FULL.id, "ana", "on\x1b[2J it\n")
    assert (mark.note, mark.level, mark.measured) == ("on it", Severity.WARN, 0.9)
    assert desk.marks == {mark.key: mark}
    assert board.refresh_wanted.is_set()
    assert await store.marks.load() == [mark]
    row = (await store.audit.recent(1))[0]
    assert (row.who, row.action, row.subject, row.detail) == ("ana", "finding.ack", FULL.id, "on it")


async def test_it_outlives_the_worker_and_is_taken_back(store: Store) -> None:
    await desk_over(Board(snapshot=showing(FULL), store=store)).acknowledge(FULL.id, "ana")
    board = Board(snapshot=showing(FULL), store=store)
    desk = desk_over(board)
    await desk.load()
    (key,) = desk.marks
    assert await desk.take_back(key, "ben")
    assert not await desk.take_back(key, "ben")
    assert not desk.marks
    assert await store.marks.load() == []
    assert (await store.audit.recent(1))[0].action == "finding.take_back"


async def test_without_a_store_marks_live_in_memory() -> None:
    desk = desk_over(Board(snapshot=showing(FULL)))
    await desk.load()
    mark = await desk.snooze(FULL.id, NOW + timedelta(hours=1), "ana")
    assert desk.marks[mark.key].kind is MarkKind.SNOOZE


async def test_a_store_in_trouble_keeps_nobody_from_acknowledging(store: Store) -> None:
    board = Board(snapshot=showing(FULL), store=store)
    desk = desk_over(board)
    await store.close()
    mark = await desk.acknowledge(FULL.id, "ana")
    assert mark.key in desk.marks


async def test_what_cannot_be(store: Store) -> None:
    desk = desk_over(Board(snapshot=showing(FULL), store=store))
    soon = NOW + timedelta(hours=1)
    with pytest.raises(UnknownFinding):
        await desk.acknowledge("stream.rejecting|other", "ana")
    with pytest.raises(ValueError, match="500 characters"):
        await desk.acknowledge(FULL.id, "ana", "x" * (NOTE + 1))
    with pytest.raises(ValueError, match="until must lie ahead"):
        await desk.snooze(FULL.id, NOW, "ana")
    with pytest.raises(ValueError, match="zone"):
        await desk.snooze(FULL.id, soon.replace(tzinfo=None), "ana")
    with pytest.raises(ValueError, match=r"no rule agent\.gonne"):
        await desk.mute("agent.gonne", "*", soon, "ana")
    with pytest.raises(ValueError, match="pattern"):
        await desk.mute("agent.gone", "  ", soon, "ana")
    assert not desk.marks


async def test_a_folded_effect_can_be_acknowledged() -> None:
    effect = replace(FULL, cause="agent.gone|x")
    desk = desk_over(Board(snapshot=showing(effect)))
    assert (await desk.acknowledge(effect.id, "ana")).finding == effect.id


async def test_an_acknowledgement_ends_with_its_finding(store: Store) -> None:
    board = Board(snapshot=showing(FULL), store=store)
    desk = desk_over(board)
    await desk.acknowledge(FULL.id, "ana")
    desk.review(replace(showing(), verdict=Verdict(Health.UNKNOWN)))
    assert desk.marks
    desk.review(showing())
    assert not desk.marks
    await settled(desk)
    assert await store.marks.load() == []
    assert (await store.audit.recent(1))[0].action == "finding.mark_over"


async def test_after_a_start_a_finding_may_take_its_time_to_be_seen(store: Store) -> None:
    await desk_over(Board(snapshot=showing(FULL), store=store)).acknowledge(FULL.id, "ana")
    desk = desk_over(Board(store=store))
    await desk.load()
    desk.review(showing(at=NOW + timedelta(minutes=1)))
    assert desk.marks
    desk.review(showing(at=NOW + UNHEARD))
    assert not desk.marks
    await settled(desk)


async def test_what_got_worse_is_remembered_over_a_restart(store: Store) -> None:
    desk = desk_over(Board(snapshot=showing(FULL), store=store))
    mark = await desk.acknowledge(FULL.id, "ana")
    later = NOW + timedelta(minutes=1)
    desk.review(showing(replace(FULL, severity=Severity.CRIT), at=later))
    assert desk.marks[mark.key].until == later
    await settled(desk)
    again = desk_over(Board(store=store))
    await again.load()
    assert again.marks[mark.key].until == later


async def test_a_mute_ends_at_its_time() -> None:
    desk = desk_over(Board(snapshot=showing(FULL)))
    until = NOW + timedelta(minutes=5)
    mark = await desk.mute("stream.rejecting", "ap*", until, "ana", "resizing")
    assert mark.key == "mute|stream.rejecting|ap*"
    desk.review(showing(at=until - timedelta(seconds=1)))
    assert desk.marks
    desk.review(showing(at=until))
    assert not desk.marks
    await settled(desk)
