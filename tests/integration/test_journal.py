"""Logs of units: by the real `journalctl` on a journal of the test's own, and by stand-ins that behave badly."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.model.units import LogLine, LogPage
from app.settings.fields import UnitSettings
from app.sources.journal import LOOK_MOST, RESTARTED, Journal, NoJournal, Wanted
from app.sources.programs import ProgramError
from tests.journal_file import Entry, write_journal
from tests.stand_ins import StandIns, entry

WEB = UnitSettings(name="web", unit="web.service")
SSH = UnitSettings(name="ssh", unit="ssh.service", scope="system")
REAL = shutil.which("journalctl")
BEGAN = 1_795_000_000_000_000
needs_journalctl = pytest.mark.skipif(REAL is None, reason="this machine has no journalctl")


@pytest.fixture
def there(tmp_path: Path) -> StandIns:
    return StandIns(tmp_path / "bin")


def over(there: StandIns, file: Path) -> Journal:
    """The real journalctl, on one file."""
    there.script("journalctl", f'exec {REAL} --file={file} "$@"')
    return Journal([WEB, SSH], there.env, patience=30.0)


def fields(message: str | bytes, **more: str) -> dict[str, str | bytes]:
    mine = {"_SYSTEMD_USER_UNIT": "web.service", "_UID": str(os.getuid())}
    return {"MESSAGE": message, "PRIORITY": "6", "SYSLOG_IDENTIFIER": "web", "_PID": "42", **mine, **more}


@pytest.fixture(scope="module")
def journal_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 entries of web.service: each hundredth an error; some of another unit between them."""
    file = tmp_path_factory.mktemp("journal") / "user.journal"
    entries = []
    for number in range(1500):
        more = {"PRIORITY": "3"} if number % 100 == 0 else {}
        entries.append(Entry(BEGAN + number * 1_000_000, fields(f"request {number} done", **more)))
        if number % 50 == 0:
            other = {"_SYSTEMD_UNIT": "ssh.service", "MESSAGE": f"login {number}", "PRIORITY": "5"}
            entries.append(Entry(BEGAN + number * 1_000_000 + 1, other))
    write_journal(file, entries)
    return file


def texts(page: LogPage) -> list[str]:
    return [line.text for line in page.lines]


def requests(numbers: range) -> list[str]:
    return [f"request {number} done" for number in numbers]


@needs_journalctl
async def test_the_newest_lines_come_first_and_older_and_newer_ones_after(there: StandIns, journal_file: Path) -> None:
    journal = over(there, journal_file)
    newest = await journal.page("web", Wanted(limit=100))
    assert texts(newest) == requests(range(1400, 1500))
    assert newest.lines[0] == LogLine(
        newest.older, datetime.fromtimestamp(BEGAN / 1e6 + 1400, UTC), 3, "request 1400 done", "web", 42
    )
    older = await journal.page("web", Wanted(limit=100, cursor=newest.older))
    assert texts(older) == requests(range(1300, 1400))
    newer = await journal.page("web", Wanted(limit=60, cursor=older.newer, older=False))
    assert texts(newer) == requests(range(1400, 1460))
    assert (newer.older, newer.newer) == (newer.lines[0].cursor, newer.lines[-1].cursor)
    end = await journal.page("web", Wanted(limit=60, cursor=newest.newer, older=False))
    assert (texts(end), end.newer) == ([], newest.newer)


@needs_journalctl
async def test_the_beginning_is_told(there: StandIns, journal_file: Path) -> None:
    journal = over(there, journal_file)
    page, seen = await journal.page("web", Wanted(limit=400)), 0
    while True:
        seen += len(page.lines)
        if not page.older:
            break
        page = await journal.page("web", Wanted(limit=400, cursor=page.older))
    assert seen == 1500


@needs_journalctl
async def test_priorities_scopes_and_text_are_told_apart(there: StandIns, journal_file: Path) -> None:
    journal = over(there, journal_file)
    errors = await journal.page("web", Wanted(limit=5, priority=4))
    assert texts(errors) == [f"request {number} done" for number in range(1000, 1500, 100)]
    assert texts(await journal.page("ssh", Wanted(limit=2))) == ["login 1400", "login 1450"]
    found = await journal.page("web", Wanted(contains="REQUEST 77"))
    assert texts(found) == ["request 77 done", *requests(range(770, 780))]
    assert (found.older, found.looked_at, found.partly) == ("", 1500, False)
    with pytest.raises(KeyError):
        await journal.page("../web", Wanted())


