"""`watchdeck agent`: this host as an agent of the fleet, until a signal ends it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from app.agent.conditions import Limits
from app.agent.labels import labels
from app.agent.run import report
from app.cli.run import USAGE, Failure
from app.demo.server import DemoError
from app.settings import Settings


def run_agent(settings: Settings, given: Sequence[str], *, process_memory: int, process_cpu: float, yes: bool) -> int:
    """Reports until SIGTERM or SIGINT, then says goodbye."""
    limits = Limits(process_memory=process_memory, process_cpu=process_cpu)
    try:
        own = labels(given)
    except ValueError as error:
        raise Failure(str(error), USAGE) from None
    try:
        asyncio.run(
            report(
                settings.nats, settings.names, settings.namespace, settings.state_dir, own, limits, yes=yes, note=_note
            )
        )
    except DemoError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"cannot keep the machine's id in {settings.state_dir}: {error.strerror or error}") from None
    return 0


def _note(sentence: str) -> None:
    from app.model.text import clean
    from app.settings.scrub import scrub

    sys.stderr.write(f"watchdeck: {clean(scrub(sentence))}\n")
    sys.stderr.flush()
