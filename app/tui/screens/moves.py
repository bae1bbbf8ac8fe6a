"""Movement: the keys that move a cursor mean the same in every list, document, table and text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Movable(Protocol):
    """Anything with lines and a place among them."""

    def move(self, delta: int) -> None:
        """By lines."""

    def move_to_end(self, first: bool) -> None:
        """To the first line, or to the last."""

    def page(self, delta: int) -> None:
        """By half pages."""


def perform_move(movable: Movable, action: str) -> bool:
    """The actions that move; False for others."""
    moves: dict[str, Callable[[], None]] = {
        "move.down": lambda: movable.move(1),
        "move.up": lambda: movable.move(-1),
        "move.first": lambda: movable.move_to_end(True),
        "move.last": lambda: movable.move_to_end(False),
        "page.down": lambda: movable.page(1),
        "page.up": lambda: movable.page(-1),
    }
    if action not in moves:
        return False
    moves[action]()
    return True
