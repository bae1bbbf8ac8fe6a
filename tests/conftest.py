"""Shared by all tests."""

from __future__ import annotations

import sys
from pathlib import Path

# So that `tests.nats_server` is found however pytest was started.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
