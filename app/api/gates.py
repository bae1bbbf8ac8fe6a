"""Gates: how an application's routes are declared. Each says once who may pass, and is documented with it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.api.errors import ErrorBody, phrase
from app.api.principal import need
from app.model.access import Permission

Endpoint = Callable[..., Coroutine[Any, Any, Response]]
PERMISSION = "x-permission"
"""Under which the document names what an operation needs."""
_EVERYWHERE = {
    400: "The request is malformed, or has no single Host",
    405: "The path has no such method",
    413: "The body is larger than allowed",
    421: "The Host is not one of this worker's",
    500: "A fault of the worker; it is in its log",
}
_GUARDED = {
    401: "No token, or not a valid one",
    403: "The token's role lacks the permission",
    429: "Too many wrong tokens; Retry-After says how long to wait",
    503: "The worker cannot answer now; the sentence says why",
}


class Gate(APIRoute):
    """A route that asks for its permission before it reads anything of the request."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        pass_on = super().get_route_handler()
        named = (self.openapi_extra or {}).get(PERMISSION)
        if named is None:
            return pass_on
        permission = Permission(named)

        async def ask_first(request: Request) -> Response:
            need(request.scope, permission)
            return await pass_on(request)

        return ask_first


class Gates:
    """Adds routes to one application."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        app.router.route_class = Gate
        self.open_paths: set[str] = set()

    def open(
        self, path: str, endpoint: Endpoint, *, answer: Any, bodies: Mapping[int, Any] | None = None,
        text: bool = False,
    ) -> None:  # fmt: skip
        """A probe: for everybody, with or without a token; GET and HEAD.

        `bodies` are those of other statuses; with `text` any of them may be plain text instead.
        """
        self.open_paths.add(path)
        errors = {status: _refusal(text) for status, text in _EVERYWHERE.items()}
        own = {200: _answer(answer), **{code: _answer(model, phrase(code)) for code, model in (bodies or {}).items()}}
        if text:
            own = {code: {**described, "content": _text("text/plain")} for code, described in own.items()}
        known = {**errors, **own}
        for method in ("GET", "HEAD"):
            self._add(path, endpoint, method, known, {"security": []})

    def get(
        self, path: str, permission: Permission, endpoint: Endpoint, *, head: bool = False, **described: Any
    ) -> None:
        """A route that reads, with `head` by HEAD too; see `_guarded`."""
        for method in ("GET", "HEAD") if head else ("GET",):
            self._guarded(method, path, permission, endpoint, **described)

    def post(self, path: str, permission: Permission, endpoint: Endpoint, **described: Any) -> None:
        """A route that acts; see `_guarded`."""
        self._guarded("POST", path, permission, endpoint, **described)

    def put(self, path: str, permission: Permission, endpoint: Endpoint, **described: Any) -> None:
        """A route that replaces something; see `_guarded`."""
        self._guarded("PUT", path, permission, endpoint, **described)

    def delete(self, path: str, permission: Permission, endpoint: Endpoint, **described: Any) -> None:
        """A route that removes something; see `_guarded`."""
        self._guarded("DELETE", path, permission, endpoint, **described)

    def _guarded(
        self, method: str, path: str, permission: Permission, endpoint: Endpoint, *, answer: Any = None,
        status: int = 200, media_type: str = "application/json", also: Mapping[int, str] | None = None,
        bodies: Mapping[int, Any] | None = None, described: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """`answer` is what the body of `status` is; `also` other refusals in words; `bodies` others' own bodies;
        `described` what else the document says of the operation."""
        texts = {**_EVERYWHERE, **_GUARDED, **(also or {})}
        if path.startswith("/api/v1/"):
            texts[422] = "A parameter or the body is not valid"
        known: dict[int, Any] = {each: _refusal(text) for each, text in texts.items()}
        known[status] = _answer(answer) if answer is not None else {"description": "Done", "content": _text(media_type)}
        known |= {each: _answer(model, phrase(each)) for each, model in (bodies or {}).items()}
        extra = {PERMISSION: str(permission), "security": [{"token": []}], **(described or {})}
        self._add(path, endpoint, method, known, extra, status)

    def _add(
        self, path: str, endpoint: Endpoint, method: str, known: Mapping[int, Any], extra: dict[str, Any],
        status: int = 200,
    ) -> None:  # fmt: skip
        self._app.add_api_route(
            path,
            endpoint,
            methods=[method],
            status_code=status,
            response_model=None,
            responses={code: dict(body) for code, body in known.items()},
            openapi_extra=extra,
            operation_id=_operation(method, path),
            include_in_schema=method != "HEAD",
        )


def _answer(model: Any, text: str = "Done") -> dict[str, Any]:
    return {"description": text, "model": model}


def _text(media_type: str) -> dict[str, Any]:
    return {media_type: {"schema": {"type": "string"}}}


def _refusal(text: str) -> dict[str, Any]:
    return {"description": text, "model": ErrorBody}


def _operation(method: str, path: str) -> str:
    """An id for generated clients: `get_api_v1_jobs_id`."""
    words = path.replace(":path", "").replace("{", "").replace("}", "").replace(".", "_").replace("-", "_")
    return "_".join([method.lower(), *filter(None, words.split("/"))])
