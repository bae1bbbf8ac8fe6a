"""Memory: what a deck keeps between its starts, in its profile's folder. Losing it costs a key, never a start."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

FILE = "deck.json"
NAME_LIMIT = 100
"""Characters of a namespace."""


class Memory:
    """The file `deck.json` of a folder; without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / FILE

    @property
    def namespace(self) -> str | None:
        """The namespace that was chosen here last; None if there is none."""
        found = self._read().get("namespace")
        return found if isinstance(found, str) and len(found) <= NAME_LIMIT else None

    @namespace.setter
    def namespace(self, namespace: str | None) -> None:
        known = self._read()
        known.pop("namespace", None)
        self._write(known if namespace is None else known | {"namespace": namespace})

    def _read(self) -> dict[str, object]:
        if self._file is None:
            return {}
        try:
            with self._file.open("rb") as file:
                found = json.loads(file.read(65_536))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, known: dict[str, object]) -> None:
        if self._file is None:
            return
        part = self._file.with_suffix(f".{os.getpid()}.part")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
                json.dump(known, file)
            part.replace(self._file)
        with suppress(OSError):
            part.unlink(missing_ok=True)
