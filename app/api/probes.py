"""Probes: liveness and readiness, from what the worker has at hand; no input or output of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import Query
from starlette.responses import Response

from app.api.gates import Gates
from app.api.shapes import Alive, Readiness
from app.worker.board import Board, Check

_OK = b'{"ok":true}'
_NOT_OK = b'{"ok":false}'


def probes(gates: Gates, board: Board) -> None:
    """`/health`, `/healthz`, `/livez` and `/readyz`; they need no token and answer HEAD."""

    async def live() -> Response:
        alive = board.alive()
        return Response(_OK if alive else _NOT_OK, 200 if alive else 503, media_type="application/json")

    async def ready(
        verbose: str | None = None, exclude: Annotated[list[str] | None, Query(max_length=20)] = None
    ) -> Response:
        excluded = {name for text in exclude or () for name in text.split(",") if name}
        checks = board.checks()
        failed = [check.name for check in checks if not check.ok and check.name not in excluded]
        status = 503 if failed else 200
        if verbose is not None and verbose.lower() not in ("0", "false"):
            return Response(_verbose(checks, excluded), status, media_type="text/plain")
        body = msgspec.json.encode({"ok": False, "failed": failed}) if failed else _OK
        return Response(body, status, media_type="application/json")

    for path in ("/health", "/healthz", "/livez"):
        gates.open(path, live, answer=Alive, bodies={503: Alive})
    gates.open("/readyz", ready, answer=Readiness, bodies={503: Readiness}, text=True)


def _verbose(checks: Sequence[Check], excluded: set[str]) -> str:
    """The lines of Kubernetes' `?verbose`."""
    lines = []
    for check in checks:
        if check.name in excluded:
            lines.append(f"[+]{check.name} excluded: ok")
        elif check.ok:
            lines.append(f"[+]{check.name} ok")
        else:
            lines.append(f"[-]{check.name} failed: {' '.join(check.reason.split())}")
    unknown = sorted(excluded - {check.name for check in checks})
    if unknown:
        lines.append(f"warn: some health checks cannot be excluded: no matches for {', '.join(map(repr, unknown))}")
    passed = all(check.ok or check.name in excluded for check in checks)
    lines.append(f"readyz check {'passed' if passed else 'failed'}")
    return "\n".join(lines) + "\n"
