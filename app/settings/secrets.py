"""Files that hold a secret: read, and warned of where others can read them too."""

from __future__ import annotations

import stat
from pathlib import Path

from app.settings.errors import SettingsError
from app.settings.fields import Secret


def read_secret(file: Path, named_by: str) -> Secret:
    """The first line of a file that holds a secret; a SettingsError names the file, never its content."""
    try:
        line = file.read_text("utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{named_by}: cannot read {file}: {cause}") from None
    if not line:
        raise SettingsError(f"{named_by}: {file} is empty")
    return Secret(line)


def open_to_others(file: Path) -> list[str]:
    """A warning if others than the owner can read a file that holds a secret, as ssh gives one."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return []
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        return [f"{file} can be read by others: chmod 600 {file}"]
    return []
