"""The demo's surroundings from one call: a nats-server and a fleet on it, as processes that end with this one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from app.demo.scenario import SCENARIOS
from app.demo.server import DemoError, EmbeddedServer, first_line, need_nats_server

__all__ = ["MOST_AGENTS", "NAMESPACE", "SCENARIOS", "Demo", "DemoError"]

READY_WITHIN = 15.0
"""Seconds for the fleet to be in the registry; a thousand agents get 3 s more."""
NAMESPACE = "osapi"
MOST_AGENTS = 10_000


class Demo:
    """A nats-server with a simulated fleet, as a context manager: `with` or `async with`.

    `nats_url` and `state_dir` (0700) are there once entered, with the whole fleet registered under the namespace
    `osapi`. Everything lies in one folder `watchdeck-demo-*`, and everything ends, and the folder goes, when the
    context is left or this process ends, by whatever signal. `rate` is in jobs a second; `speed` hastens the scenario.
    DemoError says in a sentence what is missing; ValueError: a number or a scenario that cannot be.
    """

    def __init__(
        self, agents: int = 10, rate: float = 2.0, scenario: str = "calm", seed: int = 7, *, speed: float = 1.0
    ) -> None:
        if scenario not in SCENARIOS:
            raise ValueError(f"no scenario {scenario!r}: there are {', '.join(SCENARIOS)}")
        if not 1 <= agents <= MOST_AGENTS:
            raise ValueError(f"{agents} agents: between 1 and {MOST_AGENTS} can be simulated")
        if not 0 <= rate <= 100:
            raise ValueError(f"rate {rate}: between 0 and 100 jobs a second can be simulated")
        self._arguments = {
            "namespace": NAMESPACE,
            "agents": agents,
            "rate": rate,
            "scenario": scenario,
            "seed": seed,
            "speed": speed,
        }
        self._agents = agents
        self.server: EmbeddedServer | None = None
        self._fleet: subprocess.Popen[bytes] | None = None

    @property
    def nats_url(self) -> str:
        return self.server.url if self.server else ""

    @property
    def state_dir(self) -> Path:
        """For the worker and the deck of this demo."""
        return self.server.state_dir if self.server else Path()

    @property
    def fleet_pid(self) -> int:
        return self._fleet.pid if self._fleet else 0

    @property
    def fleet_alive(self) -> bool:
        return self._fleet is not None and self._fleet.poll() is None

    def start(self) -> None:
        """Returns when the whole fleet is registered."""
        self.server = EmbeddedServer(need_nats_server())
        try:
            self.server.start()
            self._fleet = self._start_fleet(self.server.root)
            answer = first_line(self._fleet, READY_WITHIN + self._agents * 0.003, "simulated fleet")
            if "error" in answer:
                raise DemoError(str(answer["error"]))
        except BaseException:
            self.stop()
            raise

    def _start_fleet(self, root: Path) -> subprocess.Popen[bytes]:
        arguments = json.dumps({"url": self.nats_url} | self._arguments)
        with (root / "fleet.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "app.demo.process", arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=root,
                start_new_session=True,  # Ctrl+C is for the deck
            )

    def stop(self) -> None:
        """Ends the fleet, then the server, and removes the folder. May be called again."""
        fleet, self._fleet = self._fleet, None
        if fleet is not None:
            for pipe in (fleet.stdin, fleet.stdout):
                if pipe is not None:
                    pipe.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                fleet.wait(3.0)
            fleet.kill()
            fleet.wait()
        if self.server is not None:
            self.server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)
