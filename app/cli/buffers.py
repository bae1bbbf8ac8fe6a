"""Large buffers go back to the system at once: of a large fleet's first answers little else would stay so long."""

from __future__ import annotations

import sys
from contextlib import suppress

LARGE = 256 * 1024
"""Bytes from which on a buffer is mapped for itself."""
_M_MMAP_THRESHOLD = -3


def give_back_large_buffers() -> None:
    """Fixes the threshold that glibc otherwise raises to the largest buffer it has ever seen freed, up to 32 MB: from
    then on such buffers lie in the heap, and what is small between them keeps all of it. Elsewhere nothing happens."""
    if sys.platform != "linux":
        return
    import ctypes

    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").mallopt(_M_MMAP_THRESHOLD, LARGE)
