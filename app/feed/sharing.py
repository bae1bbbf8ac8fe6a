"""Sharing: what many records of a large fleet say alike is held once, as it was where they came from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.model.fleet import Agent, Condition
from app.model.jobs import Job


class Sharing:
    """Makes equal parts of records one object, for as many records as it is shown.

    JSON tells every word anew: of ten thousand agents the names of their conditions, their components and their
    system are most of what they hold.
    """

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def agent(self, agent: Agent) -> Agent:
        """The same agent, of shared parts."""
        share = self._known.setdefault
        return replace(
            agent,
            machine_id=agent.key if agent.machine_id == agent.key else agent.machine_id,
            state=share(agent.state, agent.state),
            labels=share(agent.labels, agent.labels),
            os=share(agent.os, agent.os),
            version=share(agent.version, agent.version),
            conditions=tuple(self._condition(condition, agent) for condition in agent.conditions),
            sub_components=share(agent.sub_components, agent.sub_components),
        )

    def job(self, job: Job) -> Job:
        """The same job, of shared parts: its target is often an agent's key, its hosts are those of other jobs."""
        share = self._known.setdefault
        return replace(
            job,
            operation=share(job.operation, job.operation),
            verb=share(job.verb, job.verb),
            target=share(job.target, job.target),
            error=share(job.error, job.error),
            updated=job.created if job.updated == job.created else job.updated,
            agents=tuple(
                replace(
                    each,
                    host=share(each.host, each.host),
                    event=share(each.event, each.event),
                    started_at=each.acknowledged_at if each.started_at == each.acknowledged_at else each.started_at,
                )
                for each in job.agents
            ),
        )

    def _condition(self, condition: Condition, agent: Agent) -> Condition:
        share = self._known.setdefault
        return Condition(
            share(condition.type, condition.type),
            condition.status,
            share(condition.reason, condition.reason),
            agent.started_at if condition.since == agent.started_at else condition.since,
        )
