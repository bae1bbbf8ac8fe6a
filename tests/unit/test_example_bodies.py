"""Bodies that the systems' own pages show are bodies of ours: every field there is one here, with its type.

What is ours alone is added by name, so that a field that moves or changes its type is noticed.
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from app.api.errors import ErrorBody
from app.api.scorebodies import DayBody, DimensionBody, HistoryBody, OverviewBody, ScoreBody, WeightsBody
from app.api.shapes import Alive, StatusBody

DIMENSION_MORE = {"points": 27.0, "maxPoints": 30.0, "change": None, "previousRawValue": None, "hasData": True}
SCORE_MORE = {"previousScore": 76.7, "lowConfidence": False, "band": "healthy", "residualChange": 0.0}
DIMENSIONS = [
    ("error_rate", 90, 0.30, 0.05, "5% error rate across 40 sessions"),
    ("cost_efficiency", 75, 0.20, 0.034, "Average cost $0.034 per session"),
    ("tool_success", 88, 0.20, 0.88, "88% tool call success rate"),
    ("latency", 72, 0.15, 2300, "Average latency 2300ms"),
    ("completion_rate", 85, 0.15, 0.85, "85% session completion rate"),
]
STATUS = {
    "status": "ok",
    "components": {},
    "version": "0.1.0",
    "uptime": "2h30m",
    "nats": {"url": "nats://localhost:4222", "version": "2.10.0"},
    "streams": [{"name": "JOBS", "messages": 42, "bytes": 1024, "consumers": 1}],
    "kv_buckets": [{"name": "job-queue", "keys": 10, "bytes": 2048}],
    "object_stores": [{"name": "file-objects", "size": 5242880}],
    "jobs": {"total": 100, "unprocessed": 5, "processing": 2, "completed": 90, "failed": 3, "dlq": 0},
    "agents": {
        "total": 5,
        "ready": 5,
        "agents": [{"hostname": "web-01", "labels": "group=web.prod", "registered": "15s ago"}],
    },
    "consumers": {
        "total": 2,
        "consumers": [{"name": "query_any_web_01", "pending": 0, "ack_pending": 3, "redelivered": 0}],
    },
    "registry": [
        {
            "type": "agent", "hostname": "web-01", "status": "Ready", "conditions": ["string"], "age": "7h 6m",
            "cpu_percent": 2.1, "mem_bytes": 134217728,
        },
    ],
}  # fmt: skip


def score(agent: str = "my-agent") -> dict[str, Any]:
    names = ("name", "score", "weight", "rawValue", "description")
    return {
        "agentId": agent,
        "overallScore": 82,
        "trend": "improving",
        "trendDelta": 5.3,
        "dimensions": [{**dict(zip(names, each, strict=True)), **DIMENSION_MORE} for each in DIMENSIONS],
        "window": {"from": "2026-02-01T00:00:00.000Z", "to": "2026-02-08T00:00:00.000Z"},
        "sessionCount": 40,
        "computedAt": "2026-02-08T10:30:00.000Z",
        **SCORE_MORE,
    }


DAY = {
    "agentId": "my-agent", "date": "2026-02-07", "overallScore": 80, "errorRateScore": 88, "costEfficiencyScore": 73,
    "toolSuccessScore": 85, "latencyScore": 70, "completionRateScore": 82, "sessionCount": 15,
}  # fmt: skip
WEIGHTS = {
    "errorRate": 0.30, "costEfficiency": 0.20, "toolSuccess": 0.20, "latency": 0.15, "completionRate": 0.15,
}  # fmt: skip
FAILED = {"error": "Failed to retrieve status.", "details": "Failed due to network timeout.", "code": 500}
ERROR_MORE = {"status": 500, "detail": "Failed due to network timeout.", "request_id": "r1"}
EXAMPLES: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (StatusBody, STATUS),
    (Alive, {"ok": True}),
    (ErrorBody, {**FAILED, **ERROR_MORE}),
    (ScoreBody, score()),
    (DimensionBody, score()["dimensions"][0]),
    (
        OverviewBody,
        {"agents": [score("agent-a"), score("agent-b")], "computedAt": "2026-02-08T10:30:00.000Z", "total": 2},
    ),
    (HistoryBody, {"snapshots": [DAY, {**DAY, "date": "2026-02-06"}], "agentId": "my-agent", "days": 30}),
    (DayBody, DAY),
    (WeightsBody, WEIGHTS),
]


def strictly(model: type[BaseModel]) -> type[BaseModel]:
    """The same body, in which nothing may stand that it does not name."""
    return type(f"Strict{model.__name__}", (model,), {"model_config": ConfigDict(extra="forbid")})


@pytest.mark.parametrize(("model", "body"), EXAMPLES, ids=lambda each: getattr(each, "__name__", ""))
def test_an_example_is_a_body_of_ours(model: type[BaseModel], body: dict[str, Any]) -> None:
    read = strictly(model).model_validate(body).model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert read.keys() == body.keys()


def test_a_body_with_a_field_of_another_name_is_none_of_ours() -> None:
    with pytest.raises(ValueError, match="overall"):
        strictly(ScoreBody).model_validate({**score(), "overall": 82})
