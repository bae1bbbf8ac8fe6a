"""The servers of a URL list, and a look at a certificate that names another host."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.model.text import clean
from app.sources.errors import Misconfigured

DEFAULT_PORT = 4222


@dataclass(frozen=True, slots=True)
class Server:
    """One address. `name` is what a certificate must be for: servers that the cluster tells of come as bare IPs."""

    scheme: str
    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    name: str = ""

    @property
    def url(self) -> str:
        """Without user and password; not cleaned, for the client."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def shown(self) -> str:
        return clean(self.url, 200)


def parse_servers(urls: str) -> tuple[Server, ...]:
    """Reads `host`, `host:port` and `nats://user:password@host:port`, separated by commas.

    Raises Misconfigured without repeating a password.
    """
    servers = tuple(_parse(url.strip()) for url in urls.split(",") if url.strip())
    if not servers:
        raise Misconfigured("no NATS URL given")
    return servers


def _parse(url: str) -> Server:
    try:
        parts = urlsplit(url if "://" in url else f"nats://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if not host:
        raise Misconfigured(f"{clean(url.rpartition('@')[2], 100)} is not a NATS URL")
    if parts.scheme not in ("nats", "tls"):
        raise Misconfigured(f"{clean(parts.scheme, 20)}:// is not supported: use nats:// or tls://")
    return Server(parts.scheme, host, port or DEFAULT_PORT, parts.username, parts.password)


async def certificate_names(
    server: Server, context: ssl.SSLContext, tls_first: bool, timeout: float
) -> tuple[str, ...]:
    """The names in the certificate of a server whose chain is good; nothing is sent to it but the handshake.

    Empty where they cannot be read. Changes `context`: it is not for use afterwards.
    """
    context.check_hostname = False
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            if not tls_first:
                await reader.readline()
            await writer.start_tls(context)
            certificate = writer.get_extra_info("peercert") or {}
            return tuple(str(value) for _, value in certificate.get("subjectAltName", ()))[:5]
    except (OSError, TimeoutError):
        return ()
    finally:
        if writer is not None:
            writer.transport.abort()
