"""Which namespace a command that writes is to use: the one that is set, or the only fleet that is there."""

from __future__ import annotations

from app.demo.link import Link
from app.demo.server import DemoError
from app.settings import NameSettings
from app.sources.namespace import AUTO, discover


async def namespace_of(link: Link, names: NameSettings, configured: str, otherwise: str) -> str:
    """The configured namespace; for `auto` that of the one fleet on the server, or `otherwise` where there is none.

    DemoError when there are several: a command that writes does not guess.
    """
    if configured != AUTO:
        return configured
    fleet = discover(await link.stream_names(), names.registry, names.job_queue)
    if fleet.namespaces:
        shown = ", ".join(namespace or '""' for namespace in fleet.namespaces)
        raise DemoError(f"There are several fleets here: {shown}. Choose one with --namespace.")
    return otherwise if fleet.namespace is None else fleet.namespace
