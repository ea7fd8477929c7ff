"""Rules about several rows: none twice, one owner's alike, one's end the start of the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from neotype.constraints.combinations import Joined, kept_facts
from neotype.constraints.joined import labels
from neotype.errors import DataError, SchemaError
from neotype.schema.constraint import Columns, Constraint, Redraw, Rule
from neotype.schema.schema import NUMBERED, Geo

_PATIENCE = 10
"""How often in a row a redraw may find nothing new before it is given up."""
_POOL = 8192
"""Rows that are drawn at once where few are wanted: they cost no more."""
_DEAR = 64
"""The same, at first, where every row costs."""
_ENTITIES = 256
"""Rows of an entity that are drawn one after the other; beyond them cells are only set."""
_UNSAID = ("identifier", "personal", "text", "json")
"""Kinds whose made cells are taken over as they are: no model can be asked for them."""


class Unique(Constraint):
    """No two rows are equal in all of `columns`. As in SQL, a missing cell equals nothing."""

    type: Literal["Unique"] = "Unique"
    columns: tuple[str, ...] = Field(min_length=1)

    @property
    def about(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    @property
    def title(self) -> str:
        """With the columns."""
        return f"Unique({', '.join(self.columns)})"

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule; an identifier of its own makes every row different."""
        numbered = [columns[name] for name in self.columns]
        if any(isinstance(one, NUMBERED) and one.unique and not one.nullable for one in numbered):
            return _Numbered(self)
        return _Distinct(self)


