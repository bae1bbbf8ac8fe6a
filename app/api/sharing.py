"""Sharing: which pages in browsers may ask this worker (CORS), as Mission Control answers it."""

from __future__ import annotations

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

EXPOSED = ("X-Total-Count", "X-Limit", "X-Offset")
"""Headers of an answer that a page may read."""
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def shared_with(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """The application for pages of these origins, named exactly; without any, as it is: no word of CORS in answers.

    A preflight needs no token: it is answered here, 200 to an origin that may ask, 400 to others.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=tuple(origins),
        allow_credentials=True,
        allow_methods=_METHODS,
        allow_headers=("*",),
        expose_headers=EXPOSED,
        max_age=600,
    )
