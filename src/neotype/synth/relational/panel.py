"""A table of rows in an order as tables that belong to each other, and back.

What does not change within an owner moves up into a row of its own. Where there is no owner, owners
are dates, or an owner has very many rows, rows fall into blocks (days of hours), which follow each
other as rows do: with what a block is like on the whole, its seasons and slow trends are there
before its first row is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.encode.encoder import State
from neotype.errors import DataError, SchemaError
from neotype.schema.schema import (
    NUMBERED,
    Boolean,
    Categorical,
    Column,
    Datetime,
    Geo,
    Identifier,
    Numeric,
    Ordinal,
    Relationship,
    Schema,
    Table,
)
from neotype.schema.storage import storage_dtype
from neotype.synth.relational.blocks import Blocks
from neotype.synth.relational.clock import Clock, Ticks
from neotype.synth.relational.dates import Dates
from neotype.synth.relational.rising import firsts, in_turn, rising
from neotype.synth.relational.trend import Trend

Positions = NDArray[np.int64]
OWNER, BLOCK, EVENT = "owner", "block", "event"
_OWNER, _BLOCK, _AT, _MEAN, _MOST = "@owner", "@block", "@at", "@mean of ", "@most of "
_ABOVE = "@above the trend of "
KEYS = {OWNER: _OWNER, BLOCK: _BLOCK}
_KEY = Identifier(storage="Int64")
_LABELS = 8
"""Labels of a column up to which a block tells its commonest."""


@dataclass(frozen=True)
class Apart:
    """A table taken apart: rows in the order of owners and time, and whose each is."""

    frames: dict[str, pl.DataFrame]
    order: Positions
    """Which row of the table each event was."""


@dataclass(frozen=True)
class Panel:
    """Which column goes where. `above` do not change within an owner, `middle` within a block."""

    outer: Schema
    clock: Clock
    blocks: Blocks | None
    dates: Dates
    above: tuple[str, ...]
    middle: tuple[str, ...]
    means: tuple[str, ...]
    most: tuple[str, ...]
    trend: Trend | None
    """Of means of blocks."""
    distinct: bool
    """No two rows of an owner have one time."""

    @classmethod
    def learn(cls, data: Dataset) -> Self:
        """Look at the rows. DataError or SchemaError where they are in no order."""
        table, frame = data.table, data.frame
        _refuse_gaps(table, frame)
        clock = _clock(table, frame)
        dated = _dated(table, frame)
        owner = _owners(table, frame, single=dated is not None)
        ticks = clock.ticks(_axis(table, frame))
        blocks = Blocks.learn(clock, ticks, owner, dated, single=_single(table, dated))
        keys = owner if dated is None else dated.ticks(frame[str(table.entity)])
        pairs = pl.DataFrame({"a": keys, "b": ticks})
        free = [n for n in table.columns if n not in (table.entity, table.sequence)]
        calendar, stamps = (clock, ticks) if dated is None else (dated, keys)
        dates = Dates.learn(table, frame, free, calendar, stamps)
        free = [n for n in free if n not in dates.found]
        single = _single(table, dated)
        above = () if single else _steady(table, frame, owner, free)
        rest = [name for name in free if name not in above]
        middle: tuple[str, ...] = ()
        means: list[str] = []
        most: list[str] = []
        if blocks is not None:
            block = blocks.of(owner, ticks, _dates(table, frame, dated)).block
            middle = _steady(table, frame, block, rest)
            for name in rest:
                column = table.columns[name]
                if name in middle:
                    continue
                if isinstance(column, Numeric):
                    means.append(name)
                elif (
                    isinstance(column, Categorical | Ordinal | Boolean)
                    and frame[name].n_unique() <= _LABELS
                ):
                    most.append(name)
        distinct = pairs.n_unique() == pairs.height
        told = (above, middle, tuple(means), tuple(most))
        plain = cls(data.schema, clock, blocks, dates, *told, None, distinct)
        if not means:
            return plain
        block_rows = plain.apart(frame).frames[BLOCK]
        levels = {name: block_rows[_MEAN + name] for name in means}
        return replace(plain, trend=Trend.learn(block_rows[_AT], levels))

    @property
    def entity(self) -> str | None:
        """The column of the owner."""
        return self.outer.table.entity

    @property
    def sequence(self) -> str:
        """The column that orders rows."""
        return str(self.outer.table.sequence)

    @property
    def dated(self) -> Clock | None:
        """Of owners that are dates: their clock."""
        return None if self.blocks is None else self.blocks.dated

    @property
    def single(self) -> bool:
        """Whether all rows are one series."""
        return self.entity is None or self.dated is not None

    @property
    def events(self) -> tuple[str, ...]:
        """The columns that change from row to row."""
        gone = {self.entity, *self.above, *self.middle, *self.dates.found}
        return tuple(name for name in self.outer.columns if name not in gone)

    @property
    def inner(self) -> Schema:
        """The tables."""
        columns = {name: column.bare() for name, column in self.outer.columns.items()}
        own: dict[str, Column] = {_OWNER: _KEY}
        if not self.single:
            own[str(self.entity)] = _named(columns[str(self.entity)])
        own |= {name: columns[name] for name in self.above}
        tables = {OWNER: self._table(own, (_OWNER,), None)}
        ties = []
        tie, key = OWNER, _OWNER
        if self.blocks is not None:
            middle: dict[str, Column] = {_BLOCK: _KEY, _OWNER: _foreign()}
            middle[_AT] = self.blocks.column
            middle |= {name: columns[name] for name in self.middle}
            if self.trend is not None:
                middle |= {
                    _ABOVE + name: Numeric(storage="Float64", nullable=True) for name in self.means
                }
            middle |= {
                _MEAN + name: Numeric(storage="Float64", nullable=True) for name in self.means
            }
            middle |= {_MOST + name: columns[name] for name in self.most}
            tables[BLOCK] = self._table(middle, (_BLOCK,), _AT)
            ties.append(_tie(OWNER, _OWNER, BLOCK))
            tie, key = BLOCK, _BLOCK
        event: dict[str, Column] = {key: _foreign()}
        event |= {name: columns[name] for name in self.events}
        if self.blocks is not None or not isinstance(columns[self.sequence], Datetime | Numeric):
            event[self.sequence] = Numeric(subtype="integer", decimals=0, storage="Int64")
        tables[EVENT] = self._table(event, (key, self.sequence), self.sequence)
        ties.append(_tie(tie, key, EVENT))
        return Schema(tables=tables, relationships=tuple(ties))

    def _table(
        self, columns: dict[str, Column], key: tuple[str, ...], sequence: str | None
    ) -> Table:
        """A table with the constraints that are about its columns alone."""
        changed = {self.sequence} if self.blocks is not None else set()
        rules = tuple(
            rule
            for rule in self.outer.table.constraints
            if set(rule.about) <= set(columns) - changed - {self.entity}
        )
        return Table(columns=columns, primary_key=key, sequence=sequence, constraints=rules)

    def apart(self, frame: pl.DataFrame) -> Apart:
        """The rows of a table with these columns as tables."""
        table = self.outer.table
        _refuse_gaps(table, frame)
        owner = _owners(table, frame, single=self.single)
        ticks = self.clock.ticks(_axis(table, frame))
        if self.blocks is not None:
            found = self.blocks.of(owner, ticks, _dates(table, frame, self.dated))
            order = np.lexsort((ticks, found.block))
        else:
            order = np.lexsort((ticks, owner))
        frame, owner, ticks = frame[order], owner[order], ticks[order]
        first = firsts(owner)
        names = ([] if self.single else [str(self.entity)]) + list(self.above)
        own = frame[first].select(names).get_columns()
        frames = {OWNER: pl.DataFrame([pl.Series(_OWNER, owner[first]), *own])}
        event = frame.select(self.events)
        if self.blocks is None:
            event = event.with_columns(pl.Series(_OWNER, owner))
            if event[self.sequence].dtype != storage_dtype(self._event_time.storage):
                event = event.with_columns(pl.Series(self.sequence, ticks))
        else:
            block = found.block[order]
            offset = ticks - found.begin[block]
            event = event.with_columns(
                pl.Series(_BLOCK, block), pl.Series(self.sequence, offset, dtype=pl.Int64)
            )
            frames[BLOCK] = self._blocks(frame, owner, block, found.at)
        frames[EVENT] = event
        tables = self.inner.tables
        return Apart({n: f.select(list(tables[n].columns)) for n, f in frames.items()}, order)

    @property
    def _event_time(self) -> Column:
        return self.inner.tables[EVENT].columns[self.sequence]

    def _blocks(
        self, frame: pl.DataFrame, owner: Positions, block: Positions, at: pl.Series
    ) -> pl.DataFrame:
        """A row for each block, with what it is like on the whole."""
        first = firsts(block)
        lines = [
            pl.Series(_BLOCK, block[first]),
            pl.Series(_OWNER, owner[first]),
            at.alias(_AT),
            *frame[first].select(self.middle).get_columns(),
        ]
        found = pl.DataFrame(lines)
        if not self.means and not self.most:
            return found
        grouped = (
            frame.select(*self.means, *self.most)
            .with_columns(pl.Series(_BLOCK, block))
            .group_by(_BLOCK, maintain_order=True)
            .agg(
                *(
                    pl.col(name).cast(pl.Float64).fill_nan(None).mean().alias(_MEAN + name)
                    for name in self.means
                ),
                *(pl.col(name).mode().sort().first().alias(_MOST + name) for name in self.most),
            )
        )
        found = found.hstack(grouped.drop(_BLOCK))
        if self.trend is None:
            return found
        return found.with_columns(
            (found[_MEAN + name] - self.trend.at(name, at)).alias(_ABOVE + name)
            for name in self.means
        )

    def settled(self, blocks: pl.DataFrame) -> pl.DataFrame:
        """Drawn blocks, whose means are the trend and how far they lie above it."""
        if self.trend is None:
            return blocks
        return blocks.with_columns(
            (blocks[_ABOVE + name] + self.trend.at(name, blocks[_AT])).alias(_MEAN + name)
            for name in self.means
        )

    def whole(self, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """The inverse: rows in the table's columns, by owner and then by time."""
        event = frames[EVENT].with_row_index("@row")
        if self.blocks is not None:
            block = frames[BLOCK].select(_BLOCK, _OWNER, _AT, *self.middle)
            event = event.join(block, on=_BLOCK, how="left", maintain_order="left")
        event = event.join(frames[OWNER], on=_OWNER, how="left", maintain_order="left")
        # Keys are any numbers: owners stay in the order in which they were drawn.
        place = event[_OWNER].rank("min").to_numpy().astype(np.int64)
        place = in_turn(place)
        if self.blocks is None:
            ticks = self.clock.ticks(event[self.sequence]) if self._plain else None
            ticks = event[self.sequence].to_numpy() if ticks is None else ticks
            if self.distinct:
                ticks = rising(ticks, place)
        else:
            begin = self.blocks.begin(event[_AT])
            offset = event[self.sequence].to_numpy()
            group = in_turn(event[_BLOCK].to_numpy())
            low, high = self.blocks.room(begin)
            if self.distinct:
                offset = rising(offset, group, low, high)
            elif high is not None:
                offset = np.clip(offset, low, high)
            ticks = begin + offset
            if self.distinct and self.dated is None:
                ticks = rising(ticks, place)
        lines, calendar = [self._times(ticks)], (self.clock, ticks)
        if self.blocks is not None and self.dated is not None:
            names = self.blocks.names(event[_AT]).alias(str(self.entity))
            lines.append(names)
            calendar = (self.dated, self.dated.ticks(names))
        lines += self.dates.columns(self.outer.table, *calendar)
        event = event.with_columns(lines)
        order = np.lexsort((event["@row"].to_numpy(), ticks, place))
        if self.dated is not None:
            order = np.lexsort((event["@row"].to_numpy(), ticks, group, place))
        columns = self.outer.columns
        return event[order].select(
            pl.col(name).cast(storage_dtype(column.storage)) for name, column in columns.items()
        )

    @property
    def _plain(self) -> bool:
        return isinstance(self.outer.columns[self.sequence], Datetime | Numeric)

    def _times(self, ticks: Ticks) -> pl.Series:
        """Ticks as cells of the user's column."""
        column = self.outer.columns[self.sequence]
        if isinstance(column, Ordinal):
            values = list(column.values)
            places = np.clip(ticks, 0, len(values) - 1)
            return pl.Series(self.sequence, [values[place] for place in places])
        return self.clock.cells(ticks).alias(self.sequence)

    def state(self) -> State:
        """At rest."""
        names = ("above", "middle", "means", "most")
        facts: dict[str, Any] = {name: list(getattr(self, name)) for name in names}
        facts |= {"distinct": self.distinct, "dates": self.dates.facts()}
        facts["trend"] = None if self.trend is None else self.trend.facts()
        parts = {"clock": self.clock.state()}
        if self.blocks is not None:
            parts["blocks"] = self.blocks.state()
        return State.nest(facts, parts)

    @classmethod
    def restore(cls, state: State, schema: Schema) -> Self:
        """The inverse of `state`."""
        table = schema.table
        clock = Clock.restore(state.within("clock"), _ordering(table))
        blocks = None
        if "blocks" in state.facts:
            entity = None if table.entity is None else table.columns[table.entity]
            blocks = Blocks.restore(state.within("blocks"), clock, entity)
        names = ("above", "middle", "means", "most")
        above, middle, means, most = (tuple(state.fact(name)) for name in names)
        dates = Dates.restore(state.fact("dates"))
        trend = None if state.fact("trend") is None else Trend.restore(state.fact("trend"))
        told = (above, middle, means, most)
        return cls(schema, clock, blocks, dates, *told, trend, state.fact("distinct"))


