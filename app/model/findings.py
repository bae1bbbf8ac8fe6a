"""A finding: one thing that is wrong, as one sentence with its figures, since when, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.model.health import Health


class Severity(StrEnum):
    """CRIT: data is being lost or work has stopped, now or within 10 minutes, and a person must act.
    WARN: it will become that, or part of the service is worse. INFO: worth tidying, not shown unless asked for."""

    CRIT = "crit"
    WARN = "warn"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Order of urgency: the larger, the more urgent."""
        return _RANK[self]

    @property
    def health(self) -> Health:
        """What a row is that has such a finding: INFO leaves it OK."""
        return _HEALTH[self]


_RANK = {Severity.CRIT: 3, Severity.WARN: 2, Severity.INFO: 1}
_HEALTH = {Severity.CRIT: Health.CRIT, Severity.WARN: Health.WARN, Severity.INFO: Health.OK}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One row under a finding: what was measured, its value now, the threshold, and where both came from."""

    what: str
    now: str
    threshold: str = ""
    source: str = ""  # of the threshold: `default`, `metadata`, `[thresholds]`; or of the value: `from the broker`


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that can be done: a sentence and, where there is one, the command that does it."""

    sentence: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Attention:
    """That somebody has taken care of a finding, or did so before it came back. `until`: of a snooze or mute."""

    state: str  # acked, snoozed, muted, or returned: an acknowledgement that no longer holds
    by: str = ""
    at: datetime | None = None
    until: datetime | None = None
    note: str = ""

    @property
    def quiet(self) -> bool:
        """It stands back in the list: it is not news to those who watch."""
        return self.state != "returned"

    @property
    def hidden(self) -> bool:
        """It is not shown at all until it is asked for."""
        return self.state in ("snoozed", "muted")


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one subject by one rule.

    `refs` are the rows it is about: `agent:KEY`, `stream:NAME`, `consumer:STREAM/NAME`, `source:NAME`; the first one
    is where Enter leads from it.
    """

    id: str  # `rule|subject key`: stable while it lasts, and across restarts
    rule: str
    severity: Severity
    kind: str  # the word in the KIND column: agent, consumer, stream, nats, source …
    subject: str  # the name in the SUBJECT column
    what: str  # the sentence; the first 34 cells must be enough, names are not repeated in it
    refs: tuple[str, ...] = ()
    since: datetime | None = None
    since_exact: bool = True  # False: a lower bound, seen by us, written with ≥
    detail: str = ""  # one line of what people feel of it, shown under the sentence when it is opened in place
    evidence: tuple[Evidence, ...] = ()
    steps: tuple[Step, ...] = ()
    cause: str = ""  # id of the finding that it is folded under
    folded: int = 0  # how many are folded under it
    last_known: bool = False  # its source fails: neither raised nor cleared
    flaps: int = 0  # changes within 10 minutes, when over three
    measured: float | None = None  # the value that the rule judges, for its plot
    attention: Attention | None = None

    @property
    def key(self) -> str:
        return self.id

    def under(self, cause: str) -> Finding:
        """The same, folded under another finding. Written out, because thousands may be at once."""
        return Finding(
            self.id,
            self.rule,
            self.severity,
            self.kind,
            self.subject,
            self.what,
            self.refs,
            self.since,
            self.since_exact,
            self.detail,
            self.evidence,
            self.steps,
            cause,
            self.folded,
            self.last_known,
            self.flaps,
            self.measured,
            self.attention,
        )


BESIDE = ("probe.", "gateway.", "unit.")
"""Beginnings of rules about what is watched without NATS: they hold whatever becomes of the connection."""


LEAST = frozenset(("score.fell",))
"""Rules whose findings are below all others of their severity: they tell of days, not of now."""


def urgency(finding: Finding) -> tuple[bool, bool, int, bool, float, str]:
    """The order in which a person should look: causes before what is folded under them, what nobody has taken care of
    before what somebody has, the more severe, then the newest: what has just begun is at the top of its severity."""
    since = finding.since.timestamp() if finding.since is not None else 0.0
    quiet = finding.attention is not None and finding.attention.quiet
    return bool(finding.cause), quiet, -finding.severity.rank, finding.rule in LEAST, -since, finding.id
