"""Unit facts: what `systemctl show` writes, read as a unit and how it is."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from datetime import UTC, datetime

from app.model.health import Health
from app.model.text import clean
from app.model.units import Unit

PROPERTIES = (
    "Id", "Names", "LoadState", "ActiveState", "SubState", "Result", "Type", "Description", "StatusText", "MainPID",
    "ExecMainCode", "ExecMainStatus", "ExecMainStartTimestamp", "NRestarts", "MemoryCurrent", "CPUUsageNSec",
    "TasksCurrent", "ActiveEnterTimestamp", "InactiveEnterTimestamp", "StateChangeTimestamp", "UnitFileState",
    "FragmentPath", "NeedDaemonReload", "ConditionResult",
)  # fmt: skip
_UNSET = 2**64 - 1  # what systemd writes for a number that it does not have
_TIME = re.compile(r"\w{3} (\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.\d+)? UTC")
_WORDS = {
    "timeout": "timed out",
    "watchdog": "watchdog: it gave no sign in time",
    "start-limit-hit": "restarted too often, systemd gave up",
    "oom-kill": "out of memory, killed",
    "resources": "its resources could not be set up",
    "protocol": "it never said that it was ready",
    "exec-condition": "a command that is its condition failed",
}
_OWN_CODES = {
    200: "its working directory is not there",
    202: "its file descriptors could not be set up",
    203: "its program cannot be run",
    209: "its output could not be set up",
    216: "its group is not there",
    217: "its user is not there",
    226: "its namespace could not be set up",
    238: "its state directory could not be made",
}
"""Exit codes that systemd itself ends a service with before its program runs (systemd.exec)."""
_CODE_WORDS = frozenset(("exit-code", "signal", "core-dump", "start-limit-hit"))
Properties = Mapping[str, str]


def read_blocks(written: bytes) -> list[dict[str, str]]:
    """The properties of each unit, in the order in which they were asked for; what is no property is passed over."""
    blocks: list[dict[str, str]] = []
    for part in re.split(r"\n[ \t]*\n", written.decode("utf-8", "replace")):
        pairs = (line.partition("=") for line in part.splitlines())
        found = {name: value for name, sign, value in pairs if sign and name in PROPERTIES}
        if found:
            blocks.append(found)
    return blocks


def block_of(name: str, blocks: list[dict[str, str]]) -> Properties | None:
    """The properties of a unit by its name, or by another one that it goes by."""
    for block in blocks:
        if block.get("Id") == name or name in block.get("Names", "").split():
            return block
    return None


def unit_of(name: str, scope: str, block: Properties) -> Unit:
    """The unit that some properties describe. What is missing is empty."""
    result = _word(block, "Result")
    return Unit(
        unit=name,
        scope=scope,
        load=_word(block, "LoadState"),
        active=_word(block, "ActiveState"),
        sub=_word(block, "SubState"),
        result=result,
        cause=cause(result, number(block, "ExecMainCode"), number(block, "ExecMainStatus")),
        type=_word(block, "Type"),
        description=clean(block.get("Description", ""), 200),
        status=clean(block.get("StatusText", ""), 200),
        pid=number(block, "MainPID") or 0,
        tasks=number(block, "TasksCurrent"),
        restarts=number(block, "NRestarts") or 0,
        enabled=_word(block, "UnitFileState"),
        file=clean(block.get("FragmentPath", ""), 300),
        outdated=block.get("NeedDaemonReload") == "yes",
    )


def cause(result: str, code: int | None, status: int | None) -> str:
    """Why a unit ended badly, in words; empty if it did not. `code` is of waitid: 1 exited, 2 killed, 3 dumped."""
    if result in ("", "success"):
        return ""
    words = _WORDS.get(result, "")
    if result not in _CODE_WORDS or code is None or status is None:
        return words or clean(result, 40)
    if code == 1:
        own = _OWN_CODES.get(status, "")
        how = f"exit code {status}" + (f": {own}" if own else "") if status else ""
    elif code in (2, 3):
        how = f"{'crashed, ' if code == 3 else 'killed by '}{_signal(status)}" if status else ""
    else:
        how = ""
    return ", ".join(part for part in (how, words) if part) or clean(result, 40)


def health_of(unit: Unit) -> tuple[Health, str]:
    """How a unit is by its own words, and why where that is not plain."""
    if unit.load == "not-found":
        return Health.UNKNOWN, f"there is no such unit in the {unit.scope} scope"
    if unit.load == "masked":
        return Health.OK, "masked: it cannot be started"
    if unit.load not in ("loaded", "merged", "stub", ""):
        return Health.WARN, "its unit file cannot be used"
    if unit.active == "failed":
        return (Health.WARN if unit.oneshot else Health.CRIT), unit.cause or "failed"
    if unit.active == "activating" and unit.sub.startswith("auto-restart"):
        return Health.WARN, unit.cause or "started again"
    if unit.active in ("active", "reloading", "refreshing", "activating", "deactivating"):
        return Health.OK, ""
    if unit.active == "inactive":
        return Health.OK, "done" if unit.oneshot else "not running: stopped, or ended by itself"
    return (Health.WARN if unit.active == "maintenance" else Health.UNKNOWN), ""


def state_of(unit: Unit) -> str:
    """The word of the STATE column."""
    return unit.load if unit.load not in ("loaded", "merged", "stub", "") else unit.active or "unknown"


def since_of(unit: Unit, block: Properties) -> datetime | None:
    """Since when it is as it is."""
    named = {"active": "ActiveEnterTimestamp", "failed": "InactiveEnterTimestamp", "inactive": "InactiveEnterTimestamp"}
    return moment(block, named.get(unit.active, "")) or moment(block, "StateChangeTimestamp")


def moment(block: Properties, name: str) -> datetime | None:
    """A time as `systemctl` writes it in the zone UTC; None for one that never was."""
    found = _TIME.fullmatch(block.get(name, "").strip())
    if found is None:
        return None
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2]}").replace(tzinfo=UTC)
    except ValueError:
        return None


def number(block: Properties, name: str) -> int | None:
    """A number; None where there is none, or systemd does not have it."""
    text = block.get(name, "")
    if not (text.isascii() and text.isdigit()) or len(text) > 20:
        return None
    value = int(text)
    return None if value >= _UNSET else value


def _word(block: Properties, name: str) -> str:
    return clean(block.get(name, ""), 40)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
