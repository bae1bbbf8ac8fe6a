"""What happened to the watching itself: the connection to NATS, and the findings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.model.broker import LinkState, ServerInfo
from app.model.events import EventKind
from app.model.findings import Finding, Severity
from app.model.snapshot import Snapshot
from app.model.text import duration
from app.worker.draft import Draft, ways

SETTLING = timedelta(minutes=2)
"""How long after the first look a finding that is older than that is none that came up."""


class LinkNews:
    """Follows the connection."""

    def __init__(self) -> None:
        self._server: ServerInfo | None = None
        self._reconnects = 0
        self._lost_at: datetime | None = None

    def observe(self, snapshot: Snapshot) -> Iterator[Draft]:
        """Lost, there again, at another server; that it is there for the first time is no news."""
        link, server, now = snapshot.site.connection, snapshot.site.server, snapshot.at
        if self._server is not None and link.state is LinkState.DOWN and self._lost_at is None:
            self._lost_at = now
            yield _nats(f"connection lost: {link.error or 'no reason was given'}", Severity.CRIT)
        if link.state is not LinkState.CONNECTED or server is None:
            return
        before, self._server = self._server, server
        again, self._reconnects = link.reconnects > self._reconnects, link.reconnects
        lost_at, self._lost_at = self._lost_at, None
        if before is None or not again:
            return
        after = f" after {duration((now - lost_at).total_seconds())}" if lost_at is not None and now is not None else ""
        if before.name != server.name:
            where = f", to {server.name} instead of {before.name}"
        elif before.id and server.id and before.id != server.id:
            where = ", the server was restarted"
        else:
            where = ""
        yield _nats(f"connected again{after}{where}")
        if before.version != server.version:
            yield _nats(f"server version {ways(before.version, server.version)}")


def _nats(what: str, severity: Severity = Severity.INFO) -> Draft:
    return Draft(EventKind.COMPONENT, "NATS", what, severity, ("component:worker:nats",))


class FindingNews:
    """Follows the findings. What is folded under another is told by that one."""

    def __init__(self) -> None:
        self._told: dict[str, Finding] = {}  # by id, as last told
        self._table: object = None
        self._began: datetime | None = None
        self._namespace: str | None = None

    def observe(self, snapshot: Snapshot, settled: bool, namespace: str) -> Iterator[Draft]:
        """Raised, worse, better, cleared. While not `settled` (not everything was seen yet) they are only noted.

        With another fleet nothing came up and nothing was cleared: others are looked at.
        """
        other, self._namespace = self._namespace not in (None, namespace), namespace
        first = self._began is None
        if first or other:
            self._began = snapshot.at if settled else None
        if snapshot.findings is self._table:
            return
        drafts = list(self._compare(snapshot))
        self._table = snapshot.findings
        if settled and not first and not other:
            yield from drafts

    def _compare(self, snapshot: Snapshot) -> Iterator[Draft]:
        findings = snapshot.findings
        for id, finding in findings.items():
            told = self._told.get(id)
            if finding.cause or told is finding:
                continue
            self._told[id] = finding
            if told is None:
                if not self._old(finding, snapshot.at):
                    yield _finding(finding, "raised", finding.severity)
            elif told.severity is not finding.severity:
                worse = finding.severity.rank > told.severity.rank
                yield _finding(finding, "worse" if worse else "better", finding.severity)
        for id in self._told.keys() - findings.keys():
            yield _finding(self._told.pop(id), "cleared", Severity.INFO)

    def _old(self, finding: Finding, now: datetime | None) -> bool:
        """Whether it was there before we looked: it is found a little later, and is no news."""
        began = self._began
        if began is None or now is None or finding.since is None:
            return False
        return finding.since < began and now - began < SETTLING


def _finding(finding: Finding, word: str, severity: Severity) -> Draft:
    hidden = finding.attention is not None and finding.attention.hidden
    return Draft(
        EventKind.FINDING,
        finding.subject,
        f"{word}: {finding.what}",
        severity,
        finding.refs,
        minor=hidden or finding.severity is Severity.INFO,
        same=f"{word} {finding.id}",
    )
