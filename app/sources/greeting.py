"""What a server says of itself and of its cluster when it is met."""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import replace
from typing import Any

from app.model.broker import ServerInfo
from app.model.text import clean
from app.sources.errors import Misconfigured
from app.sources.servers import Server, parse_servers

_MOST = 16
"""Servers of a cluster that are remembered."""


def server_info(greeting: dict[str, Any]) -> ServerInfo:
    """The record of the server at the other end."""

    def text(name: str) -> str:
        return clean(str(greeting.get(name) or ""), 100)

    payload = greeting.get("max_payload")
    return ServerInfo(
        name=text("server_name"),
        version=text("version"),
        cluster=text("cluster"),
        jetstream=bool(greeting.get("jetstream")),
        domain=text("domain"),
        max_payload=payload if isinstance(payload, int) else 0,
        id=text("server_id"),
    )


def told(greeting: dict[str, Any], server: Server, urls: str) -> tuple[Server, ...]:
    """Further servers of the cluster, as the server told us; those configured are not repeated."""
    known = {(one.host, one.port) for one in parse_servers(urls)}
    found: list[Server] = []
    urls_told = greeting.get("connect_urls")
    for url in urls_told if isinstance(urls_told, list) else ():
        with contextlib.suppress(Misconfigured):
            one, *others = parse_servers(f"{server.scheme}://{url}")
            if not others and (one.host, one.port) not in known:
                name = (server.name or server.host) if _is_ip(one.host) else ""
                found.append(replace(one, user=server.user, password=server.password, name=name))
    return tuple(found[:_MOST])


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
