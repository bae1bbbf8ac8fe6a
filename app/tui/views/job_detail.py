"""The details of a job and of a dead letter without one."""

from __future__ import annotations

import json
from datetime import datetime

from app.feed.questions import JobOf, Unanswered
from app.model import text
from app.model.jobs import DeadLetter, Job, JobAgentState, JobDetail, JobResponse, JobStatus
from app.tui.job_index import PILE, Pile
from app.tui.lines import BLANK, Line, Span, rule
from app.tui.picture import Picture
from app.tui.views import cells, jobs, parts
from app.tui.views.parts import Fact, both
from widgets.cells import fit_cells

Answer = JobDetail | Unanswered | None
"""What the worker has told of a job; None while it is asked."""

DATA_LINES = 12
"""Lines of JSON that are written out; Enter shows the rest."""
RESPONSE = "response "
"""What the key of a response's line begins with."""
AGENTS_SHOWN = 200
PILED = 200
"""Dead letters of a pile that are listed."""
_BAD = ("failed", "error", "dead", "partial_failure")


def job_title(key: str, picture: Picture) -> str:
    return parts.name_of(jobs.job_name(key, picture), picture)


def question(key: str) -> JobOf:
    return JobOf(key)


def job_detail(key: str, picture: Picture, width: int, told: Answer) -> list[Line]:
    """Head, operation and its data, hosts with what each made of it, timeline, responses, dead letters, retries."""
    job = picture.snapshot.jobs.get(key)
    detail = told if isinstance(told, JobDetail) else None
    if job is None and detail is None:
        return _missing(key, picture, told)
    job = job or Job(key, status=detail.status if detail else JobStatus.SUBMITTED)
    word = jobs.status_word(job, picture)
    lines = [parts.head(f"job {job_title(key, picture)}", jobs.standing(job, picture), (word, job.operation))]
    lines[0] = Line(lines[0].spans, key="head", copy=key)
    lines += parts.findings(picture.findings_of(f"job:{key}"), picture)
    lines += parts.facts(_facts(job, detail, picture), width)
    lines += _waiting(told)
    lines += _retries(job, picture)
    lines += _hosts(job, detail, picture, width)
    lines += _letters(detail.dead if detail else tuple(jobs.dead_letters(job, picture)), picture, width)
    if detail is not None:
        lines += _timeline(detail, picture)
        lines += _responses(detail, picture)
        lines += _data("Data", detail.operation_data, "data") if detail.operation_data else []
    return [*lines, rule("Job"), *parts.facts(_identity(job, detail, picture), width)]


def _missing(key: str, picture: Picture, told: Answer) -> list[Line]:
    if isinstance(told, Unanswered) or "jobs" in picture.held:
        lines = parts.gone("job", key, picture)
        return [*lines, *_waiting(told)] if isinstance(told, Unanswered) else lines
    return [BLANK, *_waiting(told)]


def _waiting(told: Answer) -> list[Line]:
    if told is None:
        return [Line((("  reading its events …", "dim"),))]
    return [Line(((f"  its events: {told.why}", "unknown"),))] if isinstance(told, Unanswered) else []


def _facts(job: Job, detail: JobDetail | None, picture: Picture) -> list[Fact]:
    took, claim = jobs.took(job), jobs.claimed_after(job)
    target = jobs.target_name(job.target, picture)
    raw = f" ({job.target})" if target != job.target else ""
    error = (detail.error if detail else "") or job.error
    waits = picture.age(job.created) if job.unclaimed else None
    nobody = f"nobody has acknowledged it for {text.duration(text.age_step(waits))}" if waits is not None else ""
    return [
        ("error", error, "warn"),
        ("claimed", f"{text.took(claim)} after it was created" if claim is not None else nobody),
        ("took", text.took(took) if took is not None else ""),
        ("hosts", f"{shown} ended it" if (shown := jobs.agents_text(job)) else ""),
        ("tries", str(job.tries) if job.tries else ""),
        ("target", f"{target}{raw}"),
        ("deleted", "its entry is gone; what hosts told of it is left" if job.deleted else ""),
    ]


def _identity(job: Job, detail: JobDetail | None, picture: Picture) -> list[Fact]:
    """What nobody looks at first."""
    return [
        ("id", job.key),
        ("operation", " ".join(part for part in (job.verb, job.operation) if part)),
        ("subject", detail.subject if detail else ""),
        ("created", both(job.created, picture)),
        ("last event", both(job.updated, picture)),
    ]


def _retries(job: Job, picture: Picture) -> list[Line]:
    """The chain of retries, each a way on."""
    lines = []
    for word, key in (("repeats", job.retry_of), ("repeated by", job.retried_as)):
        if not key:
            continue
        other = picture.snapshot.jobs.get(key)
        told = jobs.status_word(other, picture) if other is not None else "not in the queue any more"
        lines.append(
            Line(
                ((f"  {fit_cells(word, parts.LABEL)} ", "dim"), (key, "accent"), (f"  {told}", "dim")),
                key=f"job:{key}",
                target=f"job:{key}",
                copy=key,
            )
        )
    return [rule("Retries"), *lines] if lines else []


