"""What the tests on a real nats-server share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nats_server import NatsServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    """A running server with JetStream and nothing in it."""
    with NatsServer(tmp_path / "nats") as running:
        yield running
