"""The whole thing as a person meets it: a real nats-server, the `watchdeck` command in a real terminal."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import nats
import psutil
import pytest

from app.model.text import cell_width
from tests.nats_server import NatsServer
from tests.terminal.terminal import Terminal

pytestmark = pytest.mark.timeout(180)
COMMAND = str(Path(sys.executable).with_name("watchdeck"))
NAMES = ("ORDERS", "AUDIT", "EMAILS", "EVENTS", "METRICS")
Open = Callable[..., Terminal]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "nats") as running:
        yield running


@pytest.fixture
def deck(tmp_path: Path) -> Iterator[Open]:
    """Opens `watchdeck` as on a machine where nothing is configured."""
    opened: list[Terminal] = []

    def open_(server: NatsServer, *options: str, columns: int = 80, rows: int = 24) -> Terminal:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        env = {"HOME": str(home), "XDG_RUNTIME_DIR": str(tmp_path), "NATS_URL": server.url}
        terminal = Terminal([COMMAND, *options], columns=columns, rows=rows, env=env)
        opened.append(terminal)
        return terminal

    yield open_
    for terminal in opened:
        terminal.end()


def on(server: NatsServer, work: Callable) -> object:
    """Runs `work(connection)` on the server."""

    async def run() -> object:
        connection = await nats.connect(server.url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def add_streams(server: NatsServer, names: tuple[str, ...] = NAMES) -> None:
    async def work(connection: nats.NATS) -> None:
        js = connection.jetstream()
        for name in names:
            await js.add_stream(name=name, subjects=[f"{name.lower()}.>"])
            await js.publish(f"{name.lower()}.first", b"1")

    on(server, work)


def inventory(server: NatsServer) -> dict[str, list[str]]:
    """Every stream with its consumers, our short-lived listings aside."""

    async def work(connection: nats.NATS) -> dict[str, list[str]]:
        listed = json.loads((await connection.request("$JS.API.STREAM.LIST", b"")).data)
        found = {}
        for row in listed["streams"] or ():
            name = row["config"]["name"]
            consumers = json.loads((await connection.request(f"$JS.API.CONSUMER.LIST.{name}", b"")).data)
            found[name] = [
                one["name"] for one in consumers["consumers"] or () if not one["name"].startswith("watchdeck-")
            ]
        return found

    result = on(server, work)
    assert isinstance(result, dict)
    return result


def add_fleet(server: NatsServer, *hosts: str, namespace: str = "") -> None:
    """An agent registry as OSAPI makes it, with the heartbeat of each host."""

    async def work(connection: nats.NATS) -> None:
        js = connection.jetstream()
        await js.create_key_value(bucket=f"{namespace}job-queue")
        registry = await js.create_key_value(bucket=f"{namespace}agent-registry", ttl=30)
        for at, host in enumerate(hosts):
            now = datetime.now(UTC).isoformat()
            value = {"machine_id": f"{at:032x}", "hostname": host, "registered_at": now, "started_at": now}
            value |= {
                "state": "Ready",
                "labels": {"group": host},
                "conditions": [{"type": "DiskPressure", "status": True, "reason": host, "last_transition_time": now}],
            }
            await registry.put(f"agents.{at:032x}", json.dumps(value).encode())

    on(server, work)


def test_a_bare_server_is_shown_within_seconds_and_nothing_is_created(server: NatsServer, deck: Open) -> None:
    add_streams(server)
    before = inventory(server)
    terminal = deck(server)
    began = time.monotonic()
    terminal.wait_text("All clear.", "5 streams", timeout=20)
    assert time.monotonic() - began < 15
    terminal.press("3")
    terminal.wait_text(*NAMES)
    terminal.press("4", "6", "1")
    terminal.read(2.0)
    assert inventory(server) == before


def test_a_killed_server_is_stale_with_ages_and_comes_back_by_itself(server: NatsServer, deck: Open) -> None:
    add_streams(server)
    terminal = deck(server)
    terminal.wait_text("All clear")
    server.kill()
    terminal.wait_text("UNKNOWN")
    terminal.press("3")
    terminal.wait_text("ORDERS", "○")
    assert "●5" not in terminal.text, "what is stale is not counted as well"
    server.start()
    terminal.wait(lambda screen: "●" in screen.text and "○" not in screen.text, timeout=20)
    terminal.press("1")
    terminal.wait_text("All clear")


def test_after_a_wipe_nothing_old_is_shown_as_present(server: NatsServer, deck: Open) -> None:
    add_streams(server)
    add_fleet(server, "web-01", "web-02")
    terminal = deck(server)
    terminal.wait_text("2 agents", timeout=20)
    server.kill()
    terminal.wait_text("UNKNOWN")
    server.wipe()
    server.start()
    add_streams(server, ("FRESH",))
    terminal.press("3")
    terminal.wait(lambda screen: "FRESH" in screen.text and "ORDERS" not in screen.text, timeout=30)
    terminal.press("6")
    terminal.wait(lambda screen: "web-01" not in screen.text, timeout=20)


def test_a_server_that_comes_after_the_deck(tmp_path: Path, server: NatsServer, deck: Open) -> None:
    add_streams(server)
    server.kill()
    terminal = deck(server)
    terminal.wait_text("connection refused")
    server.start()
    terminal.wait_text("All clear.", "5 streams", timeout=20)


def test_the_deck_survives_its_worker(server: NatsServer, deck: Open) -> None:
    add_streams(server)
    terminal = deck(server)
    terminal.wait_text("All clear")
    (worker,) = [child for child in psutil.Process(terminal.pid).children() if "worker" in child.cmdline()]
    worker.kill()
    terminal.wait(lambda screen: "worker" in screen.text.lower(), timeout=20)
    terminal.wait_text("All clear", "LIVE", timeout=30)
    (another,) = [child for child in psutil.Process(terminal.pid).children() if "worker" in child.cmdline()]
    assert another.pid != worker.pid


def test_a_killed_deck_leaves_no_worker(server: NatsServer, deck: Open) -> None:
    add_streams(server)
    terminal = deck(server)
    terminal.wait_text("All clear")
    (worker,) = [child for child in psutil.Process(terminal.pid).children() if "worker" in child.cmdline()]
    os.kill(terminal.pid, 9)
    worker.wait(timeout=25)


def test_hostile_names_on_the_bus_stay_in_their_cells(server: NatsServer, deck: Open) -> None:
    hosts = ("\x1b]52;c;ZXZpbA==\x07clip", "[/bad]", "n" * 10_000, "漢字かな", "👩‍👩‍👧‍👦", "\u202egnp", "plain-host")
    add_fleet(server, *hosts, namespace="osapi-")
    terminal = deck(server, columns=120, rows=30)
    terminal.wait_text("7 agents", timeout=20)
    terminal.press("6")
    terminal.wait_text("plain-host", "[/bad]")
    row = next(line for line in terminal.lines if "plain-host" in line)
    assert "Ready" in row
    heads = {cell_width(line[: line.index("Ready")]) for line in terminal.lines if " Ready " in line}
    assert len(heads) == 1, "columns stand under each other"
    for _ in hosts:
        terminal.press("j", "enter")
        terminal.read(0.3)
        terminal.press("J")
        terminal.read(0.3)
        terminal.press("esc", "esc")
    raw = bytes(terminal.raw)
    assert b"\x1b]52" not in raw
    assert not any(character in raw.decode("utf-8", "replace") for character in "\u202e\u200d\x9b\x9d")


def test_another_context_is_chosen_where_no_nats_answers(server: NatsServer, tmp_path: Path) -> None:
    add_streams(server)
    contexts = tmp_path / "config" / "nats" / "context"
    contexts.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (contexts / "dev.json").write_text(json.dumps({"url": f"nats://127.0.0.1:{port}"}))
    (contexts / "prod.json").write_text(json.dumps({"url": server.url}))
    env = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    with Terminal([COMMAND, "--context", "dev"], env=env) as terminal:
        terminal.wait_text("connection refused", "choose a context: dev, prod", "start the demo here", timeout=30)
        terminal.press("c")
        terminal.wait_text("Which NATS is to be shown?", "shown now")
        terminal.press("2")
        terminal.wait_text("prod ·", "All clear.", "5 streams", timeout=30)
        terminal.press("q")
        assert terminal.exit_status() == 0


def test_the_demo_is_a_key_away_where_no_nats_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"nats://127.0.0.1:{taken.getsockname()[1]}"
    env = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "NATS_URL": url}
    with Terminal([COMMAND], env=env) as terminal:
        terminal.wait_text("connection refused", "start the demo here", timeout=30)
        terminal.press("d")
        terminal.wait_text("demo ·", "6 Agents", "oldest heartbeat", timeout=60)
        terminal.press("q")
        assert terminal.exit_status(30) == 0
