"""Foreign payloads as a person may look at them: cut, cleaned, JSON indented, values of secret names hidden."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from app.model.broker import Pairs
from app.model.text import clean

SHOWN = 4096
"""Characters of a payload."""
HIDDEN = "(hidden)"
_PARSED = 1 << 20
"""Bytes of JSON up to which it is parsed; of more, only the beginning is looked at, as text."""
_HEADERS = 64
_DEEPEST = 40

_SECRET = re.compile(r"pass|secret|token|auth|key|cookie|card|ssn", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"""(?P<name>["']?[\w.-]{0,60}(?:pass|secret|token|auth|key|cookie|card|ssn)[\w.-]{0,60}["']?\s{0,8}[:=]\s{0,8})"""
    r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|(?:bearer|basic)\s+\S+|[^\s,;&}\]]+)""",
    re.IGNORECASE,
)


def secret(name: str) -> bool:
    """Whether the value of this name is not shown."""
    return _SECRET.search(name) is not None


def shown_payload(payload: bytes) -> str:
    """The first 4 KiB of a payload. Of text that is no JSON, what is assigned to a secret name is hidden too."""
    if len(payload) <= _PARSED and payload[:200].lstrip()[:1] in (b"{", b"["):
        text = _json(payload, indent=2)
        if text is not None:
            return _lines(text)
    text = payload[: SHOWN * 4].decode("utf-8", "replace")
    # Hidden before it is cut: a cut may take away what ends a secret, never what begins it.
    return _lines(_ASSIGNED.sub(lambda match: f"{match['name']}{HIDDEN}", text[: SHOWN * 2]))


def shown_json(raw: msgspec.Raw | bytes) -> str:
    """A JSON value as text of one line, at most 4 KiB; empty where there is none."""
    value = bytes(raw)
    if not value or value == b"null":
        return ""
    text = _json(value, indent=-1) if len(value) <= _PARSED else None
    return clean(text if text is not None else f"({len(value)} bytes)", SHOWN)


def shown_headers(raw: bytes | None, without: frozenset[str] = frozenset()) -> Pairs:
    """Headers in their order, as name and value; at most 64."""
    found = []
    for line in (raw or b"")[: 1 << 16].split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        plain = clean(name.strip(), 100)
        if colon and plain not in without:
            found.append((plain, HIDDEN if secret(plain) else clean(value.strip(), 500)))
    return tuple(found[:_HEADERS])


def _json(value: bytes, indent: int) -> str | None:
    try:
        hidden = _without_secrets(msgspec.json.decode(value))
        text = msgspec.json.encode(hidden)
        return msgspec.json.format(text, indent=indent).decode("utf-8", "replace")
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError):
        return None


def _without_secrets(value: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {
            name: HIDDEN if secret(name) and inner is not None else _without_secrets(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(inner, depth + 1) for inner in value]
    return value


def _lines(text: str) -> str:
    """Cleaned line by line: the line ends stay."""
    return "\n".join(clean(line, SHOWN) for line in text[:SHOWN].split("\n"))