def pretty(data: str) -> list[str]:
    """JSON text indented, a line each; text that is no JSON (or was cut) as it is."""
    try:
        told = json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        told = data
    return [line if line.isprintable() else text.clean(line) for line in told.splitlines()]


def _data(title: str, data: str, key: str) -> list[Line]:
    lines = pretty(data)
    shown = [
        Line(((f"  {line}", ""),), key=f"{key} 0" if not number else "", copy=data)
        for number, line in enumerate(lines[:DATA_LINES])
    ]
    more = len(lines) - DATA_LINES
    if more > 0:
        shown.append(Line(((f"  +{more} more lines: J shows everything", "dim"),)))
    return [rule(title), *shown]


def _hosts(job: Job, detail: JobDetail | None, picture: Picture, width: int) -> list[Line]:
    """What each host made of it: by its own events once they are read, by their names before."""
    states = {each.host: each for each in detail.agents} if detail else {}
    if not states:
        states = {
            each.host: JobAgentState(each.host, each.event, took=_took(each.started_at, each.ended_at))
            for each in job.agents
        }
    if not states:
        return []
    lines = [rule("Hosts", right=str(len(states)))]
    ordered = sorted(states.values(), key=lambda each: (each.status not in _BAD, each.host))
    keys = picture.once("hosts", lambda: {agent.hostname: key for key, agent in picture.snapshot.agents.items()})
    for each in ordered[:AGENTS_SHOWN]:
        bad = each.status in _BAD
        spans: list[Span] = [
            (f"  {fit_cells(each.host, 24, cut=text.cut)} ", ""),
            (f"{fit_cells(each.status, 13)} ", "warn" if bad else ""),
            (f"{text.took(each.took) if each.took is not None else '-':>6}  ", "dim"),
            (each.error, "warn"),
        ]
        agent = keys.get(each.host, "")
        target = f"agent:{agent}" if agent else ""
        lines.append(Line(tuple(spans), key=f"host {each.host}", target=target, copy=each.host, fault=bad))
    more = len(ordered) - AGENTS_SHOWN
    return [*lines, Line(((f"  +{more} more", "dim"),))] if more > 0 else lines


