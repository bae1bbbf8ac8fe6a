"""Explanations: what a view is that has nothing to show here, and the one command that starts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """A view that is only told of. `short` is said where it would stand in the overview."""

    id: str
    number: str
    title: str
    short: str
    text: str

    @property
    def what(self) -> str:
        """Its title, and the paragraph that says what it is."""
        return "\n\n".join(self.text.split("\n\n")[:2])


_SESSIONS = """Sessions and scores rest on session events: agents publish what they do on a stream, a message an event.
There is no such stream yet. This shows its configuration, asks, and creates it:

    watchdeck init sessions

Nothing is created before that."""

EXPLANATIONS: tuple[Explanation, ...] = (
    Explanation(
        "sessions",
        "8",
        "Sessions",
        "Sessions need session events: watchdeck init sessions",
        f"""Sessions

Every run of an AI agent: how it went, how long it took, its errors, tools and cost, and all its events in order.

{_SESSIONS}""",
    ),
    Explanation(
        "metrics",
        "9",
        "Metrics",
        "Metrics need jobs or task events",
        """Metrics

Tasks that got done, how long they took, what failed and what is open, over ranges from a day to a year, beside the \
time before.

There is no task yet. Each job of the fleet's job queue becomes one by itself. Tasks of others come as session events \
of the type custom, with a payload of the type task. This creates the stream for them, after showing it:

    watchdeck init sessions

Nothing is created before that.""",
    ),
)

_BY_ID: Mapping[str, Explanation] = {each.id: each for each in EXPLANATIONS}


def explanation(view_id: str) -> Explanation | None:
    return _BY_ID.get(view_id)
