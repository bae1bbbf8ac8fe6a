"""Every record survives the wire, with any values that its fields may hold."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.feed.assembler import Assembler
from app.feed.ledger import Ledger
from app.model.broker import Account, Cluster, Connection, Peer, ServerInfo, SourceLag, Tier
from app.model.findings import Evidence, Step
from app.model.fleet import Condition, SubComponent, TimelineEvent
from app.model.snapshot import SECTIONS, Count, Site, Snapshot, SourceState, Verdict

text = st.text(max_size=8)
NESTED = (
    Account, Cluster, Condition, Connection, Count, Evidence, Peer, ServerInfo, Site, SourceLag, SourceState, Step,
    SubComponent, Tier, TimelineEvent, Verdict,
)  # fmt: skip


def whole(record: type) -> st.SearchStrategy[Any]:
    """Any value of a record, every field drawn."""
    hints = get_type_hints(record)
    return st.builds(record, **{field.name: st.from_type(hints[field.name]) for field in fields(record)})


st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
for nested in NESTED:
    st.register_type_strategy(nested, whole)

relaxed = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("section", SECTIONS)
@relaxed
@given(data=st.data())
def test_every_record_comes_through_as_it_was(section: str, data: st.DataObject) -> None:
    record = data.draw(whole(SECTIONS[section]))
    ledger, assembler = Ledger(), Assembler()
    ledger.update(Snapshot(epoch="e", seq=1, **{section: {record.key: record}}))
    assembler.take(assembler.read(ledger.answer(None, {section}), {section}))
    assert assembler.snapshot.section(section) == {record.key: record}


@relaxed
@given(
    site=whole(Site),
    sources=st.dictionaries(text, whole(SourceState), max_size=3),
    verdict=whole(Verdict),
    counts=st.dictionaries(text, whole(Count), max_size=3),
)
def test_the_head_comes_through_as_it_was(site: Site, sources: Any, verdict: Verdict, counts: Any) -> None:
    at = datetime(2026, 11, 22, 14, tzinfo=UTC)
    ledger, assembler = Ledger(), Assembler()
    ledger.update(Snapshot("e", 7, at, site=site, sources=sources, verdict=verdict, counts=counts))
    assembler.take(assembler.read(ledger.answer(None, ()), ()))
    known = assembler.snapshot
    assert (known.epoch, known.seq, known.at, known.site, known.sources, known.verdict, known.counts) == (
        ("e", 7, at, site, sources, verdict, counts)
    )
