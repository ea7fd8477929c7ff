"""A data set: a schema and its frames, which agree; or every reason why they do not."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.errors import DataError, did_you_mean
from neotype.families import Families
from neotype.rng import Rng
from neotype.schema.condition import Where
from neotype.schema.schema import Boolean, Datetime, Geo, Ordinal, Schema, Table
from neotype.schema.storage import storage_dtype
from neotype.schema.temporal import each_instant, instants

_EXAMPLES = 3


@dataclass(frozen=True)
class Support:
    """What rows that were drawn under conditions rest on.

    `effective`: how many distinct candidates of equal weight those that were drawn are worth (of
    given rows: what those of the median row are worth). `short`: given rows that rest on hardly
    more than one candidate.
    """

    rows: int
    candidates: int
    effective: float
    short: int = 0
    given: bool = False
    columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, parts: Sequence[Support], columns: tuple[str, ...]) -> Support:
        """Of all parts of a sample together."""
        worth = [part.effective for part in parts]
        return cls(
            sum(part.rows for part in parts),
            sum(part.candidates for part in parts),
            float(np.median(worth) if parts[0].given else sum(worth)),
            sum(part.short for part in parts),
            parts[0].given,
            columns,
        )

    @property
    def weak(self) -> bool:
        """Whether rows rest on fewer candidates than they seem to."""
        return 2 * self.short > self.rows if self.given else self.effective < self.rows

    @property
    def words(self) -> str:
        """A sentence of it, with the nearest mend where it is weak."""
        names = ", ".join(map(repr, self.columns)) + "," * (len(self.columns) == 1)
        mend = f"; fit with first=({names}) to draw them exactly" if self.weak else ""
        if self.given:
            if np.isinf(self.effective):
                return f"{self.rows:,} given rows were completed exactly"
            return (
                f"{self.rows:,} given rows were completed among {self.candidates:,} candidates; "
                f"{self.short:,} rows rest on hardly more than one{mend}"
            )
        return (
            f"{self.rows:,} rows rest on about {self.effective:,.0f} distinct candidates of "
            f"{self.candidates:,}{mend}"
        )


@dataclass(frozen=True)
class Dataset:
    """Polars frames by table name, with the schema that says what their columns mean."""

    schema: Schema
    frames: Mapping[str, pl.DataFrame]
    support: Support | None = field(default=None, compare=False)
    """Of rows that were drawn under conditions: what they rest on."""
    families: NDArray[np.int64] | None = field(default=None, compare=False)
    """Of a table that was taken out of a database: the number of the family of each row."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", MappingProxyType(dict(self.frames)))
        findings = []
        for name, table in self.schema.tables.items():
            if name not in self.frames:
                findings.append(f"table '{name}' of the schema has no data")
                continue
            have, want = set(self.frames[name].columns), set(table.columns)
            findings += [f"column '{c}' of table '{name}' is missing" for c in sorted(want - have)]
            findings += [
                f"column '{c}' of table '{name}' is not in the schema" for c in sorted(have - want)
            ]
        if findings:
            raise DataError("the data does not have the columns of its schema.", findings)

    @classmethod
    def of(cls, schema: Schema, frame: pl.DataFrame, support: Support | None = None) -> Dataset:
        """A single-table data set, with the columns in the schema's order."""
        return cls(schema, {schema.name: frame.select(list(schema.columns))}, support)

    @property
    def frame(self) -> pl.DataFrame:
        """The frame of the only table."""
        return self.frames[self.schema.name]

    @property
    def table(self) -> Table:
        """The schema of the only table."""
        return self.schema.table

    @property
    def rows(self) -> int:
        """The number of rows of the only table."""
        return self.frame.height

    def only(self, table: str) -> Dataset:
        """One of the tables alone."""
        return Dataset(self.schema.only(table), {table: self.frames[table]})

    @property
    def sizes(self) -> Mapping[str, int]:
        """The number of rows of each table."""
        return {name: self.frames[name].height for name in self.schema.tables}

    @property
    def owners(self) -> NDArray[np.int64] | None:
        """The number of the entity that each row belongs to; None where the schema names none."""
        if self.families is not None:
            return self.families
        entity = self.table.entity
        if entity is None:
            return None
        return self.frame[entity].rank("dense").fill_null(0).to_numpy().astype(np.int64)

    def take(self, rows: np.ndarray) -> Dataset:
        """The rows at these positions of the only table."""
        families = None if self.families is None else self.families[rows]
        frame = self.frame[rows].select(list(self.schema.columns))
        return Dataset(self.schema, {self.schema.name: frame}, families=families)

    def where(self, rows: Mapping[str, NDArray[np.bool_]]) -> Dataset:
        """The rows of each table that these masks keep."""
        kept = {name: frame.filter(pl.Series(rows[name])) for name, frame in self.frames.items()}
        return Dataset(self.schema, kept)

    def split(self, share: float, rng: Rng) -> tuple[Dataset, Dataset]:
        """Two parts without a common row, the second with about `share` of the rows.

        Where the schema names an entity, no entity has rows in both parts; where it names only a
        sequence, the second part is blocks of rows on end. Of several tables whole families are
        split, see `Families`, and the tables that these share are in both parts.
        """
        if len(self.schema.tables) > 1:
            families = Families.of(self.schema, self.frames)
            held = families.drawn(share, rng)
            return self.where(families.part(~held)), self.where(families.part(held))
        generator = rng.generator()
        owners = self.owners
        if owners is None and self.table.sequence is not None:
            held = _blocks(
                in_order(self.frame, self.table, str(self.table.sequence)), share, generator
            )
            return self.take(np.flatnonzero(~held)), self.take(np.flatnonzero(held))
        if owners is None:
            order = generator.permutation(self.rows)
            cut = self.rows - round(share * self.rows)
            first, second = np.sort(order[:cut]), np.sort(order[cut:])
            return self.take(first), self.take(second)
        order = generator.permutation(int(owners.max(initial=0)) + 1)
        sizes = np.bincount(owners, minlength=len(order))[order]
        held = np.zeros(len(order), dtype=bool)
        held[order[np.cumsum(sizes) <= share * self.rows]] = True
        return self.take(np.flatnonzero(~held[owners])), self.take(np.flatnonzero(held[owners]))

    def fingerprint(self) -> str:
        """A hash of schema, values and their order; equal data sets have equal fingerprints."""
        digest = hashlib.blake2b(self.schema.model_dump_json().encode(), digest_size=16)
        for name in sorted(self.frames):
            hashes = self.frames[name].hash_rows(seed=0)
            digest.update(name.encode())
            digest.update(hashes.to_numpy().tobytes())
        return digest.hexdigest()


