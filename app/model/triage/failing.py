"""The rule `jobs.failing`: of the jobs of one operation that ended in the last minutes, many failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from app.model.changes import Timed
from app.model.findings import Evidence, Severity
from app.model.jobs import Job, JobStatus
from app.model.text import percent
from app.model.triage.candidates import Candidate, Context
from app.model.triage.steps import command, osapi, steps
from app.model.triage.thresholds import Limits, Threshold, Unit, written

FAILING = "jobs.failing"
SOURCE = "jobs"

THRESHOLDS = {
    FAILING: (
        Threshold("warn", Unit.SHARE, 0.10, "of the jobs of an operation that ended, failed"),
        Threshold("crit", Unit.SHARE, 0.50, "of the jobs of an operation that ended, failed"),
        Threshold("count", Unit.NUMBER, 5.0, "failed jobs at least"),
        Threshold("window", Unit.SECONDS, 900.0, "in which they ended"),
        Threshold("clear", Unit.SECONDS, 600.0, "below before it is over"),
    ),
}

_BAD = frozenset((JobStatus.FAILED, JobStatus.PARTIAL))
_NAMED = 20
_ERROR = 60  # characters of an error in a sentence


@dataclass(frozen=True, slots=True)
class _Ended:
    operation: str
    bad: bool
    error: str


class _Operation:
    """The jobs of one operation that ended in the window, and what was last said of them."""

    __slots__ = ("bad", "begun", "dirty", "ended", "errors", "said")

    def __init__(self) -> None:
        self.ended = 0
        self.bad = Timed()
        self.errors: Counter[str] = Counter()
        self.begun: float | None = None  # the first failure of the present spell
        self.said: Candidate | None = None
        self.dirty = True


class Failures:
    """Jobs that ended in the window, by operation."""

    def __init__(self) -> None:
        self._ended: dict[str, _Ended] = {}
        self._at = Timed()
        self._operations: dict[str, _Operation] = {}

    def take(self, job: Job) -> None:
        """Takes in a job as it is now."""
        at = job.finished_at
        if at is None or not job.operation:
            self.drop(job.key)
            return
        now = _Ended(job.operation, job.status in _BAD, job.error)
        if self._ended.get(job.key) == now and job.key in self._at:
            self._at.put(job.key, at.timestamp())
            return
        self.drop(job.key)
        self._ended[job.key] = now
        self._at.put(job.key, at.timestamp())
        known = self._operations.setdefault(job.operation, _Operation())
        known.ended += 1
        known.dirty = True
        if now.bad:
            known.bad.put(job.key, at.timestamp())
            known.errors[job.error] += 1

    def drop(self, key: str) -> None:
        """Forgets a job."""
        self._at.drop(key)
        self._subtract(key)

    def _subtract(self, key: str) -> None:
        ended = self._ended.pop(key, None)
        if ended is None:
            return
        known = self._operations[ended.operation]
        known.ended -= 1
        known.dirty = True
        if ended.bad:
            known.bad.drop(key)
            known.errors[ended.error] -= 1
            if not known.errors[ended.error]:
                del known.errors[ended.error]
        if not known.ended:
            del self._operations[ended.operation]

    def candidates(self, context: Context) -> Iterator[Candidate]:
        limits = context.thresholds.of(FAILING)
        for key in self._at.expire(context.now.timestamp() - limits["window"]):
            self._subtract(key)
        if not limits.on:
            return
        for operation, known in self._operations.items():
            if known.dirty:
                known.said = _judge(operation, known, context, limits)
                known.dirty = False
            if known.said is not None:
                yield known.said


def _judge(operation: str, known: _Operation, context: Context, limits: Limits) -> Candidate | None:
    failed = len(known.bad)
    share = failed / known.ended
    severity = _level(failed, share, limits, 1.0)
    keep = _level(failed, share, limits, 0.9)
    if keep is None and severity is None:
        known.begun = None
        return None
    if known.begun is None:
        known.begun = known.bad.first
    since = None if known.begun is None else datetime.fromtimestamp(known.begun, UTC)
    return Candidate(
        FAILING,
        operation,
        "jobs",
        operation,
        f"{percent(share)} fail ({failed} in {written(Unit.SECONDS, limits['window'])}){_errors(known.errors)}",
        severity,
        tuple(f"job:{key}" for key in reversed(known.bad.newest(_NAMED))),
        keep=keep,
        begun=since,
        since=since,
        clear=limits["clear"],
        detail=f"{failed} of {known.ended} that ended failed, wholly or in part",
        evidence=(
            Evidence(
                "failed",
                f"{percent(share)}, {failed} of {known.ended}",
                f"{written(Unit.SHARE, limits['warn'])} / {written(Unit.SHARE, limits['crit'])}, "
                f"from {limits['count']:g}",
                limits.origin("warn"),
            ),
            *(Evidence(_cut(error) or "no error told", str(number)) for error, number in _worst(known.errors, 3)),
        ),
        steps=steps(
            ("See the newest of them", osapi("job", "get", option="--job-id", value=known.bad.newest(1)[0])),
            ("List failed jobs", command("osapi", "client", "job", "list", "--status", "failed")),
        ),
        measured=share,
        source=SOURCE,
    )


def _level(failed: int, share: float, limits: Limits, factor: float) -> Severity | None:
    if failed < limits["count"] * factor:
        return None
    if share >= limits["crit"] * factor:
        return Severity.CRIT
    return Severity.WARN if share >= limits["warn"] * factor else None


def _worst(errors: Counter[str], number: int) -> list[tuple[str, int]]:
    return sorted(errors.items(), key=lambda pair: (-pair[1], pair[0]))[:number]


def _errors(errors: Counter[str]) -> str:
    error, number = _worst(errors, 1)[0]
    if not error:
        return ""
    share = "" if number == errors.total() else f"{number} "
    return f': {share}"{_cut(error)}"'


def _cut(error: str) -> str:
    return error if len(error) <= _ERROR else f"{error[: _ERROR - 1]}…"
