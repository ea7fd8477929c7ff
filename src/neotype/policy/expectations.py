"""What a user expects of the synthetic rows: counted, compared, and never shown row by row.

Expressions are SQL or polars (`expression.py`); neither runs any Python. Queries see the tables
`synthetic`, `train` and `holdout`, and no file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np
import polars as pl

from neotype.data import Dataset
from neotype.errors import ColumnNotFoundError, NeotypeError, SchemaError, did_you_mean
from neotype.expression import OR_POLARS, condition, explained, expression
from neotype.policy.judge import said, span, unmeasured
from neotype.policy.policy import Expectation, Policy
from neotype.policy.ruling import Outcome


class _Tables(NamedTuple):
    """The rows that an expectation is about, and the frames under the names that SQL knows."""

    synthetic: pl.DataFrame
    train: pl.DataFrame
    named: Mapping[str, pl.DataFrame]

    def without_rows(self) -> _Tables:
        """The same tables, empty."""
        named = {name: frame.clear() for name, frame in self.named.items()}
        return _Tables(self.synthetic.clear(), self.train.clear(), named)


def _tables(expectation: Expectation, sides: Mapping[str, Dataset]) -> _Tables:
    """What the expectation sees of these data sets, which may have several tables.

    SchemaError when it does not say of which of them it is.
    """
    tables, name = list(sides["train"].schema.tables), expectation.table
    if name is None and len(tables) > 1:
        if expectation.subject == "sql":
            whole = sides["synthetic"].frames
            return _Tables(pl.DataFrame(), pl.DataFrame(), {one: whole[one] for one in tables})
        raise SchemaError(
            f"{_called(expectation)} does not say of which table it is.",
            found=f"there are: {', '.join(tables)}",
            mend=f"add `table: {tables[0]}`",
        )
    if name is not None and name not in tables:
        raise SchemaError(
            f"{_called(expectation)} is of table '{name}', which is not there.",
            found=f"there are: {', '.join(tables)}",
            mend=did_you_mean(name, tables),
        )
    frames = {side: data.frames[name or tables[0]] for side, data in sides.items()}
    return _Tables(frames["synthetic"], frames["train"], frames)


def rehearse(policy: Policy | None, train: Dataset) -> None:
    """Find every faulty expression before any work is done, on tables that have no rows.

    ColumnNotFoundError or SchemaError names the expectation, what is there and the nearest.
    """
    sides = dict.fromkeys(("synthetic", "train", "holdout"), train)
    faults: list[NeotypeError] = []
    for expectation in () if policy is None else policy.expectations:
        try:
            empty = _tables(expectation, sides).without_rows()
        except NeotypeError as fault:
            faults.append(fault)
            continue
        try:
            _LOOK[expectation.subject](expectation, empty)
        except NeotypeError as fault:
            faults.append(fault)
        except pl.exceptions.PolarsError as fault:
            faults.append(_explained(fault, expectation, empty))
    if len(faults) == 1:
        raise faults[0]
    if faults and policy is not None:
        raise SchemaError(
            f"policy '{policy.name}' expects what cannot be computed:",
            found="\n  ".join(f"- {' '.join(filter(None, (f.problem, f.mend)))}" for f in faults),
        )


def check(
    policy: Policy, *, synthetic: Dataset, train: Dataset, holdout: Dataset
) -> tuple[Outcome, ...]:
    """How each expectation of the policy fares; a faulty one raises as `rehearse` does."""
    rehearse(policy, train)
    sides = {"synthetic": synthetic, "train": train, "holdout": holdout}
    outcomes = []
    for expectation in policy.expectations:
        tables = _tables(expectation, sides)
        try:
            outcomes.append(_LOOK[expectation.subject](expectation, tables))
        except pl.exceptions.PolarsError as fault:
            # What polars says here may quote cells.
            why = f"Not checked: these rows cannot be computed with ({type(fault).__name__})."
            outcomes.append(_unchecked(expectation, why))
    return tuple(outcomes)


def _cells(expectation: Expectation, tables: _Tables) -> Outcome:
    """Every cell of one column lies between two ends, or among some values."""
    name = _column(expectation.column, expectation, tables)
    cells = tables.synthetic[name]
    low, high = expectation.bounds
    for end in (low, high):
        if end is not None and not _comparable(cells.dtype, end):
            raise _mismatch(expectation, name, cells.dtype, end)
    for value in expectation.among or ():
        if not _comparable(cells.dtype, value):
            raise _mismatch(expectation, name, cells.dtype, value)
    if cells.dtype.is_float():
        cells = cells.fill_nan(None)
    fits = pl.lit(True)
    if low is not None:
        fits &= pl.col(name) >= _literal(low, cells.dtype)
    if high is not None:
        fits &= pl.col(name) <= _literal(high, cells.dtype)
    if expectation.among is not None:
        plain = isinstance(cells.dtype, pl.Categorical | pl.Enum)
        column = pl.col(name).cast(pl.String) if plain else pl.col(name)
        fits &= pl.any_horizontal(*(column == value for value in expectation.among))
    met = cells.to_frame().select(fits.alias("met"))["met"]
    return _counted(expectation, int((~met).sum()), len(cells))


def _comparable(dtype: pl.DataType, value: object) -> bool:
    if isinstance(value, bool):
        return dtype == pl.Boolean
    if isinstance(value, date):
        return dtype == pl.Date or isinstance(dtype, pl.Datetime)
    if isinstance(value, str):
        return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)
    return dtype.is_numeric()


def _mismatch(e: Expectation, name: str, dtype: pl.DataType, value: object) -> SchemaError:
    return SchemaError(
        f"{_called(e)} compares column '{name}' with {value!r}.",
        found=f"the column is {dtype}",
        mend='quote texts; for anything else write a condition under `rows:`, such as "age >= 17"',
    )


def _literal(end: object, dtype: pl.DataType) -> pl.Expr:
    if not isinstance(end, date) or not isinstance(dtype, pl.Datetime):
        return pl.lit(end)
    moment = end if isinstance(end, datetime) else datetime(end.year, end.month, end.day)
    if dtype.time_zone is None:
        return pl.lit(moment.replace(tzinfo=None) if moment.tzinfo is None else _utc(moment))
    if moment.tzinfo is None:
        return pl.lit(moment).dt.replace_time_zone(dtype.time_zone)
    return pl.lit(_utc(moment)).dt.replace_time_zone("UTC").dt.convert_time_zone(dtype.time_zone)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _missing(expectation: Expectation, tables: _Tables) -> Outcome:
    """The share of empty cells of one column."""
    name = _column(expectation.missing, expectation, tables)

    def share(frame: pl.DataFrame) -> float | None:
        cells = frame[name]
        empty = cells.null_count() + int(cells.is_nan().sum() if cells.dtype.is_float() else 0)
        return empty / frame.height if frame.height else None

    return _compared(expectation, share, tables)


def _unique(expectation: Expectation, tables: _Tables) -> Outcome:
    """No two rows agree in all of these columns; a row with a gap agrees with none."""
    columns = [_column(name, expectation, tables) for name in expectation.unique or ()]
    known = tables.synthetic.select(columns).drop_nulls()
    return _counted(expectation, known.height - known.n_unique(), tables.synthetic.height)


def _rows(expectation: Expectation, tables: _Tables) -> Outcome:
    """A condition that rows meet, or break: one that is unknown for a gap breaks nothing."""
    met = condition(str(expectation.rows), tables.synthetic, asked_by=_called(expectation))
    return _counted(expectation, int((~met).sum()), tables.synthetic.height)


def _rate(expectation: Expectation, tables: _Tables) -> Outcome:
    """The share of rows that meet a condition."""

    def share(frame: pl.DataFrame) -> float | None:
        met = condition(str(expectation.rate), frame, asked_by=_called(expectation))
        return int(met.sum()) / frame.height if frame.height else None

    return _compared(expectation, share, tables)


def _number(expectation: Expectation, tables: _Tables) -> Outcome:
    """An aggregate of the rows, such as `avg(age)`."""
    text = str(expectation.number)

    def computed(frame: pl.DataFrame) -> float | None:
        found = frame.select(expression(text, asked_by=_called(expectation)).alias("number"))[
            "number"
        ]
        if len(found) != 1 or not (found.dtype.is_numeric() or found.dtype == pl.Boolean):
            raise SchemaError(
                f"{_called(expectation)} is not one number: {text!r} gives {len(found)} values "
                f"of {found.dtype}.",
                mend="write an aggregate, such as `avg(age)`",
            )
        return None if found[0] is None else float(found[0])

    return _compared(expectation, computed, tables)


def _correlation(expectation: Expectation, tables: _Tables) -> Outcome:
    """Pearson's correlation of two columns, over the rows that have both."""
    pair = [_column(name, expectation, tables) for name in expectation.correlation or ()]
    for name in pair:
        dtype = tables.synthetic[name].dtype
        if not (dtype.is_numeric() or dtype.is_temporal() or dtype == pl.Boolean):
            raise SchemaError(
                f"{_called(expectation)} correlates column '{name}', which is {dtype}.",
                mend="name two columns of numbers; a share goes under `rate`",
            )

    def pearson(frame: pl.DataFrame) -> float | None:
        both = np.column_stack(
            [frame[name].to_physical().cast(pl.Float64).to_numpy() for name in pair]
        )
        both = both[np.isfinite(both).all(axis=1)]
        if len(both) < 2:
            return None
        both = both / np.maximum(np.abs(both).max(axis=0), 1e-300)
        off = both - both.mean(axis=0)
        spread = np.sqrt((off**2).sum(axis=0))
        if spread.min() <= 1e-12:
            return None
        return float((off[:, 0] * off[:, 1]).sum() / spread.prod())

    return _compared(expectation, pearson, tables)


