"""Pauses in long work of a thread, so that the event loop, which needs the interpreter too, turns meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_WORK = 0.002
"""Seconds of work after which others may run. Unasked, the interpreter lets them wait for 5 ms, at every turn."""
_PAUSE = 0.0002
"""Seconds. None at all would give nobody the time to wake up."""
_LOOK = 4
"""Steps between two looks at the time."""


class Pauses:
    """Pauses of one piece of work."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """The items, with a pause between two of them now and then."""
        for place, item in enumerate(items):
            if not place % _LOOK:
                self.now_and_then()
            yield item

    def now_and_then(self) -> None:
        """Pauses if there was none for a while."""
        if time.perf_counter() - self._since > _WORK:
            time.sleep(_PAUSE)
            self._since = time.perf_counter()
