"""Event ids: what an event without an id of its own is called outside, a ULID of its time and its row."""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH = 26
_ROW_BITS = 80
_LAST_ROW = 2**63 - 1


def made(at: int, n: int) -> str:
    """The ULID of an event: its time (milliseconds since 1970, not before) and its row. Sorts by time, then row."""
    number = (at << _ROW_BITS) | n
    letters = [""] * _LENGTH
    for place in range(_LENGTH - 1, -1, -1):
        letters[place] = _ALPHABET[number & 31]
        number >>= 5
    return "".join(letters)


def parts(id: str) -> tuple[int, int] | None:
    """Time and row that `made` made an id of; None for any other text."""
    if len(id) != _LENGTH:
        return None
    number = 0
    for letter in id:
        value = _VALUES.get(letter)
        if value is None:
            return None
        number = number << 5 | value
    at, n = number >> _ROW_BITS, number & ((1 << _ROW_BITS) - 1)
    return (at, n) if at < 1 << 48 and n <= _LAST_ROW else None
