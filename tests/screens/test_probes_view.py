"""Probed systems in the deck: with reasons in view 2, and in the detail with parts, facts, and when they were up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.model.broker import Connection, LinkState
from app.model.components import Component, ComponentKind
from app.model.findings import Finding, Severity
from app.model.health import Health
from app.model.probes import Probe, Table, Turn
from app.model.snapshot import Site, Snapshot
from tests.literals import NOW, ago, fleet, keyed
from tests.screens.driving import driving

AGENTS = Table(
    "Rows", ("name", "status", "last_seen"), tuple((f"agent-{n}", "online", "2026-11-22") for n in range(60))
)


def probed() -> list[Component]:
    turns = (Turn(ago(42), False, "connection refused"), Turn(ago(3600), True), Turn(ago(3660), False, "answers 503"))
    down = Probe(10.0, 5.0, failures=4, failing_since=ago(42), good_at=ago(52), error="connection refused", turns=turns)
    well = Probe(tables=(AGENTS,), expires=ago(-90 * 86400), error="no answer within 5 s", error_at=ago(600))
    return [
        Component(
            "probe:orders-api", ComponentKind.PROBE, "orders-api", Health.CRIT, "down", host="orders", since=ago(42),
            reason="connection refused", address="http://orders:8080/healthz", probe=down,
        ),
        Component(
            "probe:orders-api/db", ComponentKind.PROBE, "db", Health.STALE, "up", parent="probe:orders-api",
            since=ago(900),
        ),
        Component(
            "probe:mc-db", ComponentKind.PROBE, "mc-db", Health.OK, "ok", host="db-01", since=ago(3600),
            reason="60 rows: 60 online", latency=0.004, address="postgresql://db-01/mission_control", probe=well,
        ),
    ]  # fmt: skip


def scene() -> Snapshot:
    known = fleet()
    return replace(known, components={**known.components, **keyed(probed())})


async def test_they_stand_in_view_2_with_their_reasons() -> None:
    async with driving(scene()) as deck:
        await deck.burst("2/probe\r")
        line = deck.line_with("orders-api")
        assert line.startswith("✗")
        assert "down" in line
        assert "connection refus" in line
        assert deck.line_with("  db ").startswith("○")
        assert "60 rows: 60 onl" in deck.line_with("mc-db")


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (200, 50)])
async def test_the_detail_says_since_when_and_what_happened(size: tuple[int, int]) -> None:
    async with driving(scene(), size=size) as deck:
        await deck.burst("2/orders\r\r")
        assert "last well" in deck.text
        assert "4 looks in a row" in deck.text
        assert "✗ connection refused" in deck.text
        assert "● well again after 1m" in deck.text
        assert "✗ answers 503" in deck.text
        assert "Parts" in deck.text


async def test_facts_are_a_table_and_all_rows_can_be_reached() -> None:
    async with driving(scene()) as deck:
        await deck.burst("2/mc-db\r\r")
        assert "NAME     STATUS LAST_SEEN" in deck.text
        assert "agent-0  online 2026-11-22" in deck.text
        assert "no answer within 5 s (10m ago)" in deck.text
        assert "until 2027-02-20 14:05 UTC" in deck.text
        await deck.press("G")
        assert "agent-59 online 2026-11-22" in deck.text


async def test_hostile_facts_stay_in_their_cells() -> None:
    nasty = "漢" * 40
    table = Table("Rows", (nasty, "b" * 80, *"cdefghijklmnopqrst"), ((nasty, "x" * 80, *["y" * 80] * 18),) * 5, 1)
    component = replace(probed()[2], probe=Probe(tables=(table, Table("Empty"))))
    async with driving(replace(fleet(), components=keyed([component]))) as deck:
        await deck.burst("2")
        await deck.press("enter", "G")
        assert all(line.isprintable() for line in deck.lines)
        assert "no rows" in deck.text
        assert "there are more" in deck.text


async def test_without_nats_what_is_probed_is_seen_all_the_same() -> None:
    """The first minute's page gives way where there is something else to see."""
    finding = Finding(
        "probe.down|probe:orders-api", "probe.down", Severity.CRIT, "probe", "orders-api", "connection refused",
        ("component:probe:orders-api",), ago(42),
    )  # fmt: skip
    site = Site(connection=Connection(LinkState.DOWN, "nats://nats-1:4222", since=ago(60), error="connection refused"))
    snapshot = Snapshot("e", 1, NOW, site, findings=keyed([finding]), components=keyed(probed()))
    async with driving(snapshot) as deck:
        assert "orders-api" in deck.text
        assert "connection refused" in deck.line_with("orders-api")
        assert "2 Components" in deck.text
