"""What is said of a store that cannot be written."""

from __future__ import annotations

import pytest

from app.model.findings import Severity
from app.model.snapshot import SourceStatus
from tests.scene import Scene

STALE = "facts.stale|store"


@pytest.fixture
def scene() -> Scene:
    """A scene with a store that brings no facts, so that there is no time when they were good."""
    made = Scene()
    made.statuses["store"] = SourceStatus.OK
    made.intervals["store"] = 1.0
    return made


def test_it_is_said_at_once_and_over_at_once(scene: Scene) -> None:
    assert scene.quiet(120, 5)
    scene.statuses["store"], scene.errors["store"] = SourceStatus.FAILED, "session store is full"
    finding = scene.look(1)[STALE]
    assert finding.what == "session store is full: nothing is recorded, nothing lost"
    assert finding.severity is Severity.CRIT
    assert finding.refs == ("source:store",)
    scene.statuses["store"] = SourceStatus.OK
    assert not scene.look(1)


def test_the_rule_can_be_switched_off(scene: Scene) -> None:
    silent = Scene({"facts.stale": {"on": False}})
    silent.statuses["store"], silent.intervals["store"] = SourceStatus.FAILED, 1.0
    assert silent.quiet(5)
