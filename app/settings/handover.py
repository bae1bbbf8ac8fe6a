"""Settings as bytes for a child process: through a pipe, never as an argument that other users can list."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.settings.fields import Secret, Settings


def pack(settings: Settings) -> bytes:
    """The settings, secrets included, as one line of JSON with its line end."""
    return msgspec.json.encode(settings, enc_hook=_encode) + b"\n"


def unpack(line: bytes) -> Settings:
    """The same settings; a ValueError if the line is not theirs."""
    return msgspec.json.decode(line, type=Settings, dec_hook=_decode)


def _encode(value: object) -> object:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(type(value).__name__)


def _decode(kind: type, value: object) -> object:
    if kind is object:
        return value
    if kind in (Secret, Path) and isinstance(value, str):
        return kind(value)
    raise TypeError(kind.__name__)
