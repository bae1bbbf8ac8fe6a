"""A few whole screens as pictures, to see in a review what a change does to them.

`pytest tests/screens/test_pictures.py --snapshot-update` draws them anew.
"""

from __future__ import annotations

import re

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.types import SerializableData

from tests.literals import fleet
from tests.screens.driving import driving


class Picture(SingleFileSnapshotExtension):
    """An SVG a file, without the number that differs from one drawing to the next."""

    _write_mode = WriteMode.TEXT
    file_extension = "svg"

    def serialize(self, data: SerializableData, **_: object) -> str:
        return re.sub(r"terminal-\d+", "terminal", str(data)) + "\n"


PICTURES = {
    "overview-80": ((80, 24), ()),
    "overview-120": ((120, 30), ()),
    "overview-40": ((40, 10), ()),
    "agents-80": ((80, 24), ("6",)),
    "agent-100": ((100, 30), ("6", "enter")),
    "finding-80": ((80, 24), ("j", "enter")),
}


@pytest.mark.parametrize("name", PICTURES)
async def test_the_screen_looks_as_it_did(name: str, snapshot: SnapshotAssertion) -> None:
    size, keys = PICTURES[name]
    async with driving(fleet(), size=size) as deck:
        await deck.press(*keys)
        assert deck.app.export_screenshot(simplify=True) == snapshot(extension_class=Picture)
