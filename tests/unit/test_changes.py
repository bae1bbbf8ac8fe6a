"""What is new of a table is what a look at each row finds, however rows come, go and change places."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.model.changes import Changes

KEYS = [f"row {number}" for number in range(6)]
ROWS = [[number] for number in range(3)]  # equal ones are not the same one
TABLES = st.lists(
    st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(ROWS)), unique_by=lambda pair: pair[0]).map(dict),
    max_size=8,
)


@given(TABLES)
def test_any_tables_one_after_another(tables: list[dict[str, list[int]]]) -> None:
    changes: Changes[list[int]] = Changes()
    before: dict[str, list[int]] = {}
    for table in tables:
        changed, gone = changes.of(table)
        assert sorted(changed) == sorted(key for key in table if table[key] is not before.get(key))
        assert len(changed) == len(set(changed))
        assert set(gone) == before.keys() - table.keys()
        before = table


@given(TABLES)
def test_rows_that_are_changed_in_place_and_appended(tables: list[dict[str, list[int]]]) -> None:
    changes: Changes[list[int]] = Changes()
    table: dict[str, list[int]] = {}
    changes.of(table)
    for more in tables:
        before, table = table, {**table, **more}
        changed, gone = changes.of(table)
        assert changed == [key for key in table if table[key] is not before.get(key)]
        assert not gone


def test_the_same_table_is_not_looked_at() -> None:
    changes: Changes[list[int]] = Changes()
    table = {"a": [1]}
    assert changes.of(table) == (["a"], ())
    table["b"] = [2]  # a table that was given is not changed any more: nobody looks
    assert changes.of(table) == ([], ())
