"""Rows of a database that break a rule, drawn again: below the same owner, at the same place.

Keys that are content (a season and a team, a bill and the number of its line) differ in all rows;
rules about rows hold in all rows. What drawing again does not mend gets free numbers, and what
that does not mend either is a SamplingError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.constraints.keys import Unique
from neotype.errors import DataError, SamplingError
from neotype.rng import Rng
from neotype.schema.constraint import Rule
from neotype.schema.schema import Datetime, Table
from neotype.schema.temporal import parse

Positions = NDArray[np.int64]
Draw = Callable[[Positions, Rng], pl.DataFrame]
"""New rows for these positions, which may repeat."""
_ROUNDS, _TRIES, _POOL = 4, 12, 2048
_HASTE, _LEAST = 2, 0.05
"""Of a key of which a number can go on: how often in a row less than this share of the rows that
are lacking may be found."""
_YEAR_2000 = 10_957
"""Its first day, as days are counted."""


@dataclass
class Again:
    """Draws rows of a table again, each time from a stream of its own; some columns stay."""

    dear: ClassVar[bool] = True

    draw: Draw
    rng: Rng
    stays: frozenset[str]
    following: Callable[[pl.DataFrame], pl.DataFrame]
    turn: int = field(default=0)
    slow: bool = False
    """Whether a new row takes a long history to be drawn: what numbers can mend, they do."""

    def __call__(
        self, frame: pl.DataFrame, rows: Positions, cells: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """A new row for each of these positions, with what stays."""
        if cells is not None:
            raise DataError("rows below owners are not drawn for certain cells.")
        made = self.draw(rows, self.rng.block(self.turn))
        self.turn += 1
        new = [c for c in made.columns if c in frame.columns and c not in self.stays]
        cast = [made[c].cast(frame[c].dtype) for c in new]
        return frame[rows].with_columns(cast)

    def renew(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows in which cells were changed, with what follows from those."""
        return self.following(frame)

    def settled(self, rows: int, columns: tuple[str, ...]) -> NDArray[np.bool_]:
        """None is known before."""
        return np.zeros(rows, dtype=np.bool_)


def settled(
    name: str,
    table: Table,
    frame: pl.DataFrame,
    keys: Sequence[tuple[str, ...]],
    rules: Sequence[Rule],
    again: Again,
) -> pl.DataFrame:
    """The frame, its keys all different and its rules kept; SamplingError where it cannot be."""
    distinct = [Unique(columns=key).restore({}, table.columns) for key in keys]
    frame = _filled(frame, table, again.stays)
    for turn in range(_ROUNDS):
        broken = False
        for rule in rules:
            if not rule.holds(frame).all():
                broken = True
                frame = rule.mend(frame, again) if rule.whole else _mended(frame, rules, again)
        for rule in distinct:
            if not rule.holds(frame).all():
                broken = True
                key = rule.constraint.columns
                # A row drawn again may repeat another key: in the end only numbers help.
                counts = bool(_whole(frame, key, again.stays))
                if turn < _ROUNDS - 1 and not (again.slow and counts):
                    hasty: Any = rule
                    hasty = replace(hasty, patience=_HASTE, least=_LEAST) if counts else rule
                    frame = _filled(hasty.mend(frame, again), table, again.stays)
                frame = numbered(frame, table, key, again.stays)
                frame = relabelled(frame, table, key, again.stays)
        if not broken:
            return frame
    short = [
        f"{rule.constraint.title}: {int((~holds).sum()):,} rows of {frame.height:,}"
        for rule in (*rules, *distinct)
        for holds in (rule.holds(frame),)
        if not holds.all()
    ]
    if short:
        raise SamplingError(
            f"{frame.height:,} rows of table '{name}' break its rules, and drawing them again did "
            "not help.",
            found="\n  ".join(short),
            mend="ask for fewer rows, or take the constraint out; a column of a key that may hold "
            "new values can be declared kind: identifier",
        )
    return frame


