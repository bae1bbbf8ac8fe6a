"""Configurations of streams and consumers compared field by field: what was changed, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from app.model.broker import Consumer, Pairs, Stream
from app.model.text import clean, duration, size

_LONGEST = 60
_MOST = 6
"""Fields that are written out at most."""
_Write = Callable[[Any], str]


def _plain(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else clean(str(value), _LONGEST) or "none"


def _limit(value: int) -> str:
    return "none" if value < 0 else str(value)


def _bytes(value: int) -> str:
    return "none" if value < 0 else size(value)


def _time(value: float) -> str:
    return "none" if value <= 0 else f"{value * 1000:g}ms" if value < 1 else duration(value)


def _times(value: tuple[float, ...]) -> str:
    return " ".join(map(_time, value)) or "none"


def _texts(value: tuple[str, ...]) -> str:
    return clean(" ".join(value), _LONGEST) or "none"


_STREAM: Mapping[str, tuple[str, _Write]] = {
    "subjects": ("subjects", _texts),
    "description": ("description", _plain),
    "retention": ("retention", _plain),
    "storage": ("storage", _plain),
    "discard": ("discard", _plain),
    "replicas": ("num_replicas", _plain),
    "max_messages": ("max_msgs", _limit),
    "max_bytes": ("max_bytes", _bytes),
    "max_age": ("max_age", _time),
    "max_message_size": ("max_msg_size", _bytes),
    "max_per_subject": ("max_msgs_per_subject", _limit),
    "max_consumers": ("max_consumers", _limit),
    "duplicate_window": ("duplicate_window", _time),
    "allow_direct": ("allow_direct", _plain),
    "sealed": ("sealed", _plain),
    "metadata": ("metadata", _plain),
}
_CONSUMER: Mapping[str, tuple[str, _Write]] = {
    "deliver_subject": ("deliver_subject", _plain),
    "description": ("description", _plain),
    "ack_policy": ("ack_policy", _plain),
    "ack_wait": ("ack_wait", _time),
    "max_deliver": ("max_deliver", _limit),
    "back_off": ("backoff", _times),
    "max_ack_pending": ("max_ack_pending", _limit),
    "max_waiting": ("max_waiting", _limit),
    "filters": ("filter_subjects", _texts),
    "deliver_policy": ("deliver_policy", _plain),
    "idle_heartbeat": ("idle_heartbeat", _time),
    "inactive_threshold": ("inactive_threshold", _time),
    "metadata": ("metadata", _plain),
}
_of_stream = attrgetter(*_STREAM)
_of_consumer = attrgetter(*_CONSUMER)


def of_stream(old: Stream, new: Stream) -> str:
    """What is configured otherwise: `max_age none → 24h, discard old → new`; empty: nothing."""
    before, after = _of_stream(old), _of_stream(new)
    return "" if before == after else _written(_STREAM, before, after)


def of_consumer(old: Consumer, new: Consumer) -> str:
    """The same of a consumer: `max_ack_pending 1000 → 100`. Its being paused is no configuration."""
    before, after = _of_consumer(old), _of_consumer(new)
    return "" if before == after else _written(_CONSUMER, before, after)


def same_consumer(old: Consumer, new: Consumer) -> bool:
    """Whether it is configured as before."""
    return bool(_of_consumer(old) == _of_consumer(new))


def _written(fields: Mapping[str, tuple[str, _Write]], before: tuple[Any, ...], after: tuple[Any, ...]) -> str:
    told: list[str] = []
    for (name, write), old, new in zip(fields.values(), before, after, strict=True):
        if old == new:
            continue
        if name == "metadata":
            told += _pairs(old, new)
        else:
            told.append(f"{name} {write(old)} → {write(new)}")
    more = f" (+{len(told) - _MOST})" if len(told) > _MOST else ""
    return ", ".join(told[:_MOST]) + more


def _pairs(old: Pairs, new: Pairs) -> list[str]:
    before, after = dict(old), dict(new)
    return [
        f"metadata {clean(name, _LONGEST)} {_plain(before.get(name, ''))} → {_plain(after.get(name, ''))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
