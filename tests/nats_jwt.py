"""Operator, account and user JWTs made by hand, for a server with a memory resolver."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from dataclasses import dataclass
from typing import Any

import nkeys


def _pair(prefix: int) -> tuple[Any, str, str]:
    """A key pair, its public key and its seed."""
    seed = nkeys.encode_seed(os.urandom(32), prefix)
    pair = nkeys.from_seed(bytearray(seed))
    return pair, pair.public_key.decode(), seed.decode()


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _jwt(signer: Any, issuer: str, subject: str, name: str, nats: dict[str, Any], expires: float | None = None) -> str:
    claims: dict[str, Any] = {"iat": int(time.time()), "iss": issuer, "sub": subject, "name": name}
    claims["nats"] = {"version": 2, **nats}
    if expires is not None:
        claims["exp"] = int(expires)
    digest = hashlib.new("sha512_256", json.dumps(claims).encode()).digest()
    claims["jti"] = base64.b32encode(digest).rstrip(b"=").decode()
    head = _b64(b'{"typ":"JWT","alg":"ed25519-nkey"}')
    body = f"{head}.{_b64(json.dumps(claims).encode())}"
    return f"{body}.{_b64(signer.sign(body.encode()))}"


@dataclass
class Trust:
    """An operator with one account: `config` goes into the server, `creds()` makes users."""

    account: str = "ORDERS"

    def __post_init__(self) -> None:
        operator, operator_public, _ = _pair(nkeys.PREFIX_BYTE_OPERATOR)
        self._signer, self.account_public, _ = _pair(nkeys.PREFIX_BYTE_ACCOUNT)
        limits = {"subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1}
        storage = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1, "wildcards": True}
        account = {"type": "account", "limits": {**limits, **storage}}
        operator_jwt = _jwt(operator, operator_public, operator_public, "op", {"type": "operator"})
        account_jwt = _jwt(operator, operator_public, self.account_public, self.account, account)
        _, system, _ = _pair(nkeys.PREFIX_BYTE_ACCOUNT)
        system_jwt = _jwt(operator, operator_public, system, "SYS", {"type": "account", "limits": limits})
        self.config = (
            f"operator: {operator_jwt}\nsystem_account: {system}\nresolver: MEMORY\n"
            f"resolver_preload: {{ {self.account_public}: {account_jwt}, {system}: {system_jwt} }}"
        )

    def user(self, expires: float | None = None) -> tuple[str, str, str]:
        """A user's JWT, seed and public key. `expires` in seconds since the epoch."""
        _, public, seed = _pair(nkeys.PREFIX_BYTE_USER)
        user = {"type": "user", "subs": -1, "data": -1, "payload": -1}
        return _jwt(self._signer, self.account_public, public, "ana", user, expires), seed, public

    def creds(self, expires: float | None = None) -> str:
        """The text of a .creds file."""
        token, seed, _ = self.user(expires)
        return (
            f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
