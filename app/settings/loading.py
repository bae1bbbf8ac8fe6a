"""Puts settings together: flag > context named by flag > WATCHDECK_* > NATS_* > file > selected context > default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from app.settings import places, standards
from app.settings.contexts import expand, read_context, selected_context
from app.settings.errors import SettingsError
from app.settings.fields import Secret, Settings
from app.settings.profiles import profile_name, safe_name
from app.settings.secrets import open_to_others
from app.settings.servers import parse_servers
from app.settings.toml_file import PERIODS, period, read_toml

Flags = Mapping[str, str | bool | None]
"""What the command line said, by the option's name with underscores; None: not given."""

OPTIONS: Mapping[str, str] = {
    "profile": "profile",
    "nats_url": "nats.url",
    "context": "nats.context",
    "domain": "nats.domain",
    "namespace": "namespace",
    "listen": "http.listen",
    "state_dir": "state_dir",
    "database": "store.url",
    "attach": "attach",
    "token_file": "token_file",
    "ca_file": "ca_file",
    "create_stream": "sessions.create",
    "read_only": "read_only",
    "ascii": "deck.ascii",
    "theme": "deck.theme",
    "log_level": "log_level",
}
"""Each option of the command line, also `WATCHDECK_<NAME>`, and the setting that it sets."""
_ENV_ONLY: Mapping[str, str] = {
    "INGEST": "sessions.ingest",
    "DURABLE_TTL": "sessions.durable_ttl",
    "KEEP_PAYLOADS": "store.keep_payloads",
    "SCORES_WINDOW": "scores.window",
}
"""Settings without an option that `WATCHDECK_<NAME>` sets."""
_NATS_ENV: Mapping[str, str] = {
    "URL": "nats.url",
    "CREDS": "nats.creds",
    "NKEY": "nats.nkey",
    "USER": "nats.user",
    "PASSWORD": "nats.password",
    "TOKEN": "nats.token",
    "CERT": "nats.tls_cert",
    "KEY": "nats.tls_key",
    "CA": "nats.tls_ca",
}
"""Variables of the `nats` command line without their `NATS_`; `WATCHDECK_NATS_…` goes before `NATS_…`."""
_SECRETS = ("nats.password", "nats.token", "nats.user_jwt")
_PATHS = (
    "nats.creds",
    "nats.nkey",
    "nats.tls_cert",
    "nats.tls_key",
    "nats.tls_ca",
    "state_dir",
    "attach",
    "token_file",
    "ca_file",
)
_MAY_BE_EMPTY = ("namespace", "http.listen")  # which then means: none
_SWITCHES = ("read_only", "deck.ascii", "sessions.create", "sessions.ingest")
_LOGINS: Mapping[str, tuple[str, ...]] = {
    "user": ("nats.user", "nats.password"),
    "creds": ("nats.creds",),
    "nkey": ("nats.nkey", "nats.user_jwt"),
    "token": ("nats.token",),
}
"""Ways to be let in, in the order in which the `nats` command line takes them when a context holds several."""
_LEVELS = ("debug", "info", "warning", "error")


@dataclass(slots=True)
class _Layer:
    """Values of one rank by dotted key; `origin` is who set them, `origins` where it differs by key."""

    origin: str
    values: dict[str, object] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def of(self, key: str) -> str:
        return self.origins.get(key, self.origin)


def load(flags: Flags, env: Mapping[str, str]) -> Settings:
    """All settings; a SettingsError is one sentence about the first that cannot be used."""
    named = flags.get("config") or env.get("WATCHDECK_CONFIG")
    file = expand(str(named), env, Path.cwd()) if named else places.config_file(env)
    found, warnings = read_toml(file, env) if named or file.is_file() else ({}, ())
    toml = _Layer(file.name, found)
    layers = [_flags(flags), _watchdeck_env(env), _nats_env(env), toml]
    notes = list(warnings) + _merge_contexts(layers, env)
    for layer in layers:
        _part_url(layer)
    _one_login(layers)
    values, origins = _strongest(layers)
    for key in ("nats.creds", "nats.nkey"):
        if values.get(key):
            notes += open_to_others(Path(str(values[key])))
    settings = _build(values, origins)
    return _placed(replace(settings, config_file=str(file) if found else "", warnings=tuple(notes)), env)


