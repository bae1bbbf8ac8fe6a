"""Other systems, as the configuration names them: gateways, probes and units, one table each, and OSAPI's API."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from app.model.text import clean
from app.settings.contexts import expand
from app.settings.errors import SettingsError
from app.settings.fields import GatewaySettings, ProbeSettings, Secret, UnitSettings
from app.settings.secrets import open_to_others, read_secret
from app.settings.units import duration

NAME_LONGEST = 64
"""Characters of a name, and of a unit's."""
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,255}")
_LEAST, _MOST = 1.0, 3600.0  # seconds between two looks, and of patience
_FILES = {"token_file": "token", "password_file": "password"}


def read_systems(file: Path, key: str, value: object, env: Mapping[str, str]) -> tuple[list[Any], list[str]]:
    """The tables of `[[gateways]]`, `[[probes]]` or `[[units]]` as keyword arguments of their fields, and warnings.

    Raises SettingsError naming the table and the key that cannot be used.
    """
    if not isinstance(value, list):
        raise SettingsError(f"{file}: {key} are written as [[{key}]], one table each")
    kind, read = _KINDS[key]
    known = [name for name in kind.__dataclass_fields__ if name not in _FILES.values()]
    known += [name for name, secret in _FILES.items() if secret in kind.__dataclass_fields__]
    found: list[dict[str, object]] = []
    warnings: list[str] = []
    for number, table in enumerate(value, 1):
        where = f"{file}: [[{key}]] {number}"
        if not isinstance(table, dict):
            raise SettingsError(f"{where} is not a table")
        table = dict(table)
        for name in table:
            if name not in known:
                raise SettingsError(f"{where}: no setting {clean(name, 60)}{_nearest(name, known)}")
        for name, secret in _FILES.items():
            if name in table:
                path = expand(_text(where, table, name), env, file.parent)
                table[secret] = read_secret(path, f"{where}: {name}")
                warnings += open_to_others(path)
                del table[name]
        table = read(where, table)
        if any(other["name"] == table["name"] for other in found):
            raise SettingsError(f"{where}: there are two named {table['name']}")
        found.append(table)
    return found, warnings


def http_url(where: str, value: object) -> str:
    """An http(s) address without user, password and fragment."""
    if not isinstance(value, str):
        raise SettingsError(f"{where} must be a URL such as https://host:8080")
    parts = _parts(where, value, ("http", "https"))
    if parts.username is not None or parts.password is not None:
        raise SettingsError(f"{where}: a secret is not written here: name a file with token_file")
    return value.rstrip("/")


def _gateway(where: str, table: dict[str, object]) -> dict[str, object]:
    url = _text(where, table, "url")
    parts = _parts(f"{where}: url", url, ("ws", "wss"))
    if parts.username is not None or parts.query:
        raise SettingsError(f"{where}: url: a secret is not written here: name a file with token_file")
    table.setdefault("name", parts.hostname or "gateway")
    _switch(where, table, "allow_insecure_tls")
    _switch(where, table, "disable_device_pairing")
    return _named(where, table)


def _probe(where: str, table: dict[str, object]) -> dict[str, object]:
    url = _text(where, table, "url")
    parts = _parts(f"{where}: url", url, ("http", "https", "postgresql", "postgres"))
    if parts.username is not None:
        table.setdefault("user", unquote(parts.username))
    if parts.password is not None:
        table.setdefault("password", Secret(unquote(parts.password)))
    table["url"] = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    table.setdefault("name", parts.hostname or "probe")
    database = parts.scheme.startswith("postgres")
    if database != bool(table.get("query")):
        raise SettingsError(
            f"{where}: " + ("postgresql:// needs a query" if database else "query is for postgresql://")
        )
    for name in ("user", "query"):
        if name in table:
            _text(where, table, name)
    if "expect" in table:
        expect = table["expect"]
        if isinstance(expect, bool) or not isinstance(expect, str | int):
            raise SettingsError(f"{where}: expect must be a status such as 204, or a text")
        table["expect"] = str(expect)
    for name in ("interval", "timeout"):
        if name in table:
            table[name] = _seconds(f"{where}: {name}", table[name])
    return _named(where, table)


def _unit(where: str, table: dict[str, object]) -> dict[str, object]:
    unit = _text(where, table, "unit")
    if not _UNIT.fullmatch(unit) or unit.startswith("-"):
        raise SettingsError(f"{where}: unit must be the name of a systemd unit")
    table["unit"] = unit if "." in unit else f"{unit}.service"
    table.setdefault("name", unit.removesuffix(".service"))
    if table.setdefault("scope", "user") not in ("user", "system"):
        raise SettingsError(f"{where}: scope must be user or system")
    return _named(where, table)


_KINDS: Mapping[str, tuple[Any, Callable[[str, dict[str, object]], dict[str, object]]]] = {
    "gateways": (GatewaySettings, _gateway),
    "probes": (ProbeSettings, _probe),
    "units": (UnitSettings, _unit),
}
SYSTEMS = frozenset(_KINDS)
"""Keys that are lists of tables."""


def _named(where: str, table: dict[str, object]) -> dict[str, object]:
    name = _text(where, table, "name")
    if name != clean(name, NAME_LONGEST) or "/" in name:
        raise SettingsError(f"{where}: name must be at most {NAME_LONGEST} printable characters, without /")
    return table


def _text(where: str, table: Mapping[str, object], name: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{where}: {name} must be a text" if name in table else f"{where}: {name} is missing")
    return value


def _switch(where: str, table: Mapping[str, object], name: str) -> None:
    if not isinstance(table.get(name, False), bool):
        raise SettingsError(f"{where}: {name} must be true or false")


def _seconds(where: str, value: object) -> float:
    if isinstance(value, str):
        try:
            value = duration(value.strip())
        except ValueError as error:
            raise SettingsError(f"{where}: {error}") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not _LEAST <= value <= _MOST:
        raise SettingsError(f"{where} must be a duration of 1s to 1h")
    return float(value)


def _parts(where: str, url: str, schemes: tuple[str, ...]) -> Any:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or host != clean(host) or any(sign.isspace() for sign in url):
        raise SettingsError(f"{where}: not a URL such as {schemes[0]}://host")
    if parts.scheme not in schemes:
        raise SettingsError(f"{where}: {clean(parts.scheme, 20)}:// is not supported, use {'://, '.join(schemes)}://")
    return parts


def _nearest(name: str, known: list[str]) -> str:
    if name in _FILES.values():
        return f", since a secret is not written here: name a file with {name}_file"
    close = difflib.get_close_matches(name, known, 1, 0.6)
    return f", the nearest is {close[0]}" if close else f": they are {', '.join(known)}"
