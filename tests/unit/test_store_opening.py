"""A store opens whatever state its file is in, or says in a sentence why not; nothing is ever thrown away."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection

from app.model.access import Role
from app.model.metrics import Range
from app.model.sessions import SessionEvent
from app.store import opening
from app.store.errors import StoreRefused
from app.store.intake import Arrived
from app.store.metrics import Asked
from app.store.migrations import SCHEMA, migrate
from app.store.raw import open_to_write, over
from app.store.store import Store
from app.store.tables import METADATA

NOW = datetime(2026, 11, 22, 14, 1, 12, tzinfo=UTC)


def opened(folder: Path, url: str = "") -> Store:
    return Store.open(url, folder, clock=lambda: NOW)


async def made(folder: Path) -> str:
    """A store with a token in it, closed in good order; gives its id."""
    store = opened(folder)
    await store.tokens.create(Role.OWNER, "o", None, "t")
    await store.close()
    return store.id


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "watchdeck.db", isolation_level=None)) as raw:
        for statement in statements:
            raw.execute(statement)


async def test_the_files_are_ours_alone_and_the_id_stays(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    store = opened(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.name for file in folder.iterdir()} >= {"watchdeck.db", "watchdeck.db-wal"}
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    await store.close()
    assert [file.name for file in folder.iterdir()] == ["watchdeck.db"]
    (folder / "watchdeck.db").chmod(0o644)
    again = opened(folder)
    assert (again.id, again.trouble, again.set_aside) == (store.id, "", "")
    assert (folder / "watchdeck.db").stat().st_mode & 0o777 == 0o600
    await again.close()


async def test_a_reading_that_is_still_under_way_at_the_end_leaves_nothing_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.store._CLOSING", 40.0)
    store = opened(tmp_path)
    counting = "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 100000)"
    asked = f"{counting} SELECT COUNT(*) FROM s, meta WHERE name = 'id'"
    assert await store.read(lambda connection: connection.exec_driver_sql("SELECT 1 FROM meta").scalar()) == 1
    reading = asyncio.create_task(store.read(lambda connection: connection.exec_driver_sql(asked).scalar_one()))
    await asyncio.sleep(0)
    await store.close()
    assert await reading == 100_000
    assert [file.name for file in tmp_path.iterdir()] == ["watchdeck.db"]
    with closing(sqlite3.connect(tmp_path / "watchdeck.db")) as raw:
        assert raw.execute("SELECT value FROM meta WHERE name = 'clean'").fetchone() == ("1",)


async def test_what_is_committed_survives_a_loss_of_power(tmp_path: Path) -> None:
    store = opened(tmp_path)

    def pragma(name: str) -> object:
        return store._writer.submit(lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar()).result(5)

    assert (pragma("journal_mode"), pragma("synchronous"), pragma("foreign_keys")) == ("wal", 2, 1)
    await store.close()


async def test_the_migrations_make_the_tables_of_the_program(tmp_path: Path) -> None:
    """An empty database is filled at once, an older one step by step: the outcome is the same."""
    store = opened(tmp_path)
    options = {"compare_type": True, "compare_server_default": True}
    assert await store.read(lambda c: compare_metadata(MigrationContext.configure(c, opts=options), METADATA)) == []
    await store.close()
    versions = (Path(opening.__file__).parent / "migrations" / "versions").glob("[0-9]*.py")
    assert max(file.name.partition("_")[0] for file in versions) == SCHEMA

    (tmp_path / "steps.db").touch()
    with closing(over(open_to_write(tmp_path / "steps.db"), begin="BEGIN")) as connection, connection.begin():
        migrate(connection)
    assert tables(tmp_path / "steps.db") == tables(tmp_path / "watchdeck.db")


def tables(file: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as raw:
        found = raw.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(SCHEMA,)]
    return {(name, " ".join(sql.replace("(", " ( ").replace(")", " ) ").split())) for name, sql in found}


async def test_an_older_schema_is_brought_up_with_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await made(tmp_path)
    brought: list[str] = []
    change(tmp_path, "UPDATE alembic_version SET version_num = '0000'")
    with monkeypatch.context() as patched:  # a step that fails leaves everything as it was

        def fails(connection: Connection) -> None:
            connection.exec_driver_sql("DROP TABLE token")
            raise OSError(28, "No space left on device")

        patched.setattr(opening, "migrate", fails)
        store = opened(tmp_path)
        assert (store.trouble, store.id) == ("session store is full", "")
        await store.close()

    def step(connection: Connection) -> None:
        brought.append(str(connection.exec_driver_sql("SELECT count(*) FROM token").scalar()))
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{SCHEMA}'")

    monkeypatch.setattr(opening, "migrate", step)
    store = opened(tmp_path)
    assert (store.id, store.trouble, brought) == (before, "", ["1"])
    await store.close()


async def test_a_store_without_tasks_is_brought_up_with_when_its_agents_were_seen(tmp_path: Path) -> None:
    """Of the schema before tasks: sessions are in it, and what they say of when their agents were seen is kept."""
    store = opened(tmp_path)
    hour, day = 3_600_000, 86_400_000
    for session, at in (("a", 0), ("a", hour), ("b", 10 * hour), ("c", 3 * day)):
        event = SessionEvent(session, "coder", "custom", "info", at, {"type": "x", "data": {}})
        await store.intake.take([Arrived(event)])
    asked = "SELECT kind, agent_n, since, until FROM seen"
    seen = await store.read(lambda connection: [tuple(row) for row in connection.exec_driver_sql(asked)])
    assert seen == [(0, 1, 0, 10 * hour), (0, 1, 3 * day, 3 * day)]
    await store.close()
    made_since = ("board", "task", "task_event", "task_hour", "task_day", "host", "seen")
    change(tmp_path, *(f"DROP TABLE {name}" for name in made_since))
    change(tmp_path, "UPDATE alembic_version SET version_num = '0002'")
    store = opened(tmp_path)
    assert store.trouble == ""
    assert await store.read(lambda connection: [tuple(row) for row in connection.exec_driver_sql(asked)]) == seen
    assert (await store.metrics.dashboard(Asked(Range.DAY), NOW)).tasks == 0
    await store.close()


async def test_alembic_is_imported_for_a_migration_only(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC; from app.store.store import Store\n"
        f"s = Store.open('', Path({str(tmp_path)!r}), clock=lambda: datetime.now(UTC)); print(s.id, s.trouble)\n"
        "sys.exit('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one", b"short", b"\0" * 8192])
async def test_what_is_no_database_is_set_aside_whole(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "watchdeck.db").write_bytes(content)
    (tmp_path / "watchdeck.db-wal").write_bytes(b"log")
    store = opened(tmp_path)
    aside = tmp_path / "watchdeck.db.corrupt-20261122T140112Z"
    assert aside.read_bytes() == content
    assert aside.with_name(aside.name + "-wal").read_bytes() == b"log"
    assert aside.name in store.set_aside
    assert store.trouble == ""
    await store.tokens.create(Role.OWNER, "o", None, "t")
    await store.close()


async def test_a_second_damaged_file_of_the_same_second_takes_another_name(tmp_path: Path) -> None:
    for content in (b"first one", b"second one"):
        (tmp_path / "watchdeck.db").write_bytes(content)
        await opened(tmp_path).close()
    kept = sorted(file for file in tmp_path.iterdir() if "corrupt" in file.name)
    assert [file.read_bytes() for file in kept] == [b"first one", b"second one"]


def scribble(file: Path) -> None:
    """Makes every page but the first one nonsense."""
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)


async def test_malformed_pages_are_found_after_an_end_without_order(tmp_path: Path) -> None:
    before = await made(tmp_path)
    change(tmp_path, "UPDATE meta SET value = '0' WHERE name = 'clean'")
    file = tmp_path / "watchdeck.db"
    content = bytearray(file.read_bytes())
    # the last pages hold the roots of tables that opening reads nothing of
    content[-2 * 4096 :] = b"\xa5" * (2 * 4096)
    file.write_bytes(content)
    store = opened(tmp_path)
    assert "damaged" in store.set_aside
    assert store.id not in ("", before)
    await store.close()


async def test_pages_that_cannot_be_read_at_all_are_set_aside(tmp_path: Path) -> None:
    await made(tmp_path)
    scribble(tmp_path / "watchdeck.db")
    store = opened(tmp_path)
    assert store.set_aside
    assert store.trouble == ""
    await store.close()


async def test_an_orderly_end_spares_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await made(tmp_path)
    monkeypatch.setattr(opening, "SoundnessCheck", None)
    store = opened(tmp_path)  # would fail with a check
    assert store.trouble == ""
    await store.close()


async def test_what_a_long_check_finds_late_is_set_aside_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(tmp_path)
    store = opened(tmp_path)
    store._opening.found_damaged("row 7 missing from index")
    await store.close()
    again = opened(tmp_path)
    assert "row 7 missing from index" in again.set_aside
    await again.close()
    third = opened(tmp_path)
    assert third.set_aside == ""
    assert third.id == again.id
    await third.close()


async def test_an_empty_file_and_a_database_without_tables_are_begun(tmp_path: Path) -> None:
    for name in ("empty", "bare"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "watchdeck.db").touch()
    change(tmp_path / "bare", "PRAGMA journal_mode = WAL")
    for name in ("empty", "bare"):
        store = opened(tmp_path / name)
        assert (bool(store.id), store.set_aside) == (True, "")
        await store.close()


async def test_a_newer_schema_is_refused_by_both_names_and_left_alone(tmp_path: Path) -> None:
    await made(tmp_path)
    change(
        tmp_path,
        "UPDATE alembic_version SET version_num = '0099'",
        "UPDATE meta SET value = '9.9.9' WHERE name = 'version'",
    )
    content = (tmp_path / "watchdeck.db").read_bytes()
    with pytest.raises(
        StoreRefused, match=rf"schema 0099, written by watchdeck 9\.9\.9; this is watchdeck .* {SCHEMA}"
    ):
        opened(tmp_path)
    assert (tmp_path / "watchdeck.db").read_bytes() == content
    assert not [file for file in tmp_path.iterdir() if "corrupt" in file.name]


async def test_another_program_s_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    change(tmp_path, "CREATE TABLE theirs (a)", "INSERT INTO theirs VALUES (1)")
    with pytest.raises(StoreRefused, match="database of something else"):
        opened(tmp_path)
    with closing(sqlite3.connect(tmp_path / "watchdeck.db")) as raw:
        assert raw.execute("SELECT a FROM theirs").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ops:hunter2@db/x", "not built yet"),
        ("postgresql+psycopg://ops:hunter2@db/x", "not built yet"),
        ("mysql://ops:hunter2@db/x", "is not sqlite"),
        ("/var/lib/x.db", "is not sqlite"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///x.db?mode=memory", "names no file"),
    ],
)
def test_other_urls_are_refused_without_their_passwords(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(StoreRefused, match=said) as refused:
        opened(tmp_path, url)
    assert "hunter2" not in str(refused.value)


async def test_a_file_can_be_named(tmp_path: Path) -> None:
    for url, file in (
        (f"sqlite:///{tmp_path}/a/b #%41.db", tmp_path / "a" / "b #%41.db"),
        ("sqlite:///c.db", tmp_path / "c.db"),
    ):
        await opened(tmp_path, url).close()
        assert file.is_file()


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "watchdeck.db").mkdir()
    with pytest.raises(StoreRefused, match="is a folder"):
        opened(tmp_path)
