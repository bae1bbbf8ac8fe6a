"""Runs a command line: the deck at once, every other command through the full parser; errors as one clean line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from app.cli.arguments import command_of, deck_flags, options_first, parent_pipe

if TYPE_CHECKING:
    from app.tui.options import Onward

USAGE = 2
"""Exit code of arguments and settings that cannot be used."""
BROKEN = 3
"""Exit code of a fault of our own."""
COMPLETE = "_WATCHDECK_COMPLETE"
"""Environment variable by which a shell asks what could stand next on the command line."""


Flags = Mapping[str, str | bool | None]
_OF_ONE_NATS = frozenset({"nats_url", "context", "domain", "namespace", "profile", "state_dir", "attach", "token_file"})


class Failure(Exception):
    """Ends the command with one line on stderr and an exit code."""

    def __init__(self, sentence: str, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


def run(arguments: Sequence[str]) -> int:
    """Runs a command line and gives its exit code."""
    try:
        if (descriptor := parent_pipe(arguments)) is not None:
            from app.cli.worker import run_in_foreground

            return run_in_foreground(None, parent_fd=descriptor)
        flags = None if COMPLETE in os.environ else deck_flags(arguments)
        return _parsed(arguments) if flags is None else deck(flags)
    except Failure as error:
        return _say(str(error), _code(arguments, error.code))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has heard enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from app.settings.errors import SettingsError

        if isinstance(error, SettingsError):
            return _say(str(error), _code(arguments, USAGE))
        if "debug" in (*arguments, os.environ.get("WATCHDECK_LOG_LEVEL")):
            raise
        said = f"this should not happen: {type(error).__name__}: {error} (--log-level debug says where)"
        return _say(said, BROKEN)


def _code(arguments: Sequence[str], code: int) -> int:
    """The exit code of a failure. Of `status` 1 and 2 mean WARN and CRIT: what is wrong with watchdeck itself is 3."""
    return BROKEN if command_of(arguments) == "status" else code


def deck(flags: Flags) -> int:
    """Opens the deck with what the command line said, and then whatever is wanted in its place."""
    from app.cli.deck import open_deck, require_terminal
    from app.settings import load

    require_terminal()
    return go_on(open_deck(load(flags, os.environ)), flags)


def go_on(outcome: int | Onward, flags: Flags) -> int:
    """Opens what a deck was left for, one after the other, until one is left for nothing; gives the exit code."""
    while not isinstance(outcome, int):
        from app.cli.deck import open_deck
        from app.settings import load

        if outcome.demo:
            from app.cli.demo import run_demo

            outcome = run_demo(load(flags, os.environ), agents=10, rate=2.0, scenario="calm", seed=7, with_deck=True)
            continue
        # What named a NATS, a worker or a folder on the command line was said of the one that was left.
        kept = {name: value for name, value in flags.items() if name not in _OF_ONE_NATS}
        outcome = open_deck(load({**kept, "context": outcome.context}, os.environ))
    return outcome


def _parsed(arguments: Sequence[str]) -> int:
    import typer

    from app.cli.commands import program

    if COMPLETE in os.environ:  # the shell asks what could stand here
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
    # What typer raises for arguments that cannot be used: click's, or that of the copy of click in newer versions.
    misused = typer.BadParameter.__mro__[2]
    try:
        result = typer.main.get_command(program()).main(
            args=options_first(arguments), prog_name="watchdeck", standalone_mode=False
        )
    except typer.Abort:
        return 130
    except Exception as error:
        if isinstance(error, misused):
            said = getattr(error, "format_message", error.__str__)()
            raise Failure(f"{str(said).rstrip('.')} (see watchdeck --help)", USAGE) from None
        raise
    return result if isinstance(result, int) else 0


def _say(sentence: str, code: int) -> int:
    from app.model.text import clean
    from app.settings.scrub import scrub

    sys.stderr.write(f"watchdeck: {clean(scrub(sentence))}\n")
    return code
