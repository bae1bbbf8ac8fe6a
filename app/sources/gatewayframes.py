"""Gateway frames: what is said to a gateway and what it says, in its protocol 3, and what can go wrong with it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from app.model.gateways import GatewayState
from app.model.text import clean, size
from app.sources.errors import SourceError

PROTOCOL = 3
FRAME_MOST = 16 * 1024 * 1024
"""Bytes of one message of a gateway; a larger one is not read."""
PATIENCE = 5.0
"""Seconds that any one call of a gateway may take, connecting included."""
CHALLENGE = "connect.challenge"
_TEXT_MOST = 300
_SCOPE = re.compile(r"missing scope:\s*([A-Za-z0-9_.:*-]{1,80})", re.IGNORECASE)
_REFUSED = re.compile(r"unauthori[sz]ed|forbidden|token mismatch|token missing", re.IGNORECASE)
_PAIRING = re.compile(r"pairing required|not paired", re.IGNORECASE)
_PROTOCOL = re.compile(r"protocol (?:version )?(?:mismatch|unsupported)|unsupported protocol", re.IGNORECASE)
_ENCODER = msgspec.json.Encoder()


class GatewayTrouble(SourceError):
    """Why a gateway does not do what it was asked. The text is the sentence for people, `told` the gateway's own words
    where it gave any."""

    def __init__(self, state: GatewayState, sentence: str, told: str = "") -> None:
        super().__init__(sentence)
        self.state = state
        self.told = told or sentence

    def again(self) -> GatewayTrouble:
        """The same, to be raised once more: an exception that is raised many times keeps all who did."""
        return GatewayTrouble(self.state, str(self), self.told)


class Refusal(GatewayTrouble):
    """The gateway answered one call with an error; the connection is as good as before."""


class Garbled(GatewayTrouble):
    """What came is not the protocol."""

    def __init__(self, what: str) -> None:
        super().__init__(GatewayState.FAILING, f"sent {what}")


TOO_LARGE = f"a message of more than {size(FRAME_MOST)}"


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to the request of this id: what was asked for, or why it was not done, in the gateway's words."""

    id: str
    payload: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the gateway tells by itself."""

    name: str
    payload: Any = None


class _Frame(msgspec.Struct):
    """Any frame, new form or old: fields of which none is sure to be there, or to be what it should."""

    type: Any = None
    id: Any = None
    ok: Any = True
    payload: Any = None
    result: Any = None
    error: Any = None
    event: Any = None


_DECODER = msgspec.json.Decoder(_Frame)


def request(id: str, method: str, params: dict[str, Any]) -> str:
    """A request as it is sent."""
    return _ENCODER.encode({"type": "req", "id": id, "method": method, "params": params}).decode()


def read(data: bytes | str) -> Response | Event | None:
    """A frame that came; None for one of a kind that is of no interest. Raises Garbled."""
    frame = _decoded(data)
    if frame.type == "event":
        return Event(frame.event, frame.payload) if isinstance(frame.event, str) else None
    if not isinstance(frame.id, str) or frame.type not in ("res", None):
        return None
    if frame.type == "res":
        failed, payload = not frame.ok, frame.payload
    else:  # the form of old gateways
        failed, payload = frame.error is not None, frame.result
    return Response(frame.id, error=_words(frame.error)) if failed else Response(frame.id, payload)


def _decoded(data: bytes | str) -> _Frame:
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:  # half letters, which JavaScript's texts may have
        frame = json.loads(data, parse_constant=_no_number)
    except RecursionError:
        raise Garbled("JSON that is nested too deep") from None
    except ValueError:
        raise Garbled("what is not JSON") from None
    if not isinstance(frame, dict):
        raise Garbled("JSON that is no frame")
    return _Frame(**{name: frame[name] for name in _Frame.__struct_fields__ if name in frame})


def _no_number(word: str) -> None:
    raise ValueError(word)


def _words(error: Any) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return clean(message, _TEXT_MOST).strip() if isinstance(message, str) and message.strip() else ""


def explained(error: str, secret: str = "") -> Refusal:
    """A gateway's refusal in our words where it is one that everybody meets, else in its own. `secret` is never
    among them."""
    told = (redacted(error, secret) if error else "") or "gateway error"
    if (scope := _SCOPE.search(told)) is not None:
        return Refusal(GatewayState.UNAUTHORIZED, f"the token lacks the scope {scope[1]}: give it that one", told)
    if _PAIRING.search(told):
        sentence = "wants this device to be paired: approve it there, or set disable_device_pairing"
        return Refusal(GatewayState.UNAUTHORIZED, sentence, told)
    if not error or _REFUSED.search(told):
        sentence = "authentication failed: check the gateway's token and its operator scopes"
        return Refusal(GatewayState.UNAUTHORIZED, sentence, told)
    if _PROTOCOL.search(told):
        return Refusal(GatewayState.UNSUPPORTED, f"does not speak protocol {PROTOCOL}: {told}", told)
    return Refusal(GatewayState.FAILING, told)


def redacted(text: str, secret: str) -> str:
    """A text of others without the secret, should they have repeated it."""
    return text.replace(secret, "…") if len(secret) >= 4 else text
