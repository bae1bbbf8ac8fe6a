"""The addresses that a worker is reached at, bound before anything else runs."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

from app.model.text import clean
from app.settings import SettingsError
from app.settings.places import private_dir


class AddressTaken(Exception):
    """An address cannot be had; the text says which, why, and what to do."""


def bind_unix(path: Path, env: Mapping[str, str]) -> socket.socket:
    """Binds the worker's socket, open to its owner alone; a service's own also to its group.

    What is left of a worker that was killed is replaced: the caller holds the lock of its state folder. The umask is
    the process's: call this before any thread runs.
    """
    service = bool(env.get("RUNTIME_DIRECTORY"))
    if not service:
        private_dir(path.parent)
    mask = os.umask(0o117 if service else 0o177)
    try:
        path.unlink(missing_ok=True)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bound.bind(str(path))
    except OSError as error:
        raise AddressTaken(f"cannot listen on {path}: {error.strerror or error}") from None
    finally:
        os.umask(mask)
    bound.setblocking(False)
    return bound


def bind_tcp(listen: str, *, insecure: bool, tls: bool = False) -> socket.socket:
    """Binds `HOST:PORT` (port 0: any free one). Addresses that others can reach need `tls` or `insecure`."""
    host, port = parse_listen(listen)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise AddressTaken(f"cannot listen on {clean(listen, 100)}: {clean(host, 80)} is not a known host") from None
    if not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback and not (tls or insecure):
        raise SettingsError(
            f"listening on {clean(listen, 100)} lets others in without TLS: listen on 127.0.0.1, "
            "or set tls_cert and tls_key, or insecure = true, under [http]"
        )
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(128)
    except OSError as error:
        bound.close()
        reason = "it is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise AddressTaken(
            f"cannot listen on {clean(listen, 100)}: {reason}; choose another with --listen HOST:PORT"
        ) from None
    bound.setblocking(False)
    return bound


def tls_files(certificate: str, key: str) -> tuple[str, str] | None:
    """The paths of a certificate and its key once both can be used; None without any; else a SettingsError."""
    if not certificate and not key:
        return None
    if not certificate or not key:
        missing = "tls_key" if certificate else "tls_cert"
        raise SettingsError(f"{missing} is missing under [http]: TLS needs tls_cert and tls_key")
    unusable = f"cannot use tls_cert {clean(certificate, 200)} with tls_key {clean(key, 200)}"
    try:
        # A key behind a passphrase would ask for it on the terminal; an empty one is wrong, and refused at once.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError):
        raise SettingsError(f"{unusable}: they do not fit, or are no PEM, or the key is encrypted") from None
    except OSError as error:
        raise SettingsError(f"{unusable}: {error.strerror or error}") from None
    return certificate, key


def parse_listen(text: str) -> tuple[str, int]:
    """`127.0.0.1:8000` or `[::1]:8000` as host and port; a SettingsError if it is neither."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f'"{clean(text, 100)}" is not an address to listen on such as 127.0.0.1:8000')
    return host, int(port)
