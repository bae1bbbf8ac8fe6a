"""Who we are to a NATS server: read anew for every attempt, shown without a secret."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nats.aio.client import RawCredentials

from app.model.text import clean
from app.sources.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials as they are now.

    `text` is what may be said of them, `expire` the end of the user JWT; `options` go to the client and are secret,
    so they are in no repr.
    """

    text: str = ""
    expire: datetime | None = None
    account: str = ""  # public key of the account, where the user JWT names it
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where credentials come from; the first that is there is used, in this order."""

    creds: str = ""
    user_jwt: str = field(default="", repr=False)
    nkey: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def load(sources: Sources, now: datetime) -> Credentials:
    """Reads the files named. Raises Misconfigured with a sentence that names the file."""
    if sources.creds:
        return _creds(sources.creds, now)
    if sources.user_jwt:
        return _user_jwt(sources.user_jwt.strip(), sources.nkey, now)
    if sources.nkey:
        seed = _seed(_read(sources.nkey, "nkey"), sources.nkey)
        text = f"nkey {_short(sources.nkey)} (user {_key(_public(seed))})"
        return Credentials(text, options={"nkeys_seed_str": seed})
    if sources.user:
        options = {"user": sources.user, "password": sources.password}
        return Credentials(f"user {clean(sources.user, 60)}", options=options)
    if sources.token:
        return Credentials("token", options={"token": sources.token})
    return Credentials()


def from_url(user: str | None, password: str | None) -> Sources | None:
    """The user part of a URL: `user:password@` or `token@`."""
    if not user:
        return None
    if password is None:
        return Sources(token=unquote(user))
    return Sources(user=unquote(user), password=unquote(password))


def _creds(path: str, now: datetime) -> Credentials:
    content = _read(path, "creds")
    token = _between(content, "BEGIN NATS USER JWT")
    seed = _between(content, "BEGIN USER NKEY SEED")
    if not token or not seed:
        raise Misconfigured(f"creds {_short(path)} holds no user JWT and seed")
    _public(seed, path)
    claims = _claims(token)
    # nats-py searches for the markers in what it is given: an odd file was refused above.
    options = {"user_credentials": RawCredentials(content)}
    return _described(f"creds {_short(path)}", claims, now, options)


def _user_jwt(token: str, nkey: str, now: datetime) -> Credentials:
    seed = _seed(_read(nkey, "nkey"), nkey) if nkey else ""

    def sign(nonce: str) -> bytes:
        if not seed:
            return b""  # a bearer JWT is not signed for
        import nkeys

        pair = nkeys.from_seed(bytearray(seed.encode()))
        return base64.b64encode(pair.sign(nonce.encode()))

    options = {"user_jwt_cb": lambda: bytearray(token.encode()), "signature_cb": sign}
    return _described("user JWT", _claims(token), now, options)


def _described(what: str, claims: Mapping[str, Any], now: datetime, options: Mapping[str, Any]) -> Credentials:
    issuer = claims.get("nats")
    account = (issuer.get("issuer_account") if isinstance(issuer, dict) else "") or claims.get("iss") or ""
    parts = [f"user {_key(claims['sub'])}"] if isinstance(claims.get("sub"), str) else []
    if isinstance(account, str) and account:
        parts.append(f"account {_key(account)}")
    expire = _moment(claims.get("exp"))
    if expire is not None:
        parts.append(f"{'expired' if expire <= now else 'expires'} {expire:%Y-%m-%d}")
    text = f"{what} ({', '.join(parts)})" if parts else what
    return Credentials(text, expire, clean(str(account), 60), options)


def _moment(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or seconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _claims(token: str) -> dict[str, Any]:
    """The claims of a JWT, not verified: they are our own. Nothing readable gives nothing."""
    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _between(content: str, marker: str) -> str:
    lines = content.splitlines()
    for number, line in enumerate(lines[:-1]):
        if marker in line:
            return lines[number + 1].strip()
    return ""


def _seed(content: str, path: str) -> str:
    for line in content.splitlines():
        if line.strip().startswith("S"):
            seed = line.strip()
            _public(seed, path)
            return seed
    raise Misconfigured(f"nkey {_short(path)} holds no seed")


def _public(seed: str, path: str = "") -> str:
    import nkeys

    try:
        pair = nkeys.from_seed(bytearray(seed.encode()))
        public: bytes = pair.public_key
    except Exception as error:  # nkeys raises its own errors, ValueError and binascii.Error
        raise Misconfigured(f"{_short(path)} holds a seed that cannot be read") from error
    return public.decode()


def _key(public: str) -> str:
    return clean(public, 200)[:4] + "…"


def _read(path: str, what: str) -> str:
    try:
        return Path(path).expanduser().read_text(errors="replace")
    except FileNotFoundError as error:
        raise Misconfigured(f"{what} file {_short(path)} is missing") from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise Misconfigured(f"{what} file {_short(path)} cannot be read: {reason.lower()}") from error


def _short(path: str) -> str:
    home = str(Path.home())
    return clean("~" + path[len(home) :] if path.startswith(home + "/") else path, 200)


def tls_context(ca: str, cert: str, key: str) -> tuple[ssl.SSLContext, datetime | None]:
    """The TLS context for these files, and when the client certificate expires. Raises Misconfigured."""
    context = ssl.create_default_context()
    if ca:
        _read(ca, "tls_ca")
        try:
            context.load_verify_locations(Path(ca).expanduser())
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(f"tls_ca {_short(ca)} holds no certificate") from error
    if not cert:
        return context, None
    _read(cert, "tls_cert")
    if key:
        _read(key, "tls_key")
    try:
        context.load_cert_chain(
            Path(cert).expanduser(), Path(key).expanduser() if key else None, password=_refuse_to_ask
        )
    except (OSError, ssl.SSLError, ValueError) as error:
        raise Misconfigured(f"tls_cert {_short(cert)} and tls_key do not fit, or are encrypted") from error
    return context, _not_after(Path(cert).expanduser())


def _refuse_to_ask() -> str:
    # Without this OpenSSL would ask on the terminal, which is the deck's.
    raise ValueError("encrypted key")


def _not_after(cert: Path) -> datetime | None:
    try:
        decoded = ssl._ssl._test_decode_cert(str(cert))  # type: ignore[attr-defined]
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(decoded["notAfter"]), UTC)
    except (AttributeError, KeyError, ValueError, OSError):
        return None
