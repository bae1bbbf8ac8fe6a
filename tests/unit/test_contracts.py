"""The contracts about who may import what name every dependency there is: none slips in by not being listed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
IMPORTED_AS = {
    "nats-py": "nats",
    "prometheus-client": "prometheus_client",
    "pynacl": "nacl",
    "backports.zstd": "backports",
}
"""Packages whose import is called something else."""
ALLOWED = {
    "Widgets know nothing of watchdeck, only Textual, Rich and the standard library": {"textual"},
    "The vocabulary needs nothing but the standard library": set(),
}


def dependencies() -> set[str]:
    """What the program depends on directly, as it is imported."""
    names = [re.split(r"[\[<>=;! ]", line, maxsplit=1)[0] for line in PYPROJECT["project"]["dependencies"]]
    return {IMPORTED_AS.get(name, name) for name in names}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_contract_that_forbids_all_others_names_them_all(name: str) -> None:
    (contract,) = (each for each in PYPROJECT["tool"]["importlinter"]["contracts"] if each["name"] == name)
    assert dependencies() - ALLOWED[name] - set(contract["forbidden_modules"]) == set()
