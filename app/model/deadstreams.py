"""Which streams keep dead letters, and whose."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from app.model.broker import Stream, StreamKind

ADVISORIES = "$JS.EVENT.ADVISORY.CONSUMER."
MAX_DELIVERIES = f"{ADVISORIES}MAX_DELIVERIES"
TERMINATED = f"{ADVISORIES}MSG_TERMINATED"
_TOKENS = ("dlq", "dead")


def keeps_dead_letters(stream: Stream, patterns: Iterable[str]) -> bool:
    """Whether a stream is one of dead letters.

    By its metadata (`dead_letter_queue=true`), its subjects (the advisories of messages given up, or a token `dlq` or
    `dead`), or its name (`patterns`, case ignored). Buckets and object stores never are.
    """
    if stream.kind in (StreamKind.KV, StreamKind.OBJECT):
        return False
    if ("dead_letter_queue", "true") in stream.metadata:
        return True
    for subject in stream.subjects:
        if subject.startswith((f"{MAX_DELIVERIES}.", f"{TERMINATED}.")):
            return True
        if any(token.lower() in _TOKENS for token in subject.split(".")):
            return True
    return any(fnmatchcase(stream.name.upper(), pattern.upper()) for pattern in patterns)


def keeps_advisories_of(streams: Iterable[Stream], origin: str, *, terminated: bool = False) -> bool:
    """Whether any of these streams stores the advisories about messages of `origin`."""
    wanted = [*(TERMINATED if terminated else MAX_DELIVERIES).split("."), origin, "consumer"]
    return any(_covers(subject.split("."), wanted) for stream in streams for subject in stream.subjects)


def _covers(subject: list[str], wanted: list[str]) -> bool:
    """Whether a subject covers the wanted one, whose last token stands for any."""
    for at, part in enumerate(subject):
        if part == ">":
            return len(wanted) > at
        if at >= len(wanted) or (part not in ("*", wanted[at]) and at < len(wanted) - 1):
            return False
    return len(subject) == len(wanted)
