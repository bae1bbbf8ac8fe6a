"""`watchdeck doctor`: goes through everything that watchdeck needs, and says what is wrong and what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from app.cli.checks import Check, Grade
from app.cli.glance import Look, look
from app.cli.status import say
from app.cli.verification import verify
from app.model.broker import LinkState
from app.model.health import Health
from app.model.snapshot import Capability, SourceStatus
from app.model.text import clean, duration
from app.settings import Settings
from app.settings.lockfile import read_lock
from app.settings.scrub import scrub
from app.sources.sessionstream import named, unfit

SKEW = 5.0
"""Seconds between the broker's clock and ours from which on ages cannot be trusted."""
ROOM = 200 * 1024 * 1024
"""Bytes that should be free where the store is."""
_SOUND_SQLITE = (3, 51, 3)
"""From here on a checkpoint cannot lose a commit that it races with; two older lines got the repair too."""
_REPAIRED = ((3, 44, 6), (3, 50, 7))


_VERDICTS = {
    Grade.OK: "all is well",
    Grade.WARN: "it works, with warnings",
    Grade.FAIL: "something does not work",
}
_GLYPHS = {Grade.OK: Health.OK, Grade.WARN: Health.WARN, Grade.FAIL: Health.CRIT}


def run_doctor(settings: Settings, env: Mapping[str, str], origins: Collection[str] = ()) -> int:
    """Prints all checks; 0 if all is well, 1 with warnings, 2 if something does not work.

    `origins`: of pages that should be let in, besides the configured ones.
    """
    worst, told = examine(settings, env, origins)
    say(told)
    return int(worst)


def examine(settings: Settings, env: Mapping[str, str], origins: Collection[str] = ()) -> tuple[Grade, str]:
    """The worst of all checks, and all of them as lines for people. Takes seconds where something does not answer; not
    to be called in a running loop."""
    checks = [*_settings(settings), *_state(settings, env)]
    seen = asyncio.run(look(settings, ("streams",)))
    checks += _worker(settings, seen)
    if seen.by_worker:
        checks += asyncio.run(verify(settings, [*settings.http.cors_origins, *origins]))
    checks += [*_nats(settings, seen), *_terminal(env)]
    lines = []
    for check in checks:
        lines.append(f"{_GLYPHS[check.grade].glyph} {check.name:<12} {clean(scrub(check.said))}")
        if check.advice:
            lines.append(f"  {'':<12} {clean(scrub(check.advice))}")
    worst = max(check.grade for check in checks)
    return worst, "\n".join([*lines, _VERDICTS[worst]])


def _settings(settings: Settings) -> Iterator[Check]:
    nats = settings.nats
    yield Check("settings", Grade.OK, settings.config_file or "no configuration file: defaults and environment")
    for warning in settings.warnings:
        yield Check("settings", Grade.WARN, warning)
    yield Check("nats", Grade.OK, f"{nats.url} ({nats.origin}){f', context {nats.context}' if nats.context else ''}")


def _state(settings: Settings, env: Mapping[str, str]) -> Iterator[Check]:
    """The folder and what is kept in it."""
    folder = settings.state_dir
    there = next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))
    if folder.exists() and folder.stat().st_uid != os.getuid():
        yield Check("state", Grade.FAIL, f"{folder} belongs to another user", "name another one with --state-dir")
    elif not os.access(there, os.W_OK):
        yield Check("state", Grade.FAIL, f"{there} cannot be written", "name another folder with --state-dir")
    elif (free := shutil.disk_usage(there).free) < ROOM:
        yield Check("state", Grade.WARN, f"only {free // 2**20} MiB free at {there}", "make room: a full store stops")
    else:
        yield Check("state", Grade.OK, str(folder))
    version = sqlite3.sqlite_version_info
    if version < _SOUND_SQLITE and not any(version[:2] == fixed[:2] and version >= fixed for fixed in _REPAIRED):
        said = f"SQLite {sqlite3.sqlite_version} can, very rarely, lose a commit that a checkpoint races with"
        yield Check("sqlite", Grade.WARN, said, "a Python with SQLite 3.51.3 or newer has the repair")
    else:
        yield Check("sqlite", Grade.OK, sqlite3.sqlite_version)


