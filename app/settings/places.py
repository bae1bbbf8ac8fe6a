"""Where files are: state folder, socket, lock, logs. Folders are ours alone (0700), files too (0600)."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from app.settings.errors import SettingsError

SERVICE_SOCKET = Path("/run/watchdeck/worker.sock")
"""Where the worker of a system service listens."""
SOCKET_PATH_BYTES = 100
"""Longest path of a socket in bytes: `sun_path` holds 108 on Linux and 104 on macOS, with its end."""


def config_file(env: Mapping[str, str]) -> Path:
    """The configuration file that is read when none is named; it need not exist."""
    folder = env.get("CONFIGURATION_DIRECTORY", "").partition(":")[0]
    return (Path(folder) if folder else platformdirs.user_config_path("watchdeck")) / "config.toml"


def state_dir(profile: str, env: Mapping[str, str]) -> Path:
    """The state folder of a profile: the service's own under systemd, else below the user's state folder."""
    service = env.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(service) if service else platformdirs.user_state_path("watchdeck") / profile


def socket_path(state: Path, env: Mapping[str, str]) -> Path:
    """The socket of the worker that owns a state folder.

    Under systemd with a runtime folder `worker.sock` in it; else named by the state folder, in the user's runtime
    folder, or in the state folder where there is none. Too long a path goes to a folder of ours below the temporary
    one; and where that is too long as well, below `/tmp`.
    """
    service = env.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if service:
        return Path(service) / "worker.sock"
    name = hashlib.sha256(os.fsencode(state)).hexdigest()[:16] + ".sock"
    runtime = _runtime_dir(env)
    own = f"watchdeck-{os.getuid()}"
    short = Path("/tmp") / own / name  # noqa: S108 (nobody else may enter it: `private_dir`)
    wanted = ((runtime / "watchdeck" if runtime else state) / name, Path(tempfile.gettempdir()) / own / name)
    return next((path for path in wanted if len(os.fsencode(path)) <= SOCKET_PATH_BYTES), short)


def private_dir(folder: Path) -> Path:
    """Makes a folder that only we can enter; a SettingsError if there is one that others could change.

    One that is there already keeps its permissions: it may be somebody's home.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise SettingsError(f"cannot make the folder {folder}: {error.strerror or error}") from None
    if stat.S_ISLNK(found.st_mode):
        target = folder.stat()
        if found.st_uid not in (0, os.getuid()) or target.st_uid != os.getuid():
            raise SettingsError(f"{folder} leads to a folder of another user")
        return folder
    if found.st_uid != os.getuid():
        raise SettingsError(f"the folder {folder} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(f"others can write to the folder {folder}: chmod 700 {folder}")
    return folder


def private_file(file: Path, flags: int = 0) -> int:
    """Opens a file for writing that only we can read, never through a link; gives the descriptor."""
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)


def _runtime_dir(env: Mapping[str, str]) -> Path | None:
    """The user's runtime folder, if there is one that is the user's own."""
    named = env.get("XDG_RUNTIME_DIR", "")
    for folder in (Path(named) if named.startswith("/") else None, Path(f"/run/user/{os.getuid()}")):
        try:
            if folder is not None and folder.is_dir() and folder.stat().st_uid == os.getuid():
                return folder
        except OSError:
            continue
    return None
