"""Which jobs people ask for: drawn from a seed, with a twist now and then so that every status comes up."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from app.demo import layout as keys
from app.demo.fleet import Host
from app.demo.jobs import ALWAYS, Job
from app.demo.layout import Layout, verb_of
from app.demo.operations import data_of, draw


class Twist(StrEnum):
    """What is not ordinary about a job."""

    SLOW = "slow"  # is processing for half a minute
    FAILS_ONCE = "fails once"  # and succeeds at its second delivery
    FAILS = "fails"  # at each delivery: a dead letter in the end
    PARTIAL = "partial"  # to all hosts, one of which never manages it
    SKIPPED = "skipped"  # no host knows how
    ABSENT = "absent"  # for a machine that is not there: nobody will acknowledge it
    DELETED = "deleted"  # somebody deletes a job that is done
    RETRIED = "retried"  # a retry of the last one that was skipped or gave up
    ASTRAY = "astray"  # a retry that goes to a machine that is not there


PER_SECOND = {
    Twist.SLOW: 0.02,
    Twist.FAILS_ONCE: 0.015,
    Twist.FAILS: 0.001,
    Twist.PARTIAL: 0.001,
    Twist.SKIPPED: 0.01,
    Twist.ABSENT: 0.012,
    Twist.DELETED: 0.012,
    Twist.RETRIED: 0.02,
    Twist.ASTRAY: 0.004,
}
"""How often each happens, whatever the rate of jobs is: a fast fleet is not a sicker one."""
SLOW = (12.0, 28.0)
"""Seconds that slow jobs take: what waits behind one is still claimed within a minute."""
NARROW = {Twist.SLOW, Twist.FAILS, Twist.FAILS_ONCE}
"""Twists of jobs for one host."""


@dataclass(frozen=True, slots=True)
class Order:
    """A job with its data and with whom it is for: `target` as OSAPI's API takes it, `hosts` those who listen."""

    job: Job
    data: Mapping[str, Any]
    target: str
    hosts: tuple[Host, ...]
    twist: Twist | None = None


def identity(rng: random.Random) -> str:
    """A new id, as OSAPI's are: a UUID of version 4."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


class Orders:
    """Draws one order after the other. The same generator gives the same orders while the same hosts are known.

    `direct_only`: for hosts of the simulation alone, never by label or to all.
    """

    def __init__(
        self,
        layout: Layout,
        workers: Sequence[Host],
        rate: float,
        rng: random.Random,
        *,
        direct_only: bool = False,
    ) -> None:
        self._layout = layout
        self._workers = workers
        self._rate = rate
        self._rng = rng
        self._direct_only = direct_only
        self._absent = f"{rng.getrandbits(128):032x}"
        self.reachable: Callable[[Host], bool] = lambda host: host.alive
        """Whether the controller still knows of this host."""
        self.favourite = ""
        """An operation that half of the jobs ask for; empty: none."""

    def twist(self) -> Twist | None:
        """What the next job is like: mostly ordinary."""
        dice = self._rng.random() * max(1.0, self._rate)
        for twist, often in PER_SECOND.items():
            dice -= often
            if dice < 0:
                return twist
        return None

    def order(self, twist: Twist | None = None, operation: str = "") -> Order | None:
        """The next order; `operation` instead of the drawn one. None while no host is known."""
        drawn, data = draw(self._rng)
        favoured = self._rng.random() < 0.5
        if twist is Twist.SKIPPED:
            drawn, data = "sysctl.update", data_of("sysctl.update")
        elif self.favourite and favoured:
            drawn, data = self.favourite, data_of(self.favourite)
        if operation:
            drawn, data = operation, data_of(operation)
        aim = self._aim(verb_of(drawn), twist)
        if aim is None:
            return None
        target, subject, hosts = aim
        job = Job(identity(self._rng), subject, drawn, min(4.0, self._rng.lognormvariate(-2.0, 0.9)))
        return Order(self._twisted(job, twist, hosts), data, target, hosts, twist)

    def _twisted(self, job: Job, twist: Twist | None, hosts: Sequence[Host]) -> Job:
        if twist is Twist.SLOW:
            return replace(job, seconds=self._rng.uniform(*SLOW))
        if twist is Twist.FAILS_ONCE:
            return replace(job, fails=1)
        if twist is Twist.FAILS:
            return replace(job, fails=ALWAYS)
        if twist is Twist.PARTIAL:
            return replace(job, fails=ALWAYS, fails_on=self._rng.choice(hosts).machine_id)
        return replace(job, skips=True) if twist is Twist.SKIPPED else job

    def _aim(self, verb: str, twist: Twist | None) -> tuple[str, str, tuple[Host, ...]] | None:
        """Target, subject and listeners: mostly one host. The larger the fleet, the rarer what reaches all of it."""
        known = [host for host in self._workers if self.reachable(host)]
        if not known:
            return None
        host = self._rng.choice(known)
        dice, share = self._rng.random(), min(0.15, 1.5 / len(self._workers))
        label = self._rng.choice(list(keys.levels(host.labels)))
        if twist in (Twist.ABSENT, Twist.ASTRAY):
            return self._absent, self._layout.host_subject(verb, self._absent), ()
        if twist is Twist.PARTIAL and not self._direct_only:
            return "_all", self._layout.all_subject(verb), tuple(self._workers)
        if not self._direct_only and twist not in NARROW:
            if dice < share:
                return "_any", self._layout.any_subject(verb), tuple(self._workers)
            if dice < share * 1.4:
                return "_all", self._layout.all_subject(verb), tuple(self._workers)
            if dice < share * 2.5:
                return f"{label[0]}:{label[1]}", self._layout.label_subject(verb, *label), self._labelled(*label)
        return host.machine_id, self._layout.host_subject(verb, host.machine_id), (host,)

    def _labelled(self, key: str, prefix: str) -> tuple[Host, ...]:
        return tuple(host for host in self._workers if (key, prefix) in keys.levels(host.labels))
