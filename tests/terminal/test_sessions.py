"""From a fallen score to what caused it, by keyboard, in a real terminal on the demo."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal.terminal import Terminal

pytestmark = pytest.mark.timeout(300)
COMMAND = str(Path(sys.executable).with_name("watchdeck"))
PATIENCE = 150.0


@pytest.fixture(scope="module")
def deck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """The demo's incident, once the score of the agent that degrades has fallen in view 7."""
    home = tmp_path_factory.mktemp("home")
    env = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    with Terminal([COMMAND, "demo", "--scenario", "incident"], env=env) as terminal:
        terminal.wait(lambda seen: "LIVE" in seen.text and "7 Scores" in seen.text, timeout=PATIENCE)
        terminal.press("7")
        terminal.wait(lambda seen: fallen(seen) is not None, timeout=PATIENCE)
        terminal.press("g")  # the cursor is still on the row that was the first one while scores came in
        yield terminal


def fallen(terminal: Terminal) -> str | None:
    """Whose score stands first, if that one fell by far."""
    first = terminal.lines[3].split()
    return first[1] if len(first) > 3 and first[1] == "coder-7" and first[3].startswith("-") else None


def test_four_keys_from_a_fallen_score_to_the_event_that_caused_it(deck: Terminal) -> None:
    deck.press("esc", "esc", "1")
    deck.wait_text("─ Now")
    deck.press("7")
    deck.wait(lambda seen: fallen(seen) is not None)
    deck.press("enter")
    deck.wait_text("Sessions that cost most")
    deck.press("enter")
    deck.wait_text("Scores › coder-7 › ", "event ")
    deck.press("enter")
    deck.wait_text("› tool_error", "remote rejected", "Payload", '"toolName"')
    for line in deck.lines:
        assert all(unicodedata.category(char)[0] != "C" for char in line), repr(line)


def test_any_session_is_opened_by_its_id(deck: Terminal) -> None:
    deck.press("8")
    deck.wait_text("SESSION", "BEGAN", "older, not listed")
    deck.send("/agent:reviewer err>0\r")
    deck.wait_text("/agent:reviewer err>0")
    first = deck.lines[3].split()
    assert first[2] == "reviewer-2"
    deck.press("esc")
    deck.send(f":session {first[1]}\r")
    deck.wait_text(f"Sessions › {first[1]}", "reviewer-2", "tool_error", "event ")
