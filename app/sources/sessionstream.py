"""The stream of session events: how it is made, and whether one that is there may be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MARK = ("watchdeck.sessions", "1")
"""Metadata of a stream that its owner has given to session events."""
MAX_AGE = 7 * 86_400 * 1_000_000_000
"""Nanoseconds that events are kept."""
RETENTION = {
    "workqueue": "a second reader would take other people's messages",
    "interest": "our reader would keep every message alive while it is away",
}
"""Why such a stream is never read."""


def named(namespace: str, stream: str, subject: str) -> tuple[str, str]:
    """Name and subject under a namespace: `osapi-SESSIONS` and `osapi.sessions.>`; as they are under the empty one."""
    return (f"{namespace}-{stream}", f"{namespace}.{subject}") if namespace else (stream, subject)


def configuration(name: str, subject: str) -> dict[str, Any]:
    """The stream as the JetStream API makes it; `max_age` in nanoseconds."""
    return {
        "name": name,
        "subjects": [subject],
        "retention": "limits",
        "discard": "old",
        "storage": "file",
        "num_replicas": 1,
        "max_age": MAX_AGE,
        "allow_direct": True,
        "metadata": dict([MARK]),
    }


def unfit(config: Mapping[str, Any], subject: str, *, named_by_owner: bool) -> str:
    """Why a stream of this configuration cannot take the session events; empty when it can.

    `named_by_owner`: a file or flag names it, which is consent without the mark.
    """
    retention = str(config.get("retention", "limits"))
    if retention in RETENTION:
        return f"it has {retention} retention: {RETENTION[retention]}"
    if not named_by_owner and (config.get("metadata") or {}).get(MARK[0]) != MARK[1]:
        return f"it is not marked as a stream of session events (metadata {MARK[0]}={MARK[1]})"
    subjects = [str(each) for each in config.get("subjects") or ()]
    if not any(_covers(each, subject) for each in subjects):
        return f"it takes {', '.join(subjects) or 'no subject'}, not {subject}"
    return ""


def _covers(wide: str, narrow: str) -> bool:
    """Whether every subject of `narrow` is one of `wide`; both may have wildcards."""
    return _tokens_cover(wide.split("."), narrow.split("."))


def _tokens_cover(wide: Sequence[str], narrow: Sequence[str]) -> bool:
    for index, word in enumerate(wide):
        if word == ">":
            return len(narrow) > index
        if index >= len(narrow) or narrow[index] == ">" or word not in ("*", narrow[index]):
            return False
    return len(wide) == len(narrow)
