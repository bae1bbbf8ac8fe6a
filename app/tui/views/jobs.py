"""Jobs: the fleet's job queue, and dead letters without a job of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.model import text
from app.model.fleet import sanitise_key
from app.model.health import Health
from app.model.jobs import DeadLetter, Job, JobStatus
from app.model.snapshot import Capability
from app.tui.job_index import GUEST, PILE, Pile, row_key
from app.tui.picture import Picture, Standing
from app.tui.views import cells
from app.tui.views.cells import left, right
from app.tui.views.view import GLYPH, Field, View
from widgets.columns import Cell

CLAIM_WITHIN = 60.0
"""Seconds within which an agent should acknowledge a job."""
DEAD = "dead"

_BAD = frozenset((JobStatus.FAILED, JobStatus.PARTIAL))
_WARN = Standing(Health.WARN, Health.WARN.rank, True)
_STYLES = {DEAD: "warn", "failed": "warn", "partial": "warn", "processing": "accent", "completed": "", "skipped": "dim"}

Listed = Job | DeadLetter | Pile
"""A row: one for each job, and one for each letter whose job is not in the list, or for many that are alike."""


def rows(picture: Picture) -> Mapping[str, Listed]:
    """Jobs by id, and loose letters by their ref."""
    snapshot, loose = picture.snapshot, picture.jobs.listed
    return picture.once("job rows", lambda: {**snapshot.jobs, **loose}) if loose else snapshot.jobs


def one(row: Listed) -> Job | DeadLetter:
    """The row itself, or the newest letter of those that are alike."""
    return row.newest if isinstance(row, Pile) else row


def ref_of(row: Listed) -> str:
    row = one(row)
    return row_key(row) if isinstance(row, DeadLetter) else f"job:{row.key}"


def stands_for(key: str, picture: Picture) -> str:
    """What is looked at, acknowledged and copied where a row stands for many letters: the newest of them."""
    if key.partition(":")[0] not in (GUEST, PILE):
        return f"job:{key}"
    row = picture.jobs.listed.get(key)
    return key if row is None else ref_of(row)


def letter_name(key: str) -> str:
    """`TELEMETRY #1707`: the stream and the sequence of where a letter is kept, or of the message that died."""
    stream, _, sequence = key.removeprefix("advisory/").rpartition("/")
    return f"{stream} #{sequence}"


def dead_letters(job: Job, picture: Picture) -> list[DeadLetter]:
    """The letters with this job behind them, oldest first."""
    letters = [picture.snapshot.deadletters.get(key) for key in picture.jobs.letters_of(job.key)]
    return sorted((letter for letter in letters if letter is not None), key=lambda letter: letter.key)


def is_dead(job: Job, picture: Picture) -> bool:
    return job.dead > 0 or bool(picture.jobs.letters_of(job.key))


def status_word(row: Listed, picture: Picture) -> str:
    """`dead` where a message of it was given up, else its status."""
    row = one(row)
    if isinstance(row, DeadLetter) or is_dead(row, picture):
        return DEAD
    return "deleted" if row.deleted else row.status.word


def standing(row: Listed, picture: Picture) -> Standing:
    """By its findings where there are any. A single job that failed, died or waits too long is no crisis: WARN."""
    found = picture.standing(ref_of(row), "jobs")
    if found.fault or found.health is not Health.OK:
        return found
    if isinstance(row, (DeadLetter, Pile)):
        return _WARN
    if (row.status in _BAD and not row.retried_as) or is_dead(row, picture):
        return _WARN
    waits = picture.age(row.created) if row.unclaimed else None
    return _WARN if waits is not None and waits > CLAIM_WITHIN else found


def urgency(row: Listed, picture: Picture) -> tuple[int, float]:
    """Order within one agent: what it works on, then what went wrong, then the newest."""
    row, at = one(row), began(row)
    running = isinstance(row, Job) and row.status is JobStatus.PROCESSING
    place = 0 if running else 1 if standing(row, picture).fault else 2
    return place, -at.timestamp() if at is not None else 0.0


def began(row: Listed) -> datetime | None:
    row = one(row)
    return row.at if isinstance(row, DeadLetter) else row.created


def job_name(key: str, picture: Picture) -> str:
    return picture.jobs.name(key)


def _name(row: Listed, picture: Picture) -> Cell:
    if isinstance(row, Pile):
        return Cell(f"×{text.count(len(row.letters))}", row.key.casefold(), "dim")
    if isinstance(row, Job):
        return Cell(job_name(row.key, picture), row.key.casefold())
    if row.job:
        return Cell(row.job[:8], row.job.casefold(), "dim")
    return Cell(f"#{row.origin_sequence or row.sequence}", row.key.casefold(), "dim")


def _status(row: Listed, picture: Picture) -> Cell:
    word = status_word(row, picture)
    late = word == "submitted" and standing(row, picture).fault
    return Cell(word, word, "warn" if late else _STYLES.get(word, ""))


def _operation(row: Listed, picture: Picture) -> Cell:
    row = one(row)
    return cells.plain(row.operation or (row.subject if isinstance(row, DeadLetter) else ""))


def target_name(target: str, picture: Picture) -> str:
    """`_any`, `_all`, a label, or the host behind a machine id."""
    agents = picture.snapshot.agents
    agent = agents.get(target) or (None if target.startswith("_") else agents.get(sanitise_key(target)))
    if agent is not None:
        return agent.hostname
    return target[:8] + "…" if len(target) == 32 and target.isalnum() else target


def _target(row: Listed, picture: Picture) -> Cell:
    row = one(row)
    if isinstance(row, Job):
        name = target_name(row.target, picture)
        return Cell(name, name.casefold()) if name else cells.ABSENT
    return cells.plain(row.host or (picture.consumer_label(row.consumer) if row.consumer else row.origin))


def agents_text(job: Job) -> str:
    """`3/5`: ended, of those that have been heard of, or of those that should answer; empty without any."""
    done = sum(1 for each in job.agents if each.ended_at is not None)
    most = job.expected if job.expected is not None else len(job.agents)
    return f"{done}/{most}" if most else ""


def _agents(row: Listed, picture: Picture) -> Cell:
    if not isinstance(row, Job) or not (shown := agents_text(row)):
        return cells.ABSENT
    return Cell(shown, sum(1 for each in row.agents if each.ended_at is not None))


def _tries(row: Listed, picture: Picture) -> Cell:
    row = one(row)
    tries = row.deliveries if isinstance(row, DeadLetter) else row.tries
    return Cell(text.count(tries), tries, "warn" if tries > 1 else "") if tries else cells.ABSENT


def took(job: Job) -> float | None:
    """Seconds from the first acknowledgement to the last end."""
    begin, end = job.claimed_at, job.finished_at
    return None if begin is None or end is None else max(0.0, (end - begin).total_seconds())


def claimed_after(job: Job) -> float | None:
    """Seconds from its creation to the first acknowledgement."""
    if job.created is None or job.claimed_at is None:
        return None
    return max(0.0, (job.claimed_at - job.created).total_seconds())


def _length(seconds: float | None) -> Cell:
    return cells.ABSENT if seconds is None else Cell(text.took(seconds), seconds)


def error(row: Listed, picture: Picture) -> str:
    """The last error told of it; of a dead one that tells nothing, how it died."""
    row = one(row)
    if isinstance(row, DeadLetter):
        return row.error or row.kind.value
    if row.error or not is_dead(row, picture):
        return row.error
    letters = dead_letters(row, picture)
    return next((letter.error for letter in letters if letter.error), letters[0].kind.value if letters else "")


def _where(row: Listed, picture: Picture) -> Cell:
    row = one(row)
    if isinstance(row, DeadLetter):
        return cells.plain(row.host)
    if len(row.agents) == 1:
        return cells.plain(row.agents[0].host)
    return cells.plain(f"{len(row.agents)} hosts" if row.agents else "")


def _created(row: Listed, picture: Picture) -> Cell:
    at = began(row)
    return cells.ABSENT if at is None else Cell(cells.moment(at, picture), -at.timestamp())


def _names(row: Listed, picture: Picture) -> str:
    row = one(row)
    if isinstance(row, DeadLetter):
        return f"{row.key} {row.job} {row.consumer} {row.subject} {row.error}"
    return f"{row.key} {row.target} {row.error} {' '.join(each.host for each in row.agents[:20])}"


TALLY = ("dead", "failed", "partial", "submitted", "processing", "completed", "skipped")


def tally(picture: Picture) -> tuple[tuple[str, str], ...]:
    """The queue in figures, what went wrong first: `12 dead  3 failed  5 submitted  90 completed`; zeroes left out."""
    queue = picture.snapshot.queue
    if queue is None:
        return ()
    figures = {name: getattr(queue, name) for name in TALLY}
    figures["submitted"] += queue.unclaimed
    spans: list[tuple[str, str]] = []
    for name, number in figures.items():
        if number:
            style = "warn" if name in (DEAD, "failed", "partial") else ""
            spans += [(f"{text.count(number)} {name}", style), ("  ", "")]
    return tuple(spans[:-1])


def lacks(picture: Picture) -> str:
    if picture.has(Capability.FLEET) or picture.snapshot.jobs or picture.snapshot.queue is not None:
        return ""
    return "No job queue here: jobs need the fleet's buckets agent-registry and job-queue."


def _copied(row: Listed) -> str:
    row = one(row)
    return row.job or row.key if isinstance(row, DeadLetter) else row.key


def _key(row: Any) -> str:
    return row_key(row) if isinstance(row, DeadLetter) else str(row.key)


VIEW = View(
    id="jobs",
    number="5",
    title="Jobs",
    kind="job",
    nouns=("job", "jobs"),
    section="jobs",
    sections=frozenset({"findings", "jobs", "deadletters", "agents"}),
    sources=("jobs", "deadletters"),
    sort="age",
    reverse=True,
    guests=frozenset({GUEST, PILE}),
    stands_for=stands_for,
    listed=rows,
    key_of=_key,
    standing=standing,
    names=_names,
    copy=_copied,
    tally=tally,
    lacks=lacks,
    empty="No jobs in the queue.",
    fields=(
        GLYPH,
        Field(left("job", "JOB", 8, help="the first 8 of its id; # one, × many dead letters of no job"), _name),
        Field(
            left("status", "STATUS", 10, help="by OSAPI's rule; dead: a message of it was given up after all tries"),
            _status,
        ),
        Field(
            right("age", "AGE", 4, help="since it was created"),
            lambda r, p: cells.since(began(r), p, 4, absent=cells.UNKNOWN, exact=True),
            times=True,
        ),
        Field(left("operation", "OPERATION", 14, flex=True, help="what is to be done"), _operation),
        Field(left("target", "TARGET", 10, flex=True, help="_any, _all, a label, or one host"), _target),
        Field(
            right("agents", "AGENTS", 7, help="agents that ended it, of those heard of; of _all: of those expected"),
            _agents,
        ),
        Field(right("tries", "TRIES", 5, 2, help="the most tries of any host"), _tries),
        Field(
            right("took", "TOOK", 6, 2, help="from the first acknowledgement to the last end"),
            lambda r, p: _length(took(r) if isinstance(r, Job) else None),
        ),
        Field(
            left("error", "ERROR", 20, 3, flex=True, help="the last error that a host told"),
            lambda r, p: cells.plain(error(r, p), "warn"),
        ),
        Field(
            right("claim", "CLAIM", 6, 3, help="from its creation to the first acknowledgement"),
            lambda r, p: _length(claimed_after(r) if isinstance(r, Job) else None),
        ),
        Field(left("where", "LABEL/HOST", 14, 4, help="the host that took it, or how many did"), _where),
        Field(right("created", "CREATED", 8, 4, help="when it was created"), _created),
    ),
)

OF_AGENT = replace(VIEW, fields=tuple(field for field in VIEW.fields if field.column.id not in ("where", "agents")))
"""The jobs of one agent."""
