"""Durations, sizes and shares as people write them in a configuration: `5m`, `500ms`, `1h30m`, `1G`, `90%`."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {"B": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([BKMGT])(?:iB|B)?")


def duration(text: str) -> float:
    """`1h30m` as seconds. A ValueError says what was expected."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f'"{text}" is not a duration such as 500ms, 10s, 5m or 1h30m')
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def quantity(text: str) -> float:
    """A duration in seconds, a size in bytes (powers of 1024) or a share of 0 to 1, told apart by the unit."""
    if text.endswith("%"):
        try:
            return float(text[:-1]) / 100
        except ValueError:
            raise ValueError(f'"{text}" is not a share such as 90%') from None
    size = _SIZE.fullmatch(text)
    if size is not None:
        return float(size[1]) * _BYTES[size[2]]
    try:
        return duration(text)
    except ValueError:
        raise ValueError(f'"{text}" is not a duration (5m), a size (1G) or a share (90%)') from None
