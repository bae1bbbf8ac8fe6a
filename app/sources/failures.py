"""Why a server cannot be used, told apart and in words."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime

from nats import errors as nats_errors

from app.model.broker import Cause
from app.model.text import clean
from app.sources.client import NoTls, NotNats
from app.sources.credentials import Credentials
from app.sources.errors import Misconfigured

CONNECT_TIMEOUT = 5.0
"""Seconds for one attempt at one server: connection, TLS and greeting together."""

_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTDOWN: "host is down",
}
_AUTH = ("authorization", "authentication", "credentials", "nkey", "jwt", "revoked", "invalid user")
_FULL = ("maximum connections", "maximum account active connections")
_NAME_MISMATCH = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt's end: the cause for programs, the sentence for people."""

    cause: Cause
    text: str

    @property
    def refused_credentials(self) -> bool:
        """Trying again soon would only fill the server's log."""
        return self.cause in (Cause.AUTHORIZATION, Cause.EXPIRED)

    @property
    def weight(self) -> int:
        """Of several servers' failures the one that says most is told: an answer says more than silence."""
        order = (Cause.REFUSED, Cause.UNKNOWN_HOST, Cause.TIMEOUT, Cause.CLOSED)
        return order.index(self.cause) if self.cause in order else len(order)


class NameMismatch(Exception):
    """The certificate is another host's. `names` are those it holds."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def explain(error: BaseException, host: str, credentials: Credentials, now: datetime) -> Failure:
    """The failure behind an exception of one attempt at `host`."""
    host = clean(host, 100)
    if isinstance(error, Misconfigured):
        return Failure(Cause.CONFIGURATION, str(error))
    if isinstance(error, NoTls):
        return Failure(Cause.TLS, str(error))
    if isinstance(error, NotNats):
        return Failure(Cause.CLOSED, str(error))
    if isinstance(error, NameMismatch):
        names = clean(" ".join(error.names), 100) or "another host"
        return Failure(Cause.TLS_NAME, f"certificate is for {names}, not {host}")
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return Failure(Cause.TIMEOUT, f"no answer within {CONNECT_TIMEOUT:.0f} s: firewall? wrong port?")
    if isinstance(error, ssl.SSLError):
        return tls_failure(error, host)
    if isinstance(error, OSError):
        return network_failure(error, host)
    if isinstance(error, nats_errors.Error):
        return _refused(str(error), host, credentials, now)
    return Failure(Cause.CLOSED, clean(f"{type(error).__name__}: {error}", 200))


def is_name_mismatch(error: BaseException) -> bool:
    """Whether TLS failed only because the certificate names another host."""
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _NAME_MISMATCH


def tls_failure(error: ssl.SSLError, host: str) -> Failure:
    """Why TLS did not come about."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _NAME_MISMATCH:
            return Failure(Cause.TLS_NAME, f"certificate is not for {host}")
        return Failure(Cause.TLS, f"certificate of {host} is not accepted: {clean(error.verify_message, 100)}")
    reason = clean((error.reason or "handshake failed").replace("_", " ").lower(), 100)
    return Failure(Cause.TLS, f"TLS with {host} failed: {reason}")


def network_failure(error: OSError, host: str) -> Failure:
    """Why there is no connection."""
    if isinstance(error, socket.gaierror):
        return Failure(Cause.UNKNOWN_HOST, f"{host} is not a known host")
    number = error.errno
    if number is None and f"Errno {errno.ECONNREFUSED}" in str(error):
        number = errno.ECONNREFUSED  # asyncio folds the failures of several addresses into one text
    if number in _WORDS:
        return Failure(Cause.REFUSED, _WORDS[number])
    if number == errno.ETIMEDOUT:
        return Failure(Cause.TIMEOUT, "no answer: firewall? wrong port?")
    return Failure(Cause.CLOSED, "connection closed by the server")


def _refused(text: str, host: str, credentials: Credentials, now: datetime) -> Failure:
    lower = text.lower()
    if "secure connection" in lower or "tls required" in lower:
        return Failure(Cause.TLS_REQUIRED, "server requires TLS: use tls://")
    if "empty response" in lower:
        return Failure(Cause.TLS_REQUIRED, "server closed without a greeting: if it requires TLS first, set tls_first")
    if any(word in lower for word in _FULL):
        return Failure(Cause.CLOSED, f"{host} takes no more connections")
    ended = credentials.expire
    if ended is not None and ended <= now and any(word in lower for word in _AUTH):
        return Failure(Cause.EXPIRED, f"{host} refuses these credentials: user JWT expired {ended:%Y-%m-%d}")
    if "expired" in lower:
        return Failure(Cause.EXPIRED, f"{host} refuses these credentials: {_reason(text)}")
    if any(word in lower for word in _AUTH):
        return Failure(Cause.AUTHORIZATION, f"{host} refuses these credentials: {_reason(text)}")
    return Failure(Cause.CLOSED, _reason(text) or "connection closed by the server")


def _reason(text: str) -> str:
    return clean(text.removeprefix("nats:").strip().strip("'").lower(), 100)
