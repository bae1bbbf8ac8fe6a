"""Gateway versions: dates with a revision (`2026.2.9`, `v2026.02.9-1`), and which of them are spoken with."""

from __future__ import annotations

import re

from app.model.text import clean

MINIMUM = "2026.02.9"
"""The oldest gateway that is spoken with (Mission Control)."""
_VERSION = re.compile(r"v?([0-9]{4})\.([0-9]{1,2})\.([0-9]{1,2})(?:-([0-9]{1,9}))?", re.IGNORECASE)

Parts = tuple[int, int, int, int]


def parts(version: str) -> Parts | None:
    """Year, month, day and revision (0 without one); None for what is no such version."""
    found = _VERSION.fullmatch(version.strip())
    if found is None:
        return None
    year, month, day, revision = (int(part or 0) for part in found.groups())
    return (year, month, day, revision) if 1 <= month <= 12 and 1 <= day <= 31 else None


def refusal(version: str, minimum: str = MINIMUM) -> str:
    """Why this version is not spoken with, in one sentence; empty if it is. An empty version was not told."""
    if not version.strip():
        return f"does not tell its version: {minimum} or later is needed"
    known = parts(version)
    if known is None:
        return f"version {clean(version, 40)!r} is not of the form YYYY.M.D: {minimum} or later is needed"
    return f"version {clean(version, 40)} is too old: {minimum} or later is needed" if known < _least(minimum) else ""


def _least(minimum: str) -> Parts:
    known = parts(minimum)
    if known is None:
        raise ValueError(f"{minimum} is no version of a gateway")
    return known