def _mended(frame: pl.DataFrame, rules: Sequence[Rule], again: Again) -> pl.DataFrame:
    """Rows that break a rule by themselves replaced by the first that break none."""
    alone = [rule for rule in rules if not rule.whole]
    for _ in range(_TRIES):
        wrong = np.flatnonzero(~_good(frame, alone))
        if not len(wrong):
            break
        many = np.repeat(wrong, max(1, min(64, _POOL // len(wrong))))
        made = again.renew(again(frame, many))
        fine = np.flatnonzero(_good(made, alone))
        places, first = np.unique(many[fine], return_index=True)
        index = np.arange(frame.height)
        index[places] = frame.height + fine[first]
        frame = pl.concat([frame, made])[index]
    return frame


def _good(frame: pl.DataFrame, rules: Sequence[Rule]) -> NDArray[np.bool_]:
    good = np.ones(frame.height, dtype=np.bool_)
    for rule in rules:
        good &= rule.holds(frame).to_numpy()
    return good


def numbered(
    frame: pl.DataFrame, table: Table, key: Sequence[str], stays: frozenset[str]
) -> pl.DataFrame:
    """Rows that repeat a key with a number or day of it that is free: a gap, or the next beyond."""
    days = {c: form for c in key if (form := _form(table.columns[c], frame[c])) is not None}
    if days:
        read = frame.with_columns(parse(frame[c], form, "date") for c, form in days.items())
        told = numbered(read, table, key, stays)
        return told.with_columns(told[c].dt.to_string(form) for c, form in days.items())
    again = frame.select(~pl.struct(key).is_first_distinct() & ~_gap(key)).to_series()
    whole = _whole(frame, key, stays)
    if not again.any() or not whole:
        return frame
    column = max(whole, key=lambda c: frame[c].n_unique())
    cells = frame[column].to_physical().cast(pl.Int64).to_numpy().copy()
    others = [c for c in key if c != column]
    group = np.zeros(frame.height, dtype=np.int64)
    if others:
        group = frame.select(pl.struct(others).rank("dense")).to_series().cast(pl.Int64).to_numpy()
    known = np.unique(cells[frame[column].is_not_null().to_numpy()])
    step = int(np.gcd.reduce(np.diff(known))) if len(known) > 1 else 1
    wrong = again.arg_true().to_numpy()
    concerned = np.flatnonzero(np.isin(group, group[wrong]))
    taken: dict[int, set[int]] = {}
    for row in concerned:
        taken.setdefault(int(group[row]), set()).add(int(cells[row]))
    low, high = int(known[0]), int(known[-1])
    reached: dict[int, int] = {}
    for row in wrong:
        used = taken[int(group[row])]
        near = reached.get(int(group[row]), low)
        while near in used:
            near += step
        used.add(near)
        reached[int(group[row])] = near
        cells[row] = near
    top = getattr(table.columns[column], "maximum", None)
    if top is not None and cells.max() > max(top, high):
        return frame
    made = pl.Series(column, cells)
    physical = frame[column].to_physical().dtype
    return frame.with_columns(made.cast(physical).cast(frame[column].dtype))


def _form(column: Any, cells: pl.Series) -> str | None:
    """The format of days that are text; None of any other column."""
    day = isinstance(column, Datetime) and column.part == "date"
    return column.format if day and cells.dtype == pl.String else None


def relabelled(
    frame: pl.DataFrame, table: Table, key: Sequence[str], stays: frozenset[str]
) -> pl.DataFrame:
    """Rows that repeat a key with a text of it that is new: the same, and a number.

    Texts may be new anywhere, labels only in a primary key: a table of more rows than there are
    labels has others.
    """
    again = frame.select(~pl.struct(key).is_first_distinct() & ~_gap(key)).to_series()
    kinds = {"text", "categorical"} if tuple(key) == table.primary_key else {"text"}
    free = [c for c in key if c not in stays and frame[c].dtype == pl.String]
    free = [c for c in free if table.columns[c].kind in kinds and not _closed(table, c)]
    if not again.any() or not free:
        return frame
    column = max(free, key=lambda c: (table.columns[c].kind == "text", frame[c].n_unique()))
    rows, cells = frame.select(key).rows(), frame[column].to_list()
    taken = set(rows)
    place = list(key).index(column)
    count: dict[tuple[object, ...], int] = {}
    for at in again.arg_true():
        plain, row = rows[at], list(rows[at])
        while tuple(row) in taken:
            count[plain] = count.get(plain, 1) + 1
            row[place] = f"{plain[place]} {count[plain]}"
        taken.add(tuple(row))
        cells[at] = row[place]
    return frame.with_columns(pl.Series(column, cells, dtype=pl.String))


def _closed(table: Table, column: str) -> bool:
    """Whether the schema names all labels of a column."""
    return getattr(table.columns[column], "values", None) is not None


def _gap(key: Sequence[str]) -> pl.Expr:
    return pl.any_horizontal(pl.col(c).is_null() for c in key)


def _whole(frame: pl.DataFrame, key: Sequence[str], stays: frozenset[str]) -> list[str]:
    """The columns of a key that can go on where their values run out."""
    return [c for c in key if c not in stays and _counts(frame[c])]


def _filled(frame: pl.DataFrame, table: Table, stays: frozenset[str]) -> pl.DataFrame:
    """No cell of a primary key is missing, even where the rows were too few to tell of any."""
    gaps = [
        name
        for name in table.primary_key
        if name in frame.columns and name not in stays and frame[name].null_count()
    ]
    return frame.with_columns(frame[name].fill_null(_first(frame[name])) for name in gaps)


def _first(cells: pl.Series) -> Any:
    """What missing cells become: the least that is there, else 1 or the first of its kind."""
    if cells.null_count() < len(cells):
        return cells.min()
    if isinstance(cells.dtype, pl.Enum):
        return cells.dtype.categories[0]
    if cells.dtype in (pl.String, pl.Categorical):
        return "1"
    start = _YEAR_2000 if cells.dtype == pl.Date else 1
    return pl.Series([start]).cast(cells.dtype).item()


def _counts(cells: pl.Series) -> bool:
    """Whether its cells are whole numbers or dates, none missing."""
    return (cells.dtype.is_integer() or cells.dtype == pl.Date) and not cells.null_count()
