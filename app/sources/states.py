"""The states of a source's parts, changed in the few ways that there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.model.snapshot import SourceState, SourceStatus
from app.model.text import clean

_LONGEST = 300


class States:
    """One SourceState per name. Texts are cleaned; `good_at` moves only where facts were true."""

    def __init__(self, *names: str) -> None:
        self._states = {name: SourceState(name) for name in names}

    def __getitem__(self, name: str) -> SourceState:
        return self._states[name]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._states)

    def all(self) -> tuple[SourceState, ...]:
        return tuple(self._states.values())

    def set(self, name: str, **changes: Any) -> None:
        """Changes single fields of one state."""
        self._states[name] = replace(self._states[name], **changes)

    def good(self, name: str, at: datetime) -> None:
        self.set(name, status=SourceStatus.OK, good_at=at, error="", denied=())

    def partial(self, name: str, at: datetime | None, error: str, denied: tuple[str, ...] = ()) -> None:
        """Some rows are fresh, `error` says which are not."""
        self.set(name, status=SourceStatus.PARTIAL, good_at=at, error=clean(error, _LONGEST), denied=denied)

    def failed(self, names: Iterable[str], error: str) -> None:
        for name in names:
            self.set(name, status=SourceStatus.FAILED, error=clean(error, _LONGEST), denied=())

    def denied(self, name: str, *needs: str) -> None:
        """`needs` are the missing permissions in our own spelling."""
        error = clean(f"not permitted: {', '.join(needs)}", _LONGEST)
        self.set(name, status=SourceStatus.DENIED, error=error, denied=needs)

    def absent(self, names: Iterable[str], sentence: str, at: datetime) -> None:
        """The outside thing is not there, and we know it since `at`."""
        for name in names:
            self.set(name, status=SourceStatus.ABSENT, error=clean(sentence, _LONGEST), good_at=at, denied=())
