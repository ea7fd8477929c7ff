"""A draft of a table: rows invented from noisy one-way histograms, and from nothing else.

An encoder that is learnt from a draft is learnt from what was paid for, so whatever it holds (bins,
labels, bounds) costs nothing more. Private rows are then only coded with it.

What is public: names and dtypes of columns, and all that the schema says: kinds, labels, bounds,
formats, decimals. What is paid for: the number of rows, and of each column that is learnt one
histogram or more, in which every row is in one cell. A column declared `public` says that the set
of its values is no secret; how many rows have them is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from math import log2
from typing import Any

import numpy as np
import polars as pl
from numpy.random import Generator

from neotype.data import Dataset
from neotype.dp.mechanism import Mechanism
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Lead
from neotype.encode.family import held
from neotype.errors import FitError
from neotype.personal.fake import make
from neotype.rng import Rng
from neotype.schema.schema import (
    Boolean,
    Categorical,
    Constant,
    Numeric,
    Ordinal,
    Personal,
    Schema,
    Table,
)
from neotype.schema.storage import storage_dtype
from neotype.synth.private.affordable import Terms
from neotype.synth.private.labels import Labels, again, declared, labels, strangers
from neotype.synth.private.numbers import dealt
from neotype.synth.private.purse import SURE, Purse
from neotype.synth.private.quantities import quantity
from neotype.synth.private.times import length, moment

ROWS, PURE_ROWS = 0.01, 0.05
"""The share of the budget that the number of rows costs: what is rare, and how fine cells may be,
follows from it. Noise without δ shrinks with the share, and not with its root."""
DOMAIN = 0.2
"""The share of a budget that labels, bounds and bins are worth."""
SCARCE, SCARCE_DECLARED, SCARCE_OPEN = 0.3, 0.35, 0.6
"""Up to this ε it is more, and yet more the more columns declare no labels or bounds."""
FEWEST, MOST = 500, 50_000
"""Rows of a draft."""
AGAIN = 0.25
"""The share for a second look at labels, where the first one left many rows without."""
LACKING = 0.02
"""Share of rows without a label that was found, from which on there is a second look."""
PROTECT = 2
"""A codebook learnt from a draft keeps values of so many rows exactly, and spreads rarer ones."""
_FREE = ("identifier", "personal", "constant")
_LABELLED = ("categorical", "ordinal", "boolean")
_REFUSED = ("text", "geo", "json")


@dataclass(frozen=True)
class Draft:
    """Invented rows whose columns, one by one, are like the private ones; and about how many."""

    frame: pl.DataFrame
    schema: Schema
    """What was declared, with what was found: decimals, and whether cells are missing."""
    rows: int
    """The noisy number of private rows, at least 1."""
    lead: Lead
    """How coarse first digits should be: more symbols than these would mostly hold noise."""
    columns: int
    """Columns that are read."""
    price: float
    """What each of them got, and how noisy a histogram of that price is."""
    sigma: float

    def codebook(self) -> Codebook:
        """Encoders that know nothing but the draft."""
        data = Dataset.of(self.schema, self.frame)
        return Codebook.learn(data, protect=PROTECT, lead=self.lead)


def draft(
    data: Dataset,
    mechanism: Mechanism,
    *,
    rho: float,
    delta: float,
    epsilon: float,
    served: Callable[[Terms], None] | None = None,
) -> Draft:
    """A draft of a private table that costs `rho` at most, and `delta` for undeclared values.

    FitError where the schema has kinds that cannot be learnt so. It depends on the schema alone.
    `served` is asked, once the rows are counted and before any column is, whether it is worth it.
    """
    table = data.schema.table
    check_kinds(table, pure=mechanism.pure)
    first = PURE_ROWS if mechanism.pure else ROWS
    counted, spread = mechanism.counts(
        np.array([data.rows], dtype=np.int64), rho=rho * first, purpose="the number of rows"
    )
    rows = max(int(counted[0]), 1)
    read = [name for name, column in table.columns.items() if column.kind not in _FREE]
    open_ = [name for name in read if _is_open(table.columns[name])]
    second = AGAIN if any(table.columns[name].kind in _LABELLED for name in open_) else 0.0
    each = rho * (1 - first - second) / max(len(read), 1)
    sigma = mechanism.sigma(rho=each)
    if served is not None:
        served(Terms(len(read), rows, each, sigma))
    threshold = delta / (2 if second else 1) / max(len(open_), 1)
    purses = {name: Purse(mechanism, name, rows, spread, each, threshold) for name in read}
    found = _labels(data, purses, rho * second, delta / 2)
    wanted = min(max(rows, FEWEST), MOST)
    root = Rng(0).child("draft")
    made, known = {}, {}
    for name, column in table.columns.items():
        generator = root.child(name).generator()
        if column.kind in _FREE:
            cells, known[name] = _free(column, name, wanted), column
        elif column.kind in _LABELLED:
            dtype = storage_dtype(column.storage)
            cells = _dealt_labels(found[name], dtype, wanted, generator)
            known[name] = _with_gaps(column, cells)
        else:
            cells, known[name] = _read(column, data.frame[name], purses[name], wanted, generator)
        made[name] = cells.alias(name)
    least = max(round(SURE * sigma * wanted / rows), 1)
    lead = Lead(fineness(epsilon), min(least, wanted // 4))
    tables = {data.schema.name: table.model_copy(update={"columns": known})}
    schema = data.schema.model_copy(update={"tables": tables})
    return Draft(pl.DataFrame(made), schema, rows, lead, len(read), each, sigma)


def domain_share(table: Table, epsilon: float) -> float:
    """The share of a budget that a draft should get: it follows from the schema."""
    if epsilon > SCARCE:
        return DOMAIN
    read = [column for column in table.columns.values() if column.kind not in _FREE]
    settled = sum(_is_settled(column) for column in read)
    return SCARCE_OPEN + (SCARCE_DECLARED - SCARCE_OPEN) * settled / max(len(read), 1)


def fineness(epsilon: float) -> int:
    """How many symbols a first digit may have: 8 at ε = .1, 16 from 1 on."""
    return round(min(16.0, max(8.0, 8 * 2 ** (log2(epsilon / 0.1) / log2(10)))))


def readable(data: Dataset) -> Dataset:
    """Private rows of which a codebook of a draft can code every one, whatever it holds."""
    columns = []
    for name, column in data.schema.columns.items():
        cells = data.frame[name]
        dtype = cells.dtype
        if dtype.is_float():
            cells = cells.fill_nan(None)
            cells = cells.zip_with(cells.is_finite().fill_null(True), cells.clear(len(cells)))
        elif dtype in (pl.Int128, pl.UInt128) and column.kind == "numeric":
            cells = cells.clip(-(2**63) if dtype == pl.Int128 else 0, 2**63 - 1)
        columns.append(cells)
    return Dataset(data.schema, {data.schema.name: pl.DataFrame(columns)}, families=data.families)


def check_kinds(table: Table, *, pure: bool) -> None:
    """FitError where a table has kinds that cannot be learnt; it depends on the schema alone."""
    refused = [
        f"column '{name}' is {column.kind}"
        for name, column in table.columns.items()
        if column.kind in _REFUSED
    ]
    refused += [
        f"column '{name}' is datetime, stored as text, and has no format"
        for name, column in table.columns.items()
        if column.kind == "datetime"
        and column.format is None
        and isinstance(storage_dtype(column.storage), pl.String)
    ]
    if pure:
        _check_declared(table)
    if refused:
        raise FitError(
            "these columns cannot be learnt under differential privacy.",
            found="\n  ".join(refused),
            mend="declare them categorical (labels that many rows share are learnt), identifier or "
            "personal (made anew) or constant in the schema, or leave them out",
        )


def _check_declared(table: Table) -> None:
    """Without δ a label that one row has cannot be told from none: no label is found."""
    found = [
        f"column '{name}' is {column.kind}, and its values are not declared"
        for name, column in table.columns.items()
        if column.kind in ("categorical", "ordinal", "boolean") and _is_open(column)
    ]
    if found:
        raise FitError(
            "labels are found by a threshold, which needs a delta, and the budget has none.",
            found="\n  ".join(found),
            mend="list their values in a schema, or give a delta, such as 1e-6",
        )


def _is_open(column: Any) -> bool:
    """Whether values are to be found that nobody declared."""
    if column.kind in ("categorical", "ordinal", "boolean"):
        return declared(column) is None and not column.public
    return True


def _is_settled(column: Any) -> bool:
    """Whether its labels, or both its bounds, are public."""
    bounded = isinstance(column, Numeric) and None not in (column.minimum, column.maximum)
    return bool(column.public) or bounded or not _is_open(column)


def _labels(data: Dataset, purses: dict[str, Purse], rho: float, delta: float) -> dict[str, Labels]:
    """The labels of each column that has some.

    Columns of which many rows have labels that were not found share `rho`, and are looked at again.
    """
    columns = data.schema.columns
    found = {
        name: labels(column, data.frame[name], purses[name])
        for name, column in columns.items()
        if isinstance(column, Categorical | Ordinal | Boolean)
    }
    lacking = {
        name: told.others ** (2 / 3)
        for name, told in found.items()
        if _is_open(columns[name]) and told.others > LACKING * purses[name].rows
    }
    for name, share in lacking.items():
        part = rho * share / sum(lacking.values())
        purse = replace(purses[name], rho=part, delta=delta / len(lacking))
        found[name] = again(found[name], data.frame[name], purse)
    return found


def _read(
    column: Any, cells: pl.Series, purse: Purse, rows: int, generator: Generator
) -> tuple[pl.Series, Any]:
    """Invented cells, and the column with what was found of it."""
    if column.kind == "numeric":
        made, column = quantity(column, cells, purse, rows, generator)
    elif column.kind == "datetime":
        made = moment(column, cells, purse, rows, generator)
    else:
        made = length(column, cells, purse, rows, generator)
    return made, _with_gaps(column, made)


def _with_gaps(column: Any, cells: pl.Series) -> Any:
    """The column, which may have missing cells where the draft has some."""
    return column.model_copy(update={"nullable": cells.null_count() > 0})


def _dealt_labels(found: Labels, dtype: pl.DataType, rows: int, generator: Generator) -> pl.Series:
    """Cells with these labels; rows of other labels have one each that nobody else has."""
    mass = np.concatenate([found.mass, [found.others, found.missing]])
    if not mass.sum() > 0:
        mass[: len(found.values) or None] = 1.0
    counts = np.bincount(dealt(mass, rows), minlength=len(mass))
    others = list(islice(strangers(found.values, dtype), int(counts[-2])))
    table = [*found.values, *others, None]
    counts = np.concatenate([counts[:-2], np.ones(len(others), np.int64), [rows]])
    index = np.repeat(np.arange(len(table)), counts)[:rows]
    text = isinstance(dtype, pl.Categorical | pl.Enum | pl.Null)
    cells = pl.Series(table, dtype=pl.String() if text else dtype, strict=False)
    return cells.gather(generator.permutation(index)).cast(dtype)


def _free(column: Any, name: str, rows: int) -> pl.Series:
    """Cells of a column of which nothing is read."""
    dtype = storage_dtype(column.storage)
    if isinstance(column, Constant):
        one = pl.Series([column.value], dtype=None if column.value is not None else dtype)
        return one.cast(dtype).new_from_index(0, rows)
    numbers = np.arange(1, rows + 1, dtype=np.uint64)
    if isinstance(column, Personal) and isinstance(dtype, pl.String | pl.Categorical):
        made = make(
            column.category,
            numbers,
            key=name,
            locale=column.locale,
            unique=False,
            scheme=column.scheme,
            row={},
        )
        return made.cast(dtype)
    most = held(dtype)[1] if dtype.is_integer() else rows
    counter = pl.Series(numbers % np.uint64(min(most, 2**63 - 1)))
    # A category is a text.
    named = counter.cast(pl.String) if isinstance(dtype, pl.Categorical) else counter
    return named.cast(dtype)
