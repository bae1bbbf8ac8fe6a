"""Contents: payload and metadata of an event as the text that is kept; of a large one only its beginning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

MOST = 10_240
"""Bytes of a payload that are kept whole (AgentLens)."""
_PREVIEW = 1_000
_DIGEST = 6  # bytes: it only has to set events of one instant apart
_encode = msgspec.json.encode


def written(content: Mapping[str, Any]) -> str:
    """An object as compact JSON."""
    try:
        return _encode(content).decode()
    except (msgspec.EncodeError, OverflowError, ValueError, TypeError):  # a number or letter that it does not know
        return json.dumps(content, separators=(",", ":"))


def kept(text: str) -> tuple[str, int]:
    """What is kept of a payload's text, and its bytes if that is not all of it (else 0).

    A large one is replaced as AgentLens does it: an object that tells its size and how it begins.
    """
    if len(text) <= MOST and (text.isascii() or len(text.encode()) <= MOST):
        return text, 0
    size = len(text.encode())
    preview = first_bytes(text, _PREVIEW)
    data = {"_truncated": True, "originalSize": size, "maxSize": MOST, "preview": preview}
    return written({"type": "_truncated", "data": data}), size


def first_bytes(text: str, most: int) -> str:
    """The beginning of a text that has at most so many bytes, without half a letter at its end."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")


def digest(*texts: str) -> str:
    """Sets one event's content apart from another's; the same wherever it is made."""
    return blake2b("\0".join(texts).encode("utf-8", "replace"), digest_size=_DIGEST).hexdigest()
