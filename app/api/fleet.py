"""Fleet: what is known of the fleet, for decks and scripts. Lists come from the snapshot, single things from NATS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Path, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.asked import Limit, Offset, answer, invalid, page
from app.api.behind import inquiry_of
from app.api.gates import Gates
from app.api.pages import EventPage, FindingPage, JobPage, SnapshotBody
from app.model.access import Permission
from app.model.events import EventKind
from app.model.findings import Severity
from app.model.jobs import JobDetail, JobStatus
from app.model.messages import Message, Subjects
from app.model.snapshot import SECTIONS, Snapshot
from app.sources.errors import SourceError
from app.worker.board import Board

T = TypeVar("T")
ANSWER_WITHIN = 10.0
"""Seconds that NATS may take for one thing that was asked."""
_LARGE = 2000  # rows that are encoded aside of the event loop
_OLD = datetime.min.replace(tzinfo=UTC)
Name = Annotated[str, Path(min_length=1, max_length=300)]


def fleet(gates: Gates, board: Board) -> None:
    """`GET /api/v1/` `snapshot`, `jobs`, `findings`, `events`, and single things of `streams`."""

    async def snapshot(sections: Annotated[str, Query(max_length=500)] = "") -> Response:
        wanted = [name for name in sections.split(",") if name] or list(SECTIONS)
        if unknown := sorted(set(wanted) - SECTIONS.keys()):
            raise invalid("query", "sections", f"there is no section {unknown[0][:40]!r}")
        seen = board.snapshot
        if sum(len(seen.section(name)) for name in wanted) < _LARGE:
            return answer(_whole(seen, wanted))
        body = await asyncio.to_thread(lambda: msgspec.json.encode(_whole(seen, wanted)))
        return Response(body, media_type="application/json")

    async def jobs(status: JobStatus | None = None, limit: Limit = 100, offset: Offset = 0) -> Response:
        known = board.snapshot.jobs.values()
        counts = dict.fromkeys(JobStatus, 0)
        for job in known:
            counts[job.status] += 1
        rows = [job for job in known if status is None or job.status is status]
        rows.sort(key=lambda job: (job.created or _OLD, job.key), reverse=True)
        return page(rows, limit, offset, counts=counts)

    async def job(id: Name) -> Response:
        return answer(await _found(inquiry_of(board).job(id)))

    async def findings(
        severity: Severity | None = None,
        hidden: Annotated[bool, Query(description="Snoozed and muted ones too")] = False,
        limit: Limit = 1000,
        offset: Offset = 0,
    ) -> Response:
        rows = [
            row
            for row in board.snapshot.findings.values()
            if (severity is None or row.severity is severity)
            and (hidden or row.attention is None or not row.attention.hidden)
        ]
        rows.sort(key=lambda row: (-row.severity.rank, row.since or _OLD, row.id))
        return page(rows, limit, offset, verdict=board.snapshot.verdict)

    async def events(kind: EventKind | None = None, limit: Limit = 200, offset: Offset = 0) -> Response:
        known = [*board.snapshot.events.values()][::-1]
        return page([event for event in known if kind is None or event.kind is kind], limit, offset)

    async def message(
        name: Name,
        seq: Annotated[int, Path(ge=0, lt=2**63)],
        subject: Annotated[list[str] | None, Query(max_length=100)] = None,
    ) -> Response:
        return answer(await _found(inquiry_of(board).message(name, seq, tuple(subject or ()))))

    async def subjects(name: Name, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> Response:
        return answer(await _found(inquiry_of(board).subjects(name, limit)))

    read = Permission.FLEET_READ
    gates.get("/api/v1/snapshot", read, snapshot, answer=SnapshotBody)
    gates.get("/api/v1/jobs", read, jobs, answer=JobPage)
    gates.get("/api/v1/jobs/{id:path}", read, job, answer=JobDetail, also={404: "There is no such job"})
    gates.get("/api/v1/findings", read, findings, answer=FindingPage)
    gates.get("/api/v1/events", read, events, answer=EventPage)
    none = {404: "There is no such stream or message"}
    gates.get("/api/v1/streams/{name:path}/messages/{seq}", read, message, answer=Message, also=none)
    gates.get("/api/v1/streams/{name:path}/subjects", read, subjects, answer=Subjects, also=none)


async def _found(asking: Awaitable[T]) -> T:
    """What NATS answers: 404 where there is none, 503 with the reason where it does not answer."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            return await asking
    except LookupError as error:
        raise HTTPException(404, str(error.args[0]) if error.args else "there is no such thing") from None
    except SourceError as error:
        raise HTTPException(503, str(error)) from None
    except TimeoutError:
        raise HTTPException(503, f"NATS did not answer in {ANSWER_WITHIN:g} s") from None


def _whole(snapshot: Snapshot, sections: list[str]) -> dict[str, Any]:
    tables = {name: list(snapshot.section(name).values()) for name in sections}
    return {
        "epoch": snapshot.epoch,
        "seq": snapshot.seq,
        "at": snapshot.at,
        "site": snapshot.site,
        "sources": dict(snapshot.sources),
        "verdict": snapshot.verdict,
        "counts": dict(snapshot.counts),
        "queue": snapshot.queue,
        "sections": tables,
    }
