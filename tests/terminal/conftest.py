from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.terminal.terminal import Terminal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def literal_deck() -> Iterator[Callable[..., Terminal]]:
    """Opens the deck over a literal scene, and waits until it is painted."""
    opened: list[Terminal] = []

    def open_(scene: str, columns: int = 80, rows: int = 24, **env: str) -> Terminal:
        argv = [sys.executable, str(Path(__file__).with_name("literal_deck.py")), scene]
        terminal = Terminal(argv, columns=columns, rows=rows, env={"PYTHONPATH": str(ROOT), **env})
        opened.append(terminal)
        terminal.wait_text("Streams", "LIVE", timeout=30)
        terminal.read(0.5)
        return terminal

    yield open_
    for terminal in opened:
        terminal.end()
