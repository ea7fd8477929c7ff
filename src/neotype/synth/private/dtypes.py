"""What the columns of a file of text are, by noisy counts of how many cells look like what.

A CSV file says no dtypes: a reader takes them from the cells, and one odd cell makes text of a
column of numbers. So they are paid for, as everything that rows decide.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.dp.mechanism import Mechanism
from neotype.schema.schema import Categorical, Column, Datetime, Numeric, Schema, Table
from neotype.schema.storage import storage_name
from neotype.synth.private.purse import SURE, Floats

TYPES = 0.02
"""The share of the budget that the dtypes of a file of text cost, evenly over its columns."""
FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y")
"""Times that are told from labels; those of other formats are declared."""
_WHOLE = r"^-?(0|[1-9][0-9]{0,17})$"
_NUMBER = r"^[+-]?(0|[1-9][0-9]*)?([.][0-9]*)?([eE][+-]?[0-9]{1,3})?$"
_ODD, _FRACTIONS = 0.05, 0.02
"""Of the cells that are there, so many may be other than their column; of numbers, so many may
have a fraction in a column of whole ones. They are missing then."""
_REASON = "by a noisy count of its cells"


def counted_types(
    table: str, cells: pl.DataFrame, mechanism: Mechanism, *, rho: float, unit: str
) -> Schema:
    """The schema of a frame of text, in which `unit` names whose a row is and is not looked at."""
    read = [name for name in cells.columns if name != unit]
    columns: dict[str, Column] = {unit: _label()} if unit in cells.columns else {}
    for name in read:
        counts, sigma = mechanism.counts(
            np.bincount(_classes(cells[name]), minlength=len(FORMATS) + 4).astype(np.int64),
            rho=rho / len(read),
            purpose=f"what column '{name}' is",
        )
        columns[name] = _settled(counts.astype(np.float64), sigma)
    return Schema(tables={table: Table(columns={name: columns[name] for name in cells.columns})})


def _classes(cells: pl.Series) -> NDArray[np.int64]:
    """Of each cell by itself: 0 missing, 1 a whole number, 2 another, then times, last text."""
    text = len(FORMATS) + 3
    value = pl.col("cell")
    tests = [value.is_null(), value.str.contains(_WHOLE)]
    tests.append(value.str.contains(_NUMBER) & value.str.contains("[0-9]"))
    for form in FORMATS:
        time = value.str.to_datetime(form, strict=False, exact=True)
        tests.append(time.is_not_null())
    found = pl.lit(text)
    for place, test in reversed(list(enumerate(tests))):
        found = pl.when(test).then(place).otherwise(found)
    return pl.DataFrame({"cell": cells}).select(found.cast(pl.Int64)).to_series().to_numpy()


def _settled(counts: Floats, sigma: float) -> Column:
    """The kind that nearly all cells are."""
    there = counts[1:]
    total = float(there.sum())
    sure = SURE * sigma * np.sqrt(len(there))
    odd = max(_ODD * total, sure)
    numbers = float(there[0] + there[1])
    if total <= sure:
        return _label()
    if total - numbers <= odd and numbers >= float(there[2:].max()):
        if float(there[1]) <= max(_FRACTIONS * numbers, SURE * sigma):
            storage = storage_name(pl.Int64())
            return Numeric(
                subtype="integer", decimals=0, nullable=True, reason=_REASON, storage=storage
            )
        storage = storage_name(pl.Float64())
        return Numeric(subtype="float", nullable=True, reason=_REASON, storage=storage)
    for form, count in zip(FORMATS, there[2:], strict=False):
        if total - float(count) <= odd:
            part = "datetime" if "%H" in form else "date"
            text = storage_name(pl.String())
            return Datetime(part=part, format=form, nullable=True, reason=_REASON, storage=text)
    return _label()


def _label() -> Categorical:
    return Categorical(nullable=True, reason=_REASON, storage=storage_name(pl.String()))
