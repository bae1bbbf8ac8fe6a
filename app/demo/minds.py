"""Minds: the AI agents of a simulation, and how well each of them does its work on a given day."""

from __future__ import annotations

from dataclasses import dataclass, replace

HISTORY = 30
"""Days that they have worked when the simulation begins."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How an agent works on one day."""

    busy: float = 4.0  # sessions on a working day
    bad: float = 0.04  # share of sessions in which something goes wrong
    failing: float = 0.03  # share of tool calls that fail
    breaks: float = 0.01  # share of sessions that never end
    rounds: float = 4.0  # of thought and deed in a session
    pace: float = 9.0  # seconds a round
    price: float = 0.012  # dollars a round
    model: str = "opal-4"


@dataclass(frozen=True, slots=True)
class Mind:
    """One AI agent. `since`: days ago from which it works in its other `manner`, if it has one; 0: it has none.

    `stopped`: days ago that it was last heard of. `newcomer`: it has run two sessions so far, both today.
    """

    id: str
    name: str
    task: str
    tools: tuple[str, ...]
    trouble: str  # what an error of it says
    usual: Manner = Manner()
    since: float = 0.0
    other: Manner = Manner()
    stopped: float = 0.0
    newcomer: bool = False
    channel: str = "api"

    def manner(self, days_ago: float) -> Manner:
        """How it works so many days before now; `busy` 0 where it does not."""
        if self.stopped and days_ago < self.stopped:
            return replace(self.usual, busy=0.0)
        return self.other if self.since and days_ago < self.since else self.usual


_REPO = ("bash", "read_file", "edit_file", "git")
_DESK = ("search", "tickets", "mail")


def minds(scenario: str) -> tuple[Mind, ...]:
    """All of them. On a calm day two get a little worse and nobody is called; otherwise they fall."""
    calm = scenario == "calm"
    coder, reviewer, triage = Manner(busy=5, rounds=5, price=0.02), Manner(busy=6), Manner(busy=7, rounds=2.5, pace=4)
    failing = replace(coder, bad=0.30, failing=0.04) if calm else replace(
        coder, bad=0.85, failing=0.45, breaks=0.25, rounds=8, pace=11
    )  # fmt: skip
    dear = replace(reviewer, price=0.0175, model="opal-5") if calm else replace(
        reviewer, price=0.036, model="opal-5-max"
    )  # fmt: skip
    slow = replace(triage, pace=9.0 if calm else 14.0)
    found = [
        Mind("coder-7", "Coder 7", "fix the failing build", _REPO, "git push: remote rejected (hook declined)", coder,
             since=3.8, other=failing, channel="ci"),
        Mind("coder-8", "Coder 8", "update a dependency", _REPO, "tests failed: 3 of 214", replace(coder, bad=0.07),
             channel="ci"),
        Mind("reviewer-2", "Reviewer 2", "review a change", ("git", "read_file", "comment"), "diff is too large",
             reviewer, since=5.2, other=dear, channel="github"),
        Mind("triage-bot", "Triage", "sort new tickets", _DESK, "ticket is locked", triage, since=5.0, other=slow,
             channel="helpdesk"),
        Mind("docs-writer", "Docs writer", "describe an endpoint", ("read_file", "edit_file"), "page does not render",
             replace(coder, busy=3.0, bad=0.42, failing=0.15, breaks=0.08), since=6.5,
             other=replace(coder, busy=4.0, bad=0.06, failing=0.03)),
        Mind("deploy-guard", "Deploy guard", "watch a rollout", ("kubectl", "metrics"), "rollout is paused",
             replace(reviewer, busy=3.0), channel="slack"),
        Mind("sql-analyst", "SQL analyst", "answer a question about sales", ("query", "chart"), "query timed out",
             Manner(busy=4.0, bad=0.10, failing=0.02, price=0.03), channel="slack"),
        Mind("support-eu", "Support EU", "answer a customer", _DESK, "no article was found",
             Manner(busy=8.0, rounds=3, pace=6, bad=0.06), channel="mail"),
        Mind("support-us", "Support US", "answer a customer", _DESK, "no article was found",
             Manner(busy=8.0, rounds=3, pace=6, bad=0.05), channel="mail"),
        Mind("log-reader", "Log reader", "explain an alert", ("search", "query"), "too many lines",
             Manner(busy=5.0, rounds=3, price=0.008), channel="pager"),
        Mind("migrator", "Migrator", "move a table", ("query", "bash"), "lock was not given",
             Manner(busy=2.5, rounds=6, price=0.04), stopped=9.0),
        Mind("intern-1", "Intern 1", "rename a variable", _REPO, "file does not exist", Manner(), newcomer=True),
    ]  # fmt: skip
    if scenario == "storm":  # an outage of the tools that many use
        ailing = {"support-eu", "support-us", "sql-analyst"}
        found = [
            replace(mind, since=1.5, other=replace(mind.usual, bad=0.8, failing=0.6, pace=mind.usual.pace * 2))
            if mind.id in ailing else mind
            for mind in found
        ]  # fmt: skip
    return tuple(found)
