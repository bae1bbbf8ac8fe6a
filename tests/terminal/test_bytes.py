"""What reaches the terminal: little where little changed, and no byte of foreign text as control."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable

import pytest

from tests.terminal.terminal import Terminal

Open = Callable[..., Terminal]

# What Textual itself sends: colours, cursor moves, modes, queries, the keyboard protocol, the shape of the pointer.
OURS = re.compile(
    rb"\x1b\[[0-9;]*[mHJKABCDhlr]|\x1b\[\?[0-9;]*[hlu$p]+|\x1b\[[<>=][0-9;]*[a-z]|\x1b\[c|\x1b\[6n|\x1b\[>q|\x1b[78=>]"
    rb"|\x1b\]22;[a-z]+\x07"
)


def idle(deck: Terminal) -> None:
    """Until nothing but the clock is painted."""
    deck.wait(lambda terminal: len(terminal.read(1.0)) < 200, timeout=20)


@pytest.mark.parametrize("view", ["", "3", "4", "6"])
def test_nothing_changed_costs_next_to_nothing(literal_deck: Open, view: str) -> None:
    deck = literal_deck("fleet", 120, 30)
    deck.press(*view)
    idle(deck)
    assert len(deck.read(4.0)) < 400


def test_one_changed_row_costs_less_than_a_screen(literal_deck: Open) -> None:
    deck = literal_deck("fleet", 120, 30)
    deck.press("4")
    deck.wait_text("shipping")
    idle(deck)
    os.kill(deck.pid, signal.SIGUSR1)
    changed = deck.read(1.0)
    assert b"13" in changed
    assert len(changed) < 700


@pytest.mark.parametrize("view", ["", "3", "4", "6"])
@pytest.mark.parametrize("columns", [80, 200])
def test_no_byte_of_a_hostile_name_is_control(literal_deck: Open, view: str, columns: int) -> None:
    deck = literal_deck("hostile", columns, 30)
    if view:
        deck.press(view)
        deck.press("j", "enter")
        deck.read(0.5)
        deck.press("J")
        deck.read(0.5)
    else:
        deck.read(0.5)
    raw = bytes(deck.raw)
    rest = OURS.sub(b"", raw)
    assert b"\x1b]52" not in raw
    assert b"\x1b[2Jgone" not in raw
    assert b"\x1b" not in rest, rest[max(0, rest.find(b"\x1b") - 60) :][:140]
    text = rest.decode()
    assert not re.search("[\x80-\x9f\u202a-\u202e\u2066-\u2069\u200b-\u200f]", text)
    assert "\x07" not in text
