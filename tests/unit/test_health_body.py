"""What an answer to a health question says, in all the forms that are about, and what in it misleads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.health import Health
from app.model.text import clean
from app.sources.healthbody import BODY_MOST, Answer, read
from app.sources.healthjson import MOST_CHECKS, told
from app.sources.secretless import scrubbed, shown_url

OK, WARN, CRIT, UNKNOWN = Health.OK, Health.WARN, Health.CRIT, Health.UNKNOWN
LOGIN = b"<!DOCTYPE html><html><title>Sign in</title><form><input type='password'></form></html>"


def said(body: Any, status: int = 200, kind: str = "application/json", **rest: Any) -> Answer:
    return Answer(status, kind, body if isinstance(body, bytes) else json.dumps(body).encode(), **rest)


@pytest.mark.parametrize(
    ("answer", "health", "state", "reason"),
    [
        (said({"ok": True}), OK, "ok", "answers 200"),
        (
            said({"ok": False, "failed": ["nats: no answer"]}, 503),
            CRIT,
            "fails",
            "answers 503 Service Unavailable: nats: no answer",
        ),
        (said({"status": "ready"}), OK, "ok", "answers 200"),
        (
            said({"status": "not_ready", "error": "nats not connected"}, 503),
            CRIT,
            "fails",
            "answers 503 Service Unavailable: nats not connected",
        ),
        (
            said({"status": "UP", "components": {"db": {"status": "UP"}, "disk": {"status": "UP"}}}),
            OK,
            "ok",
            "2 checks well",
        ),
        (
            said({"status": "DOWN", "components": {"db": {"status": "DOWN", "details": {"error": "refused"}}}}, 503),
            CRIT,
            "fails",
            "answers 503 Service Unavailable: db: refused",
        ),
        (said({"status": "OUT_OF_SERVICE"}), CRIT, "fails", "says “out_of_service”"),
        (
            said({"status": "UP", "checks": [{"name": "db", "status": "DOWN"}]}),
            WARN,
            "doubtful",
            "says up, but db: down",
        ),
        (said({"Status": "Healthy", "results": {"db": {"status": "Healthy"}}}), OK, "ok", "1 check well"),
        (said({"cluster_name": "logs", "status": "yellow"}), WARN, "degraded", "says “yellow”"),
        (said({"database": "ok", "version": "11.2"}), OK, "ok", "1 check well"),
        (said({"status": {"indicator": "none"}}), OK, "ok", "answers 200"),
        (said({"status": 503}), CRIT, "fails", "says “error”"),
        (said({"uptime": 3}), OK, "ok", "answers 200"),
        (said({"status": "starting_up"}), UNKNOWN, "unclear", "says “starting_up”"),
        (said(b"OK", kind="text/plain"), OK, "ok", "answers 200"),
        (said(b"Healthy", kind="text/html"), OK, "ok", "answers 200"),
        (said(b"Degraded", kind="text/plain"), WARN, "degraded", "says “degraded”"),
        (said(b"", 204, ""), OK, "ok", "answers 204"),
        (said(b"\x89PNG\r\n", kind="image/png"), OK, "ok", "answers 200"),
        (
            said(b"Error: database is locked", kind="text/plain"),
            WARN,
            "doubtful",
            "answers 200, but says “Error: database is locked”",
        ),
        (said(b"{oops"), UNKNOWN, "unclear", "answers 200 with JSON that cannot be read"),
        (said(b"gone", 404, "text/plain"), CRIT, "fails", "answers 404 Not Found: gone"),
        (
            said(b"<html><title>502 Bad Gateway</title>", 502, "text/html"),
            CRIT,
            "fails",
            "answers 502 Bad Gateway with an HTML page “502 Bad Gateway”",
        ),
        (
            said(b"", 302, location="https://sso.example/login"),
            CRIT,
            "fails",
            "redirects to https://sso.example/login (302), which is not followed",
        ),
        (said(b"", 401), WARN, "refuses", "wants to know who asks (401): how it does is not known"),
        (
            said({"error": "Insufficient permissions"}, 403),
            WARN,
            "refuses",
            "does not let us see (403): how it does is not known",
        ),
        (said(b"", 429), WARN, "refuses", "is asked too often, it says (429): how it does is not known"),
        (said(b"", 599), CRIT, "fails", "answers 599"),
    ],
)
def test_each_kind_of_answer(answer: Answer, health: Health, state: str, reason: str) -> None:
    reading = read(answer)
    assert (reading.health, reading.word, reading.reason) == (health, state, reason)


def test_osapi_says_which_part_is_why_it_is_degraded() -> None:
    """Its status is the same body with 200 and 503; parts that are disabled are well."""
    body = {
        "status": "degraded",
        "version": "0.1.0",
        "uptime": "2h30m0s",
        "components": {
            "controller.nats (connectivity)": {"status": "error", "error": "nats not connected"},
            "controller.api": {"status": "ok", "address": "http://0.0.0.0:8080"},
            "controller.tracing": {"status": "disabled"},
        },
    }
    reading = read(said(body, 503))
    assert reading.reason == "answers 503 Service Unavailable: controller.nats (connectivity): nats not connected"
    assert reading.version == "0.1.0"
    assert {check.name: (check.health, check.word) for check in reading.checks} == {
        "controller.nats (connectivity)": (CRIT, "error"),
        "controller.api": (OK, "ok"),
        "controller.tracing": (OK, "disabled"),
    }
    assert reading.checks[1].address == "http://0.0.0.0:8080"


def test_health_json_of_the_draft() -> None:
    body = {
        "status": "warn",
        "releaseId": "1.2.2",
        "checks": {
            "memory:utilization": [
                {"componentId": "node 1", "status": "warn", "observedValue": 91, "observedUnit": "percent"},
                {"componentId": "node 2", "status": "pass"},
            ],
            "db:connections": [{"status": "pass", "output": "3 of 20"}],
        },
    }
    reading = read(said(body, kind="application/health+json"))
    assert (reading.health, reading.word) == (WARN, "degraded")
    assert reading.reason == "says “warn”: memory:utilization node 1: 91 percent"
    assert [check.name for check in reading.checks] == [
        "memory:utilization node 1",
        "memory:utilization node 2",
        "db:connections",
    ]


def test_verbose_text_of_kubernetes() -> None:
    bad = b"[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\nlivez check failed\n"
    reading = read(said(bad, 500, "text/plain; charset=utf-8"))
    assert reading.reason == "answers 500 Internal Server Error: etcd: reason withheld"
    assert [(check.name, check.health) for check in reading.checks] == [("etcd", CRIT), ("ping", OK), ("log", OK)]
    reading = read(said(b"[+]ping ok\n[+]etcd excluded: ok\nreadyz check passed", kind="text/plain"))
    assert (reading.health, reading.reason) == (OK, "2 checks well")


def test_a_page_is_no_answer_and_says_so() -> None:
    """An SPA or a login page with 200 looks well to whoever goes by the status alone."""
    reading = read(said(LOGIN, kind="text/html"))
    assert (reading.health, reading.word) == (UNKNOWN, "unclear")
    assert reading.reason.startswith("answers 200 with a login page “Sign in”: that says nothing of its health")
    assert read(said(LOGIN, kind="application/json")).health is UNKNOWN  # whatever it calls itself
    reading = read(said(LOGIN, kind="text/html"), told_before=True)
    assert (reading.health, reading.word) == (CRIT, "fails")
    assert reading.reason.endswith("where it told its health before")


@pytest.mark.parametrize(
    ("answer", "expect", "health", "reason"),
    [
        (said(b"", 204), "204", OK, "answers 204, as expected"),
        (said(LOGIN, 200, "text/html"), "2xx", OK, "answers 200, as expected"),
        (said(b"", 301), "301", OK, "answers 301, as expected"),
        (said(b"", 200), "204", CRIT, "answers 200 OK, not 204"),
        (said({"status": "fail", "error": "disk"}, 503), "2XX", CRIT, "answers 503 Service Unavailable, not 2XX: disk"),
        (said(b"pong!", kind="text/plain"), "pong", OK, "answers 200 with “pong”"),
        (said(b"nothing", kind="text/plain"), "pong", CRIT, "answers 200 without “pong”"),
        (said(LOGIN, 200, "text/html"), "pong", CRIT, "answers 200 with an HTML page “Sign in” without “pong”"),
        (said({"error": "disk"}, 500), "pong", CRIT, "answers 500 Internal Server Error: disk"),
        (said(b"pong", 302), "pong", CRIT, "redirects (302), which is not followed"),
        (
            Answer(200, "text/plain", b"x" * BODY_MOST, cut=True),
            "pong",
            CRIT,
            "answers 200 without “pong” in its first 64K",
        ),
    ],
)
def test_what_is_expected_takes_the_place_of_what_its_kind_means(
    answer: Answer, expect: str, health: Health, reason: str
) -> None:
    reading = read(answer, expect)
    assert (reading.health, reading.reason) == (health, reason)


def test_what_is_too_long_to_be_read_is_not_taken_for_well() -> None:
    reading = read(Answer(200, "application/json", b'{"status":"ok","x":"' + b"x" * BODY_MOST, cut=True))
    assert reading.health is UNKNOWN
    assert "over 64K" in reading.reason
    assert read(Answer(503, "application/json", b"{", cut=True)).health is CRIT


def test_many_checks_are_cut_and_the_worst_are_kept() -> None:
    checks = {f"c{number:03}": {"status": "ok" if number < 900 else "fail"} for number in range(1000)}
    reading = read(said({"status": "fail", "checks": checks}))
    assert len(reading.checks) == MOST_CHECKS
    assert all(check.health is CRIT for check in reading.checks)
    assert reading.reason == "says “fail”: c900: fail; c901: fail; c902: fail; +47 more"


def test_foreign_text_is_made_safe() -> None:
    nasty = "\x1b[2J\x1b]52;c;x\x07[/b]\u202e" + "漢" * 10_000
    reading = read(said({"status": "fail", "error": nasty, "checks": {nasty: {"status": nasty, "output": nasty}}}))
    for text in (reading.reason, reading.version, *(check.name for check in reading.checks)):
        assert text == clean(text)
        assert len(text) <= 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["ok", "fail"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["status", "ok", "checks", "components", "error", "name"]), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(JSON)
def test_any_json_is_read_without_raising(body: Any) -> None:
    found = told(body)
    assert found.health is not UNKNOWN or found.word or found.checks


@given(st.binary(max_size=300), st.integers(100, 599), st.sampled_from(["", "application/json", "text/html"]))
def test_any_answer_is_read_and_a_bad_status_is_never_well(body: bytes, status: int, kind: str) -> None:
    reading = read(Answer(status, kind, body))
    assert reading.reason == clean(reading.reason)
    if status >= 300:
        assert reading.health in (WARN, CRIT)


def test_no_secret_is_shown() -> None:
    assert shown_url("http://h:1/p?verbose&token=abc&x=1#frag") == "http://h:1/p?verbose&token=…&x=1"
    assert shown_url("postgresql://u:p@h/db?password=abc") == "postgresql://h/db?password=…"
    assert scrubbed("bad token abcdef for http://u:hunter2@h/", ["abcdef"]) == "bad token … for http://u:…@h/"
    assert scrubbed("a", ["", "a"]) == "a"