def _tie(parent: str, key: str, child: str) -> Relationship:
    return Relationship(parent=parent, parent_key=(key,), child=child, child_key=(key,))


def _foreign() -> Identifier:
    return Identifier(storage="Int64", unique=False)


def _named(column: Any) -> Column:
    """An owner's column, issued anew and once."""
    if isinstance(column, NUMBERED):
        return column.model_copy(update={"unique": True, "nullable": False})
    whole = column.storage.startswith(("Int", "UInt")) or column.storage == "String"
    return Identifier(storage=column.storage if whole else "Int64")


def _single(table: Table, dated: Clock | None) -> bool:
    return table.entity is None or dated is not None


def _dated(table: Table, frame: pl.DataFrame) -> Clock | None:
    """The clock of owners that are dates."""
    if table.entity is None or not isinstance(table.columns[table.entity], Datetime):
        return None
    return Clock.learn(table.entity, table.columns[table.entity], frame[table.entity])


def _dates(table: Table, frame: pl.DataFrame, dated: Clock | None) -> Ticks | None:
    return None if dated is None else dated.ticks(frame[str(table.entity)])


def _owners(table: Table, frame: pl.DataFrame, *, single: bool) -> Positions:
    """The number of the owner of each row, in the order in which they come."""
    if single or table.entity is None:
        return np.zeros(frame.height, dtype=np.int64)
    return in_turn(frame[table.entity].rank("dense").to_numpy().astype(np.int64))


