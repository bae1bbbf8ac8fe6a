"""The command line: parse, wire together, exit code."""

from __future__ import annotations

import sys

from app import __version__


def main() -> None:
    """Entry point of the `watchdeck` command."""
    sys.stdout.write(f"watchdeck {__version__}\n")