def _worker(settings: Settings, seen: Look) -> Iterator[Check]:
    record = read_lock(settings.state_dir)
    if seen.by_worker and seen.snapshot.at is None:
        yield Check("worker", Grade.FAIL, seen.trouble, "end it, or name another --state-dir or --attach")
    elif seen.by_worker:
        site = seen.snapshot.site
        whose = f", process {record.pid}" if record is not None and not settings.attach else ""
        yield Check("worker", Grade.OK, f"{site.version} runs{whose}")
        if site.lag:
            yield Check("worker", Grade.WARN, f"it is {duration(site.lag)} late", "the machine is too busy for it")
    else:
        yield Check("worker", Grade.OK, "none runs; a deck starts one, watchdeck worker keeps one")
        yield from _address(settings)


def _address(settings: Settings) -> Iterator[Check]:
    """Whether a worker could listen where it is told to."""
    if settings.http.listen is None:
        return
    host, _, port = settings.http.listen.rpartition(":")
    try:
        with socket.create_server((host.strip("[]"), int(port)), family=socket.AF_INET6 if ":" in host else 2):
            yield Check("http", Grade.OK, f"{settings.http.listen} is free")
    except (OSError, ValueError) as error:
        said = f"{settings.http.listen}: {getattr(error, 'strerror', None) or error}"
        yield Check("http", Grade.WARN, said, "a worker could not listen there: name another address with --listen")


_OF_SOURCE = {
    SourceStatus.OK: Grade.OK,
    SourceStatus.ABSENT: Grade.OK,
    SourceStatus.PARTIAL: Grade.WARN,
    SourceStatus.DENIED: Grade.WARN,
    SourceStatus.WAITING: Grade.WARN,  # it has only just begun
}


def _nats(settings: Settings, seen: Look) -> Iterator[Check]:
    """What the broker lets us see, and what is there."""
    snapshot = seen.snapshot
    if snapshot.at is None:
        return
    site = snapshot.site
    if site.connection.state is not LinkState.CONNECTED:
        advice = "see nats.url, the context and the credentials above; watchdeck config show says who set what"
        yield Check("connection", Grade.FAIL, seen.trouble, advice)
        return
    server = f"{site.server.name} {site.server.version}" if site.server is not None else ""
    rtt = f", {site.connection.rtt * 1000:.0f} ms" if site.connection.rtt is not None else ""
    yield Check("connection", Grade.OK, f"{site.connection.url} {server}{rtt}")
    if abs(site.clock_offset) > SKEW:
        said = f"the broker's clock is {site.clock_offset:+.1f} s off ours"
        yield Check("clocks", Grade.WARN, said, "set the clocks right: ages are counted on the broker's")
    for name, state in sorted(snapshot.sources.items()):
        grade = _OF_SOURCE.get(state.status, Grade.FAIL)
        advice = f"permit: {', '.join(state.denied)}" if state.denied else ""
        said = state.error or state.status.value
        yield Check(name, grade, said, advice)
    yield _fleet(seen)
    yield _sessions(settings, seen)


def _fleet(seen: Look) -> Check:
    site = seen.snapshot.site
    if Capability.FLEET in site.capabilities:
        named = f'namespace "{site.namespace}"' if site.namespace else "no namespace"
        total = seen.snapshot.counts.get("agents")
        return Check("fleet", Grade.OK, f"{total.total if total else 0} agents, {named}")
    if site.namespaces:
        names = ", ".join(site.namespaces)
        return Check("fleet", Grade.WARN, f"several: {names}", "choose one with --namespace")
    return Check("fleet", Grade.OK, "none: streams and consumers are shown as they are")


def _sessions(settings: Settings, seen: Look) -> Check:
    """Whether session events could be read, by the rules of consent."""
    names = settings.names
    name, subject = named(seen.snapshot.site.namespace, names.sessions_stream, names.sessions_subject)
    stream = seen.snapshot.streams.get(name)
    if stream is None:
        return Check("sessions", Grade.OK, f"no stream {name}", "watchdeck init sessions makes it, after asking")
    config = {"retention": stream.retention, "metadata": dict(stream.metadata), "subjects": stream.subjects}
    why = unfit(config, subject, named_by_owner="names.sessions_stream" in settings.origins)
    if why:
        return Check("sessions", Grade.WARN, f"{name}: {why}", "watchdeck init sessions says what it would need")
    return Check("sessions", Grade.OK, name)


def _terminal(env: Mapping[str, str]) -> Iterator[Check]:
    from app.cli.deck import plain_terminal

    kind = env.get("TERM", "")
    if not sys.stdout.isatty():
        return
    if plain_terminal(env):
        advice = "LANG=C.UTF-8 or the like, and a TERM such as xterm-256color"
        yield Check("terminal", Grade.OK, f"{kind or 'unknown'}: the deck will draw with ASCII", advice)
    else:
        yield Check("terminal", Grade.OK, f"{kind}, UTF-8")
