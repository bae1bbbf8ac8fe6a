"""The owner's token: made at the worker's first start, and left in a file that only the worker's user can read."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.model.access import Role
from app.settings.places import private_file
from app.store.errors import StoreFailed

if TYPE_CHECKING:
    from app.store.store import Store

OWNER_TOKEN = "owner.token"  # noqa: S105 (a file's name)
_AGAIN = 2.0
_log = logging.getLogger(__name__)


async def keep_owner_token(store: Store, state_dir: Path) -> None:
    """Makes the token and its file if the store has never had one for an owner; waits while it cannot be written.

    A lost file is not made again by itself: `watchdeck token create --role owner` makes another token.
    """
    while True:
        try:
            if any(token.role is Role.OWNER for token in await store.tokens.list()):
                return
            _, text = await store.tokens.create(Role.OWNER, "owner", None, "worker")
            break
        except StoreFailed:
            await asyncio.sleep(_AGAIN)
    file = state_dir / OWNER_TOKEN
    try:
        await asyncio.to_thread(_write, file, text)
    except OSError as error:
        _log.error("cannot write %s: %s; watchdeck token create --role owner prints another", file, error.strerror)
    else:
        _log.info("the owner's token is in %s", file)


def _write(file: Path, text: str) -> None:
    part = file.with_name(file.name + ".new")
    part.unlink(missing_ok=True)
    descriptor = private_file(part, os.O_EXCL)
    with os.fdopen(descriptor, "w") as written:
        written.write(text + "\n")
    part.replace(file)