def _steady(
    table: Table, frame: pl.DataFrame, group: Positions, names: list[str]
) -> tuple[str, ...]:
    """The columns that never change within a group; a missing cell is a value like another."""
    if not names or not frame.height:
        return ()
    most = (
        frame.select(names)
        .with_columns(pl.Series("@group", group))
        .group_by("@group")
        .agg(pl.col(name).n_unique() for name in names)
        .select(pl.col(name).max() for name in names)
        .row(0, named=True)
    )
    steady = {name for name in names if most[name] == 1}
    for name in names:
        column = table.columns[name]
        if isinstance(column, Geo) and column.partner not in steady:
            steady.discard(name)
        if isinstance(column, Identifier) and column.unique:
            steady.discard(name)
    return tuple(name for name in names if name in steady)


def _ordering(table: Table) -> Any:
    """The column of the clock: the user's, or the places of its values."""
    column = table.columns[str(table.sequence)]
    if isinstance(column, Datetime | Numeric):
        return column
    return Numeric(subtype="integer", decimals=0, storage="Int64")


def _axis(table: Table, frame: pl.DataFrame) -> pl.Series:
    """The cells that order rows, as times or numbers."""
    name = str(table.sequence)
    column, cells = table.columns[name], frame[name]
    if isinstance(column, Ordinal):
        places = {value: place for place, value in enumerate(column.values)}
        return cells.replace_strict(places, default=None, return_dtype=pl.Int64)
    return cells.cast(pl.Int64) if not isinstance(column, Datetime | Numeric) else cells


def _clock(table: Table, frame: pl.DataFrame) -> Clock:
    name = str(table.sequence)
    column = table.columns[name]
    whole = column.storage.startswith(("Int", "UInt"))
    if isinstance(column, Datetime | Numeric | Ordinal) or whole:
        clock = Clock.learn(name, _ordering(table), _axis(table, frame))
        if clock is not None:
            return clock
        raise DataError(
            f"column '{name}' orders the rows, and some of its cells are no times or numbers.",
            mend="correct these cells, or leave their rows out",
        )
    raise SchemaError(
        f"column '{name}' is {column.kind}, which orders no rows.",
        mend="name a column of times, dates or numbers as sequence, or one of kind ordinal",
    )


def _refuse_gaps(table: Table, frame: pl.DataFrame) -> None:
    """DataError where a row has no owner or no place in the order."""
    findings = [
        f"column '{name}': {frame[name].null_count():,} of {frame.height:,} cells are missing, "
        f"and {what}"
        for name, what in ((table.entity, "nobody owns these rows"), (table.sequence, "it orders"))
        if name is not None and frame[name].null_count()
    ]
    if findings:
        raise DataError(
            "the rows have no order.",
            findings,
            mend="fill these cells or leave their rows out, or fit without entity and sequence",
        )
