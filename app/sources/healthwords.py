"""Words that systems have for how they are, and what each means."""

from __future__ import annotations

from app.model.health import Health

_WELL = """
    ok okay pass passed passing up healthy ready alive live available operational normal green running success serving
    online connected pong true good fine open active started enabled yes idle busy working completed done
"""
_QUIET = "disabled off skipped skip excluded ignored unused inactive not_applicable n/a"  # left out on purpose
_PARTLY = """
    warn warning degraded yellow partial partially_degraded partial_failure minor impaired unstable maintenance limited
    draining cordoned paused pending provisioning starting initializing updating restarting deploying
"""
_FAILING = """
    fail failed failing failure error errored down unhealthy not_ready notready unready not_ok critical crit major red
    false no bad fatal outage unavailable out_of_service not_serving offline disconnected dead stopped broken
"""
_MEANING = {
    word: health
    for health, words in ((Health.OK, _WELL + _QUIET), (Health.WARN, _PARTLY), (Health.CRIT, _FAILING))
    for word in words.split()
}


def meaning(word: str) -> Health:
    """How a thing is by its own word; UNKNOWN for words that nobody knows: they are not taken for well."""
    return _MEANING.get(word.strip().lower().replace(" ", "_").replace("-", "_"), Health.UNKNOWN)


def known(word: str) -> bool:
    """Whether it is a word for how a thing is at all."""
    return meaning(word) is not Health.UNKNOWN
