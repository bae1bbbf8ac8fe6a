"""Peer: who is at the other end of a Unix socket, as the kernel says."""

from __future__ import annotations

import os
import socket
import struct
import sys

_SOL_LOCAL = 0  # macOS
_LOCAL_PEERCRED = 0x001


def peer_uid(descriptor: int) -> int | None:
    """The user id of the process that connected; None if this is not a Unix socket, or the kernel does not tell."""
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        if connection.family != socket.AF_UNIX:
            return None
        try:
            if sys.platform == "darwin":
                # struct xucred: version, uid, number of groups, 16 groups
                credentials = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 4 + 4 + 4 + 16 * 4)
                version, uid = struct.unpack_from("=II", credentials)
                return int(uid) if version == 0 else None
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("=iII"))
            _, uid, _ = struct.unpack("=iII", credentials)
            return int(uid)
        except OSError:
            return None


def welcome(uid: int | None) -> bool:
    """Whether a peer is the owner: the worker's own user, or root."""
    return uid is not None and uid in (os.getuid(), 0)
