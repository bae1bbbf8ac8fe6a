"""The contexts of the `nats` command line (ADR-21): files that name a server and how to be let in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.model.text import clean
from app.settings.errors import SettingsError
from app.settings.fields import Secret

_TEXTS = {
    "url": "nats.url",
    "user": "nats.user",
    "jetstream_domain": "nats.domain",
    "jetstream_api_prefix": "nats.api_prefix",
    "inbox_prefix": "nats.inbox_prefix",
}
_PATHS = {
    "creds": "nats.creds",
    "nkey": "nats.nkey",
    "cert": "nats.tls_cert",
    "key": "nats.tls_key",
    "ca": "nats.tls_ca",
}
_SECRETS = {"password": "nats.password", "token": "nats.token", "user_jwt": "nats.user_jwt"}


@dataclass(frozen=True, slots=True)
class NatsContext:
    """One context. `values` maps our dotted keys to what the file says; `warnings` are sentences for people."""

    name: str
    description: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def context_dir(env: Mapping[str, str]) -> Path:
    """Where the `nats` command line keeps its files: `$XDG_CONFIG_HOME/nats`, else `~/.config/nats`, on macOS too."""
    home = env.get("XDG_CONFIG_HOME", "")
    base = Path(home) if home.startswith("/") else Path(env.get("HOME") or str(Path.home())) / ".config"
    return base / "nats"


def list_contexts(env: Mapping[str, str]) -> tuple[str, ...]:
    """Names of all contexts, sorted; none where there is no folder or it cannot be read."""
    try:
        files = sorted((context_dir(env) / "context").glob("*.json"))
    except OSError:
        return ()
    return tuple(name for file in files if (name := file.stem) == clean(name) and name)


def selected_context(env: Mapping[str, str]) -> str:
    """The context that `nats context select` chose; empty: none, or its file is gone."""
    try:
        name = (context_dir(env) / "context.txt").read_text("utf-8", "replace").strip()
    except OSError:
        return ""
    return name if name in list_contexts(env) else ""


def read_context(name: str, env: Mapping[str, str]) -> NatsContext:
    """Reads one context; a SettingsError says that there is no such context (and which there are) or why it fails."""
    known = list_contexts(env)
    if name not in known:
        others = f"there are {', '.join(known)}" if known else "there are none"
        raise SettingsError(f'no NATS context "{clean(name, 100)}": {others} in {context_dir(env) / "context"}')
    file = context_dir(env) / "context" / f"{name}.json"
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"cannot read NATS context {name} ({file}): {_cause(error)}") from None
    if not isinstance(content, dict):
        raise SettingsError(f"cannot read NATS context {name} ({file}): it is not a JSON object")
    return _convert(name, content, env)


def _convert(name: str, content: Mapping[str, object], env: Mapping[str, str]) -> NatsContext:
    values: dict[str, object] = {}
    for key, target in _TEXTS.items():
        if text := _text(content, key):
            values[target] = text
    for key, target in _PATHS.items():
        if text := _text(content, key):
            values[target] = str(expand(text, env, Path.cwd()))
    for key, target in _SECRETS.items():
        if text := _text(content, key):
            values[target] = Secret(text)
    if content.get("tls_first") is True:
        values["nats.tls_first"] = True
    warnings = []
    if _text(content, "nsc"):
        warnings.append(f"context {name} points to nsc, which is not read: name a creds file in it")
    return NatsContext(name, clean(_text(content, "description"), 200), values, tuple(warnings))


def expand(text: str, env: Mapping[str, str], base: Path) -> Path:
    """A path as written by a person, made absolute: `~` is the home folder, a relative path begins at `base`."""
    if text == "~" or text.startswith("~/"):
        return Path(env.get("HOME") or str(Path.home())) / text[2:]
    try:
        path = Path(text).expanduser()
    except RuntimeError:  # `~name` of nobody here
        path = Path(text)
    return path if path.is_absolute() else base / path


def _text(content: Mapping[str, object], key: str) -> str:
    value = content.get(key)
    return value.strip() if isinstance(value, str) else ""


def _cause(error: Exception) -> str:
    """Why a file cannot be read, without any of its content."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON (line {error.lineno})"
    return "not JSON"
