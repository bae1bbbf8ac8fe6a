"""Causes: the few things that make the whole not healthy or not ready, each as a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from app.api.behind import store_of
from app.model.broker import Answer
from app.model.snapshot import Capability, Snapshot, SourceStatus
from app.worker.board import Board

JOB_QUEUE = "job-queue"


@dataclass(frozen=True, slots=True)
class Causes:
    """Why NATS, the job queue's bucket or the store is bad; empty while it is not. `fleet`: there is one to watch.

    `worker` says that the worker's own collector stands. It is no cause by itself; but then nobody knows of NATS.
    """

    nats: str = ""
    kv: str = ""
    store: str = ""
    worker: str = ""
    fleet: bool = False

    @property
    def bad(self) -> bool:
        return bool(self.nats or self.kv or self.store)


def causes_now(board: Board) -> Causes:
    """As the board says now; nothing is asked."""
    snapshot, store = board.snapshot, store_of(board)
    fleet = Capability.FLEET in snapshot.site.capabilities
    stuck = store is not None and not store.turning
    worker = "" if stuck or board.alive() else "no collection for a while: nothing is known of the present"
    nats = f"nats not connected: {board.unreachable}" if board.unreachable else worker
    kv = _bucket(snapshot, _queue_name(board)) if fleet else ""
    if fleet and nats:
        kv = "kv bucket not accessible: " + (board.unreachable or worker)
    kept = "the session store's thread is stuck" if stuck else store.trouble if store is not None else ""
    return Causes(nats, kv, kept, worker, fleet)


def not_ready(board: Board) -> list[str]:
    """Why the worker is not ready, a sentence for each cause."""
    causes = causes_now(board)
    found = [causes.nats, causes.kv, causes.store]
    found += [check.reason for check in board.checks() if not check.ok and check.name not in ("nats", "store")]
    return list(dict.fromkeys(text for text in found if text))


def _queue_name(board: Board) -> str:
    """The stream of the job queue's bucket under the namespace that is looked at."""
    names = board.fingerprint.get("names")
    plain = str(names.get("job_queue", JOB_QUEUE)) if isinstance(names, dict) else JOB_QUEUE
    namespace = board.snapshot.site.namespace
    return f"KV_{namespace}-{plain}" if namespace else f"KV_{plain}"


def _bucket(snapshot: Snapshot, stream: str) -> str:
    """Why the job queue's bucket cannot be used; a permission that we lack is no fault of the bucket."""
    listed, jobs = snapshot.sources.get("streams"), snapshot.sources.get("jobs")
    if jobs is not None and jobs.status is SourceStatus.FAILED:
        return f"kv bucket not accessible: {jobs.error or 'not read'}"
    if listed is not None and listed.status is SourceStatus.FAILED:
        return f"kv bucket not accessible: {listed.error or 'streams cannot be listed'}"
    row = snapshot.streams.get(stream)
    if row is not None:
        return "" if row.answer is Answer.OK else f"kv bucket not accessible: the bucket is {row.answer}"
    if listed is not None and listed.fresh:
        return f"kv bucket not accessible: there is no bucket {stream.removeprefix('KV_')}"
    if jobs is None or jobs.fresh:
        return ""
    return f"kv bucket not accessible: {jobs.error or 'not read yet'}"
