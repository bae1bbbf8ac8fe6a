"""View: what a list of one resource is made of. Screens are driven by it and know no resource themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, overload

from app.model.health import Health
from app.model.snapshot import Capability
from app.tui.picture import Picture, Standing, Times
from widgets.columns import Align, Cell, Column, MadeCells, Row

TIME_WIDTH = 8
"""Cells of a column of times while they are written out: `14:05:31`."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column and how its cell is made. `needs` leaves it out where the capability is missing; `times` marks a
    column that follows the choice between age, UTC and local; `words` one of figures that may hold words too."""

    column: Column
    cell: Callable[[Any, Picture], Cell]
    needs: Capability | None = None
    times: bool = False
    words: bool = False


GLYPH = Field(Column("glyph", "", 1), lambda record, picture: Cell(""))
"""The first field of nearly every view; what stands in it is the row's standing."""


class RecordCells(MadeCells):
    """The cells of one record, each made from the picture of the moment when it is asked for."""

    __slots__ = ("_fields", "_names", "_picture", "_record", "_standing", "_words")

    def __init__(
        self,
        record: Any,
        standing: Standing,
        fields: Sequence[Field],
        picture: Picture,
        names: Callable[[Any, Picture], str],
    ) -> None:
        self._record = record
        self._standing = standing
        self._fields = fields
        self._picture = picture
        self._names = names
        self._words = ""

    def __len__(self) -> int:
        return len(self._fields)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Cell, ...]: ...
    def __getitem__(self, index: int | slice) -> Cell | tuple[Cell, ...]:
        if isinstance(index, slice):
            return tuple(self[at] for at in range(*index.indices(len(self._fields))))
        if index == 0 and self._fields[0].column.id == "glyph":
            health = self._standing.health
            return Cell(health.glyph, self._standing.rank, health.value)
        return self._fields[index].cell(self._record, self._picture)

    def words(self) -> str:
        """Its names, and what stands in columns of text: a figure is found by a comparison.

        Made once, for the next letter that is typed.
        """
        if not self._words:
            self._words = self._found_by()
        return self._words

    def _found_by(self) -> str:
        record, picture = self._record, self._picture
        parts = [self._names(record, picture)]
        for field in self._fields[1:]:
            if field.words or field.column.align is Align.LEFT:
                cell = field.cell(record, picture)
                value = cell.sort
                if type(value) is int or type(value) is float:
                    continue
                parts.append(cell.text)
                if type(value) is str and value != cell.text:
                    parts.append(value)
        return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class View:
    """A list of one resource.

    `section` names the snapshot's table it lists, `sections` all that its rows are made from, `sources` those whose
    failure makes it stale. `kind` is the first half of a row's ref (`stream:JOBS`). `nouns` are singular and plural.
    Rows of `guests`, other kinds in the same list, have their ref as their key. `reverse`: the sorting column runs
    against its own direction. `tally` says in a title how the rows stand, where that is not told by their health.
    `follows`: the list can be made to stay at its newest row. `looks`: what the worker is told that is looked at,
    besides the rows. `stands_for`: what other keys than Enter are about, if not the row itself. A view of several lists
    is the first of them, with the `others`; `called` is what each goes by.
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
    reverse: bool = False
    guests: frozenset[str] = frozenset()
    listed: Callable[[Picture], Mapping[str, Any]] | None = None
    key_of: Callable[[Any], str] = attrgetter("key")
    tally: Callable[[Picture], tuple[tuple[str, str], ...]] | None = None
    lacks: Callable[[Picture], str] = lambda picture: ""  # the one line of what would fill it, where nothing can
    follows: bool = False
    called: str = ""  # its name among the lists of its view
    others: tuple[View, ...] = ()  # further lists under the same number
    looks: Callable[[Picture], str] = lambda picture: ""
    target: Callable[[str, Picture], str] | None = None  # where Enter leads from a row, if not to the row itself
    stands_for: Callable[[str, Picture], str] | None = None

    @property
    def lists(self) -> tuple[View, ...]:
        """The lists of the view, itself first."""
        return (self, *self.others)

    def offered(self, picture: Picture) -> tuple[View, ...]:
        """Those of its lists that are not empty, as far as is known; itself where all are."""
        return tuple(each for each in self.lists if each.size(picture)) or (self,)

    def size(self, picture: Picture) -> int:
        """How many rows it has, as far as is known: also while its sections are not asked for."""
        count = picture.snapshot.counts.get(self.section)
        return count.total if count is not None else len(picture.snapshot.section(self.section))

    def records(self, picture: Picture) -> Mapping[str, Any]:
        """Its rows' records by row key."""
        return picture.snapshot.section(self.section) if self.listed is None else self.listed(picture)

    def ref(self, key: str) -> str:
        return key if self.guests and key.partition(":")[0] in self.guests else f"{self.kind}:{key}"

    def about(self, key: str, picture: Picture) -> str:
        """The ref that is looked into, acknowledged or acted on from a row."""
        return self.ref(key) if self.stands_for is None else self.stands_for(key, picture)

    def leads_to(self, key: str, picture: Picture) -> str:
        """The ref that Enter on a row opens; empty if there is nothing behind it."""
        return self.ref(key) if self.target is None else self.target(key, picture)

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
        """A record as a row; its cells are made when somebody looks."""
        standing = self.standing(record, picture)
        last = self.last(record, picture)
        return Row(
            self.key_of(record),
            RecordCells(record, standing, fields, picture, self.names),
            standing.rank,
            standing.fault,
            self.hidden(record, picture),
            last or standing.health is Health.STALE,
            last,
        )
