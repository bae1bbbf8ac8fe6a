"""Steps: commands to copy, ready for a shell. What cannot be quoted safely is left out."""

from __future__ import annotations

import shlex

from app.model.findings import Step
from app.model.snapshot import Site
from app.model.text import REPLACEMENT, clean

_LONGEST = 255


def quotable(text: str) -> bool:
    """Whether foreign text may stand in a command: whole, unchanged by cleaning, and no option."""
    return 0 < len(text) <= _LONGEST and not text.startswith("-") and REPLACEMENT not in text and clean(text) == text


def command(program: str, *arguments: str, foreign: tuple[str, ...] = ()) -> str:
    """A command line of our own words and, after them, foreign ones; empty if one of those cannot be quoted safely."""
    if not all(map(quotable, foreign)):
        return ""
    return shlex.join((program, *arguments, *foreign))


def nats(site: Site, *arguments: str, foreign: tuple[str, ...] = ()) -> str:
    """A command of the `nats` CLI, aimed at the site's context or server."""
    connection = site.connection
    where: tuple[str, ...] = ()
    if connection.origin.startswith("context "):
        where = ("--context", connection.origin.removeprefix("context "))
    elif connection.origin != "default" and connection.url:
        where = ("--server", connection.url)
    if where and not quotable(where[1]):
        return ""
    return command("nats", *where, *arguments, foreign=foreign)


def osapi(*arguments: str, option: str = "", value: str = "") -> str:
    """A command of the `osapi` client, with one option of foreign text."""
    if not option:
        return command("osapi", "client", *arguments)
    return command("osapi", "client", *arguments, option, foreign=(value,))


def steps(*pairs: tuple[str, str], runbook: str = "") -> tuple[Step, ...]:
    """Steps of (sentence, command); one whose command had to be left out is left out with it."""
    found = tuple(Step(sentence, line) for sentence, line in pairs if line)
    return (*found, Step("Runbook", runbook)) if runbook else found
