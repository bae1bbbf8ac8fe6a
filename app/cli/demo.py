"""`watchdeck demo` and `watchdeck simulate`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from app.cli.run import USAGE, Failure
from app.demo.run import NAMESPACE, Demo, DemoError
from app.settings import NameSettings, NatsSettings, Settings
from app.worker.lifecycle import Holdings
from app.worker.owner_token import OWNER_TOKEN

if TYPE_CHECKING:
    from app.tui.options import Onward

_OWN = ("namespace", "state_dir", "profile", "attach", "read_only", "actions")
"""Settings that a demo has values of its own for, besides all of `[nats]` and `[names]`."""


def run_demo(
    settings: Settings, *, agents: int, rate: float, scenario: str, seed: int, with_deck: bool
) -> int | Onward:
    """Runs the demo with a deck until it is quit, or without one until a signal; everything is gone afterwards.

    Gives the exit code, or what is to be opened in the deck's place.
    """
    if with_deck:
        from app.cli.deck import require_terminal

        require_terminal()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with Demo(agents, rate, scenario, seed) as demo:
            own = demo_settings(settings, demo)
            if with_deck:
                from app.cli.deck import open_deck

                return open_deck(own, demo=True)
            return _without_deck(own, demo)
    except DemoError as error:
        raise Failure(str(error)) from None
    except ValueError as error:
        raise Failure(str(error), USAGE) from None


def demo_settings(settings: Settings, demo: Demo) -> Settings:
    """The settings with the demo's NATS, names and folder: nothing of one's own NATS is taken over, least a secret."""
    origins = {
        key: origin
        for key, origin in settings.origins.items()
        if key not in _OWN and not key.startswith(("nats.", "names."))
    }
    return replace(
        settings,
        profile="demo",
        state_dir=demo.state_dir,
        namespace="auto",
        attach="",
        nats=NatsSettings(url=demo.nats_url, origin="demo"),
        names=NameSettings(),
        origins={**origins, "nats.url": "demo", "profile": "demo", "state_dir": "demo"},
        warnings=(),
    )


def _without_deck(settings: Settings, demo: Demo) -> int:
    from app.cli.worker import run_in_foreground

    if "http.listen" not in settings.origins:
        settings = replace(settings, http=replace(settings.http, listen="127.0.0.1:0"))

    def ready(holdings: Holdings) -> None:
        address = holdings.tcp.getsockname() if holdings.tcp is not None else None
        host = f"[{address[0]}]" if address and ":" in address[0] else address[0] if address else ""
        token = settings.state_dir / OWNER_TOKEN
        line = {
            "nats_url": demo.nats_url,
            "http_url": f"http://{host}:{address[1]}" if address else None,
            "token_file": str(token) if token.is_file() else None,
            "state_dir": str(demo.state_dir),
            "pid": os.getpid(),
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    return run_in_foreground(settings, ready=ready)


def run_simulation(
    settings: Settings, *, agents: int, rate: float, scenario: str, seed: int, yes: bool, clean: bool
) -> int:
    """Plays a fleet on the NATS of the settings until SIGTERM or SIGINT."""
    from app.demo.simulate import simulate

    namespace = NAMESPACE if settings.namespace == "auto" else settings.namespace

    def ready() -> None:
        sys.stderr.write(f"{agents} agents on {settings.nats.url} ({settings.nats.origin}); ctrl+c ends them\n")

    try:
        asyncio.run(
            simulate(
                settings.nats, namespace, agents, rate, scenario, seed,
                yes=yes, clean=clean, sessions=settings.sessions.create, ready=ready,
            )
        )  # fmt: skip
    except DemoError as error:
        raise Failure(str(error)) from None
    except ValueError as error:
        raise Failure(str(error), USAGE) from None
    return 0