_READS = re.compile(r"\b(read|scan)_\w+\W?\s*\(", re.IGNORECASE)
_SCAN = re.compile(r"^\s*\w+ SCAN \[", re.MULTILINE)
_QUERY = re.compile(r"[\s(]*(select|with)\b", re.IGNORECASE)


def _sql(expectation: Expectation, tables: _Tables) -> Outcome:
    """A query that gives true, or no rows, or a number to compare."""
    shape = _queried(expectation, tables.without_rows())
    alone, kind = shape.width == 1, shape.dtypes[0] if shape.width else pl.Null()
    if expectation.bounds != (None, None):
        if not alone or shape.height != 1 or not kind.is_numeric():
            raise _unclear(expectation, "it is compared with a number, and gives none")
        return _compared(expectation, lambda _: _only(_queried(expectation, tables)), tables)
    if alone and shape.height == 1 and kind != pl.Boolean:
        raise _unclear(expectation, f"it gives one {kind}, which is neither true nor false")
    if alone and not shape.height and kind == pl.Boolean:
        raise _unclear(expectation, "it gives a truth for every row, which goes under `rows`")
    found = _queried(expectation, tables)
    if not (alone and shape.height == 1):
        return _counted(expectation, found.height, None)
    if found.item() is None:
        return _unchecked(expectation, "Not checked: the query gives no answer.")
    held = bool(found.item())
    return _concluded(expectation, held, None, "true", f"The query gives {str(held).lower()}.")


