"""The built wheel, installed on its own, away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MOUNT = """
import asyncio, sys
from pathlib import Path
import app
from app.tui.app import WatchdeckApp
from app.tui.options import DeckOptions
from tests_literal import LiteralFeed

async def main() -> None:
    deck = WatchdeckApp(LiteralFeed(), options=DeckOptions())
    async with deck.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
    print(Path(app.__file__).resolve())

asyncio.run(main())
"""

FEED = '''
"""A feed with nothing in it."""
import asyncio
from app.feed.protocol import Frame, FeedState
from app.model.snapshot import Snapshot

class LiteralFeed:
    def watch(self, sections): ...
    def look(self, refs): ...
    async def frames(self):
        yield Frame(Snapshot(), FeedState.STARTING)
        await asyncio.Event().wait()
    async def ask(self, question): ...
    async def act(self, act): return ""
    async def close(self): ...
'''


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the built wheel, and the dependencies of this one by path.

    A path line in a .pth file is not searched for further .pth files, so the checkout's editable install stays out.
    """
    base = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir"]
    subprocess.run([*build, "-w", base / "dist", ROOT], check=True, env={**os.environ, "PIP_NO_INDEX": "1"})
    (wheel,) = (base / "dist").glob("watchdeck-*.whl")
    venv.create(base / "env", with_pip=False, symlinks=True)
    python = base / "env" / "bin" / "python"
    target = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], check=True, capture_output=True
    )
    purelib = Path(target.stdout.decode().strip())
    (purelib / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True)
    return python.parent


@pytest.fixture
def strange_folder(tmp_path: Path) -> Path:
    """A folder with an `app/` of its own, as many projects have one."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise SystemExit('a stranger was imported')\n")
    return tmp_path


def test_the_command_runs_from_a_folder_with_an_app_of_its_own(installed: Path, strange_folder: Path) -> None:
    done = subprocess.run(
        [installed / "watchdeck", "--version"], cwd=strange_folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("watchdeck ")


def test_the_installed_deck_mounts_with_its_stylesheets(installed: Path, strange_folder: Path, tmp_path: Path) -> None:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "mount.py").write_text(MOUNT)
    (scripts / "tests_literal.py").write_text(FEED)
    done = subprocess.run(
        [installed / "python", scripts / "mount.py"], cwd=strange_folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert ROOT not in Path(done.stdout.strip()).parents


def test_the_worker_is_started_from_the_wheel_and_not_from_the_folder(installed: Path, strange_folder: Path) -> None:
    done = subprocess.run(
        [installed / "python", "-P", "-m", "app.cli", "--version"],
        cwd=strange_folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("watchdeck ")


MIGRATE = """
import sys
from sqlalchemy import create_engine
from app.store.migrations import SCHEMA, migrate
with create_engine("sqlite://").begin() as connection:
    migrate(connection)
    sys.exit(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() != SCHEMA)
"""


def test_the_migrations_of_the_store_are_in_the_wheel(installed: Path, strange_folder: Path) -> None:
    done = subprocess.run(
        [installed / "python", "-P", "-W", "error", "-c", MIGRATE],
        cwd=strange_folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
