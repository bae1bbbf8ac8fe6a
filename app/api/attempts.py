"""Attempts: how often somebody may show a wrong token, counted in bounded memory."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

FREE = 10
"""Wrong tokens that are answered as such, one after another; after that it is one for each `EVERY` seconds."""
EVERY = 6.0
KEPT = 4096
"""Addresses and token ids that are remembered; the one that failed longest ago is forgotten first."""


class Attempts:
    """Failed attempts by key: each fills a bucket that empties with time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key -> attempts, when counted

    def failed(self, *keys: str) -> int:
        """Counts a failed attempt for each of some keys; gives the whole seconds to wait, 0 while there is room."""
        now = self._clock()
        return max((self._count(key, now) for key in keys), default=0)

    def _count(self, key: str, now: float) -> int:
        level, at = self._full.pop(key, (0.0, now))
        level = max(0.0, level - (now - at) / EVERY)
        over = level + 1 > FREE
        # Who goes on trying pays for it, but never for more than a minute.
        self._full[key] = (min(level + 1, FREE + 60 / EVERY), now)
        if len(self._full) > KEPT:
            self._full.popitem(last=False)
        return math.ceil((level + 1 - FREE) * EVERY) if over else 0

    def __len__(self) -> int:
        return len(self._full)


def network(address: str) -> str:
    """The address that attempts are counted for: an IPv6 one with all that share its /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)
