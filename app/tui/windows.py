"""The window of scores: over how many days they are shown, in every view of this deck at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.model.scoring import WINDOWS

if TYPE_CHECKING:
    from app.tui.surface import Surface

LONGEST = 90
"""Days of the longest window that can be asked for."""


class ScoreWindow:
    """Changes the window of the picture, and has everything in front written anew."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    def concerns(self) -> bool:
        """Whether the page in front shows scores of that window."""
        return any(ref.startswith("scores:") for ref in self._surface.stacks.page.looking_at)

    def step(self, direction: int) -> None:
        """`+` and `-`: the next longer or shorter of the usual ones."""
        now = self._surface.picture.window
        longer = [days for days in WINDOWS if days > now]
        shorter = [days for days in WINDOWS if days < now]
        if direction > 0 and longer:
            self.choose(longer[0])
        elif direction < 0 and shorter:
            self.choose(shorter[-1])
        else:
            self._surface.say(f"{now} days is the {'longest' if direction > 0 else 'shortest'} window here")

    def command(self, text: str) -> None:
        """`:window 14`."""
        digits = text.strip().removesuffix("d")
        if digits.isdecimal() and 1 <= int(digits) <= LONGEST:
            self.choose(int(digits))
        else:
            self._surface.say(f"a window is 1 to {LONGEST} days: :window 14", error=True)

    def choose(self, days: int) -> None:
        surface = self._surface
        surface.picture.chosen_window = days
        surface.stacks.page.rebuild()
        surface.page_changed()
        surface.say(f"scores over {days} day{'' if days == 1 else 's'}")
