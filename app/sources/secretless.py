"""What may be shown of an address and of foreign words: nothing of it is a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from app.model.text import clean

HIDDEN = "…"
_SECRET = re.compile(r"pass|secret|token|auth|key|sig|cred|jwt|session", re.I)
_SHORTEST = 4
"""Characters from which a secret is looked for in foreign words: a shorter one is in any text."""
_LOGIN = re.compile(r"(://[^\s:/@]*:)[^\s@/]+@")


def shown_url(url: str) -> str:
    """An address without user and password, the values of secret parameters left out."""
    parts = urlsplit(url)
    fields = [
        f"{name}={HIDDEN}" if value and _SECRET.search(name) else f"{name}{sign}{value}"
        for name, sign, value in (field.partition("=") for field in parts.query.split("&"))
    ]
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="&".join(fields), fragment="")
    return clean(urlunsplit(shown), 300)


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """Foreign words without any of our secrets that they repeat, and without passwords in addresses."""
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    return _LOGIN.sub(rf"\1{HIDDEN}@", text)
