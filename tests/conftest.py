"""Shared by all tests."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from hypothesis import settings

# So that `tests.nats_server` is found however pytest was started.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

# Whoever started us may have had them ignored, as nohup does: what we start would never hear them.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# No timing decides a test. In CI the same examples every time: a change is judged by what it changed.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "default")
