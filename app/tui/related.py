"""Related: where one may go from a row. What it belongs to, what belongs to it, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from app.model import text
from app.model.broker import Consumer
from app.tui.picture import Picture
from app.tui.views import agent_ties, sessions

MOST = 8
"""Things of one kind that are named one by one; of more the list is opened, filtered."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to go: a ref to open, or a view with a filter (`view:consumers /stream:ORDERS`)."""

    to: str
    kind: str
    name: str


def related(ref: str, picture: Picture) -> list[Way]:
    """The ways from a row, each once, the row itself left out."""
    kind, _, key = ref.partition(":")
    makers = {
        "stream": _of_stream,
        "consumer": _of_consumer,
        "agent": _of_agent,
        "job": _of_job,
        "deadletter": _of_letter,
        "finding": _of_finding,
        "event": _of_event,
        "component": _of_component,
        "ai": _of_ai,
        "score": _of_ai,
        "session": _of_session,
    }
    ways = [*makers[kind](key, picture)] if kind in makers else []
    if kind != "finding":
        about = picture.findings_of(ref)
        ways += [Way(f"finding:{each.id}", "finding", f"{each.severity.name} {each.what}") for each in about]
    if kind in ("stream", "consumer", "agent", "ai", "score"):
        ways.append(Way(f"view:events /{subject_of(ref, picture)}", "events", "what has happened to it"))
    return list({way.to: way for way in ways if way.to != ref}.values())


def subject_of(ref: str, picture: Picture) -> str:
    """What a row is called where events name it."""
    kind, _, key = ref.partition(":")
    if kind == "agent":
        agent = picture.snapshot.agents.get(key)
        return agent.hostname if agent is not None else key
    return key.rpartition("/")[2]


def _of_stream(key: str, picture: Picture) -> Iterator[Way]:
    yield from _some_consumers(picture.consumers_of_stream(key), f"stream:{key}", picture)
    for letter in islice((each for each in picture.snapshot.deadletters.values() if key == each.origin), MOST):
        yield _letter(letter.key, picture)


def _of_consumer(key: str, picture: Picture) -> Iterator[Way]:
    consumer = picture.snapshot.consumers.get(key)
    if consumer is None:
        return
    yield Way(f"stream:{consumer.stream}", "stream", consumer.stream)
    owner = picture.owner(consumer)
    if owner is not None:
        yield _agent(owner.key, picture)
    for letter in picture.snapshot.deadletters.values():
        if letter.origin == consumer.stream and letter.consumer == consumer.name:
            yield _letter(letter.key, picture)


def _of_agent(key: str, picture: Picture) -> Iterator[Way]:
    agent = picture.snapshot.agents.get(key)
    if agent is None:
        return
    yield from _some_consumers(picture.consumers_of_agent(key), agent.hostname, picture)
    yield Way(f"view:jobs /{agent.hostname}", "jobs", f"those of {agent.hostname}")
    for tie in agent_ties.on_host(agent, picture):
        yield Way(f"ai:{tie.agent.key}", "AI agent", f"{tie.agent.key}: {tie.why}")


def _of_job(key: str, picture: Picture) -> Iterator[Way]:
    job = picture.snapshot.jobs.get(key)
    if job is None:
        return
    hosts = {agent.hostname: agent.key for agent in picture.snapshot.agents.values()}
    if job.target in picture.snapshot.agents:
        yield _agent(job.target, picture)
    for each in job.agents:
        if each.host in hosts:
            yield _agent(hosts[each.host], picture)
    for other, word in ((job.retried_as, "retried as"), (job.retry_of, "retry of")):
        if other:
            yield Way(f"job:{other}", "job", f"{word} {other[:8]}")
    for letter in picture.snapshot.deadletters.values():
        if letter.job == key:
            yield _letter(letter.key, picture)


