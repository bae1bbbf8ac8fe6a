"""Which messages of a stream were read already, and where to look next: from its end backwards, whatever is missing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

_WIDER = 4
"""How much farther back the next look is after one that found nothing."""


class Backwards:
    """Finds the newest unread messages of one stream by asking for "the next at or behind" a sequence.

    `ranges` are half-open ranges of sequences of which nothing is known yet, oldest first.
    """

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []
        self.created: datetime | None = None
        self._upto = 0  # everything before it is known, or in a range
        self._step = 1

    def extend(self, first: int, last: int) -> None:
        """The stream holds sequences from `first` to `last`."""
        self.ranges = [(max(low, first), high) for low, high in self.ranges if high > first]
        if last + 1 > max(self._upto, first):
            self.ranges.append((max(self._upto, first), last + 1))
            self._upto = last + 1

    def again(self, known: Iterable[int], first: int, last: int) -> None:
        """Looks once more at all that is not known."""
        self.ranges = []
        self._upto = last + 1
        low = first
        for sequence in sorted(known):
            if sequence > low:
                self.ranges.append((low, sequence))
            low = max(low, sequence + 1)
        if low <= last:
            self.ranges.append((low, last + 1))

    def probe(self) -> int:
        """The sequence to ask from; there must be a range."""
        low, high = self.ranges[-1]
        return max(low, high - self._step)

    def found(self, asked: int, sequence: int | None) -> bool:
        """Takes in the answer; True: the message is one of those not known before."""
        low, high = self.ranges.pop()
        if asked > low:
            self.ranges.append((low, asked))
        if sequence is None or sequence >= high:
            self._step *= _WIDER
            return False
        self._step = 1
        if sequence + 1 < high:
            self.ranges.append((sequence + 1, high))
        return True