def _flags(flags: Flags) -> _Layer:
    layer = _Layer("flag")
    for name, key in OPTIONS.items():
        value = flags.get(name)
        if value or (value == "" and key in _MAY_BE_EMPTY):
            layer.values[key] = _given(key, value, "--" + name.replace("_", "-"), {})
            layer.origins[key] = "--" + name.replace("_", "-")
    return layer


def _watchdeck_env(env: Mapping[str, str]) -> _Layer:
    layer = _Layer("environment")
    names = {f"WATCHDECK_NATS_{name}": key for name, key in _NATS_ENV.items()}
    names |= {f"WATCHDECK_{name.upper()}": key for name, key in OPTIONS.items()}
    names |= {f"WATCHDECK_{name}": key for name, key in _ENV_ONLY.items()}
    return _from_env(layer, names, env)


def _nats_env(env: Mapping[str, str]) -> _Layer:
    names = {f"NATS_{name}": key for name, key in _NATS_ENV.items()}
    return _from_env(_Layer("environment"), {**names, "NATS_CONTEXT": "nats.context"}, env)


def _from_env(layer: _Layer, names: Mapping[str, str], env: Mapping[str, str]) -> _Layer:
    for name, key in names.items():
        if env.get(name) or (name in env and key in _MAY_BE_EMPTY):
            layer.values[key] = _given(key, env[name], name, env)
            layer.origins[key] = name
    if "nats.user" in layer.values and "nats.password" not in layer.values:  # "username or token", says `nats --help`
        layer.origins["nats.token"] = layer.origins.pop("nats.user")
        layer.values["nats.token"] = Secret(str(layer.values.pop("nats.user")))
    return layer


def _given(key: str, value: str | bool, name: str, env: Mapping[str, str]) -> object:
    """A value from the command line or the environment in the type of its field."""
    if key in _SECRETS:
        return Secret(str(value))
    if key == "http.listen" and not value:
        return None
    if key == "attach" and "://" in str(value):
        return _worker_url(name, str(value))
    if key in _PATHS:
        return str(expand(str(value), env, Path.cwd()))
    if key in _SWITCHES and isinstance(value, str):
        word = value.strip().lower()
        if word not in ("1", "true", "yes", "on", "0", "false", "no", "off"):
            raise SettingsError(f"{name} must be 1 or 0")
        return word in ("1", "true", "yes", "on")
    if key in PERIODS:
        return period(key, value, name)
    if key == "scores.window":
        return standards.window(name, int(value) if str(value).isdecimal() else value)
    if key == "log_level" and value not in _LEVELS:
        raise SettingsError(f"{name} must be one of {', '.join(_LEVELS)}")
    return value


def _worker_url(name: str, value: str) -> str:
    """The address of a worker, without anything that is not its origin."""
    scheme, _, rest = value.partition("://")
    host = rest.rstrip("/")
    if scheme not in ("http", "https") or not host or any(part in host for part in "/?#@ "):
        raise SettingsError(f"{name} takes a worker's socket or https://HOST:PORT, nothing behind it")
    return f"{scheme}://{host}"


def _merge_contexts(layers: list[_Layer], env: Mapping[str, str]) -> list[str]:
    """Puts the one context that counts right below the layer that names it; gives warnings.

    The strongest name wins, for two contexts together are no NATS at all. The selected context counts only as a whole:
    where something else chose the servers, its credentials are not for them.
    """
    for index, layer in enumerate(layers):
        name = layer.values.get("nats.context")
        if name:
            context = read_context(str(name), env)
            for weaker in layers[index + 1 :]:
                weaker.values.pop("nats.context", None)
            layers.insert(index + 1, _Layer(f"context {context.name}", dict(context.values)))
            return list(context.warnings)
    selected = selected_context(env)
    if not selected or any("nats.url" in layer.values for layer in layers):
        return []
    context = read_context(selected, env)
    layers.append(_Layer(f"context {selected}", {**context.values, "nats.context": selected}))
    return list(context.warnings)