@dataclass(frozen=True)
class _Distinct(Rule):
    """Rows that repeat an earlier one are drawn again; of twins, one that can be changed."""

    constraint: Unique
    patience: int = _PATIENCE
    least: float = 0.0
    """A redraw that mends no more than this share of the twins has found nothing."""
    whole: ClassVar[bool] = True
    parts_obey: ClassVar[bool] = True

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        names = list(self.constraint.columns)
        gap = pl.any_horizontal(pl.col(name).is_null() for name in names)
        first = pl.struct(names).is_first_distinct()
        return frame.select((gap | first).alias("holds")).to_series()

    def mend(self, frame: pl.DataFrame, redraw: Redraw) -> pl.DataFrame:
        idle, pool = 0, _DEAR if redraw.dear else _POOL
        # the rows that cannot be changed come first, so that none of them is the later twin
        settled = redraw.settled(frame.height, self.constraint.columns)
        order = np.argsort(~settled, kind="stable")
        while idle < self.patience:
            again = np.sort(order[(~self.holds(frame[order])).to_numpy()])
            if not len(again):
                break
            many = np.repeat(again, max(1, pool // len(again)))
            made = redraw(frame, many)
            frame, found = self._placed(frame, made, many, again)
            idle = 0 if found > self.least * len(again) else idle + 1
            pool = pool if found else min(2 * pool, _POOL)
        return frame

    def _placed(
        self,
        frame: pl.DataFrame,
        made: pl.DataFrame,
        places: NDArray[np.integer[Any]],
        again: NDArray[np.integer[Any]],
    ) -> tuple[pl.DataFrame, int]:
        """The frame with the made rows that repeat none of it, and how many those are."""
        keys = [labels(one, self.constraint.columns) for one in (frame, made)]
        gaps = made.select(pl.any_horizontal(pl.col(c).is_null() for c in self.constraint.columns))
        fresh = pl.DataFrame(
            {
                "key": keys[1],
                "gap": gaps.to_series(),
                "place": places,
                "row": np.arange(len(places)),
            }
        )
        fresh = fresh.filter(pl.col("gap") | ~pl.col("key").is_in(keys[0].implode()))
        fresh = fresh.unique("place", keep="first", maintain_order=True)
        fresh = fresh.filter(pl.col("gap") | pl.col("key").is_first_distinct())
        index = np.arange(frame.height)
        index[fresh["place"].to_numpy()] = frame.height + fresh["row"].to_numpy()
        return pl.concat([frame, made])[index], fresh.height


@dataclass(frozen=True)
class _Numbered(_Distinct):
    """Rows have identifiers of their own, so that none can repeat, whichever part is looked at."""

    whole: ClassVar[bool] = False


class DenormalizedTable(Constraint):
    """`columns` are the same in all rows of one `key`, as name and city are of a customer.

    Where keys are few, the values are told together, as with FixedCombinations. Where they are
    made anew or rare, each key's first row decides, and its other rows are drawn given that. Rows
    without a key have nothing in common.
    """

    type: Literal["DenormalizedTable"] = "DenormalizedTable"
    key: str
    columns: tuple[str, ...] = Field(min_length=1)

    @property
    def about(self) -> tuple[str, ...]:
        """The key, then the columns."""
        return (self.key, *self.columns)

    @property
    def title(self) -> str:
        """With the dependency."""
        return f"DenormalizedTable({self.key}: {', '.join(self.columns)})"

    def learn(self, columns: Columns, frame: pl.DataFrame, *, protect: int) -> Rule:
        """The combinations, where nearly all rows have one of `protect` rows or more."""
        rule = self.restore({}, columns)
        told = [columns[name] for name in self.about]
        plain = not any(one.kind in _UNSAID or one.storage == "Binary" for one in told)
        halves = any(isinstance(one, Geo) and one.partner not in self.about for one in told)
        if not plain or halves or frame[self.key].null_count() or not rule.holds(frame).all():
            return rule
        found = labels(frame, self.about).value_counts(name="rows").sort(pl.first())
        kept = found.filter(pl.col("rows") >= protect)
        if kept["rows"].sum() < 0.9 * frame.height:
            return rule
        return self.restore(kept_facts(found, kept), columns)

    def declare(self, columns: Columns) -> Rule:
        """Each key's first made row decides: which keys there are is not read."""
        return self.restore({}, columns)

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule."""
        if len(set(self.about)) < len(self.about):
            raise SchemaError(f"constraint {self.title} names a column twice.")
        if isinstance(columns[self.key], NUMBERED) and columns[self.key].unique:
            raise SchemaError(
                f"constraint {self.title}: every row has its own '{self.key}', so that it says "
                "nothing.",
                mend="take the constraint out, or set unique: false on the column",
            )
        if "kept" in facts:
            return Joined.of(self, columns, facts)
        return _Alike(self, columns)


@dataclass(frozen=True)
class _Alike(Rule):
    """The first row of a key decides for the others."""

    constraint: DenormalizedTable
    columns: Columns
    whole: ClassVar[bool] = True
    parts_obey: ClassVar[bool] = True

    def _first(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        """For each row, the first row of its key."""
        rows = pl.Series("row", np.arange(frame.height))
        keyed = frame[self.constraint.key].alias("key").to_frame().with_columns(rows)
        key = pl.col("key")
        first = pl.when(key.is_null()).then("row").otherwise(pl.col("row").first().over(key))
        return keyed.select(first.alias("first")).to_series().to_numpy()

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        cells = frame.select(self.constraint.columns)
        first = cells[self._first(frame)]
        same = [cells[name].eq_missing(first[name]).alias(name) for name in cells.columns]
        return pl.DataFrame(same).select(pl.all_horizontal(pl.all()).alias("holds")).to_series()

    def mend(self, frame: pl.DataFrame, redraw: Redraw) -> pl.DataFrame:
        rows = (~self.holds(frame)).arg_true().to_numpy()
        about = list(self.constraint.about)
        cells = frame.select(about)[self._first(frame)[rows]]
        said = [name for name in about if self.columns[name].kind not in _UNSAID]
        made = drawn(frame, rows, cells.select(said), redraw).with_columns(cells)
        return replaced_rows(frame, redraw.renew(made), rows)


class CarryOverColumns(Constraint):
    """The next row's `to_column` is this row's `from_column`: an opening balance is the closing
    balance before it. Rows follow each other by `order_by` (their place in the table, if unsaid)
    among those of one `within` (the whole table, if unsaid). A missing cell breaks nothing.
    """

    type: Literal["CarryOverColumns"] = "CarryOverColumns"
    from_column: str
    to_column: str
    within: str | None = None
    order_by: str | None = None

    @property
    def about(self) -> tuple[str, ...]:
        """The columns, and those that order the rows."""
        named = (self.from_column, self.to_column, self.within, self.order_by)
        return tuple(name for name in named if name is not None)

    def restore(self, facts: Mapping[str, Any], columns: Columns) -> Rule:
        """The rule."""
        one, two = columns[self.from_column], columns[self.to_column]
        if self.from_column == self.to_column:
            raise SchemaError(f"constraint {self.title} carries '{self.to_column}' to itself.")
        if one.storage != two.storage:
            raise SchemaError(
                f"constraint {self.title} carries {one.storage} into '{self.to_column}' of "
                f"{two.storage}.",
                mend="give both columns the same storage",
            )
        return _Carried(self, columns)


@dataclass(frozen=True)
class _Carried(Rule):
    """Rows are drawn one after the other, each given what it is handed."""

    constraint: CarryOverColumns
    columns: Columns
    whole: ClassVar[bool] = True

    def _turns(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`row` and the row `before` it (null for a first one), and its `turn`, in order."""
        asked = self.constraint
        keys = [
            pl.lit(0).alias("owner")
            if asked.within is None
            else pl.col(asked.within).alias("owner"),
            pl.lit(0).alias("at") if asked.order_by is None else pl.col(asked.order_by).alias("at"),
        ]
        lined = frame.select(*keys, pl.int_range(pl.len(), dtype=pl.Int64).alias("row"))
        if asked.within is not None:
            lined = lined.drop_nulls("owner")
        lined = lined.sort("owner", "at", "row", maintain_order=True)
        return lined.select(
            "row",
            pl.col("row").shift(1).over("owner").alias("before"),
            pl.int_range(pl.len()).over("owner").alias("turn"),
        )

    def holds(self, frame: pl.DataFrame) -> pl.Series:
        turns = self._turns(frame).drop_nulls("before")
        given = frame[self.constraint.from_column].gather(turns["before"])
        has = frame[self.constraint.to_column].gather(turns["row"])
        good = np.ones(frame.height, dtype=np.bool_)
        good[turns["row"].to_numpy()] = (has == given).fill_null(True).to_numpy()
        return pl.Series("holds", good)

    def mend(self, frame: pl.DataFrame, redraw: Redraw) -> pl.DataFrame:
        asked = self.constraint
        places = [name for name in (asked.within, asked.order_by) if name is not None]
        keep = [name for name in places if self.columns[name].kind not in _UNSAID]
        turns = self._turns(frame).drop_nulls("before")
        alone = bool((turns["turn"] >= _ENTITIES).any())
        for (_,), here in turns.sort("turn").group_by("turn", maintain_order=True):
            given = frame[asked.from_column].gather(here["before"]).alias(asked.to_column)
            rows = here["row"].to_numpy()[given.is_not_null().to_numpy()]
            given = given.drop_nulls()
            old = frame[rows]
            wrong = (old[asked.to_column] != given).fill_null(True).to_numpy()
            rows, given, old = rows[wrong], given.filter(wrong), old.filter(wrong)
            if not len(rows):
                continue
            made = old
            if not alone:
                cells = old.select(keep).with_columns(given)
                made = drawn(frame, rows, cells, redraw).with_columns(old.select(places))
            frame = replaced_rows(frame, redraw.renew(made.with_columns(given)), rows)
        return frame


def drawn(
    frame: pl.DataFrame, rows: NDArray[np.int64], cells: pl.DataFrame, redraw: Redraw
) -> pl.DataFrame:
    """New rows given `cells`; the rows as they are where no model can be asked for such cells."""
    try:
        return redraw(frame, rows, cells)
    except DataError:
        return frame[rows]


def replaced_rows(frame: pl.DataFrame, made: pl.DataFrame, rows: NDArray[np.int64]) -> pl.DataFrame:
    """`frame` with `made` in the place of `rows`."""
    index = np.arange(frame.height)
    index[rows] = frame.height + np.arange(len(rows))
    return pl.concat([frame, made.select(frame.columns)])[index]