@needs_journalctl
async def test_whatever_was_logged_is_shown_as_text(there: StandIns, tmp_path: Path) -> None:
    messages: list[str | bytes] = [
        b"\xff\xfe binary \x00",
        "\x1b[31mred\x1b[0m\n\n  second\x07 line\r\n",
        "x" * 20_000,
        "token=abcdef login https://ana:hunter2@host/",
        "-----BEGIN PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7",
        "-----END PRIVATE KEY-----",
        "\u202egnihtemos",
    ]
    entries = [Entry(BEGAN + number, fields(message)) for number, message in enumerate(messages)]
    bare = fields("")
    del bare["MESSAGE"], bare["PRIORITY"], bare["SYSLOG_IDENTIFIER"], bare["_PID"]
    write_journal(tmp_path / "j.journal", [*entries, Entry(BEGAN + 100, bare)])
    lines = (await over(there, tmp_path / "j.journal").page("web", Wanted())).lines
    assert [line.text[:60] for line in lines] == [
        "\ufffd\ufffd binary \ufffd",
        "red\n\n  second\ufffd line",
        "x" * 60,
        "token=*** login https://***@host/",
        "(credentials)",
        "(credentials)",
        "(credentials)",
        "\ufffdgnihtemos",
        "",
    ]
    assert lines[2].cut
    assert len(lines[2].text) == 16_000
    assert (lines[-1].priority, lines[-1].source, lines[-1].pid) == (6, "", 0)
    found = await over(there, tmp_path / "j.journal").page("web", Wanted(contains="hunter2"))
    assert not found.lines  # what is masked cannot be guessed by searching for it either


@needs_journalctl
async def test_restarts_are_found(there: StandIns, tmp_path: Path) -> None:
    entries = [
        Entry(BEGAN + number * 1_000_000, fields("Scheduled restart job", MESSAGE_ID=RESTARTED)) for number in range(5)
    ]
    write_journal(tmp_path / "j.journal", [*entries, Entry(BEGAN + 9_000_000, fields("else"))])
    began = datetime.fromtimestamp(BEGAN / 1e6, UTC)
    found = await over(there, tmp_path / "j.journal").restarts(WEB, began + timedelta(seconds=2))
    assert list(found) == [began + timedelta(seconds=number) for number in (4, 3, 2)]


@needs_journalctl
async def test_a_cursor_whose_entry_is_gone_leads_to_its_neighbours(there: StandIns, journal_file: Path) -> None:
    journal = over(there, journal_file)
    cursor = (await journal.page("web", Wanted(limit=1, contains="request 700 "))).lines[0].cursor
    errors = await journal.page("web", Wanted(limit=2, cursor=cursor, priority=3))
    assert texts(errors) == ["request 500 done", "request 600 done"]
    between = (await journal.page("web", Wanted(limit=1, contains="request 650 "))).lines[0].cursor
    after = await journal.page("web", Wanted(limit=2, cursor=between, older=False, priority=3))
    assert texts(after) == ["request 700 done", "request 800 done"]


async def test_unit_and_scope_are_arguments_and_nothing_goes_through_a_shell(there: StandIns) -> None:
    there.says("journalctl", entry(1))
    journal = Journal([UnitSettings(name="odd", unit="a-$(id);`id`@x.service"), SSH], there.env)
    await journal.page("odd", Wanted(priority=3))
    await journal.page("ssh", Wanted(cursor="s=1;i=1", older=False))
    calls = there.calls("journalctl")
    assert "--user-unit=a-$(id);`id`@x.service" in calls[0]
    assert calls[0].endswith("--reverse --priority=3")
    assert "--unit=ssh.service" in calls[1]
    assert calls[1].endswith("--cursor=s=1;i=1")


async def test_a_huge_journal_is_read_as_far_as_a_page_needs(there: StandIns) -> None:
    there.script("journalctl", f"yes '{entry(7).strip()}'")
    page = await Journal([WEB], there.env, patience=30.0).page("web", Wanted(limit=50))
    assert len(page.lines) == 50
    assert page.older
    assert not page.partly
    page = await Journal([WEB], there.env, patience=60.0).page("web", Wanted(contains="nowhere"))
    assert (page.looked_at, page.partly, page.lines) == (LOOK_MOST, True, ())
    assert page.older


