"""The configuration file: which keys it may hold, and its values as the fields of `Settings`."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from app.model.scoring import Standards
from app.settings import standards
from app.settings.contexts import expand
from app.settings.errors import SettingsError
from app.settings.fields import (
    DeckSettings,
    HttpSettings,
    NameSettings,
    PeekSettings,
    ServicesSettings,
    SessionsSettings,
    StoreSettings,
)
from app.settings.origins import cors_origins
from app.settings.secrets import open_to_others, read_secret
from app.settings.systems import SYSTEMS, http_url, read_systems
from app.settings.units import duration, quantity

_NATS_PATHS = ("creds", "nkey", "tls_ca", "tls_cert", "tls_key", "password_file", "token_file")
_HTTP_PATHS = ("http.tls_cert", "http.tls_key")
_NATS_TEXTS = ("url", "context", "user", "domain", "api_prefix", "inbox_prefix")
KEYS: frozenset[str] = frozenset(
    ["namespace", "actions", "nats.tls_first", "nats.interval", "nats.max_requests"]
    + [f"nats.{name}" for name in _NATS_PATHS + _NATS_TEXTS]
    + [f"names.{name}" for name in NameSettings.__dataclass_fields__]
    + [f"http.{name}" for name in HttpSettings.__dataclass_fields__]
    + [f"deck.{name}" for name in DeckSettings.__dataclass_fields__]
    + [f"store.{name}" for name in StoreSettings.__dataclass_fields__]
    + [f"sessions.{name}" for name in SessionsSettings.__dataclass_fields__]
    + [f"scores.{name}" for name in Standards.__dataclass_fields__]
    + [f"peek.{name}" for name in PeekSettings.__dataclass_fields__]
    + [f"services_api.{name}" for name in ServicesSettings.__dataclass_fields__]
    + ["osapi.url", "osapi.token_file", *SYSTEMS]
)
"""Every key with a fixed name. `[keys]`, `[views.*]`, `[thresholds.*]` and `[runbooks]` have names of their own."""
_OPEN = ("keys", "views", "thresholds", "runbooks")
_VIEW_KEYS = ("columns", "sort")


def read_toml(file: Path, env: Mapping[str, str]) -> tuple[dict[str, object], tuple[str, ...]]:
    """Dotted keys and their values, and warnings for people. A SettingsError names the key that cannot be used."""
    try:
        content = tomllib.loads(file.read_bytes().decode("utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{file} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from None
    values: dict[str, object] = {}
    warnings: list[str] = []
    for key, value in _leaves(content):
        if key.partition(".")[0] in _OPEN:
            values[key] = _open_table(file, key, value)
        elif key not in KEYS:
            raise SettingsError(f"{file}: no setting {key}{_nearest(key)}")
        elif key in SYSTEMS:
            values[key], found = read_systems(file, key, value, env)
            warnings += found
        elif key in ("nats.password_file", "nats.token_file", "osapi.token_file"):
            secret_file = expand(_typed(file, key, value, str), env, file.parent)
            values[key.removesuffix("_file")] = read_secret(secret_file, f"{file}: {key}")
            warnings += open_to_others(secret_file)
        elif key.removeprefix("nats.") in _NATS_PATHS or key in _HTTP_PATHS:
            values[key] = str(expand(_typed(file, key, value, str), env, file.parent))
        else:
            values[key] = _fixed(file, key, value)
    return values, tuple(warnings)


def _leaves(content: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in content.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and not prefix and name in _OPEN:
            for inner, leaf in value.items():
                yield f"{key}.{inner}", leaf
        elif isinstance(value, dict) and not prefix and key not in KEYS:
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _fixed(file: Path, key: str, value: object) -> object:
    """The value of a key of `KEYS` in the type that it has in `Settings`."""
    if key == "nats.interval":
        return _seconds(file, key, value)
    if key in PERIODS:
        return period(key, value, f"{file}: {key}")
    if key in CHECKED:
        return CHECKED[key](f"{file}: {key}", value)
    if key == "http.listen" and value in ("", False):
        return None
    return _typed(file, key, value, _TYPES.get(key, str))


PERIODS: Mapping[str, tuple[float, float, str, bool]] = {
    "sessions.durable_ttl": (60.0, 366 * 86_400.0, "1m to 366d, or 0 for no end", True),
    "store.keep_payloads": (3_600.0, 3_660 * 86_400.0, "1h to 3660d", False),
}
"""Durations by key: least and most seconds, these in words, and whether 0 may be said."""
CHECKED: Mapping[str, Callable[[str, object], object]] = {
    "scores.window": standards.window,
    "scores.weights": standards.weights,
    "scores.bands": standards.bands,
    "osapi.url": http_url,
    "http.cors_origins": cors_origins,
}


def period(key: str, value: object, where: str) -> float:
    """A duration of `PERIODS` in seconds, of a text such as `90d`, or of the number 0 where that may be said."""
    least, most, words, none = PERIODS[key]
    if none and value in (0, "0") and value is not False:
        return 0.0
    if not isinstance(value, str):
        raise SettingsError(f"{where} must be a duration of {words}")
    seconds = _worded(where, duration, value)
    if not least <= seconds <= most:
        raise SettingsError(f"{where} must be a duration of {words}")
    return seconds


_TYPES: Mapping[str, Any] = {
    "actions": bool,
    "nats.tls_first": bool,
    "nats.max_requests": int,
    "http.allowed_hosts": list[str],
    "http.trusted_proxies": list[str],
    "http.insecure": bool,
    "names.dead_letters": list[str],
    "sessions.ingest": bool,
    "sessions.create": bool,
    "peek.payload": bool,
    "services_api.enabled": bool,
    "deck.mouse": bool,
    "deck.ascii": bool,
    "deck.utc": bool,
}


def _open_table(file: Path, key: str, value: object) -> object:
    table = key.partition(".")[0]
    if table in ("keys", "runbooks"):
        return _typed(file, key, value, str)
    content: dict[str, object] = _typed(file, key, value, dict[str, Any])
    if table == "views":
        for name in content:
            if name not in _VIEW_KEYS:
                raise SettingsError(f"{file}: no setting {key}.{name}: a view has columns and sort")
        return {
            name: _typed(file, f"{key}.{name}", part, list[str] if name == "columns" else str)
            for name, part in content.items()
        }
    return _threshold(file, key, content)


def _threshold(file: Path, key: str, content: Mapping[str, object]) -> dict[str, object]:
    """Durations as seconds, sizes as bytes, shares as 0 to 1; tables inside (of one stream) likewise."""
    result: dict[str, object] = {}
    for name, part in content.items():
        if isinstance(part, dict):
            result[name] = _threshold(file, f"{key}.{name}", part)
        elif isinstance(part, str):
            result[name] = _worded(f"{file}: {key}.{name}", quantity, part)
        elif isinstance(part, bool | int | float):
            result[name] = part
        else:
            raise SettingsError(f"{file}: {key}.{name} must be a number, a text such as 5m, or true or false")
    return result


def _seconds(file: Path, key: str, value: object) -> float:
    if isinstance(value, str):
        value = _worded(f"{file}: {key}", duration, value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.1 <= value <= 3600:
        raise SettingsError(f"{file}: {key} must be a duration of 100ms to 1h")
    return float(value)


def _worded(where: str, convert: Callable[[str], float], text: str) -> float:
    try:
        return convert(text.strip())
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from None


def _typed(file: Path, key: str, value: object, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{file}: {key}: {error}".replace(" - at `$", " at `")) from None


def _nearest(key: str) -> str:
    if key in ("nats.password", "nats.token", "osapi.token"):
        return f", since a secret is not written here: name a file with {key}_file"
    section, _, name = key.rpartition(".")
    known = sorted(KEYS) + list(_OPEN)
    close = difflib.get_close_matches(key, known, 1, 0.6) or [
        other for other in known if difflib.get_close_matches(name, [other.rpartition(".")[2]], 1, 0.75)
    ]
    if not close and section:
        close = [other for other in known if other.startswith(f"{section}.")][:1]
    return f", the nearest is {close[0]}" if close else ""
