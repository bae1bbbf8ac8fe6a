"""Health: how bad a thing is, in the five states that every screen, endpoint and exit code shares."""

from __future__ import annotations

from enum import StrEnum


class Health(StrEnum):
    """The state of one thing. `UNKNOWN` and `STALE` are states of their own and never drawn as `OK`."""

    OK = "ok"
    WARN = "warn"
    CRIT = "crit"
    UNKNOWN = "unknown"
    STALE = "stale"

    @property
    def rank(self) -> int:
        """Order of urgency: the larger, the sooner a person should look."""
        return _RANK[self]

    @property
    def glyph(self) -> str:
        """One cell that tells the state without colour (U+2717 and U+25CB on purpose: always one cell wide)."""
        return _GLYPHS[self]

    @property
    def ascii_glyph(self) -> str:
        """The same for terminals without UTF-8."""
        return _ASCII[self]

    @property
    def word(self) -> str:
        """The word on screens, in reports and in `watchdeck status`."""
        return self.name


_RANK = {Health.OK: 0, Health.STALE: 1, Health.UNKNOWN: 2, Health.WARN: 3, Health.CRIT: 4}
_GLYPHS = {Health.OK: "●", Health.WARN: "▲", Health.CRIT: "✗", Health.UNKNOWN: "?", Health.STALE: "○"}
_ASCII = {Health.OK: "+", Health.WARN: "!", Health.CRIT: "X", Health.UNKNOWN: "?", Health.STALE: "~"}


def worst(*states: Health) -> Health:
    """The most urgent of some states; `OK` of none."""
    return max(states, key=lambda state: state.rank, default=Health.OK)
