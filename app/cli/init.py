"""`watchdeck init sessions`: makes the stream of session events, after showing it and asking."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from app.cli.run import USAGE, Failure
from app.demo.link import FAILURES, ApiError, Link
from app.demo.namespace import namespace_of
from app.demo.server import DemoError
from app.settings import Settings
from app.sources.sessionstream import configuration, named, unfit

_NO_STREAM = 10059
_OVERLAP = 10065


def init_sessions(settings: Settings, *, yes: bool) -> int:
    """Creates the stream; one that is there already and fits is fine too, any other is refused with the reason."""
    try:
        return asyncio.run(_init(settings, yes))
    except DemoError as error:
        raise Failure(str(error)) from None
    except FAILURES as error:
        raise Failure(f"JetStream does not answer at {settings.nats.url}: {error or type(error).__name__}") from None


async def _init(settings: Settings, yes: bool) -> int:
    link = Link(settings.nats)
    await link.open("watchdeck-init")
    try:
        names = settings.names
        namespace = await namespace_of(link, names, settings.namespace, "")
        name, subject = named(namespace, names.sessions_stream, names.sessions_subject)
        config = await _existing(link, name)
        if config is not None:
            reason = unfit(config, subject, named_by_owner="names.sessions_stream" in settings.origins)
            if reason:
                raise Failure(f"the stream {name} is there already and is left as it is: {reason}")
            sys.stdout.write(f"the stream {name} is there already and takes session events on {subject}\n")
            return 0
        return await _create(link, configuration(name, subject), settings.nats.url, yes)
    finally:
        await link.close()


async def _existing(link: Link, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = (await link.api(f"STREAM.INFO.{name}"))["config"]
    except ApiError as error:
        if error.code == _NO_STREAM:
            return None
        raise Failure(f"cannot look for the stream {name}: {error}") from None
    return found


async def _create(link: Link, config: dict[str, Any], url: str, yes: bool) -> int:
    name = config["name"]
    sys.stdout.write(json.dumps(config, indent=2) + "\n")
    sys.stdout.flush()
    if not yes and not await asyncio.to_thread(_consent, f"create this stream on {url}? [y/N] "):
        sys.stdout.write("nothing was created\n")
        return 1
    try:
        await link.api(f"STREAM.CREATE.{name}", config)
    except ApiError as error:
        if error.code == _OVERLAP:
            taken = f"another stream takes {config['subjects'][0]} already"
            raise Failure(f"cannot create {name}: {taken}; choose another [names] sessions_subject") from None
        raise Failure(f"cannot create {name}: {error}") from None
    sys.stdout.write(f"created {name}: session events go to {config['subjects'][0]} and are kept for 7 days\n")
    return 0


def _consent(question: str) -> bool:
    if not sys.stdin.isatty():
        raise Failure("there is no terminal to ask on: say --yes to create the stream", USAGE)
    sys.stdout.write(question)
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
