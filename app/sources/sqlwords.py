"""What a database says when it cannot answer, in words, without any secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.model.text import clean
from app.settings.fields import ProbeSettings
from app.sources.secretless import scrubbed

if TYPE_CHECKING:
    import psycopg

_CODES = {
    "28P01": "refuses this password: {}",
    "28000": "refuses this user: {}",
    "3D000": "no such database: {}",
    "42P01": "no such table: {}",
    "42703": "no such column: {}",
    "42883": "no such function: {}",
    "42501": "not permitted: {}",
    "42601": "the query cannot be read: {}",
    "25006": "the query would write; only reads are let through: {}",
    "57014": "the query was ended after {timeout} s",
    "55P03": "the query waited for a lock for over {timeout} s",
    "53300": "takes no more connections: {}",
    "57P01": "is shutting down",
    "57P02": "is shutting down",
    "57P03": "does not take connections now: {}",
}
"""By SQLSTATE."""
_TEXTS = (
    (re.compile(r"password authentication failed", re.I), "refuses this password"),
    (re.compile(r"no password supplied|fe_sendauth", re.I), "wants a password: password_file"),
    (re.compile(r"no pg_hba\.conf entry", re.I), "does not let us in from here (pg_hba.conf)"),
    (re.compile(r"role \"?[^\"]*\"? does not exist", re.I), "refuses this user"),
    (re.compile(r"database \"([^\"]*)\" does not exist", re.I), "no such database: {}"),
    (re.compile(r"connection refused", re.I), "connection refused"),
    (re.compile(r"timeout expired|timed out", re.I), "no answer within {timeout} s: firewall? wrong port?"),
    (
        re.compile(r"could not translate host name|name or service not known|failed to resolve|nodename nor", re.I),
        "{host} is not a known host",
    ),
    (re.compile(r"too many (?:clients|connections)", re.I), "takes no more connections"),
    (re.compile(r"is starting up|shutting down|in recovery", re.I), "does not take connections now"),
    (re.compile(r"certificate verify failed|root certificate", re.I), "its certificate is not accepted"),
    (re.compile(r"does not support SSL", re.I), "does not speak TLS (sslmode)"),
    (re.compile(r"received invalid response to SSL|invalid response|unexpected message", re.I), "is no PostgreSQL"),
    (re.compile(r"server closed the connection|connection is lost|terminat|SSL SYSCALL|EOF", re.I), "connection lost"),
    (re.compile(r"no route to host", re.I), "no route to host"),
    (re.compile(r"network is unreachable", re.I), "network unreachable"),
)
_REFUSED = ("28P01", "28000", "42501")


def refused(error: psycopg.Error) -> bool:
    """Whether it answers, and only does not let us in: then how it does is not known."""
    if error.sqlstate in _REFUSED:
        return True
    text = str(error)
    return error.sqlstate is None and any(pattern.search(text) for pattern, _ in (*_TEXTS[:4],))


def words(error: psycopg.Error, settings: ProbeSettings) -> str:
    """Why there are no rows, in one sentence."""
    said = _first_line(str(error))
    host, timeout = clean(urlsplit(settings.url).hostname or "", 100), f"{settings.timeout:g}"
    sentence = _CODES.get(error.sqlstate or "")
    if sentence is None:
        found = next(
            ((pattern.search(str(error)), text) for pattern, text in _TEXTS if pattern.search(str(error))), None
        )
        sentence = found[1] if found is not None else "{}"
        if found is not None and found[0] is not None and found[0].groups():
            said = found[0][1]
    secrets = (settings.password.reveal(),) if settings.password else ()
    filled = sentence.replace("{timeout}", timeout).replace("{host}", host).replace("{}", said)
    return clean(scrubbed(filled, secrets), 300)


def _first_line(text: str) -> str:
    line = text.strip().splitlines()[0] if text.strip() else "no reason was given"
    line = re.sub(r"^(?:connection failed: )?(?:connection to server .*? failed: )?(?:FATAL|ERROR): *", "", line)
    return clean(line, 200)
