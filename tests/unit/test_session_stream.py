"""Which stream may take session events."""

from __future__ import annotations

from typing import Any

import pytest

from app.sources.sessionstream import configuration, named, unfit

SUBJECT = "osapi.sessions.>"


def test_names_take_the_namespace_as_all_streams_of_the_fleet_do() -> None:
    assert named("osapi", "SESSIONS", "sessions.>") == ("osapi-SESSIONS", SUBJECT)
    assert named("", "SESSIONS", "sessions.>") == ("SESSIONS", "sessions.>")


def test_what_is_made_is_what_may_be_read() -> None:
    config = configuration("osapi-SESSIONS", SUBJECT)
    assert (config["storage"], config["retention"], config["max_age"]) == ("file", "limits", 604_800 * 10**9)
    assert config["metadata"] == {"watchdeck.sessions": "1"}
    assert unfit(config, SUBJECT, named_by_owner=False) == ""


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"retention": "workqueue"}, "workqueue retention: a second reader would take other people's messages"),
        ({"retention": "interest"}, "interest retention: our reader would keep every message alive"),
        ({"metadata": {}}, "not marked as a stream of session events"),
        ({"metadata": None}, "not marked"),
        ({"subjects": ["osapi.sessions.a"]}, "it takes osapi.sessions.a, not osapi.sessions.>"),
        ({"subjects": []}, "it takes no subject"),
    ],
)
def test_any_other_is_refused_with_the_reason(changed: dict[str, Any], words: str) -> None:
    assert words in unfit(configuration("S", SUBJECT) | changed, SUBJECT, named_by_owner=False)


def test_a_stream_that_its_owner_names_needs_no_mark_but_the_right_retention() -> None:
    config = configuration("S", SUBJECT) | {"metadata": {}}
    assert unfit(config, SUBJECT, named_by_owner=True) == ""
    assert unfit(config | {"retention": "interest"}, SUBJECT, named_by_owner=True)


@pytest.mark.parametrize(
    ("wide", "narrow", "covers"),
    [
        (">", "sessions.>", True),
        ("sessions.>", "sessions.>", True),
        ("sessions.>", "sessions.*.new", True),
        ("sessions.*", "sessions.>", False),
        ("sessions.*", "sessions.a", True),
        ("sessions.a", "sessions.*", False),
        ("sessions.a.>", "sessions.a", False),
        ("sessions", "sessions.a", False),
    ],
)
def test_a_subject_covers_another(wide: str, narrow: str, covers: bool) -> None:
    assert (unfit(configuration("S", wide), narrow, named_by_owner=False) == "") is covers
