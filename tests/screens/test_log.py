"""The worker's log in the deck."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.tui.worker_log import LINES, LogError, tail
from tests.literals import calm
from tests.screens.driving import driving


async def test_the_end_of_the_log_is_shown_newest_at_the_bottom(tmp_path: Path) -> None:
    lines = [f"2026-11-22T14:00:00Z INFO app: line {number}" for number in range(1000)]
    (tmp_path / "worker.log").write_text("\n".join(lines) + "\n\x1b]52;c;aGk=\x07[bold]last[/bold]\n")
    async with driving(calm(), state_dir=tmp_path) as deck:
        await deck.burst(":log\r")
        assert "Worker's log" in deck.lines[1]
        assert "[bold]last[/bold]" in deck.text
        assert "line 999" in deck.text
        await deck.press("g")
        assert "line 801" in deck.text
        await deck.press("escape")
        assert "All clear" in deck.text


async def test_without_a_log_one_sentence(tmp_path: Path) -> None:
    async with driving(calm(), state_dir=tmp_path) as deck:
        await deck.burst(":log\r")
        assert "no worker's log here" in deck.text
    async with driving(calm()) as deck:
        await deck.burst(":log\r")
        assert "this deck has no state folder" in deck.text


def test_very_long_logs_and_lines_are_cut(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_bytes(b"x" * 300_000 + b"\n" + b"y" * 5000 + b"\nend\xff\n")
    told = tail(tmp_path).splitlines()
    assert told[-1] == "end\ufffd"
    assert len(told) <= LINES
    assert all(len(line) <= 1000 for line in told)
    assert not [line for line in told if line.startswith("x")]


def test_an_empty_log_says_so(tmp_path: Path) -> None:
    (tmp_path / "worker.log").touch()
    with pytest.raises(LogError, match="empty"):
        tail(tmp_path)
