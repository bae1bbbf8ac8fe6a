"""What is kept in the store comes back as it was, and tokens are let in only while they are valid."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.model.access import Role
from app.model.attention import Mark, MarkKind
from app.model.findings import Severity
from app.store.errors import StoreFailed
from app.store.store import Store

NOW = datetime(2026, 11, 22, 14, 1, 12, 123457, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **length: float) -> None:
        self.now += timedelta(**length)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setattr("app.store.raw.BUSY", 0.5)
    opened = Store.open("", tmp_path, clock=clock)
    yield opened
    await opened.close()


async def reopened(store: Store, tmp_path: Path, clock: Clock) -> Store:
    await store.close()
    return Store.open("", tmp_path, clock=clock)


async def test_a_token_is_let_in_and_its_secret_is_nowhere(store: Store, tmp_path: Path, clock: Clock) -> None:
    record, text = await store.tokens.create(Role.ADMIN, "ci\x1b[2J", None, "ana@bastion")
    kind, id, secret = text.split("_", 2)
    assert (kind, id) == ("wd", record.id)
    assert len(secret) >= 43
    found = await store.tokens.verify(text)
    assert found is not None
    assert (found.id, found.role, found.last_used_at) == (record.id, Role.ADMIN, NOW)
    assert "\x1b" not in found.name
    await store.close()
    files = [file for file in tmp_path.iterdir() if file.is_file()]
    assert files
    for file in files:
        assert secret.encode() not in file.read_bytes()


@pytest.mark.parametrize("change", ["x", "", "id", "kind", "long", "surrogate"])
async def test_what_is_not_quite_a_token_is_none(store: Store, change: str) -> None:
    _, text = await store.tokens.create(Role.OWNER, "o", None, "t")
    kind, id, secret = text.split("_", 2)
    wrong = {
        "x": text + "x",
        "": f"{kind}_{id}_",
        "id": f"{kind}_{'0' * 12}_{secret}",
        "kind": f"xx_{id}_{secret}",
        "long": f"{kind}_{id}_{'a' * 100_000}",
        "surrogate": f"{kind}_{id}_\udcff",
    }[change]
    assert await store.tokens.verify(wrong) is None
    assert await store.tokens.verify(text) is not None


async def test_an_expired_token_is_none_from_that_instant_on(store: Store, clock: Clock) -> None:
    _, text = await store.tokens.create(Role.MEMBER, "m", NOW + timedelta(seconds=10), "t")
    clock.pass_(seconds=9.9)
    assert await store.tokens.verify(text) is not None
    clock.pass_(seconds=0.1)
    assert await store.tokens.verify(text) is None


async def test_a_revoked_token_is_none_at_once_and_after_a_restart(store: Store, tmp_path: Path, clock: Clock) -> None:
    record, text = await store.tokens.create(Role.MEMBER, "m", None, "t")
    ending = asyncio.create_task(store.tokens.revoke(record.id, "ana"))
    while not ending.done():  # also while it is still being written
        found = await store.tokens.verify(text)
        await asyncio.sleep(0)
    assert found is None
    assert ending.result() is True
    assert await store.tokens.revoke(record.id, "ana") is False
    assert await store.tokens.revoke("nobody", "ana") is False
    again = await reopened(store, tmp_path, clock)
    try:
        assert await again.tokens.verify(text) is None
        (listed,) = await again.tokens.list()
        assert listed.revoked_at == NOW
    finally:
        await again.close()


async def test_last_use_is_written_once_a_minute(store: Store, tmp_path: Path, clock: Clock) -> None:
    _, text = await store.tokens.create(Role.MEMBER, "m", None, "t")
    await store.tokens.verify(text)
    clock.pass_(seconds=59)
    await store.tokens.verify(text)
    assert (await store.tokens.list())[0].last_used_at == NOW
    clock.pass_(seconds=2)
    await store.tokens.verify(text)
    again = await reopened(store, tmp_path, clock)
    try:
        assert (await again.tokens.list())[0].last_used_at == NOW + timedelta(seconds=61)
    finally:
        await again.close()


async def test_tokens_are_answered_while_the_store_is_not(store: Store, tmp_path: Path) -> None:
    record, text = await store.tokens.create(Role.OWNER, "o", None, "t")
    other = sqlite3.connect(tmp_path / "watchdeck.db", isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        assert await asyncio.wait_for(store.tokens.verify(text), 1.0) is not None
        with pytest.raises(StoreFailed, match="locked by another process"):
            await store.tokens.revoke(record.id, "ana")
    finally:
        other.close()
    assert await store.tokens.verify(text) is not None


async def test_what_was_done_is_told_newest_first_page_by_page(store: Store) -> None:
    for number in range(5):
        await store.audit.write("ana", "finding.ack", f"f{number}", "ok", "note")
    first = await store.audit.recent(2)
    assert [row.subject for row in first] == ["f4", "f3"]
    assert first[0].at == NOW
    rest = await store.audit.recent(10, before=first[-1].id)
    assert [row.subject for row in rest] == ["f2", "f1", "f0"]


async def test_making_and_ending_a_token_is_in_the_audit_trail(store: Store) -> None:
    record, _ = await store.tokens.create(Role.ADMIN, "ci", NOW + timedelta(days=1), "ana")
    await store.tokens.revoke(record.id, "bob")
    ended, made = await store.audit.recent(10)
    assert (made.who, made.action, made.subject) == ("ana", "token.create", record.id)
    assert made.detail == "admin ci, until 2026-11-23T14:01:12Z"
    assert (ended.who, ended.action, ended.subject) == ("bob", "token.revoke", record.id)


async def test_settings_are_json_text(store: Store) -> None:
    assert await store.settings.get("weights") is None
    await store.settings.put("weights", '{"a": 1}')
    await store.settings.put("weights", '{"a": 2}')
    assert await store.settings.get("weights") == '{"a": 2}'
    with pytest.raises(ValueError):
        await store.settings.put("weights", "{")
    assert await store.settings.delete("weights") is True
    assert await store.settings.delete("weights") is False


async def test_marks_come_back_field_for_field(store: Store, tmp_path: Path, clock: Clock) -> None:
    ack = Mark(
        "ack|a", MarkKind.ACK, "ana", NOW, finding="a", note="on it", level=Severity.CRIT, measured=1e300, joined=3
    )
    mute = Mark("mute|r|*", MarkKind.MUTE, "bob", NOW, rule="r", subject="*", until=NOW + timedelta(hours=1))
    for mark in (ack, mute):
        await store.marks.put(mark)
    changed = replace(ack, note="done", measured=None, level=None)
    await store.marks.put(changed)
    again = await reopened(store, tmp_path, clock)
    try:
        assert {mark.key: mark for mark in await again.marks.load()} == {ack.key: changed, mute.key: mute}
        await again.marks.remove(mute.key)
        await again.marks.remove(mute.key)
        assert await again.marks.load() == [changed]
    finally:
        await again.close()


async def test_the_loop_turns_while_the_disk_waits(store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "watchdeck.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(store.settings.put("a", "1"))
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not writing.done()
        other.execute("COMMIT")
        await writing
    finally:
        other.close()
    assert await store.settings.get("a") == "1"
