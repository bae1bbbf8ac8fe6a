"""Certificates of this machine, signed by themselves."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DAYS = 9
_KEY = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=local")


@contextmanager
def certificates(**names: str) -> Iterator[Path]:
    """A folder with `<name>.pem` and `<name>.key` of each name, for what is given (`here="IP:127.0.0.1"`), good for
    `DAYS` days. Its path is short, as sockets want it; it goes with the block."""
    made = Path(tempfile.mkdtemp(prefix="wd-"))
    try:
        for name, of in names.items():
            files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
            openssl(made, *_KEY, *files, "-addext", f"subjectAltName={of}", "-days", str(DAYS))
        yield made
    finally:
        shutil.rmtree(made)


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(("openssl", *arguments), cwd=folder, check=True, capture_output=True)


def serving(folder: Path, name: str) -> ssl.SSLContext:
    """What a server with that certificate uses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context
