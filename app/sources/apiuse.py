"""How the JetStream API has answered us, in the last minute."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from app.model.snapshot import ApiUse
from app.sources.errors import ApiError, NoResponders, RequestTimeout, SourceError

_MINUTE = timedelta(seconds=60)
_NOBODY = frozenset((10008, 10039, 10076))
"""Errors by which the API says that it cannot answer anything: no meta leader, JetStream not enabled."""
_NOT_THERE = 404
_LONGEST = 200


class _Second:
    __slots__ = ("at", "calls", "failed")

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.calls = 0
        self.failed = 0


class ApiCounter:
    """Counts calls by the second. What is not there or not permitted was answered; a lost connection says nothing."""

    def __init__(self) -> None:
        self._seconds: deque[_Second] = deque()
        self._error = ""
        self._silent_since: datetime | None = None
        self._answered: datetime | None = None  # when the last call was sent that got an answer

    def answered(self, sent: datetime) -> None:
        """A call sent at that time got an answer that tells something."""
        self._count(sent, failed=False)
        self._heard(sent)

    def failed(self, sent: datetime, error: SourceError) -> None:
        """A call sent at that time failed."""
        if isinstance(error, ApiError) and error.number not in _NOBODY:
            bad = error.code != _NOT_THERE
            self._count(sent, failed=bad)
            self._heard(sent)
            if bad:
                self._error = str(error)[:_LONGEST]
        elif isinstance(error, ApiError | NoResponders | RequestTimeout):
            self._count(sent, failed=True)
            self._error = str(error)[:_LONGEST]
            if self._silent_since is None and (self._answered is None or self._answered < sent):
                self._silent_since = sent

    def forget(self) -> None:
        """Another connection: what the one before it heard or did not hear says nothing of this one."""
        self._seconds.clear()
        self._error, self._silent_since, self._answered = "", None, None

    def use(self, now: datetime) -> ApiUse:
        """The last minute before `now`."""
        while self._seconds and not timedelta(0) <= now - self._seconds[0].at < _MINUTE:
            self._seconds.popleft()
        failed = sum(each.failed for each in self._seconds)
        error = self._error if failed or self._silent_since else ""
        return ApiUse(sum(each.calls for each in self._seconds), failed, error, self._silent_since)

    def _heard(self, sent: datetime) -> None:
        self._answered = sent if self._answered is None else max(self._answered, sent)
        if self._silent_since is not None and self._answered >= self._silent_since:
            self._silent_since = None

    def _count(self, at: datetime, *, failed: bool) -> None:
        second = at.replace(microsecond=0)
        if not self._seconds or self._seconds[-1].at < second:
            self._seconds.append(_Second(second))
        self._seconds[-1].calls += 1
        self._seconds[-1].failed += failed
