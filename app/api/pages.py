"""Pages: the bodies of lists and of the whole snapshot as the API's description tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from app.model.access import Role
from app.model.attention import Mark
from app.model.events import Event
from app.model.findings import Finding
from app.model.jobs import Job, JobStatus, Queue
from app.model.snapshot import Count, Site, SourceState, Verdict


class Page(BaseModel):
    """A part of a list; `total` counts all rows that fit."""

    total: int
    limit: int
    offset: int


class JobPage(Page):
    """Jobs, newest first; `counts` are of all jobs, by status."""

    items: list[Job]
    counts: dict[JobStatus, int]


class FindingPage(Page):
    """Findings, the most urgent first and the oldest of these."""

    items: list[Finding]
    verdict: Verdict


class EventPage(Page):
    """Events, newest first."""

    items: list[Event]


class SnapshotBody(BaseModel):
    """Everything that is known, or the sections that were asked for; each is a list of its rows."""

    epoch: str
    seq: int
    at: datetime | None
    site: Site
    sources: dict[str, SourceState]
    verdict: Verdict
    counts: dict[str, Count]
    queue: Queue | None
    sections: dict[str, list[dict[str, Any]]]


class MarkBody(BaseModel):
    """What was kept of somebody's word."""

    mark: Mark


class TokenShape(BaseModel):
    """A token without its secret."""

    id: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class TokenList(BaseModel):
    """All tokens, revoked and expired ones too, in the order in which they were made."""

    items: list[TokenShape]
    total: int


class NewToken(TokenShape):
    """The token that was made, with its text: it is told this once."""

    token: str


class AuditShape(BaseModel):
    """One thing that somebody did."""

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    outcome: str
    detail: str


class AuditList(BaseModel):
    """Rows of the audit trail, newest first; `before=<id of the last>` goes on."""

    items: list[AuditShape]
