"""Units: what is known of a systemd unit, and the lines of its log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

RESTARTS_KEPT = 60
"""Restarts of a unit whose times are kept."""
PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
"""Names of the priorities 0 to 7, as syslog and the journal have them."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit as `systemctl show` tells it. Words are systemd's own; times are the worker's or its machine's.

    `restarts` counts those by systemd itself since somebody last started the unit, `restarted` are the times of those
    that are known, newest first.
    """

    unit: str  # web.service
    scope: str  # user, system
    load: str = ""  # loaded, not-found, masked, bad-setting, error
    active: str = ""  # active, inactive, failed, activating, deactivating, reloading
    sub: str = ""  # running, exited, dead, auto-restart
    result: str = ""  # how it last ended: success, exit-code, signal
    cause: str = ""  # the same in words, of one that ended badly: `exit code 1`
    type: str = ""  # of a service: simple, notify, oneshot
    description: str = ""
    status: str = ""  # what it says of itself
    pid: int = 0
    tasks: int | None = None
    restarts: int = 0
    restarted: tuple[datetime, ...] = ()
    enabled: str = ""  # whether it is started at boot: enabled, disabled, static
    file: str = ""
    outdated: bool = False  # its file has changed since systemd read it

    @property
    def oneshot(self) -> bool:
        """It runs to its end and is done: being inactive is how it mostly is."""
        return self.type == "oneshot"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry of a log, cleaned and without secrets. Its text may have several lines, by `\\n`.

    `cursor` names it for ever, in the journal that it is from.
    """

    cursor: str
    at: datetime | None
    priority: int = 6  # 0 to 7; info where it has none
    text: str = ""
    source: str = ""  # the program that wrote it
    pid: int = 0
    cut: bool = False  # there was more of it than is kept


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some lines of a unit's log, oldest first.

    Older ones are asked for with `older` (empty: there are none), newer ones with `newer` (empty: nothing was read
    yet). `looked_at` counts the entries that were read for it; `partly`: it stopped looking before it had all that was
    asked for, and the cursors say where.
    """

    name: str
    unit: str
    scope: str
    lines: tuple[LogLine, ...] = ()
    older: str = ""
    newer: str = ""
    looked_at: int = 0
    partly: bool = False
