"""Gateways: how one stands, in the words that its component carries."""

from __future__ import annotations

from enum import StrEnum

from app.model.health import Health


class GatewayState(StrEnum):
    """How a gateway stands to us."""

    CONNECTING = "connecting"  # not tried yet
    CONNECTED = "connected"  # it answers
    REFUSED = "refused"  # nothing listens there, or what listens wants no WebSocket
    UNREACHABLE = "unreachable"  # no such host, no way to it, TLS does not come about
    SILENT = "silent"  # it takes the connection and does not answer
    UNAUTHORIZED = "unauthorized"  # it wants another token, or one that may more
    UNSUPPORTED = "unsupported"  # a version or protocol that we do not speak
    FAILING = "failing"  # it answers with errors, or with what is not its protocol

    @property
    def health(self) -> Health:
        if self is GatewayState.CONNECTED:
            return Health.OK
        return Health.UNKNOWN if self is GatewayState.CONNECTING else Health.WARN

    @property
    def away(self) -> bool:
        """Nobody can use it now; in the other states it may be only us who cannot."""
        return self in (GatewayState.REFUSED, GatewayState.UNREACHABLE, GatewayState.SILENT)
