"""A worker as a child of this deck: started on a stranger's folder without harm, ended by the end of a pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from app.model.text import clean
from app.settings import Settings
from app.settings.handover import pack
from app.settings.places import private_dir, private_file

LOG_NAME = "worker.log"
LOG_BYTES = 1024 * 1024
"""Size from which on the log of earlier workers is put aside at the next start."""
LOCK_HELD = 75
"""Exit code of a child that found another worker on its state folder (EX_TEMPFAIL)."""


class Child:
    """A started worker. It lives until `let_go()` and its last deck's end, or `end()`."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: int, log: Path, log_start: int) -> None:
        self._process = process
        self._pipe = pipe
        self.log = log
        self._log_start = log_start

    @classmethod
    def start(cls, settings: Settings) -> Child:
        """Starts it and hands the settings over; an OSError or SettingsError if that fails."""
        private_dir(settings.state_dir)
        log = settings.state_dir / LOG_NAME
        with suppress(FileNotFoundError):
            if log.lstat().st_size > LOG_BYTES:
                log.replace(log.with_suffix(".log.1"))
        written = private_file(log, os.O_APPEND)
        log_start = os.fstat(written).st_size
        theirs, ours = os.pipe()
        try:
            # -P: a folder `app` where the deck was started is a stranger's, and must not be imported.
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "app.cli", "worker", "--parent-fd", str(theirs)],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                pass_fds=(theirs,),
                cwd=settings.state_dir,
                start_new_session=True,  # ctrl+c and ctrl+z in the deck's terminal are the deck's
            )
        except OSError:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
            os.close(written)
        with suppress(BrokenPipeError):  # it has ended already: its log says why
            left = memoryview(pack(settings))
            while left:
                left = left[os.write(ours, left) :]
        return cls(process, ours, log, log_start)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> int | None:
        """The exit code once it has ended, negative for a signal."""
        return self._process.poll()

    def last_words(self) -> str:
        """Why it ended, as far as the last line of its log tells, in one clean sentence."""
        code = self.ended()
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                lines = log.read()[-4000:].split(b"\n")
        except OSError:
            lines = []
        said = next((clean(line, 300).strip() for line in reversed(lines) if line.strip()), "")
        if code is not None and code < 0:
            return f"it was ended by {_signal_name(-code)}"
        return said.removeprefix("watchdeck: ") or f"exit code {code}"

    def let_go(self) -> None:
        """Closes the pipe: the worker ends by itself once no other deck polls it. Safe to call twice."""
        pipe, self._pipe = self._pipe, -1
        if pipe >= 0:
            os.close(pipe)

    def kill(self) -> None:
        """Ends it at once, for one that does not answer."""
        self.let_go()
        self._process.kill()
        self._process.wait()

    def end(self, patience: float = 10.0) -> None:
        """Ends it in good order and waits for it; after `patience` seconds at once."""
        self.let_go()
        self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
