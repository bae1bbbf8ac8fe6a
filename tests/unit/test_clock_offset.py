"""The broker's clock as answers tell it, also when a clock is set meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.settings import NatsSettings
from app.sources.connection import NatsLink

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def hear(link: NatsLink, second: float, offset: float, way: float) -> None:
    """An answer that was `way` seconds under way, half of it back, from a broker `offset` seconds ahead."""
    sent = NOON + timedelta(seconds=second)
    link.saw_clock(sent + timedelta(seconds=way / 2 + offset), sent, sent + timedelta(seconds=way))


def test_the_answer_with_the_shortest_way_counts() -> None:
    link = NatsLink(NatsSettings())
    for second, (offset, way) in enumerate(((2.1, 0.4), (2.0, 0.01), (2.2, 0.5))):
        hear(link, second, offset, way)
    assert link.clock_offset == pytest.approx(2.0)
    hear(link, 4, 7.0, 1.5)
    assert link.clock_offset == pytest.approx(2.0), "too long under way to say anything"


@pytest.mark.parametrize("step", [-3600.0, -5.0, 5.0, 3600.0])
def test_a_clock_that_was_set_is_believed_at_once(step: float) -> None:
    link = NatsLink(NatsSettings())
    for second in range(20):
        hear(link, second, 0.0, 0.001)
    hear(link, 21, step, 0.2)
    assert link.clock_offset == pytest.approx(step)