def _only(found: pl.DataFrame) -> float | None:
    return None if found.item() is None else float(found.item())


def _queried(expectation: Expectation, tables: _Tables) -> pl.DataFrame:
    text = str(expectation.sql)
    if not _QUERY.match(text):
        raise _unclear(expectation, "it is not a query")
    files = _unclear(expectation, "it reads a file, and may see the three tables alone")
    if _READS.search(text):
        raise files
    planned = pl.SQLContext(dict(tables.named)).execute(text)
    if _SCAN.search(planned.explain(optimized=False)):
        raise files
    return planned.collect()


def _unclear(expectation: Expectation, why: str) -> SchemaError:
    return SchemaError(
        f"{_called(expectation)} cannot be checked: {why}.",
        found=f"sql: {' '.join(str(expectation.sql).split())}",
        mend="select one truth, such as `select count(*) = 0 from synthetic where …`; or the rows "
        "that are wrong; or one number, beside at_least, at_most or between",
    )


_LOOK: Mapping[str, Callable[[Expectation, _Tables], Outcome]] = {
    "column": _cells,
    "missing": _missing,
    "unique": _unique,
    "rows": _rows,
    "rate": _rate,
    "number": _number,
    "correlation": _correlation,
    "sql": _sql,
}


def _counted(expectation: Expectation, broken: int, rows: int | None) -> Outcome:
    """The outcome of a rule that rows keep or break."""
    share = expectation.share or 1.0
    held = broken <= (1 - share) * (rows or 0) + 1e-9
    if rows is None:
        asked, words = "no rows", f"The query finds {broken:,} row{'s' if broken != 1 else ''}."
    else:
        asked = "every row" if share == 1 else f"≥ {said(share)} of the rows"
        if expectation.subject == "column":
            low, high = expectation.bounds
            ends = span(low, high) if (low, high) != (None, None) else ""
            among = f"one of {len(expectation.among)} values" if expectation.among else ""
            asked += f" {' and '.join(filter(None, (ends, among)))}"
        verb = "repeat" if expectation.subject == "unique" else "break"
        words = f"{broken:,} of {rows:,} rows {verb}{'s' if broken == 1 else ''} it."
    value = None if rows is None else 1 - broken / max(rows, 1)
    return _concluded(expectation, held, value, asked, words)


