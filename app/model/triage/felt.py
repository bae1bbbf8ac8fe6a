"""What people feel of agents that are gone: jobs that wait for them, ran on them, or died with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from app.model.fleet import Agent, sanitise_host
from app.model.text import count
from app.model.triage.candidates import Context
from app.model.triage.deadletters import DeadLetters
from app.model.triage.jobs import Jobs


@dataclass(frozen=True, slots=True)
class Effects:
    """In figures; each may be 0. `consumers` is on how many of their consumers `pending` messages wait."""

    pending: int = 0
    consumers: int = 0
    unclaimed: int = 0
    dead: int = 0
    running: int = 0
    lost: int = 0  # messages that one of their consumers will never get

    def words(self, *, waiting: bool) -> str:
        """`2.1k jobs pending, 12 dead, 2 running`; with `waiting` what waits for them is named."""
        said = []
        if waiting and self.pending:
            said.append(f"{count(self.pending)} jobs pending")
        elif waiting and self.unclaimed:
            said.append(f"{count(self.unclaimed)} job{'s' * (self.unclaimed != 1)} unclaimed")
        if self.dead:
            said.append(f"{count(self.dead)} dead")
        if self.lost:
            said.append(f"{count(self.lost)} lost")
        if said and self.running:
            said.append(f"{count(self.running)} running")
        return ", ".join(said)

    @property
    def detail(self) -> str:
        """The same in one line of its own; empty if nothing is felt."""
        said = []
        if self.pending:
            said.append(f"{count(self.pending)} pending on {{}} {self.consumers} consumers")
        if self.unclaimed:
            said.append(f"{count(self.unclaimed)} unclaimed")
        if self.dead:
            said.append(f"{count(self.dead)} dead letters lately")
        if self.running:
            said.append(f"{count(self.running)} had begun")
        return "; ".join(said)


_NOTHING = Effects()


class Felt:
    """Counts what is felt, by agent, at one instant."""

    def __init__(self, context: Context, jobs: Jobs, letters: DeadLetters) -> None:
        self._context = context
        self._jobs = jobs
        self._letters = letters
        self._dead: Counter[str] | None = None  # by agent, once it is asked for

    def of(self, keys: Iterable[str], lost: int = 0) -> Effects:
        """What is felt of some agents, given by their keys; `lost` messages are known to be."""
        table, owned, agents = (
            self._context.snapshot.consumers,
            self._context.owners.consumers,
            self._context.snapshot.agents,
        )
        of_agent = self._dead_of_agents()
        pending = consumers = unclaimed = dead = running = 0
        for key in keys:
            for name in owned.get(key, ()):
                if (consumer := table.get(name)) is not None:
                    pending += consumer.pending
                    consumers += 1
            unclaimed += self._jobs.unclaimed_for(key)
            dead += of_agent.get(key, 0)
            if (agent := agents.get(key)) is not None:
                running += self._jobs.running_on(agent)
        if not (pending or unclaimed or dead or running or lost):
            return _NOTHING
        return Effects(pending, consumers, unclaimed, dead, running, lost)

    def letters_of(self, place: str) -> frozenset[str] | None:
        """The hosts behind all new dead letters of a place, as they call themselves."""
        return self._letters.hosts(place)

    def deleted_from(self, place: str) -> str:
        """The key of the consumer whose messages were all that died at a place, deleted before it acknowledged them."""
        return self._letters.deleted_from(place)

    def _dead_of_agents(self) -> Counter[str]:
        """New dead letters by the key of the agent whose they are."""
        if self._dead is None:
            self._dead = Counter()
            by_host, agents = self._letters.by_host(), self._context.snapshot.agents
            if by_host and not by_host.keys() <= agents.keys():
                named = {name: key for key, agent in agents.items() for name in names_of(agent)}
            else:
                named = {}
            for host, number in by_host.items():
                self._dead[host if host in agents else named.get(host, host)] += number
        return self._dead


def names_of(agent: Agent) -> frozenset[str]:
    """All the ways in which an agent is named by jobs and dead letters."""
    host = agent.hostname
    return frozenset((agent.key, agent.machine_id, *((host, sanitise_host(host)) if host else ())))
