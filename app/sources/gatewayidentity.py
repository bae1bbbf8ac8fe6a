"""Gateway identity: the Ed25519 device as which this worker comes to gateways, kept in a file of its own."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import logging
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

IDENTITY_FILE = "gateway-device.json"
VERSION = 1
_PRIVATE = bytes.fromhex("302e020100300506032b657004220420")
_PUBLIC = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of an Ed25519 key in PKCS #8 and in SubjectPublicKeyInfo."""
_KEY = 32
_MOST = 65_536
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """A device. Its id is the SHA-256 of its raw public key, in hex."""

    key: SigningKey

    @property
    def id(self) -> str:
        return hashlib.sha256(bytes(self.key.verify_key)).hexdigest()

    @property
    def public_key(self) -> str:
        return unpadded(bytes(self.key.verify_key))

    def sign(self, text: str) -> str:
        return unpadded(self.key.sign(text.encode()).signature)

    def __repr__(self) -> str:
        return f"Identity({self.id})"


def unpadded(data: bytes) -> str:
    """Base64 for URLs, without the padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed_text(
    identity: Identity, *, client: str, mode: str, role: str, scopes: tuple[str, ...], at: int, token: str, nonce: str
) -> str:
    """What a device signs; `at` in milliseconds. Without a nonce it is the form of gateways that send no challenge."""
    said = ["v2" if nonce else "v1", identity.id, client, mode, role, ",".join(scopes), str(at), token]
    return "|".join([*said, nonce] if nonce else said)


def load_identity(file: Path, now: int) -> Identity:
    """The identity in a file, else a new one that is put there. `now` in milliseconds.

    A file that cannot be used is made anew; of one with a wrong id the id is put right. Where nothing can be written
    the identity lasts as long as the worker: that is logged, not raised.
    """
    stored = _read(file)
    key = _key_of(stored)
    if key is None:
        if stored is not None:
            _log.warning("%s holds no usable device identity: a new one is made, which gateways must accept", file)
        stored, key = {}, SigningKey.generate()
    identity = Identity(key)
    kept = {
        "version": VERSION,
        "deviceId": identity.id,
        "publicKeyPem": _pem("PUBLIC", _PUBLIC + bytes(key.verify_key)),
        "privateKeyPem": _pem("PRIVATE", _PRIVATE + bytes(key)),
        "createdAtMs": (stored or {}).get("createdAtMs", now),
    }
    if stored != kept:
        try:
            _write(file, kept)
        except OSError as error:
            _log.warning("cannot keep the device identity in %s: %s", file, error.strerror)
    return identity


def _read(file: Path) -> dict[str, Any] | None:
    """What the file holds; empty if that is no object, None without a file. It is closed to others meanwhile."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError:
        return {}
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return {}
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, 0o600)
        try:
            stored = json.loads(opened.read(_MOST))
        except (ValueError, RecursionError, OSError):
            return {}
    return stored if isinstance(stored, dict) else {}


def _key_of(stored: dict[str, Any] | None) -> SigningKey | None:
    """The key, if both halves are there and belong together."""
    if not stored or stored.get("version") != VERSION:
        return None
    private = _der(stored.get("privateKeyPem"), _PRIVATE)
    public = _der(stored.get("publicKeyPem"), _PUBLIC)
    if private is None or public is None:
        return None
    try:
        key = SigningKey(private)
    except (CryptoError, ValueError, TypeError):
        return None
    return key if bytes(key.verify_key) == public else None


def _der(pem: Any, prefix: bytes) -> bytes | None:
    if not isinstance(pem, str):
        return None
    body = "".join(line for line in pem.splitlines() if not line.startswith("-----"))
    try:
        der = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return None
    return der[len(prefix) :] if der.startswith(prefix) and len(der) == len(prefix) + _KEY else None


def _pem(kind: str, der: bytes) -> str:
    return f"-----BEGIN {kind} KEY-----\n{base64.b64encode(der).decode()}\n-----END {kind} KEY-----\n"


def _write(file: Path, kept: dict[str, Any]) -> None:
    part = file.with_name(file.name + ".new")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as written:
        json.dump(kept, written, indent=2)
        written.write("\n")
        written.flush()
        os.fsync(descriptor)
    part.replace(file)
