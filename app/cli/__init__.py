"""The command line: parse, wire together, exit code. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point of the `watchdeck` command."""
    # Textual reads it when it is imported: how long an escape character waits to be the beginning of a key's sequence.
    os.environ.setdefault("ESCDELAY", "25")
    from app.cli.run import run

    sys.exit(run(sys.argv[1:]))
