"""Remedies: what can be done about one row, as sentences and commands to copy. Nothing here does anything."""

from __future__ import annotations

from app.model.broker import Consumer, Stream, StreamKind
from app.model.findings import Step
from app.model.fleet import Agent
from app.model.jobs import DeadLetter, Job
from app.model.snapshot import Site, Snapshot
from app.model.triage import probes, units
from app.model.triage.steps import command, nats, osapi, quotable, steps


def remedies(ref: str, snapshot: Snapshot) -> tuple[Step, ...]:
    """What can be done about the row that a ref names; of a finding, what its rule says and then its row's own."""
    kind, _, key = ref.partition(":")
    site = snapshot.site
    if kind == "finding":
        finding = snapshot.findings.get(key)
        if finding is None:
            return ()
        of_row = remedies(finding.refs[0], snapshot) if finding.refs else ()
        said = {step.command for step in finding.steps if step.command}
        return (*finding.steps, *(step for step in of_row if step.command not in said))
    if kind == "stream" and (stream := snapshot.streams.get(key)) is not None:
        return _stream(stream, site)
    if kind == "consumer" and (consumer := snapshot.consumers.get(key)) is not None:
        return _consumer(consumer, snapshot)
    if kind == "agent" and (agent := snapshot.agents.get(key)) is not None:
        return _agent(agent)
    if kind == "job" and (job := snapshot.jobs.get(key)) is not None:
        return _job(job, snapshot)
    if kind == "component" and (component := snapshot.components.get(key)) is not None:
        of_unit = component.unit is not None
        return units.about(component, snapshot.components) if of_unit else probes.remedies(component)
    if kind == "deadletter" and (letter := snapshot.deadletters.get(key)) is not None:
        return _letter(letter, snapshot)
    return ()


def _stream(stream: Stream, site: Site) -> tuple[Step, ...]:
    name = stream.name
    pairs = [("See its state and configuration", nats(site, "stream", "info", foreign=(name,)))]
    if stream.kind is StreamKind.KV:
        pairs.append(("List its keys", nats(site, "kv", "ls", foreign=(stream.label,))))
    elif stream.kind is StreamKind.OBJECT:
        pairs.append(("List its objects", nats(site, "object", "ls", foreign=(stream.label,))))
    else:
        pairs.append(("See its subjects", nats(site, "stream", "subjects", foreign=(name,))))
    pairs.append(("See who reads it", nats(site, "consumer", "report", foreign=(name,))))
    if stream.messages:
        pairs.append(("See its first message", nats(site, "stream", "get", foreign=(name, str(stream.first_seq)))))
    if stream.cluster is not None and stream.cluster.peers:
        pairs.append(("Let another server lead it", nats(site, "stream", "cluster", "step-down", foreign=(name,))))
    return steps(*pairs)


def _consumer(consumer: Consumer, snapshot: Snapshot) -> tuple[Step, ...]:
    site, name = snapshot.site, (consumer.stream, consumer.name)
    pairs = [("See its state and configuration", nats(site, "consumer", "info", foreign=name))]
    if consumer.ack_pending:
        sequence = str(consumer.floor_stream_seq + 1)
        pairs.append(
            ("See the oldest message not acked", nats(site, "stream", "get", foreign=(consumer.stream, sequence)))
        )
    if consumer.paused:
        pairs.append(("Let it go on", nats(site, "consumer", "resume", foreign=name)))
    elif consumer.durable:
        pause = nats(site, "consumer", "pause", foreign=(*name, "15m"))
        pairs.append(("Pause it for 15 minutes: its clients get nothing until then", pause))
    if consumer.cluster is not None and consumer.cluster.peers:
        pairs.append(
            (
                "Let another server lead it: it loses no message",
                nats(site, "consumer", "cluster", "step-down", foreign=name),
            )
        )
    if consumer.durable and not consumer.waiting and not consumer.push_bound:
        pairs.append(("Delete it, if nobody will ever read it again", nats(site, "consumer", "rm", foreign=name)))
    return steps(*pairs)


def _agent(agent: Agent) -> tuple[Step, ...]:
    host = agent.hostname
    pairs = [("See its facts, conditions and timeline", osapi("agent", "get", option="--hostname", value=host))]
    if agent.state in ("Cordoned", "Draining"):
        pairs.append(("Let it take jobs again", osapi("agent", "undrain", option="--hostname", value=host)))
    else:
        pairs.append(("Give it no further jobs", osapi("agent", "drain", option="--hostname", value=host)))
    return steps(*pairs)


def _job(job: Job, snapshot: Snapshot) -> tuple[Step, ...]:
    pairs = [("See its timeline and responses", osapi("job", "get", option="--job-id", value=job.key))]
    target = retry_target(job, snapshot)
    if target and job.status.finished and not job.deleted:
        options = ("--job-id", job.key, "--target-hostname", target)
        safe = all(map(quotable, options[1::2]))
        again = command("osapi", "client", "job", "retry", *options) if safe else ""
        pairs.append((f"Run it again, on {_host(target, snapshot)} alone", again))
    if not job.deleted:
        delete = osapi("job", "delete", option="--job-id", value=job.key)
        pairs.append(("Delete it; its events stay until they expire", delete))
    return steps(*pairs)


def retry_target(job: Job, snapshot: Snapshot) -> str:
    """Whom a retry should be aimed at: the machine id of the one host that failed, else the target as it was.

    OSAPI's own default is `_any`, which every host answers, and a host name reaches nobody: agents listen on their
    machine id.
    """
    failed = [each.host for each in job.agents if each.event == "failed"]
    hosts = {agent.hostname: agent.machine_id for agent in snapshot.agents.values()}
    if len(failed) == 1 and failed[0] in hosts:
        return hosts[failed[0]]
    return job.target


def _host(target: str, snapshot: Snapshot) -> str:
    """A target as people say it."""
    agent = snapshot.agents.get(target)
    return agent.hostname if agent is not None else target


def _letter(letter: DeadLetter, snapshot: Snapshot) -> tuple[Step, ...]:
    site, pairs = snapshot.site, []
    if letter.origin and letter.origin_sequence:
        get = nats(site, "stream", "get", foreign=(letter.origin, str(letter.origin_sequence)))
        pairs.append(("See the message itself", get))
    if letter.stream:
        get = nats(site, "stream", "get", foreign=(letter.stream, str(letter.sequence)))
        pairs.append(("See the dead letter", get))
    if letter.origin and letter.consumer:
        info = nats(site, "consumer", "info", foreign=(letter.origin, letter.consumer))
        pairs.append(("See the consumer that gave up", info))
    of_job = snapshot.jobs.get(letter.job)
    return (*steps(*pairs), *(_job(of_job, snapshot) if of_job is not None else ()))
