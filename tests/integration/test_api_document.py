"""The description of the API is true: what it says is what is answered, whatever is asked."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.api.application import Application
from app.api.attempts import Attempts
from app.api.document import document
from app.model.access import PERMISSIONS, Permission, Role
from tests.behind import FilledBoard, Gateways, bearer, filled

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
PAIRS = {"/api/v1/streams/{name}/messages/{seq}", "/api/v1/streams/{name}/subjects"}
"""Bodies with pairs: schemathesis turns their `prefixItems` into what its own validator refuses."""
EXAMPLES = settings(
    max_examples=12, derandomize=True, deadline=None, database=None, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
TEST_HOST = ("testserver",)


def whole() -> FilledBoard:
    """With gateways: without any, their endpoints tell of the session store."""
    board = filled()
    board.gateways = Gateways()
    return board


@pytest.fixture(scope="module")
def served() -> Any:
    return Application(whole()).tcp(TEST_HOST, Attempts(clock=iter(range(0, 10**12, 1000)).__next__))


@pytest.fixture(scope="module")
def api(served: Any) -> Any:
    schema = schemathesis.openapi.from_dict(document(Application(filled()).routes))
    schema.app = served
    return schema


def operations() -> list[tuple[str, str]]:
    """Every method and path that is described."""
    paths = document(Application(filled()).routes)["paths"]
    return [(path, method) for path, methods in paths.items() for method in methods]


@pytest.mark.parametrize(("path", "method"), operations())
def test_whatever_is_asked_is_answered_as_described(api: Any, path: str, method: str) -> None:
    operation = api[path][method]

    def ask(case: Any) -> None:
        if path == "/api/v1/feed":
            case.query["wait"] = "0"
        response = case.call(headers=bearer(Role.OWNER))
        case.validate_response(response, checks=CHECKS[:-1] if path in PAIRS else CHECKS)

    both = st.one_of(operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)
    EXAMPLES(given(both)(ask))()


@pytest.mark.parametrize(("path", "method"), operations())
def test_whatever_is_shown_for_a_token_opens_nothing(api: Any, path: str, method: str) -> None:
    operation = api[path][method]
    expected = (401, 413) if "x-permission" in operation.definition.raw else (200, 400)

    def ask(case: Any, token: str) -> None:
        response = case.call(headers={"authorization": f"Bearer wd_{token}"})
        case.validate_response(response, checks=CHECKS)
        assert response.status_code in expected

    tokens = st.text(st.characters(codec="latin-1", exclude_categories=("Cc",)), max_size=60)
    settings(EXAMPLES, max_examples=3)(given(operation.as_strategy(), tokens)(ask))()


async def test_the_document_is_for_members_and_names_what_is_needed(served: Any) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://testserver") as client:
        told = (await client.get("/openapi.json", headers=bearer(Role.MEMBER))).json()
    application = Application(filled())
    assert told == json.loads(json.dumps(document(application.routes)))
    described = {(method.upper(), path) for path, operations in told["paths"].items() for method in operations}
    served_routes = {
        (method, route.path.replace(":path}", "}"))
        for route in application.routes.routes
        if isinstance(route, APIRoute)
        for method in route.methods - {"HEAD"}
    }
    assert described == served_routes
    for path, operations in told["paths"].items():
        for operation in operations.values():
            codes = operation["responses"].keys()
            assert {"400", "405", "413", "421"} <= codes
            assert ("422" in codes) == path.startswith("/api/v1/")
            if path in application.gates.open_paths:
                assert operation["security"] == []
                continue
            assert operation["security"] == [{"token": []}]
            assert Permission(operation["x-permission"]) in PERMISSIONS[Role.OWNER]
            assert {"401", "403", "429", "503"} <= codes
            for code in ("401", "403", "429"):
                body = operation["responses"][code]["content"]["application/json"]["schema"]
                assert body == {"$ref": "#/components/schemas/ErrorBody"}
    assert told["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
