"""The worker's log: lines on stderr, with times in UTC, without secrets and without anything a terminal would obey."""

from __future__ import annotations

import logging
import time

from app.model.text import clean
from app.settings.scrub import scrub


class ScrubbedFormatter(logging.Formatter):
    """One record as lines of clean text."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return time.strftime(datefmt or "%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))

    def format(self, record: logging.LogRecord) -> str:
        text = scrub(super().format(record))
        return "\n".join(clean(line, 4000) for line in text.splitlines())


def set_up(level: str) -> None:
    """Logs to stderr from `level` on; libraries only from `warning` on, unless everything is asked for."""
    handler = logging.StreamHandler()
    handler.setFormatter(ScrubbedFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    logging.getLogger("app").setLevel(level.upper())
