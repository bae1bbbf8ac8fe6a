"""Health told in JSON, in the forms that are about: a flag, a word, health+json, Spring's, OSAPI's, lists of checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.model.health import Health
from app.model.text import clean
from app.sources.healthwords import known, meaning

MOST_CHECKS = 50
"""Parts of one answer that are told; the worst of them."""
DEPTH = 3
_NAME, _WORD, _SENTENCE = 100, 30, 200
_VERDICTS = ("status", "ok", "healthy", "health", "state", "ready", "alive", "up", "success", "indicator", "overall")
_PARTS = ("checks", "components", "results", "entries", "details", "dependencies", "services", "subsystems")
_PLAIN = frozenset(("checks", "components", "dependencies", "services", "subsystems"))
"""Where a part may be a mere word: elsewhere a word is any text."""
_WHY = ("error", "output", "message", "reason", "detail", "details", "description")
_NAMES = ("name", "id", "component", "service", "check", "componentId")


@dataclass(frozen=True, slots=True)
class Check:
    """One part of a system, as the system tells it. `word` is its own, lower case."""

    name: str
    health: Health
    word: str
    reason: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a body says: `health` None where it says nothing of it."""

    health: Health | None
    word: str = ""
    why: str = ""
    checks: tuple[Check, ...] = ()
    left_out: int = 0  # checks that are not among them
    version: str = ""


def told(body: object) -> Told:
    """What a decoded JSON body says of its system's health."""
    if isinstance(body, bool | str):
        word = _word(body)
        return Told(meaning(word) if known(word) else None, word)
    if not isinstance(body, Mapping):
        return Told(None)
    word = _verdict(body)
    checks = list(_checks(body, DEPTH)) or (list(_flat(body)) if not word else [])
    health = meaning(word) if word else None
    if health is None and checks:
        health = max((each.health for each in checks), key=lambda each: each.rank)
    version = _text(body, ("version", "releaseId"), 40)
    shown = sorted(checks, key=lambda each: -each.health.rank)[:MOST_CHECKS]
    kept = tuple(each for each in checks if each in shown)[:MOST_CHECKS]
    return Told(health, word, _why(body), kept, len(checks) - len(kept), version)


def _verdict(body: Mapping[Any, Any]) -> str:
    """Its one word for itself; empty if there is none."""
    lower = {key.lower(): value for key, value in body.items() if isinstance(key, str)}
    for key in _VERDICTS:
        value = lower.get(key)
        if isinstance(value, Mapping):
            value = _verdict(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if not 100 <= value < 600:
                continue
            value = "ok" if value < 400 else "error"
        if isinstance(value, bool | str) and (word := _word(value)):
            if key == "indicator" and word == "none":
                return "ok"
            return word
    return ""


def _word(value: bool | str) -> str:
    if isinstance(value, bool):
        return "ok" if value else "fail"
    return clean(value, _WORD).strip().lower()


def _checks(body: Mapping[Any, Any], depth: int) -> Iterator[Check]:
    for key in _PARTS:
        parts = body.get(key)
        if isinstance(parts, Mapping):
            for name, value in parts.items():
                yield from _part(clean(str(name), _NAME), value, depth, plain=key in _PLAIN)
        elif isinstance(parts, list):
            for value in parts:
                if isinstance(value, Mapping) and (name := _text(value, _NAMES, _NAME)):
                    yield from _part(name, value, depth, plain=False)


def _part(name: str, value: object, depth: int, *, plain: bool) -> Iterator[Check]:
    if isinstance(value, bool | str):
        word = _word(value)
        if plain and known(word):
            yield Check(name, meaning(word), word)
    elif isinstance(value, list):
        several = [each for each in value if isinstance(each, Mapping)]
        for each in several:
            own = _text(each, ("componentId", "instance", "name"), _NAME) if len(several) > 1 else ""
            yield from _part(clean(f"{name} {own}".strip(), _NAME), each, depth, plain=False)
    elif isinstance(value, Mapping):
        word = _verdict(value)
        if word:
            yield Check(name, meaning(word), word, _why(value), _text(value, ("address",), 200))
        if depth > 1:
            for inner in _checks(value, depth - 1):
                yield replace(inner, name=clean(f"{name} › {inner.name}", _NAME))


def _flat(body: Mapping[Any, Any]) -> Iterator[Check]:
    """A body without a verdict whose fields are its parts: `{"database": "ok", "cache": "ok"}`."""
    for key, value in body.items():
        if isinstance(value, str) and known(_word(value)):
            yield Check(clean(str(key), _NAME), meaning(_word(value)), _word(value))


def _why(body: Mapping[Any, Any]) -> str:
    """Its own reason in one line; of a measured check what was observed."""
    text = _text(body, _WHY, _SENTENCE)
    failed = body.get("failed")
    if not text and isinstance(failed, list):
        text = clean(", ".join(each for each in failed[:10] if isinstance(each, str)), _SENTENCE)
    observed = body.get("observedValue")
    if not text and isinstance(observed, str | int | float) and not isinstance(observed, bool):
        text = clean(f"{observed} {_text(body, ('observedUnit',), _WORD)}".strip(), _SENTENCE)
    if not text and isinstance(nested := body.get("details"), Mapping):
        text = _text(nested, _WHY[:4], _SENTENCE)
    return text


def _text(body: Mapping[Any, Any], keys: tuple[str, ...], limit: int) -> str:
    for key in keys:
        value = body.get(key)
        if isinstance(value, str) and value.strip():
            return clean(value.strip(), limit)
        if isinstance(value, int | float) and not isinstance(value, bool) and key in _NAMES:
            return clean(str(value), limit)
    return ""
