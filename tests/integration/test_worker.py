"""The worker as a process on a real nats-server, alone and as the child of a deck."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.feed.client import WorkerFeed
from app.feed.protocol import FeedState, Frame
from app.feed.spawn import Spawner
from app.feed.target import NoWorker
from app.settings import Settings, load
from app.settings.lockfile import read_lock
from tests.nats_server import NatsServer

PATIENCE = 30.0


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment of its own: nothing of this machine's NATS, contexts or runtime folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NATS_", "WATCHDECK_", "XDG_"))}
    (tmp_path / "run").mkdir(mode=0o700)
    return kept | {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}


class Worker:
    """A `watchdeck worker` process and what it logs."""

    def __init__(self, env: dict[str, str], *arguments: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "app.cli", "worker", *arguments], stderr=subprocess.PIPE, text=True, env=env
        )

    def until(self, said: str) -> str:
        """The first line of its log that ends so."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if line.rstrip().endswith(said):
                return line
        raise AssertionError(f"it ended before it said {said!r}: {''.join(self.lines)}")

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Sends a signal; the exit code and how long it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        assert self.process.stderr is not None
        self.lines += self.process.stderr.readlines()
        return code, time.monotonic() - began

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def eventually(true: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_ready_unready_ready_and_an_orderly_end(server: NatsServer, env: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    with Worker(env, "--nats-url", server.url, "--listen", f"127.0.0.1:{port}") as worker:
        worker.until("ready")
        assert get(port, "/readyz") == (200, '{"ok":true}')
        server.kill()
        eventually(lambda: get(port, "/readyz")[0] == 503)
        assert "[-]nats failed: connection " in get(port, "/readyz?verbose")[1]
        assert get(port, "/health")[0] == 200
        server.start()
        eventually(lambda: get(port, "/readyz")[0] == 200)
        code, seconds = worker.end()
        assert code == 0
        assert seconds < 10
        assert "stopped" in worker.lines[-1]
    assert not list(tmp_path.rglob("*.sock"))


def test_a_frozen_nats_does_not_hold_up_the_end(server: NatsServer, env: dict[str, str]) -> None:
    port = free_port()
    with Worker(env, "--nats-url", server.url, "--listen", f"127.0.0.1:{port}") as worker:
        worker.until("ready")
        server.freeze()
        code, seconds = worker.end(signal.SIGINT)
        server.thaw()
        assert code == 0
        assert seconds < 10


def test_without_nats_it_lives_and_says_why(env: dict[str, str]) -> None:
    port = free_port()
    url = f"nats://ops:hunter2@127.0.0.1:{free_port()}"
    with Worker(env, "--nats-url", url, "--listen", f"127.0.0.1:{port}", "--log-level", "debug") as worker:
        worker.until(".sock")
        eventually(lambda: "nats failed: connection refused" in get(port, "/readyz?verbose")[1])
        assert get(port, "/livez")[0] == 200
        assert worker.end()[0] == 0
        assert "hunter2" not in "".join(worker.lines)


def test_a_second_worker_is_refused_with_the_first_one_s_number(
    server: NatsServer, env: dict[str, str], tmp_path: Path
) -> None:
    settings = (
        "--nats-url",
        server.url,
        "--state-dir",
        str(tmp_path / "state"),
        "--listen",
        f"127.0.0.1:{free_port()}",
    )
    with Worker(env, *settings) as first:
        first.until(".sock")
        with Worker(env, *settings) as second:
            line = second.until(f"process {first.process.pid}")
            assert line.startswith("watchdeck: a worker is already running on ")
            assert second.process.wait(PATIENCE) == 1
        assert alive(first.process.pid)


def test_a_taken_address_is_refused_in_one_line(env: dict[str, str]) -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with Worker(env, "--listen", address) as worker:
            assert worker.process.wait(PATIENCE) == 1
            assert worker.process.stderr is not None
            lines = worker.process.stderr.readlines()
    assert lines == [f"watchdeck: cannot listen on {address}: it is in use; choose another with --listen HOST:PORT\n"]


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0"])
def test_an_address_that_others_reach_is_refused_without_consent(env: dict[str, str], listen: str) -> None:
    with Worker(env, "--listen", listen) as worker:
        assert worker.process.wait(PATIENCE) == 1
        assert worker.process.stderr is not None
        assert "insecure = true" in worker.process.stderr.read()


def test_a_threshold_that_does_not_exist_is_refused_by_name(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[thresholds."no.such_rule"]\nwarn = 3')
    with Worker(env, "--config", str(tmp_path / "c.toml"), "--listen", f"127.0.0.1:{free_port()}") as worker:
        assert worker.process.wait(PATIENCE) == 1
        assert worker.process.stderr is not None
        assert "c.toml: " in (said := worker.process.stderr.read())
        assert "no.such_rule" in said


# as the child of a deck


@pytest.fixture
def settings(server: NatsServer, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("XDG_RUNTIME_DIR", env["XDG_RUNTIME_DIR"])
    return load({"nats_url": server.url, "state_dir": str(tmp_path / "state")}, env)


@pytest.fixture
def left_behind(tmp_path: Path) -> Iterator[list[int]]:
    """Workers that a test has started: ended at the end, whatever it proved."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def pid_of(settings: Settings) -> int:
    record = read_lock(settings.state_dir)
    assert record is not None
    return record.pid


async def test_a_stranger_s_app_folder_is_not_imported(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_behind: list[int]
) -> None:
    for folder in (tmp_path, settings.state_dir):
        (folder / "app").mkdir(parents=True)
        (folder / "app" / "__init__.py").write_text("raise SystemExit('a stranger was imported')\n")
    monkeypatch.chdir(tmp_path)
    spawner = Spawner(settings, service=None)
    target = await spawner.locate()
    left_behind.append(pid_of(settings))
    assert target.started
    await asyncio.to_thread(spawner.end)
    assert not alive(left_behind[0])


async def test_two_decks_that_start_at_once_share_one_worker(settings: Settings, left_behind: list[int]) -> None:
    decks = [Spawner(settings, service=None) for _ in range(3)]
    targets = await asyncio.gather(*(deck.locate() for deck in decks))
    left_behind.append(pid_of(settings))
    assert [target.started for target in targets].count(True) == 1
    assert len({target.socket_path for target in targets}) == 1
    for deck in decks:
        await asyncio.to_thread(deck.end)
    assert not alive(left_behind[0])


DECK = """
import asyncio, sys
from pathlib import Path
from app.feed.client import WorkerFeed
from app.feed.spawn import Spawner
from app.settings.handover import unpack

async def deck():
    spawner = Spawner(unpack(sys.stdin.buffer.readline()), service=None)
    feed = WorkerFeed(spawner.locate)
    feed.watch(("streams",))
    async for frame in feed.frames():
        print(frame.state, flush=True)

asyncio.run(deck())
"""


def start_deck(settings: Settings) -> subprocess.Popen[bytes]:
    from app.settings.handover import pack

    deck = subprocess.Popen([sys.executable, "-P", "-c", DECK], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert deck.stdin is not None
    assert deck.stdout is not None
    deck.stdin.write(pack(settings))
    deck.stdin.close()
    for line in deck.stdout:
        if line.strip() == b"live":
            return deck
    raise AssertionError("the deck never came alive")


def kill(deck: subprocess.Popen[bytes]) -> None:
    deck.kill()
    deck.wait()
    assert deck.stdout is not None
    deck.stdout.close()


def test_a_deck_killed_with_9_leaves_no_worker_but_its_worker_outlives_it_for_another_deck(
    settings: Settings, left_behind: list[int]
) -> None:
    first = start_deck(settings)
    left_behind.append(pid_of(settings))
    second = start_deck(settings)
    assert pid_of(settings) == left_behind[0]
    kill(first)
    time.sleep(8)  # longer than a worker without any deck lives
    assert alive(left_behind[0])
    assert second.poll() is None
    kill(second)
    eventually(lambda: not alive(left_behind[0]))
    assert read_lock(settings.state_dir) is None


async def frame_where(frames: object, wanted: Callable[[Frame], bool]) -> Frame:
    async with asyncio.timeout(PATIENCE):
        async for frame in frames:  # type: ignore[attr-defined]
            if wanted(frame):
                return frame  # type: ignore[no-any-return]
    raise AssertionError("the feed ended")


async def test_a_deck_outlives_its_worker_and_starts_another(settings: Settings, left_behind: list[int]) -> None:
    spawner = Spawner(settings, service=None)
    feed = WorkerFeed(spawner.locate)
    frames = feed.frames()
    first = await frame_where(frames, lambda frame: frame.state is FeedState.LIVE)
    left_behind.append(pid_of(settings))
    os.kill(left_behind[0], signal.SIGKILL)
    again = await frame_where(
        frames, lambda frame: frame.state is FeedState.LIVE and frame.snapshot.epoch != first.snapshot.epoch
    )
    left_behind.append(pid_of(settings))
    assert left_behind[0] != left_behind[1]
    assert "SIGKILL" in again.note
    await feed.close()
    await asyncio.to_thread(spawner.end)
    assert not alive(left_behind[1])


async def test_a_stopped_worker_of_someone_else_is_not_replaced(settings: Settings, env: dict[str, str]) -> None:
    arguments = ("--nats-url", settings.nats.url, "--state-dir", str(settings.state_dir))
    with Worker(env, *arguments, "--listen", f"127.0.0.1:{free_port()}") as worker:
        await asyncio.to_thread(worker.until, ".sock")
        worker.process.send_signal(signal.SIGSTOP)
        with pytest.raises(NoWorker, match=f"does not answer .process {worker.process.pid}"):
            await Spawner(settings, service=None).locate()
        worker.process.send_signal(signal.SIGCONT)
        target = await Spawner(settings, service=None).locate()
        assert not target.started


def test_the_demo_without_a_deck_says_where_it_is_and_leaves_nothing(env: dict[str, str], tmp_path: Path) -> None:
    temp = tmp_path / "t"
    temp.mkdir()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "app.cli", "demo", "--no-deck", "--agents", "3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env | {"TMPDIR": str(temp)},
    ) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        line = demo.stdout.readline()
        told = json.loads(line or demo.stderr.read())
        assert told.keys() == {"nats_url", "http_url", "token_file", "state_dir", "pid"}
        assert told["pid"] == demo.pid
        assert Path(told["token_file"]).parent == Path(told["state_dir"])
        assert Path(told["token_file"]).stat().st_mode & 0o777 == 0o600
        assert get(int(told["http_url"].rsplit(":", 1)[1]), "/readyz")[0] == 200
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=PATIENCE)
        assert demo.returncode == 0
    eventually(lambda: not list(temp.iterdir()))
