"""Document: the OpenAPI description of what an application serves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app import __version__


def document(app: FastAPI) -> dict[str, Any]:
    """The description, made of the application's own routes."""
    made = get_openapi(
        title="watchdeck",
        version=__version__,
        summary="The worker's HTTP: health of the whole, the fleet, its jobs and findings.",
        routes=app.routes,
    )
    made.setdefault("components", {})["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "`wd_<id>_<secret>`, by `watchdeck token create`"}
    }
    for path, operations in made["paths"].items():
        for operation in operations.values():
            if not path.startswith("/api/v1/"):
                operation["responses"].pop("422", None)  # it is a 400 there
    for name in ("HTTPValidationError", "ValidationError"):
        made["components"].get("schemas", {}).pop(name, None)
    return made
