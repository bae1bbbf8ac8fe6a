"""`watchdeck worker`: the worker in the foreground, or as the child of a deck."""

from __future__ import annotations

import os
from collections.abc import Callable

from app.api.server import serve
from app.cli.buffers import give_back_large_buffers
from app.cli.run import Failure
from app.feed.child import LOCK_HELD
from app.settings import Settings
from app.worker.lifecycle import CannotStart, Holdings, run_worker
from app.worker.logs import set_up
from app.worker.parent import receive_settings


def run_in_foreground(
    settings: Settings | None, *, parent_fd: int | None = None, ready: Callable[[Holdings], None] | None = None
) -> int:
    """Runs until a signal, or until the deck that started it is gone; gives the exit code.

    Without settings they come from the parent. `ready` is called once the worker is.
    """
    if settings is None:
        if parent_fd is None:
            raise Failure("no settings")
        settings = receive_settings(parent_fd)
    set_up(settings.log_level)
    give_back_large_buffers()
    try:
        return run_worker(settings, serve=serve, env=os.environ, parent_fd=parent_fd, ready=ready)
    except CannotStart as error:
        raise Failure(str(error), LOCK_HELD if error.held and parent_fd is not None else 1) from None
