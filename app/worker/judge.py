"""Judging as the collector needs it: history and triage behind one face."""

from __future__ import annotations

from collections.abc import Mapping

from app.model.attention import Mark, MarkKind
from app.model.broker import Flow
from app.model.findings import Finding
from app.model.rates import History
from app.model.snapshot import Count, Snapshot, Verdict
from app.model.triage.judging import Triage
from app.model.triage.standing import counts, stale_sections, standings, verdict


class TriageJudge:
    """The rules with the thresholds and runbooks of the settings, over the history of this run.

    Raises ThresholdError for thresholds that cannot be used.
    """

    def __init__(self, thresholds: Mapping[str, Mapping[str, object]], runbooks: Mapping[str, str]) -> None:
        self._history = History()
        self._triage = Triage(thresholds, runbooks)
        self._marks: Mapping[str, Mark] = {}
        self._acked: frozenset[str] = frozenset()  # findings that somebody has acknowledged

    def observe(self, snapshot: Snapshot) -> None:
        self._history.observe(snapshot)

    def flows(self) -> Mapping[str, Flow]:
        return self._history.flows()

    def findings(self, snapshot: Snapshot) -> Mapping[str, Finding]:
        if snapshot.marks is not self._marks:
            self._marks = snapshot.marks
            self._acked = frozenset(mark.finding for mark in snapshot.marks.values() if mark.kind is MarkKind.ACK)
        return self._triage.judge(snapshot, self._history, self._acked)

    def counts(self, snapshot: Snapshot) -> Mapping[str, Count]:
        return counts(snapshot, standings(snapshot.findings, stale_sections(snapshot)))

    def verdict(self, snapshot: Snapshot) -> Verdict:
        return verdict(snapshot)
