"""How the JetStream API has answered: what counts as a failure, and what as silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.sources.apiuse import ApiCounter
from app.sources.errors import ApiError, LinkDown, NoResponders, NotPermitted, RequestTimeout

NOW = datetime(2026, 11, 22, 14, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_answers_and_failures_of_the_last_minute() -> None:
    counter = ApiCounter()
    for second in range(90):
        counter.answered(at(second))
        if second % 2:
            counter.failed(at(second), ApiError(503, 10047, "insufficient resources"))
    use = counter.use(at(90))
    assert (use.calls, use.failed, use.error) == (89, 30, "insufficient resources (10047)")
    assert use.silent_since is None
    assert counter.use(at(900)).calls == 0


def test_what_is_not_there_or_not_permitted_was_answered() -> None:
    counter = ApiCounter()
    counter.failed(NOW, ApiError(404, 10059, "stream not found"))
    counter.failed(NOW, NotPermitted("publish", "$JS.API.INFO"))
    counter.failed(NOW, LinkDown("connection lost"))
    use = counter.use(NOW)
    assert (use.calls, use.failed, use.error) == (1, 0, "")


def test_silence_begins_with_the_first_call_and_ends_with_an_answer() -> None:
    counter = ApiCounter()
    counter.answered(at(0))
    counter.failed(at(1), RequestTimeout("no answer within 6 s"))
    counter.failed(at(7), NoResponders("nobody"))
    counter.failed(at(8), ApiError(503, 10008, "temporarily unavailable"))
    assert counter.use(at(9)).silent_since == at(1)
    counter.failed(at(9), ApiError(404, 10059, "stream not found"))
    assert counter.use(at(9)).silent_since is None


def test_one_slow_list_among_answers_is_no_silence() -> None:
    counter = ApiCounter()
    counter.answered(at(3))
    counter.failed(at(0), RequestTimeout("no answer within 6 s"))
    use = counter.use(at(6))
    assert (use.failed, use.silent_since) == (1, None)


def test_another_connection_begins_anew() -> None:
    counter = ApiCounter()
    counter.failed(at(1), RequestTimeout("no answer"))
    counter.forget()
    assert counter.use(at(2)).silent_since is None