def _took(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else max(0.0, (end - begin).total_seconds())


def _timeline(detail: JobDetail, picture: Picture) -> list[Line]:
    if not detail.timeline:
        return []
    lines = [rule("Timeline", right=str(len(detail.timeline)))]
    for number, event in enumerate(detail.timeline):
        said = " ".join(part for part in (event.message, event.error) if part)
        lines.append(
            Line(
                (
                    (f"  {parts.ago(event.at, picture):>8} ", "dim"),
                    (f"{fit_cells(event.event, 13)} ", "warn" if event.event in _BAD else ""),
                    (f"{fit_cells(event.host, 20, cut=text.cut)} ", ""),
                    (said, "warn" if event.error else "dim"),
                ),
                key=f"event {event.at.isoformat()} {number}",
                copy=f"{event.at.isoformat()} {event.event} {event.host} {said}".strip(),
                fault=bool(event.error),
            )
        )
    return lines


def _responses(detail: JobDetail, picture: Picture) -> list[Line]:
    """One line a host, and the beginning of what it said; Enter shows all of it."""
    if not detail.responses:
        return []
    lines = [rule("Responses", right="enter shows one whole")]
    for number, response in enumerate(detail.responses[:AGENTS_SHOWN]):
        bad = bool(response.error) or response.status in _BAD
        changed = {True: "changed", False: "unchanged", None: ""}[response.changed]
        told = " · ".join(part for part in (changed, response.error) if part)
        lines.append(
            Line(
                (
                    (f"  {response.host} ", "strong"),
                    (response.status, "warn" if bad else "dim"),
                    (f"  {told}", "warn" if bad else "dim"),
                ),
                key=f"{RESPONSE}{number}",
                copy=response.data or response.error,
                fault=bad,
                right=((f"{parts.ago(response.at, picture)} ", "dim"),),
            )
        )
        shown = pretty(response.data) if response.data else []
        most = DATA_LINES if len(detail.responses) < 4 else 3
        lines += [Line(((f"    {line}", "dim"),)) for line in shown[:most]]
        if len(shown) > most:
            lines.append(Line(((f"    +{len(shown) - most} more lines", "dim"),)))
    return lines


def opened(line_key: str, told: Answer) -> tuple[str, str] | None:
    """What Enter shows whole: the name and the JSON of the response on a line; None where there is none."""
    if not isinstance(told, JobDetail) or not line_key.startswith(RESPONSE):
        return None
    place = line_key.removeprefix(RESPONSE)
    if not place.isdigit() or int(place) >= len(told.responses):
        return None
    response = told.responses[int(place)]
    return f"response of {text.cut(response.host, 40)}", _whole(response)


def _whole(response: JobResponse) -> str:
    return response.data or json.dumps({"status": response.status, "error": response.error})


# -- dead letters ------------------------------------------------------------------------------------------------------
def letter_title(key: str, picture: Picture) -> str:
    return parts.name_of(f"dead letter {jobs.letter_name(key)}", picture)


def letter_detail(key: str, picture: Picture, width: int) -> list[Line]:
    """Why it is dead, what it was, where it came from and where it is kept."""
    letter = picture.snapshot.deadletters.get(key)
    if letter is None:
        return parts.gone("dead letter", key, picture)
    said = (letter.kind.value, letter.operation, letter.host)
    lines = [parts.head(f"dead letter {jobs.letter_name(key)}", jobs.standing(letter, picture), said)]
    lines += parts.findings(picture.findings_of(f"deadletter:{key}"), picture)
    kept = f"{letter.stream}, sequence {letter.sequence}" if letter.stream else "nowhere: seen by watchdeck only"
    lines += parts.facts(
        [
            ("reason", letter.error, "warn"),
            ("deliveries", str(letter.deliveries) if letter.deliveries else ""),
            ("given up", both(letter.at, picture)),
            ("subject", letter.subject),
            ("operation", letter.operation),
            ("host", letter.host),
            ("job", letter.job),
            ("message", f"{letter.origin}, sequence {letter.origin_sequence}" if letter.origin else ""),
            ("kept in", kept),
        ],
        width,
    )
    return lines + _ways(letter, picture)


def pile_title(key: str, picture: Picture) -> str:
    pile = picture.jobs.listed.get(f"{PILE}:{key}")
    return f"{text.count(len(pile.letters))} dead letters" if isinstance(pile, Pile) else "dead letters"


def pile_detail(key: str, picture: Picture, width: int) -> list[Line]:
    """Dead letters that died alike: what they have in common, and each of them."""
    pile = picture.jobs.listed.get(f"{PILE}:{key}")
    if not isinstance(pile, Pile):
        return [BLANK, Line((("  none, or only one, of these is left. esc goes back", "dim"),))]
    newest, number = pile.newest, text.count(len(pile.letters))
    said = (newest.kind.value, newest.operation, newest.host)
    lines = [parts.head(f"{number} dead letters", jobs.standing(pile, picture), said, target=jobs.ref_of(pile))]
    lines += parts.findings(picture.findings_of(jobs.ref_of(pile)), picture)
    lines += parts.facts(
        [
            ("reason", newest.error, "warn"),
            ("newest", both(newest.at, picture)),
            ("oldest known", both(pile.letters[-1].at, picture)),
            ("kept in", newest.stream or "nowhere: seen by watchdeck only"),
        ],
        width,
    )
    lines += _ways(newest, picture)
    lines.append(rule("Letters", right=f"{number}, newest first"))
    lines += [letter_line(letter, picture, numbered=True) for letter in pile.letters[:PILED]]
    more = len(pile.letters) - PILED
    return [*lines, Line(((f"  +{more} more", "dim"),))] if more > 0 else lines


def _ways(letter: DeadLetter, picture: Picture) -> list[Line]:
    ways = []
    if letter.job in picture.snapshot.jobs:
        ways.append(("job", f"job:{letter.job}", letter.job))
    if letter.consumer:
        name = picture.consumer_label(letter.consumer)
        ways.append(("consumer", f"consumer:{letter.origin}/{letter.consumer}", f"{letter.origin} › {name}"))
    for word, stream in (("stream", letter.origin), ("kept in", letter.stream)):
        if stream:
            ways.append((word, f"stream:{stream}", stream))
    lines = [
        Line(((f"  {word:<10} ", "dim"), (name, "accent")), key=ref, target=ref, copy=ref.rpartition("/")[2])
        for word, ref, name in ways
    ]
    return [rule("It belongs to", right="enter opens"), *lines] if lines else []


def _letters(letters: tuple[DeadLetter, ...], picture: Picture, width: int) -> list[Line]:
    if not letters:
        return []
    return [rule("Dead letters", right=str(len(letters))), *[letter_line(letter, picture) for letter in letters[:50]]]


def letter_line(letter: DeadLetter, picture: Picture, *, numbered: bool = False) -> Line:
    """A letter in one line: how it died, of whose consumer, after how many tries, and why; `numbered`: which one."""
    who = letter.host or (picture.consumer_label(letter.consumer) if letter.consumer else letter.origin)
    number = letter.deliveries
    tries = f" after {number} deliver{'ies' if number != 1 else 'y'}" if number else ""
    ref = f"deadletter:{letter.key}"
    name = f"{fit_cells(jobs.letter_name(letter.key), 24, cut=text.cut)} " if numbered else ""
    return Line(
        (
            (f"  {name}", ""),
            (f"{letter.kind.value}{tries} ", "warn"),
            (f" {who} ", ""),
            (f" {letter.error or letter.operation or letter.subject}", "dim"),
        ),
        key=ref,
        target=ref,
        copy=letter.key,
        fault=True,
        right=((f"{cells.since(letter.at, picture, 6).text if letter.at else ''} ", "dim"),),
    )
