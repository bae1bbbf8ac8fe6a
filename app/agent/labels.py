"""Labels of an agent as the command line gives them, checked by OSAPI's rules."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST = 5
"""Labels that an agent may have."""
_WORD = re.compile(r"[A-Za-z0-9_-]+")


def labels(given: Sequence[str]) -> dict[str, str]:
    """`["group=web.eu"]` as a mapping. ValueError says which one cannot be used, and why."""
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        words = (key, *value.split("."))
        if not equals or not all(_WORD.fullmatch(word) for word in words):
            raise ValueError(
                f"label {text!r}: it must be KEY=VALUE of letters, digits, _ and -, dots only in the value"
            )
        if key in found:
            raise ValueError(f"label {key!r} is given twice")
        found[key] = value
    if len(found) > MOST:
        raise ValueError(f"{len(found)} labels: an agent has at most {MOST}")
    return found
