"""How often the broker is asked, and how much at once."""

from __future__ import annotations

import time
from collections.abc import Callable

SINGLE = 1.0
CLUSTER = 5.0
"""Seconds between two collections: on a cluster a list asks the leader of every stream."""
SLOWEST = 30.0
SHARE = 0.2
"""A collection that takes more than this share of its interval doubles it."""
REQUESTS_SINGLE = 100
REQUESTS_CLUSTER = 20
"""List and info requests a second at most."""


class Pace:
    """The interval in force and the request budget of the next collection."""

    def __init__(
        self, interval: float | None, max_requests: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._given = interval
        self._given_requests = max_requests
        self._clock = clock
        self._cluster = False
        self._factor = 1
        self._before = 0.0
        self._asked: float | None = None

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

    def budget(self) -> int:
        """Requests for a collection that begins now: what was earned since the last, at most an interval's worth."""
        now = self._clock()
        earned = self.interval if self._asked is None else min(self.interval, now - self._asked)
        self._asked = now
        return max(1, int(earned * self.max_requests))

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
