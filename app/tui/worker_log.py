"""The end of the log of a worker that a deck has started: a file in its state folder."""

from __future__ import annotations

import os
from pathlib import Path

from app.model.text import clean

LINES = 200
_BYTES = 256 * 1024  # of the file's end that are read


class LogError(Exception):
    """There is nothing to show; the text says why in one sentence."""


def tail(folder: Path | None) -> str:
    """The last lines of the worker's log, cleaned. Raises LogError."""
    from app.feed.child import LOG_NAME

    if folder is None:
        raise LogError("no worker's log: this deck has no state folder")
    file = folder / LOG_NAME
    try:
        with file.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - _BYTES))
            read = log.read(_BYTES)
    except FileNotFoundError:
        raise LogError("no worker's log here: a worker that runs as a service logs to its journal") from None
    except OSError as fault:
        raise LogError(f"the worker's log cannot be read: {fault.strerror} ({clean(str(file), 200)})") from None
    lines = read.decode(errors="replace").splitlines()
    if size > _BYTES:
        lines = lines[1:]  # the first is only the end of one
    if not lines:
        raise LogError("the worker's log is empty: it has had nothing to say")
    return "\n".join(clean(line) for line in lines[-LINES:])
