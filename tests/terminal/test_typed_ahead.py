"""What is typed in one burst, as SSH delivers it, is text where text is meant, and never a command."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.terminal.terminal import Terminal

Open = Callable[..., Terminal]


def test_a_filter_typed_ahead_runs_no_command(literal_deck: Open) -> None:
    deck = literal_deck("fleet")
    deck.press("3")
    deck.wait_text("STREAM", "KIND")
    deck.send("/q\r")
    deck.wait_text("/q")
    deck.read(1.0)
    assert "job-queue" in deck.text, "still on the streams, filtered"
    assert "AUDIT" not in deck.text
    deck.press("esc")
    deck.wait_text("AUDIT")


def test_every_letter_of_a_filter_arrives(literal_deck: Open) -> None:
    deck = literal_deck("fleet")
    deck.press("6")
    deck.wait_text("AGENT", "STATE")
    deck.send("/web-qax\r")
    deck.wait_text("web-qax")
    assert "PAUSED" not in deck.text
    assert "Nothing matches" in deck.text


def test_the_other_list_of_a_view_is_filtered_alone_in_one_write(literal_deck: Open) -> None:
    deck = literal_deck("ai")
    deck.send("6\t/triage\r")
    deck.wait_text("hosts 10 · [AI 3]", "triage-bot", "1 of 3")
    assert "coder-7" not in deck.text
    deck.press("enter")
    deck.wait_text("Agents › triage-bot", "Score of 7 days")
    deck.press("esc")
    deck.wait_text("hosts 10 · [AI 3]")
    deck.press("tab")
    deck.wait_text("[hosts 10] · AI 3", "web-03", "build-01")
    deck.press("tab")
    deck.wait_text("hosts 10 · [AI 3]", "1 of 3")


def test_a_command_typed_ahead_is_taken_whole(literal_deck: Open) -> None:
    deck = literal_deck("fleet")
    deck.send(":stream ORDERS\r")
    deck.wait_text("billing", "shipping")


def test_quitting_letters_in_a_command_do_not_quit(literal_deck: Open) -> None:
    deck = literal_deck("fleet")
    deck.send(":qqqq\x1b")
    deck.read(1.0)
    deck.press("4")
    deck.wait_text("CONSUMER", "PENDING")


def test_pasted_text_outside_a_field_runs_nothing(literal_deck: Open) -> None:
    deck = literal_deck("fleet")
    deck.send("\x1b[200~q6/x\r\x1b[201~")
    deck.wait_text("paste ignored")
    assert "Now" in deck.text


def test_escape_and_a_letter_in_one_write_goes_back_and_runs_the_letter(literal_deck: Open) -> None:
    deck = literal_deck("fleet")
    deck.press("6")
    deck.wait_text("AGENT", "STATE")
    deck.send("\x1b3")
    deck.wait_text("STREAM", "KIND")


@pytest.mark.parametrize("keys", [["q"], ["\x03", "\x03"]])
def test_quitting_leaves_the_terminal_in_order(literal_deck: Open, keys: list[str]) -> None:
    deck = literal_deck("fleet")
    deck.press(*keys)
    assert deck.exit_status() == 0
    assert b"\x1b[?1049l" in deck.raw, "the alternate screen is left"
    assert b"\x1b[?25h" in deck.raw, "the cursor is shown again"
