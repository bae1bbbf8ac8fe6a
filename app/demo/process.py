"""The fleet process of a demo: plays until its standard input closes, which its starter's end does.

Its one argument is a JSON object with the arguments of the simulation and `url`. It says one JSON line on standard
output: {"ready": true} when the whole fleet is registered, or {"error"}.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

from app.demo.play import Simulation
from app.demo.server import DemoError
from app.settings import NatsSettings


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def _play(arguments: dict[str, Any]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            stop.set()

    loop.add_reader(0, heard)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    simulation = Simulation(NatsSettings(url=arguments.pop("url")), **arguments)
    opening = asyncio.create_task(simulation.open())
    ended = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([opening, ended], return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            opening.result()
            _say({"ready": True})
            await simulation.run(stop)
    finally:
        opening.cancel()
        ended.cancel()
        await asyncio.gather(opening, ended, return_exceptions=True)
        await simulation.close()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the deck; this process ends with it
    try:
        asyncio.run(_play(json.loads(sys.argv[1])))
    except DemoError as error:
        _say({"error": str(error)})
    except BrokenPipeError:
        pass


if __name__ == "__main__":
    main()
