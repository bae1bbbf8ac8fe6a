"""Attention: what people have said about findings. Acknowledged, put off until a time, or silenced by a pattern."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.model.findings import Severity


class MarkKind(StrEnum):
    ACK = "ack"
    SNOOZE = "snooze"
    MUTE = "mute"


@dataclass(frozen=True, slots=True)
class Mark:
    """What somebody said of a finding, or of a rule for a pattern of subjects.

    An acknowledgement holds until its finding clears or gets worse: a higher `level`, twice the value `measured`, or
    `joined` and three more folded under it, or after 24 h. `until` is when a snooze or mute ends by itself, and when an
    acknowledgement ceased to hold: then its finding still tells whose it was.
    """

    key: str  # `ack|<finding id>`, `snooze|<finding id>`, `mute|<rule>|<subject>`
    kind: MarkKind
    by: str  # a token's name, or user@host
    at: datetime
    finding: str = ""  # its id; empty for a mute
    rule: str = ""
    subject: str = ""  # of a mute: a pattern with `*` and `?`, matched with the finding's subject, case ignored
    until: datetime | None = None
    note: str = ""
    level: Severity | None = None
    measured: float | None = None
    joined: int = 0
