"""The kind of a column of numbers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl

from neotype.schema.names import names_code, names_counter, names_id
from neotype.schema.schema import Boolean, Categorical, Column, Identifier, Numeric
from neotype.schema.wording import count, percent, span

_PLACES = 9
_EXACT = float(2**53)
_ENTITY = 0.5
_COUNTING = 20


def number(present: pl.Series, rows: int, base: dict[str, Any]) -> Column:
    """The kind of a column of numbers; `present` has neither nulls nor NaN."""
    if isinstance(present.dtype, pl.Decimal):
        scale = present.dtype.scale
        reason = f"{count(present.n_unique(), 'distinct decimal')} of scale {scale}{span(present)}"
        return Numeric(**base, subtype="decimal", decimals=scale, reason=reason)
    if present.dtype.is_integer() or _whole(present):
        return _whole_number(present, rows, base)
    return _real(present, base)


def _whole(present: pl.Series) -> bool:
    """Whether floats are whole numbers that have lost their dtype to missing cells."""
    finite = present.is_finite() & (present.abs() < _EXACT)
    return bool(finite.all()) and bool((present.floor() == present).all())


def _whole_number(  # noqa: PLR0911 (one return a piece of evidence)
    present: pl.Series, rows: int, base: dict[str, Any]
) -> Column:
    name, distinct = present.name, present.n_unique()
    values = set(present.unique().to_list()) if distinct == 2 else set()
    if values == {0, 1}:
        labels = (0, 1) if present.dtype.is_integer() else (0.0, 1.0)
        share = percent(float(present.sum()) / len(present))
        return Boolean(
            **base, labels=labels, reason=f"only 0 and 1 occur, 1 in {share} of the cells"
        )
    unique = distinct == len(present)
    if unique and names_counter(name):
        reason = f"named like an id, and all {len(present):,} whole numbers differ"
        return Identifier(**base, unique=True, reason=reason)
    if unique and _counts_rows(present, rows):
        return Identifier(
            **base, unique=True, reason=f"counts the {rows:,} rows one by one, in order"
        )
    if names_id(name) and not unique:
        return _repeated(present, distinct, base)
    if names_code(name):
        if distinct > _ENTITY * len(present) and len(present) >= _COUNTING:
            reason = f"named like a code; {distinct:,} of {len(present):,} differ: made anew"
            return Identifier(**base, unique=unique, reason=reason)
        reason = f"named like a code: {count(distinct, 'distinct number')} that are labels"
        return Categorical(**base, reason=reason)
    kind = "" if present.dtype.is_integer() else f", stored as {present.dtype}"
    reason = f"{count(distinct, 'distinct whole number')}{span(present)}{kind}"
    return Numeric(**base, subtype="integer", decimals=0, reason=reason)


def _counts_rows(present: pl.Series, rows: int) -> bool:
    """0, 1, 2 … or 1, 2, 3 …: the number of the row under any name."""
    if len(present) < max(rows, _COUNTING) or present[0] not in (0, 1):
        return False
    return bool((present.cast(pl.Int64).diff().drop_nulls() == 1).all())


def _repeated(present: pl.Series, distinct: int, base: dict[str, Any]) -> Column:
    """An id that comes several times: an owner of rows where most rows have their own."""
    reason, entity = repeated_id(present, distinct)
    if entity:
        return Identifier(**base, unique=False, reason=reason)
    return Categorical(**base, reason=reason)


def repeated_id(present: pl.Series, distinct: int) -> tuple[str, bool]:
    """Why an id that repeats is what it is, and whether it is an identifier and no label."""
    said = f"named like an id, but {count(distinct, 'label')} repeat over {len(present):,} rows"
    if distinct > _ENTITY * len(present):
        return f"{said}; if it owns its rows, set entity: {present.name}", True
    return f"{said}: labels of something else, or the owner of its rows (then set entity)", False


def _real(present: pl.Series, base: dict[str, Any]) -> Column:
    infinite = int(present.is_infinite().sum())
    distinct = present.n_unique()
    decimals = decimals_of(present)
    if decimals == 0:  # whole numbers, but some of them infinite or beyond what a float counts
        decimals = 0 if _largest(present) < _EXACT else None
    limits = f"; {count(infinite, 'cell')} infinite" if infinite else ""
    if decimals is None:
        reason = f"{count(distinct, 'distinct number')} of full float precision"
        return Numeric(**base, subtype="float", reason=reason + span(present) + limits)
    reason = f"{count(distinct, 'distinct number')} of at most {count(decimals, 'decimal')}"
    subtype: Literal["integer", "decimal"] = "decimal" if decimals else "integer"
    return Numeric(
        **base, subtype=subtype, decimals=decimals, reason=reason + span(present) + limits
    )


def _largest(present: pl.Series) -> float:
    return float(np.abs(present.filter(present.is_finite()).to_numpy()).max(initial=0.0))


def decimals_of(present: pl.Series) -> int | None:
    """The least number of decimal places that loses nothing; None beyond nine of them."""
    finite = present.filter(present.is_finite()) if present.dtype.is_float() else present
    if finite.is_empty() or not finite.dtype.is_float():
        return 0 if finite.dtype.is_integer() else None
    probe = finite.head(1000)
    for places in range(_PLACES + 1):
        if bool((probe.round(places) == probe).all()) and bool(
            (finite.round(places) == finite).all()
        ):
            return places
    return None
