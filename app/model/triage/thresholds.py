"""Thresholds: every number a rule judges by, with a name, a default, and where its present value came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from app.model.broker import Pairs
from app.model.text import count, duration, percent


class Unit(StrEnum):
    SECONDS = "seconds"
    SHARE = "share"  # of 1, written as percent
    NUMBER = "number"
    SWITCH = "switch"  # 1: on


@dataclass(frozen=True, slots=True)
class Threshold:
    """One named number: its unit, its default (None: off unless set) and what it means."""

    name: str
    unit: Unit
    default: float | None
    meaning: str
    metadata: str = ""  # key under `io.nats.monitor.` by which the owner of a stream or consumer sets it


class ThresholdError(ValueError):
    """A configured threshold cannot be used; the text is one sentence that names it."""


@dataclass(frozen=True, slots=True)
class Setting:
    value: float | None
    origin: str  # `default`, `[thresholds]`, `[thresholds.streams.NAME]`, `metadata`


class Limits:
    """The thresholds of one rule as they hold for one subject."""

    __slots__ = ("_settings", "on", "touched")

    def __init__(self, settings: Mapping[str, Setting], on: bool) -> None:
        self._settings = settings
        self.on = on
        self.touched = any(each.origin != "default" for each in settings.values())  # anybody has set any of them

    def __getitem__(self, name: str) -> float:
        """A threshold that always has a value."""
        value = self._settings[name].value
        if value is None:
            raise KeyError(name)
        return value

    def get(self, name: str) -> float | None:
        """A threshold that may be off."""
        return self._settings[name].value

    def origin(self, name: str) -> str:
        return self._settings[name].origin


_METADATA = "io.nats.monitor."
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_UNITS |= {"D": 86400.0, "W": 604800.0, "M": 30 * 86400.0, "y": 365 * 86400.0, "Y": 365 * 86400.0}
_SWITCH = {"1": 1.0, "t": 1.0, "true": 1.0, "0": 0.0, "f": 0.0, "false": 0.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|[smhdwDWMyY])")


def seconds_of(text: str) -> float | None:
    """`90s`, `1h30m`, `7d`, or a plain number of seconds; None if it is none of them."""
    text = text.strip()
    parts = _PART.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return float(sum(float(number) * _UNITS[unit] for number, unit in parts))
    return _number(text)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e18 else None


def value_of(unit: Unit, given: object) -> float | None:
    """A configured value in its unit; None if it cannot be read."""
    if unit is Unit.SWITCH:
        return _SWITCH.get(str(given).strip().lower())
    if isinstance(given, bool):
        return None
    if isinstance(given, int | float):
        return _number(str(given))
    if not isinstance(given, str):
        return None
    if unit is Unit.SECONDS:
        return seconds_of(given)
    if unit is Unit.SHARE and given.strip().endswith("%"):
        number = _number(given.strip()[:-1])
        return None if number is None else number / 100
    return _number(given)


def written(unit: Unit, value: float | None) -> str:
    """A value as people write it: `5m`, `90%`, `1000`."""
    if value is None:
        return "off"
    if unit is Unit.SWITCH:
        return "on" if value else "off"
    if unit is Unit.SECONDS:
        return duration(value)
    if unit is Unit.SHARE:
        return percent(value)
    return f"{value:g}" if value < 1e6 else count(value)


class Thresholds:
    """Defaults, configuration and owners' metadata together: metadata > per stream > configured > default.

    `configured` is the file's `[thresholds]` table: rule -> name -> value, and under `streams` the same by stream.
    Raises ThresholdError for what it cannot read.
    """

    def __init__(
        self, known: Mapping[str, tuple[Threshold, ...]], configured: Mapping[str, Mapping[str, object]]
    ) -> None:
        self.known = MappingProxyType(
            {rule: {each.name: each for each in each_rule} for rule, each_rule in known.items()}
        )
        self._streams: dict[str, dict[str, dict[str, float]]] = {}
        self._off: set[tuple[str, str]] = set()
        self._on: set[tuple[str, str]] = set()
        self._configured: dict[str, dict[str, float]] = {}
        self._cache: dict[tuple[str, str, Pairs], Limits] = {}
        for rule, values in configured.items():
            if rule == "streams":
                self._read_streams(values)
            else:
                self._configured[rule] = self._read(rule, values, "")

    def _read_streams(self, streams: Mapping[str, object]) -> None:
        for stream, rules in streams.items():
            if not isinstance(rules, Mapping):
                raise ThresholdError(f"[thresholds.streams.{stream}] must be a table of rules")
            self._streams[stream] = {rule: self._read(rule, values, stream) for rule, values in rules.items()}

    def _read(self, rule: str, values: object, stream: str) -> dict[str, float]:
        where = f'[thresholds.streams.{stream}."{rule}"]' if stream else f'[thresholds."{rule}"]'
        if rule not in self.known:
            raise ThresholdError(f"{where}: there is no rule {rule}")
        if not isinstance(values, Mapping):
            raise ThresholdError(f"{where} must be a table")
        found: dict[str, float] = {}
        for name, given in values.items():
            if name == "on":
                if not isinstance(given, bool):
                    raise ThresholdError(f"{where}: on must be true or false")
                (self._on if given else self._off).add((rule, stream))
                continue
            threshold = self.known[rule].get(name)
            if threshold is None:
                names = ", ".join(("on", *self.known[rule]))
                raise ThresholdError(f"{where}: there is no {name}; it has {names}")
            value = value_of(threshold.unit, given)
            if value is None:
                raise ThresholdError(f"{where}: {name} = {given!r} is not a number of {threshold.unit.value}")
            found[name] = value
        return found

    def of(self, rule: str, stream: str = "", metadata: Pairs = ()) -> Limits:
        """The limits of a rule for a subject: its stream and its own metadata."""
        key = (rule, stream if stream in self._streams else "", metadata)
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) > 4096:
                self._cache.clear()
            found = self._cache[key] = self._limits(rule, stream, dict(metadata))
        return found

    def _limits(self, rule: str, stream: str, metadata: Mapping[str, str]) -> Limits:
        configured, of_stream = self._configured.get(rule, {}), self._streams.get(stream, {}).get(rule, {})
        settings: dict[str, Setting] = {}
        for name, threshold in self.known[rule].items():
            setting = Setting(threshold.default, "default")
            if name in configured:
                setting = Setting(configured[name], "[thresholds]")
            if name in of_stream:
                setting = Setting(of_stream[name], f"[thresholds.streams.{stream}]")
            if threshold.metadata and (owners := metadata.get(_METADATA + threshold.metadata)):
                value = value_of(threshold.unit, owners)  # an owner's value that cannot be read is passed over
                if value is not None:
                    setting = Setting(value, "metadata")
            settings[name] = setting
        on = (rule, stream) in self._on or ((rule, stream) not in self._off and (rule, "") not in self._off)
        return Limits(settings, on)
