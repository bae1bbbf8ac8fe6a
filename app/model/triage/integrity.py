"""The rule about what the worker's own store holds: `store.integrity`."""

from __future__ import annotations

from collections.abc import Iterator

from app.model.findings import Evidence, Severity, Step
from app.model.triage.candidates import Candidate, Context

INTEGRITY = "store.integrity"
DAMAGED, SET_ASIDE = "store", "set aside"
"""What it is said of: the store in use, and one that was put aside when this worker began."""

THRESHOLDS = {INTEGRITY: ()}
_REFS = ("source:store",)


class Integrity:
    """Judges the store; what was set aside is told until somebody has acknowledged it."""

    def __init__(self) -> None:
        self._settled = False

    def candidates(self, context: Context) -> Iterator[Candidate]:
        """What is wrong with the store now, and what was when this worker began."""
        if not context.thresholds.of(INTEGRITY).on:
            return
        site = context.site
        if site.store_damage:
            yield _damaged(site.store_damage)
        self._settled = self._settled or f"{INTEGRITY}|{SET_ASIDE}" in context.acked
        if site.set_aside and not self._settled:
            yield _set_aside(site.set_aside)


def _damaged(why: str) -> Candidate:
    return Candidate(
        INTEGRITY,
        DAMAGED,
        "source",
        "store",
        "session store is damaged: nothing is recorded until the worker is restarted",
        Severity.CRIT,
        _REFS,
        clear=0.0,
        detail="the restart sets the file aside and begins another; session events wait in their stream until then",
        evidence=(Evidence("check", why),),
        steps=(Step("Restart the worker; then restore a backup, or let the stream fill the new store"),),
    )


def _set_aside(what: str) -> Candidate:
    return Candidate(
        INTEGRITY,
        SET_ASIDE,
        "source",
        "store",
        what,
        Severity.WARN,
        _REFS,
        clear=0.0,
        detail="a new store was begun; sessions, tokens and acknowledgements of the old one are not in it",
        evidence=(Evidence("at the start", what),),
        steps=(
            Step("Restore a backup, if there is one", "watchdeck restore FILE"),
            Step("Acknowledge this once that is taken care of"),
        ),
    )
