"""Arguments: the options of every command may stand before or after its name."""

from __future__ import annotations

from collections.abc import Sequence

WITH_VALUE = frozenset(
    {
        "--config",
        "--profile",
        "--nats-url",
        "--context",
        "--domain",
        "--namespace",
        "--listen",
        "--state-dir",
        "--attach",
        "--ca-file",
        "--database",
        "--token-file",
        "--theme",
        "--log-level",
    }
)
SWITCHES = frozenset({"--read-only", "--ascii", "--create-stream"})


def deck_flags(arguments: Sequence[str]) -> dict[str, str | bool] | None:
    """The options of a command line that only opens the deck; None for any other, which the full parser reads.

    The deck's first picture does not wait for that parser to be imported and built.
    """
    flags: dict[str, str | bool] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name in SWITCHES and not equals:
            flags[_field(name)] = True
        elif name in WITH_VALUE and (equals or ((value := next(rest, "-")) and not value.startswith("-"))):
            flags[_field(name)] = value
        else:
            return None
    return flags


def _field(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def parent_pipe(arguments: Sequence[str]) -> int | None:
    """The descriptor in the command line with which a deck starts its worker; None for any other command line.

    What waits for that worker does not wait for the full parser.
    """
    match arguments:
        case ["worker", "--parent-fd", number] if number.isascii() and number.isdigit():
            return int(number)
    return None


def options_first(arguments: Sequence[str]) -> list[str]:
    """The same arguments with the options of every command moved to the front, up to a `--`."""
    moved: list[str] = []
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            kept += [argument, *rest]
        elif argument in WITH_VALUE:
            value = next(rest, None)
            if value is None:
                kept.append(argument)  # without its value: refused where it stands
            else:
                moved += [argument, value]
        elif argument in SWITCHES or argument.partition("=")[0] in WITH_VALUE:
            moved.append(argument)
        else:
            kept.append(argument)
    return moved + kept


def command_of(arguments: Sequence[str]) -> str:
    """The name of the command in a command line; empty if it only opens the deck."""
    rest = iter(arguments)
    for argument in rest:
        if argument in WITH_VALUE:
            next(rest, None)
        elif not argument.startswith("-"):
            return argument
    return ""
