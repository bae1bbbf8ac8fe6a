"""How often the broker is asked, and how much at once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

SINGLE = 1.0
CLUSTER = 5.0
"""Seconds between two collections: on a cluster a list asks the leader of every stream."""
SLOWEST = 30.0
SHARE = 0.2
"""A collection that takes more than this share of its interval doubles it."""
REQUESTS_SINGLE = 100
REQUESTS_CLUSTER = 20
"""List and info requests in any second at most."""
_SECOND = 0.95
"""A little less than one, so that a collection every second does not count its predecessor's requests too."""


class Pace:
    """The interval in force, and the request budget at this moment."""

    def __init__(
        self, interval: float | None, max_requests: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._given = interval
        self._given_requests = max_requests
        self._clock = clock
        self._cluster = False
        self._factor = 1
        self._before = 0.0
        self._marks: deque[tuple[float, int]] = deque([(-1e9, 0)])

    def clustered(self, cluster: bool) -> None:
        """Says what has been met."""
        if cluster != self._cluster:
            self._cluster = cluster
            self._factor = 1

    @property
    def interval(self) -> float:
        """Seconds until the next collection."""
        if self._given is not None:
            return self._given
        return min(SLOWEST, (CLUSTER if self._cluster else SINGLE) * self._factor)

    @property
    def max_requests(self) -> int:
        """Requests a second."""
        return self._given_requests or (REQUESTS_CLUSTER if self._cluster else REQUESTS_SINGLE)

    @property
    def per_collection(self) -> int:
        """Requests that one interval has room for."""
        return int(self.max_requests * max(1.0, self.interval - 1.0))

    def spent(self, calls: int) -> None:
        """Notes how many requests were made in all until now."""
        self._marks.append((self._clock(), calls))

    def budget(self, calls: int) -> int:
        """Requests that may be made now, `calls` having been made in all."""
        now = self._clock()
        while len(self._marks) > 1 and self._marks[1][0] <= now - _SECOND:
            self._marks.popleft()
        return max(0, self.max_requests - (calls - self._marks[0][1]))

    def took(self, seconds: float) -> None:
        """Takes in how long a collection took. One slow one is no reason: a busy machine is not a slow broker."""
        steady = min(seconds, self._before)
        self._before = seconds
        if self._given is not None:
            return
        if steady > SHARE * self.interval and self.interval < SLOWEST:
            self._factor *= 2
        elif self._factor > 1 and seconds < SHARE * self.interval / 3:
            self._factor //= 2
