"""Finds the fleet: a pair of registry and job queue buckets with the same prefix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Which fleet is looked at. `found`: by itself rather than configured; `namespaces`: all that fit, when several do.

    `namespace` is None while there are several and none is chosen, or there is none.
    """

    namespace: str | None
    found: bool = False
    namespaces: tuple[str, ...] = ()

    def bucket(self, name: str) -> str:
        """A name with the namespace before it: `osapi-agent-registry`."""
        return f"{self.namespace}-{name}" if self.namespace else name


def discover(
    streams: Iterable[str], registry: str, job_queue: str, configured: str = AUTO, current: str | None = None
) -> Fleet:
    """Looks for `<ns>-<registry>` and `<ns>-<job_queue>` (or both without a prefix) among stream names.

    A configured namespace is used whatever is there; the empty one is a namespace too. `current` is the one in use:
    it stays in use when a second fleet appears beside it.
    """
    buckets = {name.removeprefix("KV_") for name in streams if name.startswith("KV_")}
    pairs = sorted(
        namespace
        for namespace in (_prefix(name, registry) for name in buckets)
        if namespace is not None and _join(namespace, job_queue) in buckets
    )
    several = tuple(pairs) if len(pairs) > 1 else ()
    if configured != AUTO:
        return Fleet(configured, False, several)
    if len(pairs) == 1:
        return Fleet(pairs[0], True)
    if current in pairs:
        return Fleet(current, True, several)
    return Fleet(None, False, several)


def _prefix(bucket: str, name: str) -> str | None:
    if bucket == name:
        return ""
    return bucket.removesuffix(f"-{name}") if bucket.endswith(f"-{name}") else None


def _join(namespace: str, name: str) -> str:
    return f"{namespace}-{name}" if namespace else name