BLOCKS = 12
"""Blocks of one long series that are held out: enough for every season, few enough to be long."""


def in_order(frame: pl.DataFrame, table: Table, name: str) -> NDArray[np.int64]:
    """The place of each row in the order of a column, from 1; 0 where its cell is missing."""
    column, cells = table.columns[name], frame[name]
    if isinstance(column, Datetime) and cells.dtype == pl.String:
        dtype = pl.Time if column.part == "time" else pl.Datetime("us")
        cells = cells.str.strptime(dtype, column.format, strict=False)
    if isinstance(column, Ordinal):
        order = {str(value): place for place, value in enumerate(column.values)}
        cells = cells.cast(pl.String).replace_strict(order, default=None, return_dtype=pl.Int64)
    return cells.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()


def _blocks(
    places: NDArray[np.int64], share: float, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """Which rows are held out of one long series: one block of every stretch of it.

    Rows of one time stay together.
    """
    rows = len(places)
    wanted = round(share * rows)
    if not 0 < wanted < rows:
        return np.full(rows, wanted > 0)
    held = min(max(1, wanted // 10), BLOCKS)
    blocks = min(rows, max(held + 1, round(held / share)))
    order = np.argsort(places, kind="stable")
    sorted_places = places[order]
    first = np.searchsorted(sorted_places, sorted_places, side="left")
    block = np.empty(rows, np.int64)
    block[order] = first * blocks // rows
    edges = np.arange(held + 1) * blocks // held
    chosen = edges[:-1] + (generator.random(held) * np.diff(edges)).astype(np.int64)
    return np.asarray(np.isin(block, chosen))


@dataclass(frozen=True)
class Known:
    """What is known of rows before they are drawn.

    `cells`: some columns of each row, one row for each that is wanted; a null is a missing cell,
    unless `free` (the same columns, booleans) says that the cell is not known. `where`: what every
    row must satisfy; `some`: what the rows at these positions of `cells` must satisfy besides.
    """

    cells: pl.DataFrame | None = None
    free: pl.DataFrame | None = None
    where: Where = ()
    some: tuple[tuple[NDArray[np.int64], Where], ...] = ()

    def rows(self, index: NDArray[np.int64]) -> Known:
        """What is known of the rows at these positions, which may repeat."""
        if self.cells is None:
            return self
        free = None if self.free is None else self.free[index]
        found = ((np.flatnonzero(np.isin(index, rows)), asked) for rows, asked in self.some)
        some = tuple((places, asked) for places, asked in found if len(places))
        return Known(self.cells[index], free, self.where, some)

    @classmethod
    def of_cases(cls, cases: Sequence[tuple[Where, int]], schema: Schema) -> Known:
        """So many rows that meet these conditions, then so many that meet those, and so on."""
        ends = np.cumsum([0, *(rows for _, rows in cases)])
        name, column = next(iter(schema.columns.items()))
        nothing = pl.Series(name, [None] * int(ends[-1]), dtype=storage_dtype(column.storage))
        free = pl.Series(name, [True], dtype=pl.Boolean).new_from_index(0, int(ends[-1]))
        some = tuple(
            (np.arange(first, last), where)
            for (where, _), first, last in zip(cases, ends[:-1], ends[1:], strict=True)
        )
        return cls(nothing.to_frame(), free.to_frame(), some=some)

    @property
    def unknown(self) -> bool:
        """Whether no cell is known, so that rows need only meet conditions."""
        return self.free is not None and all(self.free[name].all() for name in self.free.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of which something is known."""
        cells = () if self.cells is None or self.unknown else self.cells.columns
        asked = [*self.where, *(one for _, where in self.some for one in where)]
        return tuple(dict.fromkeys((*cells, *(one.column for one in asked))))


def conform(frame: pl.DataFrame, schema: Schema, *, what: str, silent: bool = False) -> Dataset:
    """The frame as a data set of this schema, every column in its storage dtype.

    DataError lists every column that is missing, unknown, or has cells that its dtype cannot hold.
    Where nothing may be told of cells (`silent`), those are missing, and the error is of names and
    dtypes alone.
    """
    findings = _unknown(frame, schema.columns)
    for name in schema.columns:
        if name not in frame.columns:
            near = did_you_mean(name, [c for c in frame.columns if c not in schema.columns])
            findings.append(f"column '{name}' is missing" + (f"; {near}" if near else ""))
    return Dataset.of(schema, _cast(frame, schema, what, findings, silent=silent))


def conform_given(frame: pl.DataFrame, schema: Schema, where: Where = ()) -> Known:
    """A frame with some of the schema's columns, as the conditions of a sample.

    DataError lists what is wrong of them, and the rows that do not meet `where`.
    """
    known = schema.columns
    findings = _unknown(frame, known)
    for name in frame.columns:
        column = known.get(name)
        if isinstance(column, Geo) and column.partner not in frame.columns:
            findings.append(f"column '{name}' is given without its partner '{column.partner}'")
    if not frame.width:
        findings.append("no column is given")
    part = {name: one.bare() for name, one in known.items() if name in frame.columns}
    if findings:
        raise DataError(
            "the given columns are not columns of the model.",
            findings,
            mend=f"the model knows: {', '.join(known)}",
        )
    narrow = Schema(tables={schema.name: Table(columns=part)})
    cells = _cast(frame, narrow, "given", findings)
    for one in where:
        if one.column in cells.columns:
            broken = (~one.holds(cells[one.column])).arg_true()
            if len(broken):
                shown = ", ".join(map(repr, cells[one.column][broken[:_EXAMPLES].to_list()]))
                findings.append(
                    f"column '{one.column}': {len(broken):,} of {cells.height:,} given rows do not "
                    f"meet the condition on it (such as {shown})"
                )
    if findings:
        raise DataError("given and where disagree.", findings, mend="ask the same of both")
    return Known(cells, where=where)


def _unknown(frame: pl.DataFrame, known: Collection[str]) -> list[str]:
    findings = []
    for name in frame.columns:
        if name not in known:
            near = did_you_mean(name, known)
            findings.append(f"column '{name}' is not known" + (f"; {near}" if near else ""))
    return findings


def _cast(
    frame: pl.DataFrame, schema: Schema, what: str, findings: list[str], *, silent: bool = False
) -> pl.DataFrame:
    columns = []
    for name, column in schema.columns.items():
        if name not in frame.columns:
            continue
        values = frame[name]
        dtype = storage_dtype(column.storage)
        if values.dtype == dtype:
            columns.append(values)
            continue
        if values.dtype == pl.Boolean() and isinstance(column, Boolean) and column.labels:
            false, true = column.labels
            values = values.replace_strict({False: false, True: true}, return_dtype=dtype)
        if values.dtype == pl.String() and getattr(dtype, "time_zone", None):
            values = each_instant(values) if silent else instants(values)
        try:
            if silent and values.dtype == pl.String() and dtype.is_temporal():
                # The first text would decide how all others are read.
                raise pl.exceptions.InvalidOperationError
            brought = values.cast(dtype, strict=False)
        except pl.exceptions.PolarsError:
            findings.append(f"column '{name}' is {values.dtype}, and {dtype} is needed")
            continue
        lost = _lost(values, brought)
        if lost.len() and not silent:
            shown = ", ".join(repr(v) for v in lost.unique(maintain_order=True)[:_EXAMPLES])
            findings.append(
                f"column '{name}': {lost.len()} cells cannot be {dtype} (such as {shown})"
            )
        columns.append(brought)
    if findings:
        raise DataError(
            f"{what} does not have the form of the training data.",
            findings,
            mend="give the columns of the training data, with the same names and kinds of value",
        )
    return pl.DataFrame({one.name: one for one in columns})


def _lost(values: pl.Series, brought: pl.Series) -> pl.Series:
    """The cells that a cast emptied, or, to whole numbers, cut."""
    gone = brought.is_null() & values.is_not_null()
    if values.dtype.is_float():
        gone &= ~values.is_nan()
        if brought.dtype.is_integer():
            gone |= (values != values.floor()).fill_null(False) & ~values.is_nan()
    return values.filter(gone)
