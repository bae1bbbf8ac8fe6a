"""Systemd units by a stand-in for `systemctl`: how they are told, and what becomes of one that does not answer."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.model.components import Component
from app.model.health import Health
from app.model.snapshot import SourceStatus
from app.settings.fields import UnitSettings
from app.sources.programs import ProgramError
from app.sources.units import Units, key
from tests.stand_ins import StandIns, unit_block

WEB = UnitSettings(name="web", unit="web.service")
JOB = UnitSettings(name="job", unit="job.service")
DISK = UnitSettings(name="disk", unit="disk.mount", scope="system")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 14, 5, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def there(tmp_path: Path) -> StandIns:
    return StandIns(tmp_path / "bin")


def row(units: Units, name: str = "web") -> Component:
    return units.components[key(name)]


async def test_all_units_of_a_scope_are_asked_for_in_one_call(there: StandIns) -> None:
    there.says("systemctl", "\n".join((unit_block("web.service"), unit_block("job.service"), unit_block("disk.mount"))))
    units = Units([WEB, JOB, DISK], Clock(), env=there.env)
    assert await units.look()
    calls = sorted(there.calls("systemctl"))
    assert len(calls) == 2
    assert calls[0].startswith("--system --no-pager show --property=Id,")
    assert calls[0].endswith("-- disk.mount")
    assert calls[1].startswith("--user --no-pager show")
    assert calls[1].endswith("-- web.service job.service")
    web = row(units)
    assert (web.state, web.health, web.rss) == ("active", Health.OK, 50 * 1024 * 1024)
    assert web.since == web.started_at == datetime(2026, 11, 22, 14, 0, tzinfo=UTC)
    assert web.unit is not None
    assert (web.unit.pid, web.unit.tasks, web.unit.enabled) == (4242, 7, "enabled")
    assert units.state is not None
    assert units.state.status is SourceStatus.OK


async def test_what_did_not_change_is_the_same_object(there: StandIns) -> None:
    there.says("systemctl", unit_block("web.service"))
    clock = Clock()
    units = Units([WEB], clock, env=there.env)
    await units.look()
    clock.now += timedelta(seconds=5)
    await units.look()
    table = units.components
    clock.now += timedelta(seconds=5)
    await units.look()
    assert units.components is table


async def test_restarts_are_counted_as_they_come(there: StandIns) -> None:
    clock = Clock()
    units = Units([WEB], clock, env=there.env)
    there.says("systemctl", unit_block("web.service"))
    await units.look()
    for number in (1, 2, 4):
        clock.now += timedelta(minutes=1)
        down = {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code"}
        block = unit_block("web.service", NRestarts=number, ExecMainCode=1, ExecMainStatus=1, MainPID=0, **down)
        there.says("systemctl", block)
        await units.look()
    web = row(units)
    assert (web.state, web.health) == ("activating", Health.WARN)
    assert web.reason == "exit code 1, restarted 4 times in 10m"
    assert web.unit is not None
    assert len(web.unit.restarted) == 4
    clock.now += timedelta(minutes=11)
    await units.look()
    assert row(units).reason == "exit code 1"
    there.says("systemctl", unit_block("web.service", NRestarts=0))
    await units.look()
    assert row(units).unit == units.components[key("web")].unit
    assert row(units).reason == ""
    assert row(units).unit.restarted == ()


async def test_restarts_before_watching_began_are_asked_for(there: StandIns) -> None:
    clock = Clock()
    earlier = tuple(clock.now - timedelta(seconds=30 * number) for number in range(1, 6))
    asked: list[tuple[str, datetime]] = []

    async def restarts(unit: UnitSettings, since: datetime) -> tuple[datetime, ...]:
        asked.append((unit.name, since))
        if unit is JOB:
            raise ProgramError("no journal")
        return earlier

    there.says("systemctl", unit_block("web.service", NRestarts=57) + "\n" + unit_block("job.service", NRestarts=3))
    units = Units([WEB, JOB], clock, env=there.env, restarts=restarts)
    await units.look()
    await units.look()
    assert [name for name, _ in asked] == ["web", "job"]
    assert row(units).reason == "restarted 5 times in 10m"
    assert row(units, "job").reason == ""


STATES = {
    "failed": ({"ActiveState": "failed", "SubState": "failed", "Result": "exit-code", "ExecMainCode": 1,
                "ExecMainStatus": 203}, "failed", Health.CRIT, "exit code 203: its program cannot be run"),
    "killed": ({"ActiveState": "failed", "Result": "signal", "ExecMainCode": 2, "ExecMainStatus": 9},
               "failed", Health.CRIT, "killed by SIGKILL"),
    "crashed": ({"ActiveState": "failed", "Result": "core-dump", "ExecMainCode": 3, "ExecMainStatus": 11},
                "failed", Health.CRIT, "crashed, SIGSEGV"),
    "given up": ({"ActiveState": "failed", "Result": "start-limit-hit", "ExecMainCode": 1, "ExecMainStatus": 1},
                 "failed", Health.CRIT, "exit code 1, restarted too often, systemd gave up"),
    "oneshot failed": ({"ActiveState": "failed", "Result": "timeout", "Type": "oneshot"}, "failed", Health.WARN,
                       "timed out"),
    "oneshot done": ({"ActiveState": "inactive", "SubState": "dead", "Type": "oneshot", "MainPID": 0}, "inactive",
                     Health.OK, "done"),
    "stopped": ({"ActiveState": "inactive", "SubState": "dead", "MainPID": 0}, "inactive", Health.OK,
                "not running: stopped, or ended by itself"),
    "starting": ({"ActiveState": "activating", "SubState": "start"}, "activating", Health.OK, ""),
    "not there": ({"LoadState": "not-found", "ActiveState": "inactive"}, "not-found", Health.UNKNOWN,
                  "there is no such unit in the user scope"),
    "masked": ({"LoadState": "masked", "ActiveState": "inactive"}, "masked", Health.OK,
               "masked: it cannot be started"),
    "bad": ({"LoadState": "bad-setting", "ActiveState": "inactive"}, "bad-setting", Health.WARN,
            "its unit file cannot be used"),
    "a word of tomorrow": ({"ActiveState": "\x1b[31mpondering"}, "pondering", Health.UNKNOWN, ""),
}  # fmt: skip


@pytest.mark.parametrize("named", STATES)
async def test_each_state_has_its_word_and_reason(named: str, there: StandIns) -> None:
    properties, state, health, reason = STATES[named]
    there.says("systemctl", unit_block("web.service", **properties))  # type: ignore[arg-type]
    units = Units([WEB], Clock(), env=there.env)
    await units.look()
    assert (row(units).state, row(units).health, row(units).reason) == (state, health, reason)


async def test_one_that_goes_by_another_name_is_found_by_it(there: StandIns) -> None:
    there.says("systemctl", unit_block("nginx.service", Names="nginx.service web.service"))
    units = Units([WEB], Clock(), env=there.env)
    await units.look()
    assert row(units).state == "active"


async def test_figures_that_systemd_does_not_have_are_none(there: StandIns) -> None:
    unset = {"MemoryCurrent": 2**64 - 1, "TasksCurrent": "[not set]", "CPUUsageNSec": "", "NRestarts": "many"}
    there.says("systemctl", unit_block("web.service", ActiveEnterTimestamp="n/a", StateChangeTimestamp="", **unset))
    units = Units([WEB], Clock(), env=there.env)
    await units.look()
    assert (row(units).rss, row(units).cpu, row(units).since) == (None, None, None)


async def test_processor_time_is_counted_between_looks(there: StandIns) -> None:
    clock = Clock()
    units = Units([WEB], clock, env=there.env)
    for spent in (1_000_000_000, 3_000_000_000):
        there.says("systemctl", unit_block("web.service", CPUUsageNSec=spent))
        await units.look()
        clock.now += timedelta(seconds=5)
    assert row(units).cpu == 40.0


NO_ANSWER = {
    "absent": ("", "systemctl is not installed here", SourceStatus.ABSENT),
    "no bus": ("echo 'Failed to connect to bus: No medium found' >&2; exit 1",
               "no systemd of the user scope to ask: Failed to connect to bus: No medium found", SourceStatus.ABSENT),
    "not booted": ("echo 'System has not been booted with systemd as init system (PID 1).' >&2; exit 1",
                   "no systemd of the user scope to ask: System has not been booted with systemd as init system "
                   "(PID 1).", SourceStatus.ABSENT),
    "refuses": ("echo 'Access denied \x1b[31m' >&2; exit 4", "Access denied", SourceStatus.FAILED),
    "fails silently": ("exit 3", "systemctl ends with exit code 3", SourceStatus.FAILED),
    "hangs": ("sleep 60 & wait", "systemctl does not answer within 1 s", SourceStatus.FAILED),
    "never stops": ("yes", "systemctl writes more than 1024 KiB", SourceStatus.FAILED),
}  # fmt: skip


@pytest.mark.parametrize("named", NO_ANSWER)
async def test_what_does_not_answer_is_said_in_one_line(named: str, there: StandIns) -> None:
    body, reason, status = NO_ANSWER[named]
    if body:
        there.script("systemctl", body)
    env = there.env if body else {"PATH": str(there.folder)}
    units = Units([WEB], Clock(), env=env, patience=1.0 if named == "hangs" else 20.0)
    assert await units.look() is (status is not SourceStatus.ABSENT)
    assert (row(units).state, row(units).health, row(units).reason) == ("unknown", Health.UNKNOWN, reason)
    assert units.state is not None
    assert (units.state.status, units.state.error) == (status, reason)


async def test_what_was_known_stays_and_is_marked(there: StandIns) -> None:
    units = Units([WEB], Clock(), env=there.env)
    there.says("systemctl", unit_block("web.service"))
    await units.look()
    there.says("systemctl", b"\xff\x00garbage without end")
    await units.look()
    web = row(units)
    assert (web.state, web.health) == ("active", Health.STALE)
    assert web.reason == "last known: systemctl tells nothing of it"
    there.says("systemctl", unit_block("web.service"))
    await units.look()
    assert row(units).health is Health.OK


async def test_one_scope_that_cannot_be_asked_takes_nothing_from_the_other(there: StandIns) -> None:
    block = there.folder / "block"
    block.write_text(unit_block("disk.mount"))
    there.script("systemctl", f'[ "$1" = --user ] && {{ echo "Failed to connect to bus" >&2; exit 1; }}; cat {block}')
    units = Units([WEB, DISK], Clock(), env=there.env)
    assert await units.look()
    assert row(units, "disk").health is Health.OK
    assert row(units).reason == "no systemd of the user scope to ask: Failed to connect to bus"
    assert units.state is not None
    assert units.state.status is SourceStatus.PARTIAL


async def test_without_systemd_nothing_spins_and_it_ends_at_once(there: StandIns) -> None:
    there.script("systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    units, stopping = Units([WEB], Clock(), env=there.env, every=0.01), asyncio.Event()
    running = asyncio.create_task(units.run(stopping))
    deadline = time.monotonic() + 20
    while row(units).state == "waiting":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    assert len(there.calls("systemctl")) == 1
    stopping.set()
    await asyncio.wait_for(running, 10)


async def test_secrets_of_our_environment_reach_no_program(there: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", there.env["PATH"])
    monkeypatch.setenv("WATCHDECK_NATS_PASSWORD", "hunter2")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/77")
    there.script("systemctl", f"env > {there.folder}/env")
    await Units([WEB], Clock()).look()
    told = (there.folder / "env").read_text()
    assert "hunter2" not in told
    assert "LC_ALL=C" in told
    assert "XDG_RUNTIME_DIR=/run/user/77" in told


async def test_without_units_there_is_nothing() -> None:
    units = Units([], Clock())
    await units.run(asyncio.Event())
    assert units.state is None
    assert not units.components