def _of_letter(key: str, picture: Picture) -> Iterator[Way]:
    letter = picture.snapshot.deadletters.get(key)
    if letter is None:
        return
    if letter.job:
        yield Way(f"job:{letter.job}", "job", f"{letter.job[:8]} {letter.operation}")
    if letter.consumer:
        yield _consumer(f"{letter.origin}/{letter.consumer}", picture)
    for name in filter(None, (letter.origin, letter.stream)):
        yield Way(f"stream:{name}", "stream", name)


def _of_finding(key: str, picture: Picture) -> Iterator[Way]:
    finding = picture.snapshot.findings.get(key)
    if finding is None:
        return
    cause = picture.snapshot.findings.get(finding.cause)
    if cause is not None:
        yield Way(f"finding:{cause.id}", "cause", f"{cause.subject}: {cause.what}")
    yield from _named(finding.refs, picture)
    for other in picture.snapshot.findings.values():
        if other.cause == key:
            yield Way(f"finding:{other.id}", "folded", f"{other.subject}: {other.what}")


def _of_event(key: str, picture: Picture) -> Iterator[Way]:
    event = picture.snapshot.events.get(key)
    if event is not None:
        yield from _named(event.refs, picture)


def _of_component(key: str, picture: Picture) -> Iterator[Way]:
    component = picture.snapshot.components.get(key)
    if component is None:
        return
    if component.unit is not None:
        yield Way(f"log:{component.name}", "log", f"of {component.name}")
    if component.parent:
        yield Way(f"component:{component.parent}", "whole", component.parent.partition(":")[2])
    for other in picture.snapshot.components.values():
        if other.parent == key:
            yield Way(f"component:{other.key}", "part", other.name)
    for agent in picture.snapshot.agents.values():
        if component.host and agent.hostname == component.host:
            yield _agent(agent.key, picture)


def _of_ai(key: str, picture: Picture) -> Iterator[Way]:
    """An AI agent, its score, its sessions, and the hosts that it is on."""
    yield Way(f"ai:{key}", "AI agent", key)
    yield Way(f"score:{key}", "score", "what moved it")
    word = max(key.split(), key=len, default="")  # a filter is made of words
    yield Way(f"view:sessions /agent:{word}", "sessions", f"those of {key}")
    agent = picture.snapshot.ai.get(key)
    for tie in agent_ties.of_agent(agent, picture) if agent is not None else ():
        yield Way(f"agent:{tie.host.key}", "host", f"{tie.host.hostname}: {tie.why}")


def _of_session(key: str, picture: Picture) -> Iterator[Way]:
    session = picture.snapshot.sessions.get(sessions.parted(key)[0])
    if session is not None:
        yield from _of_ai(session.agent, picture)


def _named(refs: tuple[str, ...], picture: Picture) -> Iterator[Way]:
    for ref in refs[:MOST]:
        kind, _, key = ref.partition(":")
        if kind == "agent":
            yield _agent(key, picture)
        elif kind == "consumer":
            yield _consumer(key, picture)
        elif kind in ("stream", "job", "deadletter", "component", "score", "session"):
            yield Way(ref, kind, key)
        elif kind == "ai":
            yield Way(ref, "AI agent", key)


def _some_consumers(consumers: list[Consumer], filtered: str, picture: Picture) -> Iterator[Way]:
    """A few by name; many as a list."""
    if len(consumers) > MOST:
        yield Way(f"view:consumers /{filtered}", "consumers", f"all {len(consumers)}")
        return
    for consumer in consumers:
        yield _consumer(consumer.key, picture)


def _agent(key: str, picture: Picture) -> Way:
    agent = picture.snapshot.agents.get(key)
    return Way(f"agent:{key}", "agent", agent.hostname if agent is not None else key)


def _consumer(key: str, picture: Picture) -> Way:
    stream, _, name = key.partition("/")
    return Way(f"consumer:{key}", "consumer", f"{text.cut(stream, 24)} › {picture.consumer_label(name)}")


def _letter(key: str, picture: Picture) -> Way:
    letter = picture.snapshot.deadletters[key]
    what = " ".join(filter(None, (letter.operation, letter.host, letter.error))) or letter.key
    return Way(f"deadletter:{key}", "dead", what)
