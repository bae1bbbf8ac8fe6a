"""Esc followed fast by a digit is two keys, not a special character.

Textual reads `ESC 3` as the `£` that one terminal of one system sends for option+3, and so on for the row of digits.
Over SSH and in tmux the same bytes are what esc and a view's number look like when they come in one packet.
"""

from __future__ import annotations

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS


def read_as_two_keys() -> None:
    """From here on Textual's parser reports `alt+3`, which the key router takes for esc, then 3."""
    for character in "1234567890-=":
        ANSI_SEQUENCES_KEYS.pop(f"\x1b{character}", None)  # type: ignore[attr-defined]
