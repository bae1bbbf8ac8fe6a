"""A full disk, a lock of somebody else, a file that may not be written: told, survived, and over by itself."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.store.errors import StoreFailed
from app.store.place import free_space
from app.store.store import ROOM, Store

NOW = datetime(2026, 11, 22, 14, 1, 12, tzinfo=UTC)
PATIENCE = 20.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.raw.BUSY", 0.2)
    monkeypatch.setattr("app.store.store.PROBE_IN_TROUBLE", 0.05)


def opened(folder: Path) -> Store:
    return Store.open("", folder, clock=lambda: NOW)


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.01)


async def test_a_lock_of_another_process_is_told_and_over_by_itself(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / "watchdeck.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFailed, match="locked by another process"):
            await store.settings.put("a", "1")
        assert store.trouble == "session store is locked by another process"
        assert store.turning
        assert await store.settings.get("a") is None  # readers go on
        other.execute("COMMIT")
        await eventually(lambda: not store.trouble)
    await store.settings.put("a", "2")
    assert await store.settings.get("a") == "2"
    await store.close()


async def test_a_store_that_is_locked_at_the_start_opens_later(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "watchdeck.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        store = opened(tmp_path)
        assert store.trouble == "session store is locked by another process"
        assert store.id == ""
        with pytest.raises(StoreFailed):
            await store.settings.get("a")
        other.execute("COMMIT")
    await eventually(lambda: not store.trouble)
    assert store.id
    assert store.set_aside == ""
    await store.settings.put("a", "1")
    await store.close()


async def test_a_full_database_is_told_and_over_by_itself(tmp_path: Path) -> None:
    store = opened(tmp_path)

    def limit(pages: int) -> None:
        store._writer.submit(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {pages}").close()).result(5)

    limit(1)  # SQLite takes the present size instead
    with pytest.raises(StoreFailed, match="full"):
        await store.settings.put("a", json.dumps("x" * 100_000))
    assert store.trouble == "session store is full"
    assert await store.settings.get("a") is None  # nothing of it was kept
    limit(100_000)
    await eventually(lambda: not store.trouble)
    await store.settings.put("a", json.dumps("x" * 100_000))
    await store.close()


async def test_a_disk_that_is_full_is_not_good_again_because_a_light_write_found_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = ROOM - 1
    monkeypatch.setattr("app.store.store.free_space", lambda database: free)
    store = opened(tmp_path)
    assert not store.trouble  # little room alone is none
    store._writer.submit(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1").close()).result(5)
    with pytest.raises(StoreFailed, match="full"):
        await store.settings.put("a", json.dumps("x" * 100_000))
    await store.settings.put("b", "1")  # there is always room for that
    assert await store.settings.get("b") == "1"
    assert store.full
    free = ROOM
    await eventually(lambda: not store.trouble)
    assert not store.full
    await store.close()


def test_free_space_is_that_of_the_disk(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    assert abs(free_space(tmp_path / "watchdeck.db") - free) < max(free // 10, 1 << 28)
    assert free_space(tmp_path / "gone" / "watchdeck.db") == 0


async def test_a_connection_that_may_not_write_is_made_anew(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store._writer.submit(lambda c: c.exec_driver_sql("PRAGMA query_only = ON").close()).result(5)
    with pytest.raises(StoreFailed, match="read-only"):
        await store.settings.put("a", "1")
    await eventually(lambda: not store.trouble)
    await store.settings.put("a", "1")
    await store.close()


async def test_a_file_that_is_gone_or_another_is_told_and_not_written(tmp_path: Path) -> None:
    file = tmp_path / "watchdeck.db"
    store = opened(tmp_path)
    file.rename(tmp_path / "elsewhere")
    with pytest.raises(StoreFailed, match=r"was removed from .*: restart the worker"):
        await store.settings.put("a", "1")
    file.write_bytes(b"")
    with pytest.raises(StoreFailed, match="was replaced"):
        await store.settings.put("a", "1")
    assert file.read_bytes() == b""
    file.unlink()
    (tmp_path / "elsewhere").rename(file)
    await eventually(lambda: not store.trouble)
    await store.settings.put("a", "1")
    await store.close()


async def test_damage_that_shows_itself_later_is_told_and_set_aside_at_the_next_start(tmp_path: Path) -> None:
    store = opened(tmp_path)
    await store.settings.put("a", json.dumps("x" * 50_000))
    await store.close()
    file = tmp_path / "watchdeck.db"
    content = bytearray(file.read_bytes())
    content[-6 * 4096 :] = b"\xa5" * (6 * 4096)
    file.write_bytes(content)
    store = opened(tmp_path)
    assert store.trouble == ""  # it was closed in good order: nobody looked
    with pytest.raises(StoreFailed, match="damaged"):
        await store.settings.get("a")
    assert "damaged" in store.trouble
    with pytest.raises(StoreFailed, match="sets it aside when it is started again"):
        await store.settings.put("b", "1")
    await store.close()
    again = opened(tmp_path)
    assert "watchdeck.db.corrupt-20261122T140112Z" in again.set_aside
    assert again.trouble == ""
    await again.close()


async def test_after_the_end_nothing_is_taken(tmp_path: Path) -> None:
    store = opened(tmp_path)
    last = asyncio.create_task(store.settings.put("a", "1"))
    await asyncio.sleep(0)
    await store.close()
    await last
    await store.close()
    with pytest.raises(StoreFailed, match="closed"):
        await store.settings.put("a", "2")
    again = opened(tmp_path)
    assert await again.settings.get("a") == "1"
    await again.close()


async def test_a_thread_that_is_stuck_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path)
    monkeypatch.setattr("app.store.lane.PATIENCE", 0.1)
    stuck = store._writer.submit(lambda _: time.sleep(0.5))
    await eventually(lambda: not store.turning)
    stuck.result(5)
    await eventually(lambda: store.turning)
    await store.close()


FILLS_THE_DISK = """
import asyncio, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from app.store import store as module
from app.store.errors import StoreFailed
module.PROBE_IN_TROUBLE = 0.05

