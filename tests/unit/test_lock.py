"""One worker a state folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings.lockfile import LockRecord, read_lock
from app.worker.lock import LockHeld, StateLock


def test_the_second_is_told_who_was_first(tmp_path: Path) -> None:
    lock = StateLock.acquire(tmp_path)
    lock.publish(LockRecord(pid=4711, socket="/run/x.sock"))
    with pytest.raises(LockHeld, match=r"already running on .*: process 4711"):
        StateLock.acquire(tmp_path)
    lock.release()
    StateLock.acquire(tmp_path).release()


def test_the_record_is_there_while_it_is_held_only(tmp_path: Path) -> None:
    lock = StateLock.acquire(tmp_path)
    assert read_lock(tmp_path) is None
    record = LockRecord(pid=os.getpid(), socket="/run/x.sock", version="1", fingerprint={"servers": ["a"]})
    lock.publish(record)
    lock.publish(record)
    assert read_lock(tmp_path) == record
    lock.release()
    assert read_lock(tmp_path) is None


def test_files_and_folder_are_for_the_owner_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    lock = StateLock.acquire(state)
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / "worker.lock").stat().st_mode & 0o777 == 0o600
    lock.release()


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "worker.lock").symlink_to(victim)
    with pytest.raises(OSError):
        StateLock.acquire(tmp_path)
    assert victim.read_text() == "precious"


def test_the_lock_of_a_killed_owner_is_free(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from app.worker.lock import StateLock\n"
        f"lock = StateLock.acquire(Path({str(tmp_path)!r})); print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"held\n"
        with pytest.raises(LockHeld):
            StateLock.acquire(tmp_path)
        owner.kill()
    StateLock.acquire(tmp_path).release()


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid": "x"}', b"\xff\xfe", b"[]"])
def test_a_broken_record_is_no_record(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "worker.lock").write_bytes(content)
    assert read_lock(tmp_path) is None
    StateLock.acquire(tmp_path).release()
