"""An incident as whoever is on call meets it: the demo's, at 80x24, by keyboard, in a real terminal."""

from __future__ import annotations

import base64
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.settings.lockfile import LOCK_NAME, read_lock
from tests.terminal.terminal import Terminal

pytestmark = pytest.mark.timeout(300)
COMMAND = str(Path(sys.executable).with_name("watchdeck"))
LOST = re.compile(r"✗ CRIT agent +(\S+) +gone since (\d\d:\d\d:\d\dZ)")
PATIENCE = 120.0


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """The demo's incident, at the moment when the lost agent's finding stands in Now."""
    home = tmp_path_factory.mktemp("home")
    env = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    with Terminal([COMMAND, "demo", "--scenario", "incident"], env=env) as terminal:
        terminal.wait(lambda seen: LOST.search(seen.text) is not None, timeout=PATIENCE)
        yield terminal


@pytest.fixture
def overview(deck: Terminal) -> Terminal:
    """The overview, whatever stood there before."""
    deck.press("esc", "esc", "esc", "esc", "1", "esc")
    deck.wait_text("─ Now", "─ All")
    return deck


def straight(terminal: Terminal) -> None:
    """Nothing on the screen but letters in their cells."""
    for line in terminal.lines:
        assert all(unicodedata.category(char)[0] != "C" for char in line), repr(line)


def lost(terminal: Terminal) -> tuple[str, str]:
    found = LOST.search(terminal.text)
    assert found is not None, terminal.text
    return found[1], found[2]


def test_three_keys_to_who_is_lost_since_when_and_what_follows(overview: Terminal) -> None:
    host, since = lost(overview)
    overview.press("!")  # the first finding of Now, from anywhere
    overview.wait_text("Evidence")
    if f"CRIT {host}" not in overview.text:  # another CRIT has begun since: the next one in Now
        overview.press("esc")
        overview.wait(lambda seen: LOST.search(seen.text) is not None)
        overview.press("j", "enter")
    overview.wait_text(host, f"gone since {since.rstrip('Z')}", "from the broker")
    overview.wait_text("Folded under it", timeout=PATIENCE)  # its consumers have a minute to be asked for
    folded = overview.text.partition("Folded under it")[2]
    assert host in folded, overview.text
    straight(overview)


def test_what_can_be_done_is_copied_with_one_key(overview: Terminal) -> None:
    host, _ = lost(overview)
    overview.send(f":agent {host}\r")
    overview.wait_text(f"› {host}", "Jobs")
    overview.press("x")
    overview.wait_text("What can be done", f"osapi client agent get --hostname {host}")
    before = len(overview.raw)
    overview.press("G", "y")
    overview.wait_text("copied to the terminal's clipboard")
    copied = re.search(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)", bytes(overview.raw[before:]))
    assert copied is not None
    assert base64.b64decode(copied[1]).decode().startswith(f"osapi client agent drain --hostname {host}")
    straight(overview)


def test_an_acknowledgement_is_seen_by_every_deck(overview: Terminal, tmp_path: Path) -> None:
    host, _ = lost(overview)
    overview.send(f":agent {host}\r")
    overview.wait_text(f"› {host}")
    overview.send("arestarting it\r")
    overview.wait_text("acknowledged")
    overview.press("esc")
    overview.wait(lambda seen: re.search(r"\d acked", seen.lines[1]) is not None)
    overview.wait(lambda seen: LOST.search(seen.text) is None)  # it stands back
    overview.send("e")
    overview.wait(lambda seen: LOST.search(seen.text) is not None)
    overview.send("e")
    worker = _socket_of(overview)
    env = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    with Terminal([COMMAND, "--attach", worker], env=env) as second:
        second.wait(lambda seen: re.search(r"\d acked", seen.lines[1]) is not None, timeout=30)
        second.send(f":agent {host}\r")
        second.wait_text(f"› {host}")
        second.send("a")
        second.wait_text("restarting it")
        second.press("j", "enter")  # taken back
        second.wait_text("taken back")
    overview.wait(lambda seen: " acked" not in seen.lines[1], timeout=30)


def test_jobs_with_their_timelines_and_dead_letters_with_their_messages(overview: Terminal) -> None:
    overview.press("5")
    overview.wait_text("OPERATION", "submitted")
    straight(overview)
    overview.send("/status:dead\r")
    overview.wait(lambda seen: any(" dead " in line for line in seen.lines[3:]), timeout=PATIENCE)
    overview.press("g", "enter")
    overview.wait_text("Timeline")
    assert "failed" in overview.text
    straight(overview)
    overview.press("m")
    overview.wait_text("Which message?")
    overview.press("1")
    overview.wait_text("Payload", "The payload is not shown")
    straight(overview)


@pytest.mark.parametrize(("key", "words"), [("2", "COMPONENT"), ("0", "WHAT"), ("7", "SCORE")])
def test_the_other_views_stand_at_once(overview: Terminal, key: str, words: str) -> None:
    overview.press(key)
    overview.wait_text(words)
    straight(overview)


def test_related_things_are_a_menu_away(overview: Terminal) -> None:
    host, _ = lost(overview)
    overview.send(f":agent {host}\r")
    overview.wait_text(f"› {host}")
    overview.press("R")
    overview.wait_text("Where to?", "consumer")
    overview.press("1")
    overview.wait(lambda seen: "Where to?" not in seen.text and seen.lines[1].count("›") >= 1)
    straight(overview)


def _socket_of(terminal: Terminal) -> str:
    """The socket of the demo's worker, from the lock of its state folder."""
    (folder,) = (
        Path(file.path).parent
        for process in psutil.Process(terminal.pid).children(recursive=True)
        for file in process.open_files()
        if Path(file.path).name == LOCK_NAME
    )
    record = read_lock(folder)
    assert record is not None
    return record.socket
