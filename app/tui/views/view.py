"""View: what a list of one resource is made of. Screens are driven by it and know no resource themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.model.health import Health
from app.model.snapshot import Capability
from app.tui.picture import Picture, Standing, Times
from widgets.columns import Cell, Column, Row

TIME_WIDTH = 8
"""Cells of a column of times while they are written out: `14:05:31`."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column and how its cell is made. `needs` leaves it out where the capability is missing; `times` marks a
    column that follows the choice between age, UTC and local."""

    column: Column
    cell: Callable[[Any, Picture], Cell]
    needs: Capability | None = None
    times: bool = False


GLYPH = Field(Column("glyph", "", 1), lambda record, picture: Cell(""))
"""The first field of every view; what stands in it is the row's standing."""


@dataclass(frozen=True, slots=True)
class View:
    """A list of one resource.

    `section` names the snapshot's table it lists, `sections` all that its rows are made from, `sources` those whose
    failure makes it stale. `kind` is the first half of a row's ref (`stream:JOBS`). `nouns` are singular and plural.
    """

    id: str
    number: str
    title: str
    kind: str
    nouns: tuple[str, str]
    section: str
    sections: frozenset[str]
    sources: tuple[str, ...]
    fields: tuple[Field, ...]
    sort: str
    standing: Callable[[Any, Picture], Standing]
    names: Callable[[Any, Picture], str]  # real names, labels: what a filter finds besides the cells
    copy: Callable[[Any], str]
    hidden: Callable[[Any, Picture], bool] = lambda record, picture: False
    last: Callable[[Any, Picture], bool] = lambda record, picture: False
    empty: str = ""

    def records(self, picture: Picture) -> Mapping[str, Any]:
        return picture.snapshot.section(self.section)

    def ref(self, key: str) -> str:
        return f"{self.kind}:{key}"

    def layout(
        self, picture: Picture, *, chosen: Sequence[str] = (), without: Collection[str] = ()
    ) -> tuple[Field, ...]:
        """The fields there are here and now: by capability, by what the list is of, and by the user's choice."""
        fields = [
            field
            for field in self.fields
            if field.column.id not in without and (field.needs is None or picture.has(field.needs))
        ]
        if chosen:
            wanted = {name: place for place, name in enumerate(["glyph", *chosen])}
            fields = sorted(
                (
                    replace(field, column=replace(field.column, priority=1))
                    for field in fields
                    if field.column.id in wanted
                ),
                key=lambda field: wanted[field.column.id],
            )
        if picture.times is not Times.AGE:
            fields = [
                replace(field, column=replace(field.column, width=max(TIME_WIDTH, field.column.width)))
                if field.times
                else field
                for field in fields
            ]
        return tuple(fields)

    def row(self, record: Any, fields: Sequence[Field], picture: Picture) -> Row:
        """A record as a row. The first cell is the glyph of its standing, whatever the fields are."""
        standing = self.standing(record, picture)
        last = self.last(record, picture)
        health = standing.health
        return Row(
            key=record.key,
            cells=(
                Cell(health.glyph, standing.rank, health.value),
                *[field.cell(record, picture) for field in fields[1:]],
            ),
            rank=standing.rank,
            fault=standing.fault,
            hidden=self.hidden(record, picture),
            dim=last or health is Health.STALE,
            last=last,
            search=self.names(record, picture),
        )
