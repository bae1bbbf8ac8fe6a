"""A backup is whole, private and never in the way; a restore puts back only what can be read, and keeps the old one."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.model.access import Role
from app.store.backup import back_up, restore
from app.store.errors import StoreRefused
from app.store.store import Store

NOW = datetime(2026, 11, 22, 14, 1, 12, tzinfo=UTC)


def clock() -> datetime:
    return NOW


async def test_a_copy_is_made_while_it_is_written_and_comes_back(tmp_path: Path) -> None:
    store = Store.open("", tmp_path / "state", clock=clock)
    database, copy = tmp_path / "state" / "watchdeck.db", tmp_path / "copy.db"
    record, text = await store.tokens.create(Role.ADMIN, "ci", None, "t")
    writing = [asyncio.create_task(store.audit.write("w", "a", str(n), "ok", "x" * 1000)) for n in range(200)]
    await asyncio.to_thread(back_up, database, copy)
    await asyncio.gather(*writing)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.db", "state"]
    await store.tokens.revoke(record.id, "t")
    await store.close()

    kept = restore(copy, database, clock=clock)
    assert kept == database.with_name("watchdeck.db.before-restore-20261122T140112Z")
    again = Store.open("", tmp_path / "state", clock=clock)
    assert again.id not in ("", store.id)  # what reads for it must not take what the other one's reader takes
    assert (again.trouble, again.set_aside) == ("", "")
    assert await again.tokens.verify(text) is not None
    assert [row.subject for row in await again.audit.recent(1000)][-1] == record.id
    await again.close()
    assert restore(kept, database, clock=clock) is not None
    third = Store.open("", tmp_path / "state", clock=clock)
    assert await third.tokens.verify(text) is None
    assert len(await third.audit.recent(1000)) == 202
    await third.close()


async def test_a_file_that_is_there_is_replaced_only_on_demand(tmp_path: Path) -> None:
    store = Store.open("", tmp_path, clock=clock)
    await store.close()
    database, there = tmp_path / "watchdeck.db", tmp_path / "there"
    there.write_text("precious")
    with pytest.raises(StoreRefused, match="--force replaces it"):
        back_up(database, there)
    assert there.read_text() == "precious"
    back_up(database, there, replace=True)
    assert there.read_bytes().startswith(b"SQLite format 3")
    for force in (False, True):
        with pytest.raises(StoreRefused, match="is the session store itself"):
            back_up(database, database, replace=force)
        with pytest.raises(StoreRefused, match="is a folder"):
            back_up(database, tmp_path, replace=force)
    with pytest.raises(StoreRefused, match="no session store at"):
        back_up(tmp_path / "none.db", there, replace=True)


@pytest.mark.parametrize("kind", ["missing", "text", "empty", "foreign", "newer", "damaged", "cut"])
async def test_what_cannot_be_read_is_not_restored(tmp_path: Path, kind: str) -> None:
    store = Store.open("", tmp_path / "state", clock=clock)
    await store.settings.put("a", '"' + "x" * 20_000 + '"')
    await store.close()
    database, copy = tmp_path / "state" / "watchdeck.db", tmp_path / "copy.db"
    before = database.read_bytes()
    back_up(database, copy)
    if kind == "missing":
        copy.unlink()
    elif kind in ("text", "empty"):
        copy.write_text("not a database" if kind == "text" else "")
    elif kind == "foreign":
        copy.unlink()
        with closing(sqlite3.connect(copy, isolation_level=None)) as raw:
            raw.execute("CREATE TABLE theirs (a)")
    elif kind == "newer":
        with closing(sqlite3.connect(copy, isolation_level=None)) as raw:
            raw.execute("UPDATE alembic_version SET version_num = '0099'")
    elif kind == "damaged":
        content = copy.read_bytes()
        copy.write_bytes(content[: -2 * 4096] + b"\xa5" * (2 * 4096))
    else:
        copy.write_bytes(copy.read_bytes()[:4096])
    with pytest.raises(StoreRefused, match=str(tmp_path)):
        restore(copy, database, clock=clock)
    assert database.read_bytes() == before
    assert [file.name for file in database.parent.iterdir()] == ["watchdeck.db"]


async def test_a_restore_needs_no_store_to_be_there(tmp_path: Path) -> None:
    store = Store.open("", tmp_path / "old", clock=clock)
    await store.close()
    back_up(tmp_path / "old" / "watchdeck.db", tmp_path / "copy.db")
    assert restore(tmp_path / "copy.db", tmp_path / "new" / "watchdeck.db", clock=clock) is None
    again = Store.open("", tmp_path / "new", clock=clock)
    assert again.id not in ("", store.id)
    await again.close()
