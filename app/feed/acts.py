"""Acts: what a deck may tell the worker to do. Each says where it is posted and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from app.model.scoring import Dimension, Weights


@dataclass(frozen=True)
class Act:
    """Posted as JSON to `path`; the worker answers whether it was done."""

    @property
    def path(self) -> str:
        raise NotImplementedError

    @property
    def body(self) -> Mapping[str, object]:
        return {}


@dataclass(frozen=True)
class Refresh(Act):
    """Collect now."""

    @property
    def path(self) -> str:
        return "/api/v1/refresh"


@dataclass(frozen=True)
class ChooseNamespace(Act):
    """Look at the fleet of this namespace; `auto`: found by what is there."""

    namespace: str

    @property
    def path(self) -> str:
        return "/api/v1/namespace"

    @property
    def body(self) -> Mapping[str, object]:
        return {"namespace": self.namespace}


@dataclass(frozen=True)
class Acknowledge(Act):
    """Somebody takes care of a finding: it stands back until it clears or gets worse."""

    finding: str
    note: str = ""

    @property
    def path(self) -> str:
        return f"/api/v1/findings/{quote(self.finding, safe='')}/ack"

    @property
    def body(self) -> Mapping[str, object]:
        return {"note": self.note}


@dataclass(frozen=True)
class Snooze(Act):
    """A finding is hidden until a time."""

    finding: str
    until: datetime
    note: str = ""

    @property
    def path(self) -> str:
        return f"/api/v1/findings/{quote(self.finding, safe='')}/snooze"

    @property
    def body(self) -> Mapping[str, object]:
        return {"until": self.until.isoformat(), "note": self.note}


@dataclass(frozen=True)
class Mute(Act):
    """A rule is silent about subjects like a pattern (`*`, `?`) until a time."""

    rule: str
    subject: str
    until: datetime
    note: str = ""

    @property
    def path(self) -> str:
        return "/api/v1/mutes"

    @property
    def body(self) -> Mapping[str, object]:
        return {"rule": self.rule, "subject": self.subject, "until": self.until.isoformat(), "note": self.note}


@dataclass(frozen=True)
class TakeBack(Act):
    """A mark is taken back: an acknowledgement, snooze or mute by its key."""

    mark: str

    @property
    def path(self) -> str:
        return f"/api/v1/marks/{quote(self.mark, safe='')}/remove"


@dataclass(frozen=True)
class SetWeights(Act):
    """From now on scores are weighted so, for everybody: each 0 to 1, together 0.95 to 1.05."""

    weights: Weights

    @property
    def path(self) -> str:
        return "/api/v1/weights"

    @property
    def body(self) -> Mapping[str, object]:
        return {dimension.value: self.weights.of(dimension) for dimension in Dimension}


@dataclass(frozen=True)
class ResetWeights(Act):
    """Scores are weighted as configured again."""

    @property
    def path(self) -> str:
        return "/api/v1/weights/reset"
