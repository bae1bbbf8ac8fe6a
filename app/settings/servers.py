"""NATS URLs: checked, written in one way, and parted from the secrets that people put into them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from app.model.text import clean
from app.settings.errors import SettingsError
from app.settings.fields import Secret

_SCHEMES = ("nats", "tls")


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers as `scheme://host:port`, separated by commas, and what their userinfo held."""

    url: str
    user: str = ""
    password: Secret | None = None
    token: Secret | None = None


def parse_servers(text: str, named_by: str) -> Servers:
    """Reads one URL or several separated by commas; a SettingsError says what is wrong, without userinfo.

    A name without password in the userinfo is a token, as in the NATS clients.
    """
    found = [_server(part.strip(), named_by) for part in text.split(",") if part.strip()]
    if not found:
        raise SettingsError(f"{named_by}: no NATS URL in it")
    logins = {login for _, login in found if login != ("", "")}
    if len(logins) > 1:
        raise SettingsError(f"{named_by}: different users for the servers of one NATS")
    url = ",".join(dict.fromkeys(address for address, _ in found))
    if not logins:
        return Servers(url)
    user, password = logins.pop()
    if not password:
        return Servers(url, token=Secret(user))
    return Servers(url, user=user, password=Secret(password))


def _server(text: str, named_by: str) -> tuple[str, tuple[str, str]]:
    try:
        parts = urlsplit(text if "://" in text else f"nats://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingsError(f"{named_by}: not a NATS URL such as nats://host:4222") from None
    if not host or host != clean(host) or any(sign.isspace() for sign in host) or parts.path not in ("", "/"):
        raise SettingsError(f"{named_by}: not a NATS URL such as nats://host:4222")
    if parts.scheme not in _SCHEMES:
        raise SettingsError(f"{named_by}: {clean(parts.scheme, 20)}:// is not supported, use nats:// or tls://")
    address = f"[{host}]" if ":" in host else host
    login = (unquote(parts.username or ""), unquote(parts.password or ""))
    return f"{parts.scheme}://{address}:{port or 4222}", login
