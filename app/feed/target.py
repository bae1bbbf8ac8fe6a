"""Target: where a worker is, as whoever looks for one tells the feed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.settings import Secret


def _nothing() -> None:
    """Nothing to let go of."""


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A worker that can be asked: on a Unix socket, or at an http(s) URL with a token.

    `started` says that it was started for this feed; `note` is a sentence worth telling (a worker that was passed
    over, and why). `close` lets go of what was opened for it (of a child, the pipe that keeps it alive); it may be a
    coroutine function, and is called once.
    """

    socket_path: str = ""
    url: str = ""
    token: Secret = field(default_factory=lambda: Secret(""))
    ca_file: str = ""  # certificates to trust at `url` besides those that everybody trusts
    started: bool = False
    note: str = ""
    close: Callable[[], object] = _nothing

    @property
    def place(self) -> str:
        """Where it is, in words."""
        return self.url or self.socket_path


Locate = Callable[[], Awaitable[Target]]
"""Finds a worker, or starts one. Raises NoWorker or WrongWorker."""


class NoWorker(Exception):
    """There is no worker and none could be started; the text says why in one sentence. It is tried again."""


class WrongWorker(Exception):
    """There is a worker, but not for this deck: another fleet, no permission; the text says which, in one sentence."""