async def main(folder):
    store = module.Store.open("", folder, clock=lambda: datetime.now(UTC))
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
    kept, said = [], ""
    for number in range(1000):
        try:
            await store.settings.put(f"k{number}", '"' + "x" * 20_000 + '"')
            kept.append(number)
        except StoreFailed as failed:
            said = str(failed)
            break
    assert said == store.trouble, (said, store.trouble)
    assert kept and store.turning
    for number in kept:
        assert await store.settings.get(f"k{number}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    async with asyncio.timeout(20):
        while store.trouble:
            await asyncio.sleep(0.02)
    await store.settings.put("after", "1")
    await store.close()
    print(said)

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_limit_of_the_system_on_files_is_told_and_over_by_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILLS_THE_DISK, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("session store cannot be read or written: disk I/O error")


READ_ONLY = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from app.store import store as module
from app.store.errors import StoreFailed
module.PROBE_IN_TROUBLE = module.READER_KEPT = 0.05

async def main(folder):
    clock = lambda: datetime.now(UTC)
    first = module.Store.open("", folder, clock=clock)
    await first.settings.put("a", "1")
    await first.settings.get("a")
    await first.close()
    file = folder / "watchdeck.db"
    if os.getuid() == 0:  # to whom nothing is read-only
        for owned in (folder, file):
            os.chown(owned, 65534, 65534)
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    file.chmod(0o400)
    store = module.Store.open("", folder, clock=clock)
    print(store.trouble, store.set_aside)
    try:
        await store.settings.put("a", "2")
    except StoreFailed as failed:
        print(failed)
    print(await store.settings.get("a"))
    file.chmod(0o600)
    async with asyncio.timeout(20):
        while store.trouble:
            await asyncio.sleep(0.02)
    await store.settings.put("a", "3")
    print(await store.settings.get("a"))
    await store.close()
    file.chmod(0)
    try:
        module.Store.open("", folder, clock=clock)
    except Exception as error:
        print(type(error).__name__, "Permission denied" in str(error))
    folder.chmod(0o500)
    try:
        module.Store.open("sqlite:///other.db", folder, clock=clock)
    except Exception as error:
        print(type(error).__name__, error)

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_read_only_file_is_told_and_over_by_itself() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # not below a folder that only root may enter
        done = subprocess.run([sys.executable, "-c", READ_ONLY, folder], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        os.chmod(folder, 0o700)
    lines = done.stdout.splitlines()
    assert lines[0].strip() == "session store is read-only"
    assert lines[1] == "session store is read-only"
    assert lines[2:5] == ["1", "3", "StoreRefused True"]
    assert lines[5].startswith("StoreRefused cannot write in the folder ")


WRITES = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from app.store import store as module

async def main(folder):
    store = module.Store.open("", folder, clock=lambda: datetime.now(UTC))
    assert not store.trouble, store.trouble
    n = len(await store.audit.recent(100_000))
    while True:
        await store.audit.write("w", "a", str(n), "ok", "x" * 500)
        os.write(1, b"%d\\n" % n)  # whole or not at all, also unbuffered, when it is killed
        n += 1

for line in sys.stdin:  # each folder gets a process of its own, with all imports done
    child = os.fork()
    if not child:
        print(os.getpid(), flush=True)
        asyncio.run(main(Path(line.strip())))
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


class Writers:
    """Processes that write to a store until they are killed, one after another."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WRITES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def kill_one(self, folder: Path, after: float, *, begun: bool) -> list[int]:
        """Starts one, kills it `after` seconds (`begun`: after its first row); the rows that it said it kept."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{folder}\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        rows = [int(self._process.stdout.readline())] if begun else []
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
        while (line := self._process.stdout.readline()) != "ended\n":
            rows.append(int(line))
        return rows

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE)


@pytest.fixture
def writers() -> Iterator[Writers]:
    started = Writers()
    yield started
    started.close()


def test_killed_at_any_moment_it_keeps_all_that_it_said_it_kept(tmp_path: Path, writers: Writers) -> None:
    chance = random.Random(3)
    rows = 0
    for _ in range(25):
        told = writers.kill_one(tmp_path, chance.random() * 0.05, begun=True)
        assert told[0] == rows  # it went on behind the last row that is there
        with closing(sqlite3.connect(tmp_path / "watchdeck.db")) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            kept = [int(subject) for (subject,) in raw.execute("SELECT subject FROM audit ORDER BY id")]
        assert kept == list(range(len(kept)))
        assert len(kept) in (told[-1] + 1, told[-1] + 2)  # the last may have been kept and not been told
        rows = len(kept)
    assert rows > 50
    store = opened(tmp_path)
    assert (store.trouble, store.set_aside) == ("", "")
    asyncio.run(store.close())


def test_killed_while_it_is_made_it_can_be_made_again(tmp_path: Path, writers: Writers) -> None:
    for number in range(12):
        folder = tmp_path / str(number)
        writers.kill_one(folder, number * 0.012, begun=False)
        store = opened(folder)
        assert (store.trouble, store.set_aside) == ("", "")
        assert store.id
        asyncio.run(store.close())
