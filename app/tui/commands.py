"""The commands of `:`: parsed, completed, and the nearest ones named when there is none of that name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `arguments` is how help writes them; `choices` completes the argument at a place, from 0."""

    name: str
    words: str
    arguments: str = ""
    choices: Callable[[int, Sequence[str]], Iterable[str]] = lambda place, before: ()
    least: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A command as typed: its name and its arguments. `rest` is all after the name, as it was written."""

    name: str
    arguments: tuple[str, ...]
    rest: str


class CommandError(Exception):
    """A line that is no command; the text is a sentence for the message line."""


def parse(text: str, commands: Sequence[Command]) -> Call | None:
    """Reads a line; None if it is empty. Raises CommandError, naming the nearest three for an unknown name."""
    words = text.split()
    if not words:
        return None
    name = words[0]
    rest = text.strip()[len(name) :].strip()
    known = {command.name: command for command in commands}
    command = known.get(name) or known.get(name.casefold())
    if command is None:
        near = nearest(name.casefold(), known)
        raise CommandError(f"no command {name}; nearest: {', '.join(near)}")
    if len(words) - 1 < command.least:
        raise CommandError(f"usage: {command.name} {command.arguments}")
    return Call(command.name, tuple(words[1:]), rest)


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The three names most like this one: those that begin like it first."""
    names = sorted(known)
    begin = [other for other in names if len(name) > 0 and other.startswith(name[0]) and other[0].isalpha()]
    close = get_close_matches(name, names, n=3, cutoff=0.4)
    return list(dict.fromkeys([*close, *begin, *names]))[:3]


def complete(text: str, commands: Sequence[Command]) -> str:
    """The line as far as it can be completed without a choice; the line itself where it cannot."""
    name, blank, _ = text.lstrip().partition(" ")
    if not blank:
        return _extend(text, name, (command.name for command in commands))
    command = next((command for command in commands if command.name == name), None)
    if command is None:
        return text
    words = text.split()[1:]
    fresh = text.endswith(" ")
    place = len(words) if fresh else len(words) - 1
    return _extend(text, "" if fresh else words[-1], command.choices(place, words[:place]))


def candidates(text: str, commands: Sequence[Command], limit: int = 8) -> list[str]:
    """What could stand where the line ends now: the hint beside the prompt."""
    name, blank, _ = text.lstrip().partition(" ")
    if not blank:
        return [command.name for command in commands if command.name.startswith(name)][:limit]
    command = next((command for command in commands if command.name == name), None)
    if command is None:
        return []
    words = text.split()[1:]
    fresh = text.endswith(" ")
    place = len(words) if fresh else len(words) - 1
    begun = "" if fresh else words[-1].casefold()
    found: list[str] = []
    for choice in command.choices(place, words[:place]):
        if choice.casefold().startswith(begun):
            found.append(choice)
            if len(found) == limit:
                break
    return found


def _extend(text: str, begun: str, choices: Iterable[str]) -> str:
    fits = [choice for choice in choices if choice.casefold().startswith(begun.casefold())]
    if not fits:
        return text
    common = fits[0]
    for choice in fits[1:]:
        while not choice.casefold().startswith(common.casefold()):
            common = common[:-1]
    if len(common) < len(begun):
        return text
    ending = " " if len(fits) == 1 else ""
    return f"{text[: len(text) - len(begun)]}{common}{ending}"
