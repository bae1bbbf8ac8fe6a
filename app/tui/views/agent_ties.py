"""Ties: which AI agent runs on which host, where names or labels say so. Nothing is guessed: session events name no
host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.model.fleet import Agent
from app.model.sessions import AiAgent
from app.tui.picture import Picture

LABELS = ("agent", "agent-id", "agent_id", "ai", "ai-agent", "ai_agent")
"""Keys of a host's labels whose value is the id of an AI agent."""


@dataclass(frozen=True, slots=True)
class Tie:
    """A host and an AI agent on it. `why`: what says so."""

    host: Agent
    agent: AiAgent
    why: str


def on_host(host: Agent, picture: Picture) -> list[Tie]:
    """The AI agents on a host."""
    found = (_tie(host, agent) for agent in picture.snapshot.ai.values())
    return [tie for tie in found if tie is not None]


def of_agent(agent: AiAgent, picture: Picture) -> list[Tie]:
    """The hosts that an AI agent is on."""
    found = (_tie(host, agent) for host in picture.snapshot.agents.values())
    return [tie for tie in found if tie is not None]


def _tie(host: Agent, agent: AiAgent) -> Tie | None:
    why = next(_reasons(host, agent), "")
    return Tie(host, agent, why) if why else None


def _reasons(host: Agent, agent: AiAgent) -> Iterator[str]:
    for key, value in host.labels:
        if value == agent.key and key.casefold() in LABELS:
            yield f"label {key}={value}"
    if host.hostname and host.hostname.casefold() in (agent.key.casefold(), agent.name.casefold()):
        yield "the same name"
