"""Profiles and fingerprints: which NATS a state folder and a worker belong to. Nothing here holds a secret."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.model.text import clean
from app.settings.fields import NatsSettings, Settings

_JWT = re.compile(r"-----BEGIN NATS USER JWT-----\s*([A-Za-z0-9_\-.=]+)\s*-")
_LOGIN = ("nats.creds", "nats.nkey", "nats.user", "nats.password", "nats.token", "nats.user_jwt")


def profile_name(settings: Settings) -> str:
    """The profile of settings that name none: their context if it chose the servers, else a hash of these and the
    namespace."""
    nats = settings.nats
    if nats.context and nats.origin == f"context {nats.context}":
        return safe_name(nats.context)
    servers = ",".join(sorted(nats.url.split(",")))
    return hashlib.sha256(f"{servers}\n{settings.namespace}".encode()).hexdigest()[:10]


def safe_name(name: str) -> str:
    """A name as the name of a folder; two different names never become the same one."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".")
    if plain == name and len(name) <= 64:
        return name
    return f"{plain[:48]}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"


def fingerprint(settings: Settings) -> dict[str, Any]:
    """Which NATS, and which names there, a worker with these settings watches."""
    user, account = _identity(settings.nats)
    return {
        "servers": sorted(settings.nats.url.split(",")),
        "user": user,
        "account": account,
        "domain": settings.nats.domain,
        "namespace": settings.namespace,
        # As JSON tells it: a worker's own comes to its deck over the wire.
        "names": {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings.names).items()
        },
    }


def differences(settings: Settings, theirs: Mapping[str, Any]) -> list[str]:
    """Where a worker's fingerprint differs from what these settings name themselves; defaults do not count.

    Each is a phrase with both sides: `servers nats://a:4222 here, nats://b:4222 there`.
    """
    mine, given = fingerprint(settings), settings.origins
    names = theirs.get("names")
    there = {**theirs, **{f"names.{key}": value for key, value in (names if isinstance(names, dict) else {}).items()}}
    pairs: list[tuple[str, object]] = []
    if "nats.url" in given:
        pairs.append(("servers", mine["servers"]))
    if any(key in given for key in _LOGIN):
        pairs += [("user", mine["user"]), ("account", mine["account"])]
    pairs += [(key, mine[key]) for key in ("domain", "namespace") if given.get(f"nats.{key}") or given.get(key)]
    pairs += [(f"names.{key}", value) for key, value in mine["names"].items() if f"names.{key}" in given]
    return [
        f"{key} {_said(value)} here, {_said(there.get(key))} there" for key, value in pairs if value != there.get(key)
    ]


def _said(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value or "")
    return clean(text, 300) or "none"


def _identity(nats: NatsSettings) -> tuple[str, str]:
    """Public names of the user and account that a login stands for, as far as the login itself tells."""
    jwt = nats.user_jwt.reveal()
    if nats.creds:
        try:
            found = _JWT.search(Path(nats.creds).read_text("ascii", "replace")[:100_000])
        except OSError:
            found = None
        jwt = found[1] if found else ""
    if jwt:
        return _claims(jwt)
    return clean(nats.user, 200), ""


def _claims(jwt: str) -> tuple[str, str]:
    try:
        body = jwt.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        inner = claims.get("nats") or {}
        account = inner.get("issuer_account") or claims.get("iss") or ""
        return clean(str(claims.get("sub", "")), 200), clean(str(account), 200)
    except (ValueError, IndexError, AttributeError, RecursionError):
        return "", ""
