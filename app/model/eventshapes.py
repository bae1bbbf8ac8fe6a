"""Event shapes: what each type of session event must carry, and what is said where it does not (AgentLens's rules)."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MISSING: Any = object()
"""Stands for a field that is not there: `null` is something else."""
COST_MOST = 100_000
"""US dollars of one event, up or down: more is no cost of a call, and sums of it could not be kept."""
TOKENS_MOST = 1_000_000_000
"""Tokens of one event; as above."""
LARGEST = sys.float_info.max
"""What a number of JSON may be, up or down."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (`payload.reason`; empty: the whole), and what."""

    path: str
    message: str


Fits = Callable[[Any], bool]
Faults = Callable[[Any, str], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be: `fits` is quick, `faults` says what is wrong with one that does not fit."""

    fits: Fits
    faults: Faults


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind
    needed: bool = True


def received(value: Any) -> str:
    """What a value is, in the words of JSON."""
    if value is MISSING:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "number" if abs(value) <= LARGEST else "Infinity"
    if isinstance(value, float):
        return "number" if math.isfinite(value) else "NaN" if math.isnan(value) else "Infinity"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list | tuple) else "object"


def expected(word: str, value: Any) -> str:
    return f"Invalid input: expected {word}, received {received(value)}"


def one_of(words: tuple[str, ...]) -> Kind:
    message = "Invalid option: expected one of " + "|".join(f'"{word}"' for word in words)
    known = frozenset(words)

    def faults(value: Any, path: str) -> Iterator[Problem]:
        yield Problem(path, message)

    return Kind(lambda value: type(value) is str and value in known, faults)


def _plain(word: str, fits: Fits, otherwise: str = "") -> Kind:
    """`otherwise` is said of what is of the right type and still does not fit."""

    def faults(value: Any, path: str) -> Iterator[Problem]:
        right = otherwise and received(value) == word
        yield Problem(path, otherwise if right else expected(word, value))

    return Kind(fits, faults)


def _is_number(value: Any) -> bool:
    kind = type(value)
    return (kind is int or kind is float) and -LARGEST <= value <= LARGEST


def _bounded(most: int) -> Kind:
    def faults(value: Any, path: str) -> Iterator[Problem]:
        if not _is_number(value):
            yield Problem(path, expected("number", value))
        elif value > most:
            yield Problem(path, f"Too big: expected number to be <={most}")
        else:
            yield Problem(path, f"Too small: expected number to be >=-{most}")

    return Kind(lambda value: _is_number(value) and -most <= value <= most, faults)


def object_of(*fields: Field) -> Kind:
    """An object with these fields and any others."""

    def fits(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for field in fields:
            held = value.get(field.name, MISSING)
            if held is MISSING:
                if field.needed:
                    return False
            elif not field.kind.fits(held):
                return False
        return True

    def faults(value: Any, path: str) -> Iterator[Problem]:
        if type(value) is not dict:
            yield Problem(path, expected("object", value))
            return
        for field in fields:
            held = value.get(field.name, MISSING)
            if field.needed if held is MISSING else not field.kind.fits(held):
                yield from field.kind.faults(held, f"{path}.{field.name}")

    return Kind(fits, faults)


def array_of(kind: Kind, least: int = 0) -> Kind:
    def fits(value: Any) -> bool:
        return type(value) is list and len(value) >= least and all(map(kind.fits, value))

    def faults(value: Any, path: str) -> Iterator[Problem]:
        if type(value) is not list:
            yield Problem(path, expected("array", value))
        elif len(value) < least:
            yield Problem(path, f"Too small: expected array to have >={least} items")
        else:
            for place, held in enumerate(value):
                if not kind.fits(held):
                    yield from kind.faults(held, f"{path}.{place}")

    return Kind(fits, faults)


def _either(*kinds: Kind) -> Kind:
    def faults(value: Any, path: str) -> Iterator[Problem]:
        yield Problem(path, "Invalid input")

    return Kind(lambda value: any(kind.fits(value) for kind in kinds), faults)


STRING = _plain("string", lambda value: type(value) is str)
FILLED = _plain(
    "string", lambda value: type(value) is str and value != "", "Too small: expected string to have >=1 characters"
)
NUMBER = _plain("number", _is_number)
BOOLEAN = _plain("boolean", lambda value: type(value) is bool)
RECORD = _plain("record", lambda value: type(value) is dict)
STRING_OR_NULL = _plain("string", lambda value: value is None or type(value) is str)
COST = _bounded(COST_MOST)
TOKENS = _bounded(TOKENS_MOST)


def _fields(kind: Kind, names: str) -> list[Field]:
    """Fields of one kind; a name that ends in `?` may be left out."""
    return [Field(name.removesuffix("?"), kind, not name.endswith("?")) for name in names.split()]


_TOOL_CALLS = array_of(object_of(*_fields(STRING, "id name"), Field("arguments", RECORD)))
_MESSAGE = object_of(
    Field("role", one_of(("system", "user", "assistant", "tool"))),
    Field("content", _either(STRING, array_of(RECORD))),
    *_fields(STRING, "toolCallId?"),
    Field("toolCalls", _TOOL_CALLS, False),
)
_TOOL = object_of(*_fields(STRING, "name description?"), Field("parameters", RECORD, False))
_PARAMETERS = object_of(
    *_fields(NUMBER, "temperature? maxTokens? topP?"), Field("stopSequences", array_of(STRING), False)
)
_USAGE = object_of(
    *_fields(TOKENS, "inputTokens outputTokens"),
    *_fields(NUMBER, "totalTokens thinkingTokens? cacheReadTokens? cacheWriteTokens?"),
)
_ANY = object_of()

PAYLOADS: Mapping[str, Kind] = {
    "session_started": object_of(
        *_fields(STRING, "agentName? agentVersion?"),
        *_fields(RECORD, "mcpClientInfo?"),
        Field("tags", array_of(STRING), False),
    ),
    "session_ended": object_of(
        Field("reason", one_of(("completed", "error", "timeout", "manual"))),
        *_fields(STRING, "summary?"),
        *_fields(NUMBER, "totalToolCalls? totalDurationMs?"),
    ),
    "tool_call": object_of(
        *_fields(FILLED, "toolName callId"), *_fields(RECORD, "arguments"), *_fields(STRING, "serverName?")
    ),
    # JavaScript leaves a `result` out that is undefined, and AgentLens takes that
    "tool_response": object_of(*_fields(FILLED, "callId toolName"), *_fields(NUMBER, "durationMs")),
    "tool_error": object_of(
        *_fields(FILLED, "callId toolName"), *_fields(STRING, "error errorCode?"), *_fields(NUMBER, "durationMs")
    ),
    "approval_requested": _ANY,
    "approval_granted": _ANY,
    "approval_denied": _ANY,
    "approval_expired": _ANY,
    "form_submitted": _ANY,
    "form_completed": _ANY,
    "form_expired": _ANY,
    "cost_tracked": object_of(
        *_fields(FILLED, "provider model"),
        *_fields(NUMBER, "inputTokens outputTokens totalTokens"),
        Field("costUsd", COST),
        *_fields(STRING, "trigger?"),
    ),
    "llm_call": object_of(
        *_fields(FILLED, "callId provider model"),
        Field("messages", array_of(_MESSAGE, least=1)),
        *_fields(STRING, "systemPrompt?"),
        Field("parameters", _PARAMETERS, False),
        Field("tools", array_of(_TOOL), False),
        *_fields(BOOLEAN, "redacted?"),
    ),
    "llm_response": object_of(
        *_fields(FILLED, "callId provider model"),
        Field("completion", STRING_OR_NULL),
        Field("toolCalls", _TOOL_CALLS, False),
        *_fields(FILLED, "finishReason"),
        Field("usage", _USAGE),
        Field("costUsd", COST),
        *_fields(NUMBER, "latencyMs"),
        *_fields(BOOLEAN, "redacted?"),
    ),
    "alert_triggered": object_of(
        *_fields(FILLED, "alertRuleId alertName"),
        *_fields(STRING, "condition"),
        *_fields(NUMBER, "currentValue threshold"),
        *_fields(STRING, "message"),
    ),
    "alert_resolved": object_of(*_fields(FILLED, "alertRuleId alertName"), *_fields(STRING, "resolvedBy?")),
    "retrieval": object_of(
        *_fields(STRING, "query retrieverName?"), *_fields(NUMBER, "topK? resultCount? durationMs?")
    ),
    "embedding": object_of(*_fields(STRING, "model"), *_fields(NUMBER, "inputCount dimensions? durationMs?")),
    "chain_step": object_of(*_fields(STRING, "name stepType?"), *_fields(NUMBER, "durationMs?")),
    "custom": object_of(*_fields(STRING, "type"), *_fields(RECORD, "data")),
}
"""The types that clients may send, each with its payload. Others (`error`, `eval_result` …) are a server's own."""
