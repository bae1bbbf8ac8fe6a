"""`watchdeck backup` and `watchdeck restore`: a copy of what the worker keeps, and the way back."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from app.cli.run import Failure
from app.settings import Settings, SettingsError
from app.store.errors import StoreFailed, StoreRefused


def run_backup(settings: Settings, file: Path, *, force: bool) -> int:
    """Copies the store to a file, also while a worker writes to it."""
    from app.store.backup import back_up
    from app.store.place import database_path

    try:
        back_up(database_path(settings.store.url, settings.state_dir), file, replace=force)
    except (StoreRefused, StoreFailed) as error:
        raise Failure(str(error)) from None
    return 0


def run_restore(settings: Settings, file: Path) -> int:
    """Puts a backup in the store's place while no worker runs; the store of before is kept beside it."""
    from app.store.backup import restore
    from app.store.place import database_path
    from app.worker.lock import LockHeld, StateLock

    try:
        lock = StateLock.acquire(settings.state_dir)
    except LockHeld as error:
        raise Failure(f"{error}: end it first") from None
    except (SettingsError, OSError) as error:
        raise Failure(str(error)) from None
    try:
        database = database_path(settings.store.url, settings.state_dir)
        kept = restore(file, database, clock=lambda: datetime.now(UTC))
    except (StoreRefused, StoreFailed) as error:
        raise Failure(str(error)) from None
    finally:
        lock.release()
    if kept is not None:
        sys.stderr.write(f"the store of before is kept as {kept}\n")
    sys.stderr.write("tokens are those of the backup, also those that were revoked since: watchdeck token list\n")
    return 0
