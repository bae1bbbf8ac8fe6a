"""What of a message may be seen: cut, cleaned, and without secrets."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from app.sources.peek import SHOWN, secret, shown_headers, shown_json, shown_payload


def test_json_is_indented_and_values_of_secret_names_are_hidden() -> None:
    value = {
        "id": 7,
        "Password": "p1",
        "nested": [{"card_no": 4711, "ok": True}],
        "auth": {"user": "u1"},
        "token": None,
    }
    text = shown_payload(json.dumps(value).encode())
    assert '\n  "id": 7' in text
    for hidden in ("p1", "4711", "u1"):
        assert hidden not in text
    assert '"ok": true' in text
    assert '"token": null' in text


def test_what_is_assigned_in_plain_text_is_hidden() -> None:
    text = shown_payload(
        b'user=ana password=hunter2; Authorization: Bearer abc.def\nAPI_KEY: \'k e y\' rest "secret": "s\\"t"'
    )
    for hidden in ("hunter2", "abc.def", "k e y", 's\\"t'):
        assert hidden not in text
    assert "user=ana" in text
    assert "\n" in text
    assert "rest" in text


def test_json_that_is_cut_off_hides_too() -> None:
    broken = b'{"order": 1, "password": "hunter2", "note": "' + b"x" * 10_000
    text = shown_payload(broken)
    assert "hunter2" not in text
    assert '"order": 1' in text
    assert len(text) <= SHOWN


def test_a_secret_behind_the_cut_shows_no_part() -> None:
    text = shown_payload(b"x" * (SHOWN - 12) + b" password=" + b"s" * 100)
    assert "ssss" not in text


def test_controls_are_cleaned_and_lines_stay() -> None:
    assert shown_payload(b"one\n\x1b]52;c;aGk=\x07two\n\x1b[31mthree") == "one\ntwo\nthree"
    assert shown_payload(b"") == ""


def test_headers() -> None:
    lines = ("NATS/1.0", "Nats-Sequence: 7", "Trace: a", "Trace: b", "Authorization: Bearer x", "Bad", "Esc: \x1b[2Jx")
    raw = "\r\n".join((*lines, "", "")).encode()
    headers = shown_headers(raw, frozenset(("Nats-Sequence",)))
    assert headers == (("Trace", "a"), ("Trace", "b"), ("Authorization", "(hidden)"), ("Esc", "x"))
    assert shown_headers(None) == ()
    assert len(shown_headers(b"NATS/1.0\r\n" + b"A: b\r\n" * 500)) == 64


def test_names_of_secrets() -> None:
    assert all(map(secret, ("passwd", "client_SECRET", "X-Auth", "Cookie", "ssn", "apiKey", "card")))
    assert not any(map(secret, ("user", "id", "created")))


def test_a_value_of_one_line() -> None:
    assert shown_json(b'{ "a" : [1, 2] }') == '{"a":[1,2]}'
    assert shown_json(b"null") == shown_json(b"") == ""
    assert shown_json(b"nonsense") == "(8 bytes)"


@given(st.binary(max_size=300))
def test_whatever_it_is_it_can_be_shown(payload: bytes) -> None:
    for text in (shown_payload(payload), shown_payload(b"{" + payload), shown_json(payload)):
        assert len(text) <= SHOWN
        assert text.replace("\n", "").isprintable()