def _compared(
    expectation: Expectation, measure: Callable[[pl.DataFrame], float | None], tables: _Tables
) -> Outcome:
    """The outcome of a number that lies between two ends, or near train's."""
    value = measure(tables.synthetic)
    low, high = expectation.bounds
    asked = [] if (low, high) == (None, None) else [span(low, high)]
    within, real = expectation.like_train_within, None
    if within is not None:
        real = measure(tables.train)
        asked.append(f"within {said(within)} of train")
    threshold = " and ".join(asked)
    if value is None or not np.isfinite(value) or (within is not None and real is None):
        side = "synthetic" if value is None or not np.isfinite(value) else "train"
        return _unchecked(expectation, f"Not checked: {side} rows give no number.", threshold)
    tiny = 1e-12
    held = (low is None or value >= low - tiny) and (high is None or value <= high + tiny)
    if within is not None and real is not None:
        held = held and abs(value - real) <= within + tiny
    beside = "" if real is None else f"; train has {said(real)}"
    return _concluded(expectation, held, value, threshold, f"It is {said(value)}{beside}.")


def _concluded(
    expectation: Expectation, held: bool, value: float | None, threshold: str, words: str
) -> Outcome:
    return Outcome(
        name=expectation.title,
        kind="expectation",
        status="pass" if held else "fail",
        value=value,
        interval=None,
        threshold=threshold,
        words=words,
        because=expectation.because,
        refuses=not held,
    )


def _unchecked(expectation: Expectation, words: str, threshold: str = "") -> Outcome:
    return unmeasured(expectation, expectation.title, "expectation", threshold, words)


def _called(expectation: Expectation) -> str:
    return f"expectation '{expectation.title}'"


def _column(name: str | None, expectation: Expectation, tables: _Tables) -> str:
    """The name, when there is such a column."""
    columns = tables.synthetic.columns
    if name is None or name not in columns:
        raise ColumnNotFoundError(str(name), columns, asked_by=_called(expectation))
    return name


def _explained(
    fault: pl.exceptions.PolarsError, expectation: Expectation, tables: _Tables
) -> NeotypeError:
    """The fault of an expression in our words: no rows were there, so no value is in them."""
    asked, columns = str(getattr(expectation, expectation.subject)), tables.synthetic.columns
    said_of = explained(fault, asked, columns, asked_by=_called(expectation))
    if isinstance(said_of, ColumnNotFoundError):
        return said_of
    mend = said_of.mend
    if "relation" in said_of.problem and "not found" in said_of.problem:
        mend = f"the tables are called {', '.join(tables.named)}"
    elif expectation.subject == "sql" and mend is not None:
        mend = mend.removesuffix(OR_POLARS)
    found = f"{expectation.subject}: {said_of.found}"
    return SchemaError(said_of.problem, found=found, mend=mend)
