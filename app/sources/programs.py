"""Programs: commands of the machine, run without a shell, in a clean environment, bounded in time and size."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from app.model.text import clean
from app.sources.tasks import ended

COMPLAINT_MOST = 4096
"""Bytes of a program's error output that are kept."""
_KEPT = ("PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_LEAVE = 2.0


class ProgramError(Exception):
    """It could not be run, or did not answer; the text says why in one sentence."""


class NoProgram(ProgramError):
    """It is not on this machine."""


class Running:
    """A program that runs: its output as it comes, and what it complains of."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process
        self._complaint = bytearray()
        self._listening = asyncio.create_task(self._listen())

    async def read(self, most: int) -> bytes:
        """Up to so many bytes of what it writes; nothing at its end."""
        written = self._process.stdout
        return await written.read(most) if written is not None else b""

    async def code(self) -> int:
        """Its exit code, once it has ended."""
        code = await self._process.wait()
        await asyncio.wait({self._listening}, timeout=_LEAVE)
        return code

    @property
    def complaint(self) -> str:
        """The first line that it wrote about something being wrong, cleaned; empty without one."""
        lines = self._complaint.decode("utf-8", "replace").splitlines()
        return next((clean(line, 200).strip() for line in lines if line.strip()), "")

    async def _listen(self) -> None:
        written = self._process.stderr
        while written is not None and (piece := await written.read(COMPLAINT_MOST)):
            self._complaint += piece[: COMPLAINT_MOST - len(self._complaint)]

    async def end(self) -> None:
        """Ends it, and whatever it started, at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE):
                await self._process.wait()
        await ended(self._listening)
        transport = getattr(self._process, "_transport", None)
        if transport is not None:  # asyncio has no other way to close the pipes of a process that is done with
            transport.close()


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """What programs are told: where things are, and to speak plainly. Nothing that might be a secret."""
    told = {name: env[name] for name in _KEPT if env.get(name)}
    own = Path(f"/run/user/{os.getuid()}")
    if "XDG_RUNTIME_DIR" not in told and own.is_dir():
        told["XDG_RUNTIME_DIR"] = str(own)
    plain = {"LC_ALL": "C", "TZ": "UTC", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "", "SYSTEMD_URLIFY": "0"}
    return {"PATH": os.defpath, **told, **plain}


@asynccontextmanager
async def running(arguments: Sequence[str], env: Mapping[str, str]) -> AsyncIterator[Running]:
    """Runs a program for as long as the block lasts; it has ended afterwards, whatever it did. Raises ProgramError."""
    name = arguments[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(env),
            cwd="/",
            start_new_session=True,
        )
    except FileNotFoundError:
        raise NoProgram(f"{name} is not installed here") from None
    except OSError as error:
        raise ProgramError(f"{name} cannot be run: {error.strerror or error}") from None
    program = Running(name, process)
    try:
        yield program
    finally:
        await asyncio.shield(program.end())


async def output(arguments: Sequence[str], env: Mapping[str, str], *, within: float, most: int) -> bytes:
    """What a program writes, once it has ended well. Raises ProgramError, also where it takes longer than `within`
    seconds or writes more than `most` bytes."""
    name = arguments[0]
    async with running(arguments, env) as program:
        written = bytearray()
        try:
            async with asyncio.timeout(within):
                while piece := await program.read(65536):
                    written += piece
                    if len(written) > most:
                        raise ProgramError(f"{name} writes more than {most // 1024} KiB")
                code = await program.code()
        except TimeoutError:
            raise ProgramError(f"{name} does not answer within {within:g} s") from None
        if code != 0:
            raise ProgramError(program.complaint or f"{name} ends with exit code {code}")
        return bytes(written)
