"""Findings that stand for many are told by their ids, which begin with the rule that they are of."""

from __future__ import annotations

import subprocess
import sys

from app.model.triage import abandoned, agents, consumers, many


def test_their_ids_begin_with_their_rules() -> None:
    assert many.TOGETHER == agents.GONE + "|+"
    assert many.UNREGISTERED == consumers.NO_CLIENT + "|+"
    assert many.UNUSED == abandoned.ABANDONED + "|+"


def test_how_things_stand_is_known_without_the_rules() -> None:
    program = (
        "import sys, app.model.triage.standing, app.model.remedies;"
        "print(*{'app.model.triage.judging', 'app.model.triage.correlate'} & sys.modules.keys())"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.split() == []
