"""Whether an agent is there, judged by the broker's time of its last heartbeat on the broker's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.model.fleet import HEARTBEAT, REGISTRY_TTL, Presence

STALE_AFTER = 2 * HEARTBEAT
GONE_AFTER = REGISTRY_TTL
GRACE = 2 * HEARTBEAT
"""Seconds after a reconnect in which nobody's presence gets worse: heartbeats could not be written meanwhile."""
LEFT_KEPT = timedelta(minutes=10)
GONE_KEPT = timedelta(hours=24)

_WORSE = {Presence.LIVE: 0, Presence.STALE: 1, Presence.LEFT: 2, Presence.GONE: 2}


@dataclass(frozen=True, slots=True)
class Standing:
    """A presence, and since when it is not LIVE: the last heartbeat, or the farewell."""

    presence: Presence = Presence.LIVE
    since: datetime | None = None


LIVE = Standing()


def judge(
    before: Standing, beat: datetime, farewell: datetime | None, there: bool, now: datetime, grace: bool
) -> Standing:
    """The standing at `now` of an agent whose last heartbeat was at `beat`.

    `farewell` is when its key was deleted, `there` whether the bucket still holds its key. In a time of `grace`
    nothing gets worse than `before`.
    """
    if farewell is not None and farewell >= beat:
        return Standing(Presence.LEFT, farewell)
    age = (now - beat).total_seconds()
    if not there or age > GONE_AFTER:
        standing = Standing(Presence.GONE, beat)
    elif age > STALE_AFTER:
        standing = Standing(Presence.STALE, beat)
    else:
        return LIVE
    if grace and _WORSE[standing.presence] > _WORSE[before.presence]:
        return before
    return standing


def forgotten(standing: Standing, now: datetime) -> bool:
    """Whether an agent that is not there any more has been shown for long enough."""
    if standing.since is None:
        return False
    kept = {Presence.LEFT: LEFT_KEPT, Presence.GONE: GONE_KEPT}.get(standing.presence)
    return kept is not None and now - standing.since > kept