async def test_an_entry_without_end_costs_its_beginning_only(there: StandIns) -> None:
    head = entry(2, "")[:-4]
    says = there.folder / "first"
    says.write_text(entry(3))
    last = there.folder / "last"
    last.write_text(entry(1))
    there.script(
        "journalctl",
        f"cat {says}; printf '%s' '{head}'; head -c 5000000 /dev/zero | tr '\\0' x; echo '\"}}'; cat {last}",
    )
    lines = (await Journal([WEB], there.env, patience=30.0).page("web", Wanted())).lines
    assert [line.text for line in lines] == ["line 1", "(an entry that cannot be read, or is too long)", "line 3"]
    assert lines[1].cut
    assert lines[1].cursor == "s=1;i=2"


async def test_what_is_no_entry_is_passed_over(there: StandIns) -> None:
    odd = entry(5, ["two", "messages"]) + entry(6, [104, 105]) + entry(7, {"a": 1}, PRIORITY="urgent", _PID=["1", "2"])
    there.says(
        "journalctl", b"-- Boot 1 --\n[1,2\nnull\n{}\n\xff\xfe\n\n" + odd.encode() + b'{"__CURSOR":"s=1;i=9","__REAL'
    )
    page = await Journal([WEB], there.env).page("web", Wanted())
    assert [line.text for line in page.lines][-3:] == ["", "hi", "two\nmessages"]
    assert page.lines[-3].priority == 6
    assert page.lines[-3].pid == 1


NONE = {
    "absent": ("", "there is no journal here: journalctl is not installed"),
    "no files": ("echo 'No journal files were found.' >&2", "there is no journal here: journalctl finds no files"),
    "not permitted": (
        "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1",
        "not permitted to read the journal: the worker's user is not in the group systemd-journal",
    ),
}


@pytest.mark.parametrize("named", NONE)
async def test_without_a_journal_one_sentence(named: str, there: StandIns) -> None:
    body, sentence = NONE[named]
    if body:
        there.script("journalctl", body)
    with pytest.raises(NoJournal) as told:
        await Journal([WEB], there.env if body else {"PATH": str(there.folder)}).page("web", Wanted())
    assert str(told.value) == sentence


async def test_an_empty_log_is_no_fault(there: StandIns) -> None:
    there.script("journalctl", "exit 0")
    assert await Journal([WEB], there.env).page("web", Wanted()) == LogPage("web", "web.service", "user")


async def test_what_fails_or_hangs_is_said(there: StandIns) -> None:
    there.script("journalctl", "echo 'Bad message' >&2; exit 1")
    with pytest.raises(ProgramError, match="journalctl: Bad message"):
        await Journal([WEB], there.env).page("web", Wanted())
    there.script("journalctl", "sleep 60 & wait")
    with pytest.raises(ProgramError, match="does not answer"):
        await Journal([WEB], there.env, patience=0.5).page("web", Wanted())


async def test_what_came_before_it_hung_is_told(there: StandIns) -> None:
    there.says("journalctl", entry(9) + entry(8))
    there.script("journalctl", f"cat {there.folder}/journalctl.says; sleep 60 & wait")
    page = await Journal([WEB], there.env, patience=2.0).page("web", Wanted())
    assert (texts(page), page.partly, page.older) == (["line 8", "line 9"], True, "s=1;i=8")


async def test_whoever_stops_waiting_leaves_no_process_behind(there: StandIns) -> None:
    there.script("journalctl", f"echo $$ > {there.folder}/pid; sleep 300 & echo $! >> {there.folder}/pid; wait")
    asking = asyncio.create_task(Journal([WEB], there.env, patience=200.0).page("web", Wanted()))
    file = there.folder / "pid"
    deadline = time.monotonic() + 30
    while not file.exists() or len(file.read_text().split()) < 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    asking.cancel()
    await asyncio.wait({asking})
    while any(map(_lives, map(int, file.read_text().split()))):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def _lives(pid: int) -> bool:
    """A process that is not only waiting to be forgotten."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_many_askers_wait_for_each_other(there: StandIns) -> None:
    there.script("journalctl", "sleep 30 & wait")
    journal = Journal([WEB], there.env, patience=1.0)
    told = await asyncio.gather(*(journal.page("web", Wanted()) for _ in range(12)), return_exceptions=True)
    assert all(isinstance(each, ProgramError) for each in told)
    assert any("too many logs are read at once" in str(each) for each in told)
    assert len(there.calls("journalctl")) < 12