def _part_url(layer: _Layer) -> None:
    """Takes user, password and token out of a layer's URL: they are secrets, the URL is shown."""
    if "nats.url" not in layer.values:
        return
    origin = layer.of("nats.url")
    servers = parse_servers(str(layer.values["nats.url"]), origin)
    layer.values["nats.url"] = servers.url
    for key, value in (("user", servers.user), ("password", servers.password), ("token", servers.token)):
        if value:
            layer.values[f"nats.{key}"] = value
            layer.origins[f"nats.{key}"] = origin


def _one_login(layers: list[_Layer]) -> None:
    """Leaves one way to be let in: the strongest layer's first one. Others would be sent to a server not theirs."""
    chosen = ""
    for layer in layers:
        for way, keys in _LOGINS.items():
            if any(key in layer.values for key in keys):
                chosen = chosen or way
                if way != chosen:
                    for key in keys:
                        layer.values.pop(key, None)


def _strongest(layers: list[_Layer]) -> tuple[dict[str, object], dict[str, str]]:
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for key, value in layer.values.items():
            if key not in values:
                values[key], origins[key] = value, layer.of(key)
    return values, origins


def _build(values: Mapping[str, object], origins: Mapping[str, str]) -> Settings:
    tree: dict[str, Any] = {"origins": dict(origins)}
    for key, value in values.items():
        section, _, name = key.partition(".")
        if name:
            tree.setdefault(section, {})[name] = value
        else:
            tree[key] = value
    if "nats.url" in origins:
        tree["nats"]["origin"] = origins["nats.url"]
    return msgspec.convert(tree, Settings, dec_hook=_foreign)


def _foreign(kind: type, value: object) -> object:
    if kind is object or (kind is Secret and isinstance(value, Secret)):
        return value
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise TypeError(kind.__name__)


def _placed(settings: Settings, env: Mapping[str, str]) -> Settings:
    """With the profile and the state folder that follow from everything else."""
    profile = safe_name(settings.profile) if settings.profile else profile_name(settings)
    state = settings.state_dir if "state_dir" in settings.origins else places.state_dir(profile, env)
    return replace(settings, profile=profile, state_dir=state.absolute())


def shown(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Every setting as key, value and origin, for people. A secret is only said to be set."""
    for name in Settings.__dataclass_fields__:
        if name in ("origins", "warnings"):
            continue
        for key, part in _parts(name, getattr(settings, name)):
            origin = settings.origins.get(key) or settings.origins.get(name, "default")
            yield key, _text(part), origin


def _parts(name: str, value: object) -> Iterator[tuple[str, object]]:
    """A setting by its fields, one of several by its name: `gateways.main.url`."""
    fields = getattr(value, "__dataclass_fields__", None)
    if fields:
        yield from ((f"{name}.{inner}", getattr(value, inner)) for inner in fields if inner != "origin")
    elif isinstance(value, Mapping):
        yield from ((f"{name}.{inner}", part) for inner, part in value.items())
    elif isinstance(value, tuple) and value and hasattr(value[0], "__dataclass_fields__"):
        for each in value:
            yield from (pair for pair in _parts(f"{name}.{each.name}", each) if not pair[0].endswith(".name"))
    else:
        yield name, value


def _text(part: object) -> str:
    if isinstance(part, Secret):
        return "(set)" if part else ""
    fields = getattr(part, "__dataclass_fields__", None)
    if fields is not None:
        return ", ".join(f"{name} {getattr(part, name):g}" for name in fields)
    return str(part)
