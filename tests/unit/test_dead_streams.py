"""Which streams keep dead letters, and how their newest messages are found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.broker import Stream, StreamKind
from app.model.deadstreams import keeps_advisories_of, keeps_dead_letters
from app.sources.deadscan import Backwards

PATTERNS = ("*-DLQ", "*_DLQ", "DLQ*", "DEAD*")
GIVEN_UP = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES"


@pytest.mark.parametrize(
    ("stream", "keeps"),
    [
        ({"metadata": (("dead_letter_queue", "true"),)}, True),
        ({"metadata": (("dead_letter_queue", "false"),)}, False),
        ({"subjects": (f"{GIVEN_UP}.JOBS.*",)}, True),
        ({"subjects": ("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>",)}, True),
        ({"subjects": ("$JS.EVENT.ADVISORY.>",)}, False),
        ({"subjects": ("orders.DLQ.eu",)}, True),
        ({"subjects": ("dead.>",)}, True),
        ({"subjects": ("deadline.>",)}, False),
        ({"name": "orders-dlq"}, True),
        ({"name": "DeadOrders"}, True),
        ({"name": "KV_DLQ", "kind": StreamKind.KV, "subjects": ("$KV.dead.>",)}, False),
        ({}, False),
    ],
)
def test_streams_of_dead_letters(stream: dict[str, Any], keeps: bool) -> None:
    assert keeps_dead_letters(Stream(**({"name": "ORDERS", "subjects": ("orders.>",)} | stream)), PATTERNS) is keeps


def test_names_can_be_switched_off() -> None:
    assert not keeps_dead_letters(Stream("ORDERS-DLQ", subjects=("x",)), ())


@pytest.mark.parametrize(
    ("subject", "covered"),
    [
        (f"{GIVEN_UP}.JOBS.*", True),
        (f"{GIVEN_UP}.JOBS.>", True),
        (f"{GIVEN_UP}.*.*", True),
        (f"{GIVEN_UP}.>", True),
        ("$JS.EVENT.ADVISORY.>", True),
        (f"{GIVEN_UP}.ORDERS.*", False),
        (f"{GIVEN_UP}.JOBS", False),
        (f"{GIVEN_UP}.JOBS.*.more", False),
        ("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>", False),
    ],
)
def test_whose_advisories_are_kept(subject: str, covered: bool) -> None:
    assert keeps_advisories_of([Stream("D", subjects=(subject,))], "JOBS") is covered


def scanned(scan: Backwards, stored: set[int], most: int = 10_000) -> tuple[list[int], int]:
    """What a scan finds in a stream, in its order, and with how many questions."""
    found, asked = [], 0
    while scan.ranges and asked < most:
        asked += 1
        probe = scan.probe()
        answer = min((one for one in stored if one >= probe), default=None)
        if scan.found(probe, answer):
            assert answer is not None
            found.append(answer)
    return found, asked


@given(st.sets(st.integers(1, 100_000), min_size=1, max_size=60))
def test_every_message_is_found_once_whatever_is_missing(stored: set[int]) -> None:
    scan = Backwards()
    scan.extend(min(stored), max(stored))
    found, asked = scanned(scan, stored)
    assert sorted(found) == sorted(stored)
    assert asked <= 22 * len(stored)


def test_a_dense_stream_is_read_from_its_end_with_one_question_a_message() -> None:
    scan = Backwards()
    scan.extend(1, 50)
    found, asked = scanned(scan, set(range(1, 51)))
    assert found == list(range(50, 0, -1))
    assert asked == 50
    scan.extend(20, 53)
    assert scanned(scan, set(range(1, 54)))[0] == [53, 52, 51]


def test_what_is_dropped_is_not_asked_for() -> None:
    scan = Backwards()
    scan.extend(1, 100)
    scan.extend(90, 100)
    assert scanned(scan, set(range(1, 101)))[0] == list(range(100, 89, -1))


def test_a_second_look_passes_over_what_is_known() -> None:
    scan = Backwards()
    scan.again({3, 4, 9}, 1, 10)
    assert sorted(scanned(scan, set(range(1, 11)))[0]) == [1, 2, 5, 6, 7, 8, 10]
