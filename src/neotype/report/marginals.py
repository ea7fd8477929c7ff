"""One column, real beside synthetic, drawn so that no rare real value can be read from it.

What protects: a label is named only when at least `RARE` training rows have it; a histogram ends
at the RARE-th lowest and RARE-th highest training value, rounded outwards; a bin with fewer than
`RARE` training rows (but not none) is merged with its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.evaluate.features import LARGEST, numbers
from neotype.schema.schema import Boolean, ColumnBase, Datetime, Numeric, Ordinal

RARE = 5
"""A value of fewer training rows than this is not shown."""
LABELS = 6
"""The most labels that are named; the rest is one bar, "other"."""
BINS = 30
FEW_VALUES = 12
"""A number with no more distinct values than this is drawn like labels."""
SPIKE = 0.4
"""A number that this share of rows has is taken out of the histogram and shown by itself."""

OTHER, MISSING = "other values", "missing"

_DAY, _YEAR = 86_400.0, 365.25 * 86_400
_TIME_STEPS = (
    *(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 2, 5, 10, 30),
    *(60.0 * minutes for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720)),
    *(_DAY * days for days in (1, 2, 7, 14, 28)),
    *(_YEAR / 12, _YEAR / 6, _YEAR / 4, _YEAR / 2, _YEAR, 2 * _YEAR, 5 * _YEAR, 10 * _YEAR),
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bar:
    """The share of all rows, missing ones included, that have one label."""

    label: str
    real: float
    synthetic: float


@dataclass(frozen=True)
class Marginal:
    """One column on both sides. Shares are of all rows, so bars, bins and `missing` add up to 1.

    `edges` bound the bins in the column's unit, `at` says where they lie across the width (0 to 1)
    and `texts` is how they read. `table` is empty where there is only one.
    """

    name: str
    kind: str
    form: Literal["histogram", "bars", "none"]
    missing: Bar
    bars: tuple[Bar, ...] = ()
    edges: tuple[float, ...] = ()
    at: tuple[float, ...] = ()
    stretched: bool = False
    texts: tuple[str, ...] = ()
    real: tuple[float, ...] = ()
    synthetic: tuple[float, ...] = ()
    note: str = ""
    table: str = ""

    def to_facts(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """The inverse of `to_facts`."""
        tuples = {k: tuple(facts[k]) for k in ("edges", "at", "texts", "real", "synthetic")}
        bars = tuple(Bar(**bar) for bar in facts["bars"])
        return cls(**{**facts, **tuples, "bars": bars, "missing": Bar(**facts["missing"])})


def marginals(train: Dataset, synthetic: Dataset) -> tuple[Marginal, ...]:
    """Every column of every table, in order."""
    several = len(train.schema.tables) > 1
    return tuple(
        replace(
            _marginal(name, column, train.frames[table][name], synthetic.frames[table][name]),
            table=table if several else "",
        )
        for table, facts in train.schema.tables.items()
        for name, column in facts.columns.items()
    )


def counts(name: str, real: Sequence[int], made: Sequence[int]) -> Marginal:
    """Whole numbers that are no column, one of each parent or owner; drawn as a column is."""
    column = Numeric(subtype="integer", storage="Int64")
    sides = (pl.Series(name, list(side), dtype=pl.Int64) for side in (real, made))
    return _marginal(name, column, *sides)


_AXIS_KINDS = ("numeric", "datetime", "duration", "geo", "text")
_UNDRAWN = {
    "identifier": "Made anew in every synthetic row and never learnt: not compared.",
    "personal": "Personal data: made anew in every synthetic row and never learnt: not compared.",
    "constant": "The same value in every row: nothing to draw.",
    "json": "Nested values: nothing to draw.",
}


def _marginal(name: str, column: Any, real: pl.Series, made: pl.Series) -> Marginal:
    missing = Bar(MISSING, _share(_absent(real)), _share(_absent(made)))
    base = Marginal(name, column.kind, "none", missing)
    if column.kind in _UNDRAWN:
        return _with(base, note=_UNDRAWN[column.kind])
    if missing.real == 1.0 or real.len() == 0:
        return _with(base, note="No training row has a value.")
    if column.kind not in _AXIS_KINDS:
        ordered = isinstance(column, Ordinal | Boolean)
        return _bars(base, column, real, made, ordered=ordered)
    left, right = (positions(side, column, column.kind) for side in (real, made))
    if column.kind == "numeric" and left.drop_nulls().n_unique() <= FEW_VALUES:
        return _bars(base, column, real, made, ordered=True)
    if left.null_count() == left.len():
        return _with(base, note="No training row has a value that can be placed on an axis.")
    return _histogram(base, column, left, right)


def _with(base: Marginal, **changes: Any) -> Marginal:
    return Marginal(**{**base.__dict__, **changes})


def _absent(values: pl.Series) -> pl.Series:
    absent = values.is_null()
    return absent | values.is_nan().fill_null(False) if values.dtype.is_float() else absent


def _share(mask: pl.Series) -> float:
    return float(mask.sum()) / mask.len() if mask.len() else 0.0


# ---- labels ---------------------------------------------------------------------------------


def _texts(values: pl.Series) -> pl.Series:
    if values.dtype.is_float():
        values = values.fill_nan(None)
    if values.dtype == pl.Binary or values.dtype.is_nested():
        return pl.Series(values.name, [None if v is None else str(v) for v in values], pl.String)
    return values.cast(pl.String, strict=False)


def _counts(texts: pl.Series) -> dict[str, int]:
    table = texts.drop_nulls().value_counts(name="#rows")
    return dict(zip(table[texts.name].to_list(), table["#rows"].to_list(), strict=True))


def _bars(
    base: Marginal, column: Any, real: pl.Series, made: pl.Series, *, ordered: bool
) -> Marginal:
    left, right = _counts(_texts(real).alias("v")), _counts(_texts(made).alias("v"))
    shown = sorted((v for v, n in left.items() if n >= RARE), key=lambda v: (-left[v], v))
    rare = len(left) - len(shown)
    most = FEW_VALUES if ordered or len(shown) <= LABELS + 2 else LABELS
    rest, shown = len(shown) - most, shown[:most]
    if ordered:
        shown = _in_order(shown, column)
    n, m = max(real.len(), 1), max(made.len(), 1)
    bars = [Bar(v, left[v] / n, right.get(v, 0) / m) for v in shown]
    others = [sum(side.values()) - sum(side.get(v, 0) for v in shown) for side in (left, right)]
    if any(others):
        bars.append(Bar(OTHER, others[0] / n, others[1] / m))
    notes = []
    if rest > 0:
        notes.append(f"{rest:,} more labels are among the other values")
    if rare:
        notes.append(f"{rare:,} with fewer than {RARE} training rows are not named")
    return _with(base, form="bars", bars=tuple(bars), note=". ".join(notes) + "." * bool(notes))


def _in_order(labels: Sequence[str], column: Any) -> list[str]:
    declared = column.values if isinstance(column, Ordinal) else getattr(column, "labels", None)
    if declared:
        rank = {str(value): i for i, value in enumerate(declared)}
        return sorted(labels, key=lambda v: rank.get(v, len(rank)))
    try:
        return sorted(labels, key=float)
    except ValueError:
        return sorted(labels)


# ---- histograms -----------------------------------------------------------------------------


def positions(values: pl.Series, column: ColumnBase, kind: str) -> pl.Series:
    """Where the cells lie on an axis: floats (times in seconds), null where they have no place."""
    placed = numbers(values, column, kind)
    return pl.Series(np.where(np.abs(placed) < LARGEST, placed, np.nan)).fill_nan(None)


def _histogram(base: Marginal, column: Any, left: pl.Series, right: pl.Series) -> Marginal:
    n, m = left.len(), max(right.len(), 1)
    real, made = (np.sort(side.drop_nulls().to_numpy()) for side in (left, right))
    values, counts = np.unique(real, return_counts=True)
    bars: list[Bar] = []
    if counts.max() >= max(SPIKE * len(real), RARE):
        spike = float(values[counts.argmax()])
        hits = int(counts.max()), int((made == spike).sum())
        bars.append(Bar("= " + say(spike, column, 0.0), hits[0] / n, hits[1] / m))
        real, made = real[real != spike], made[made != spike]
    ends = (float(real[RARE - 1]), float(real[-RARE])) if len(real) >= 4 * RARE else (0.0, 0.0)
    low, high = ends
    if not 0 < high - low < math.inf:
        bars.append(Bar(OTHER, len(real) / n, len(made) / m))
        note = "Too few training rows with different values for a histogram."
        return _with(base, form="bars", bars=tuple(bars), note=note)
    stretch = _Stretch.of(real, low, high)
    whole = column.kind == "text" or getattr(column, "subtype", "") == "integer"
    if isinstance(column, Datetime):
        stretch, edges = None, _time_edges(low, high, len(real), column.part == "time")
    else:
        edges = stretch.edges() if stretch else _even_edges(low, high, len(real), whole)
    ends = edges[0], np.nextafter(edges[-1], -np.inf)
    left_counts, right_counts = (
        np.histogram(np.clip(side, *ends), edges)[0] for side in (real, made)
    )
    edges, left_counts, right_counts = _merge(edges, left_counts, right_counts)
    span = float(edges[-1] - edges[0])
    at = stretch.place(edges) if stretch else edges
    at = (at - at[0]) / (at[-1] - at[0])
    return _with(
        base,
        form="histogram",
        bars=tuple(bars),
        edges=tuple(edges.tolist()),
        at=tuple(at.tolist()),
        stretched=stretch is not None,
        texts=tuple(say(float(edge), column, span) for edge in edges),
        real=tuple((left_counts / n).tolist()),
        synthetic=tuple((right_counts / m).tolist()),
        note="Length in characters." if column.kind == "text" else "",
    )


def _bins(rows: int) -> int:
    return min(BINS, max(6, int(2 * rows ** (1 / 3))))


def _time_edges(low: float, high: float, rows: int, clock: bool) -> Floats:
    """Edges at round times, all of one width; a clock's day ends at midnight."""
    width = (high - low) / _bins(rows)
    step = next((s for s in _TIME_STEPS if s >= width), math.ceil(width / _YEAR) * _YEAR)
    edges = np.arange(math.floor(low / step), math.floor(high / step) + 2, dtype=np.float64) * step
    return np.unique(np.clip(edges, 0, 86_400)) if clock else edges


def _even_edges(low: float, high: float, rows: int, whole: bool) -> Floats:
    """Edges at round numbers, all of one width, around [low, high]."""
    bins = _bins(rows)
    step = _round_up((high - low) / bins, whole)
    first, last = math.floor(low / step), math.floor(high / step) + 1
    edges = np.arange(first, last + 1, dtype=np.float64) * step
    return edges if len(np.unique(edges)) == len(edges) else np.linspace(low, high, bins + 1)


def _round_up(width: float, whole: bool) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten; a whole number where asked."""
    power = 10.0 ** math.floor(math.log10(max(width, 1.0) if whole else width))
    steps = [power * m for m in (1, 2, 2.5, 5, 10) if not whole or power * m % 1 == 0]
    return next(step for step in steps if step >= width * 0.999)


@dataclass(frozen=True)
class _Stretch:
    """An axis whose unit grows with the distance from the middle, for data with far tails."""

    middle: float
    scale: float
    low: float
    high: float

    @classmethod
    def of(cls, real: Floats, low: float, high: float) -> Self | None:
        """The axis for these values, or None where an even one serves."""
        lower, middle, upper = (float(q) for q in np.quantile(real, [0.1, 0.5, 0.9]))
        scale = (upper - lower) / 2
        if scale <= 0 or (high - low) < 12 * scale:
            return None
        # From a scale of `low` around 0 on, arcsinh is a logarithm.
        return cls(0.0, low, low, high) if low > 0 else cls(middle, scale, low, high)

    def place(self, values: Floats) -> Floats:
        """Where values lie on the axis."""
        return np.arcsinh((values - self.middle) / self.scale)

    def edges(self) -> Floats:
        """Edges at even places, rounded to two digits and outwards at the ends."""
        low, high = self.place(np.array([self.low, self.high]))
        raw = self.middle + self.scale * np.sinh(np.linspace(float(low), float(high), BINS + 1))
        unit = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(raw), self.scale * 1e-3))) - 1)
        rounded = np.round(raw / unit) * unit
        rounded[0] = np.floor(raw[0] / unit[0]) * unit[0]
        rounded[-1] = np.ceil(raw[-1] / unit[-1]) * unit[-1] + unit[-1]
        return np.unique(rounded)


def _merge(
    edges: Floats, real: NDArray[np.int64], made: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """No bin with fewer than RARE real rows, unless it has none."""
    kept = [(float(edges[0]), 0, 0)]
    open_real = open_made = 0
    for end, r, s in zip(edges[1:], real, made, strict=True):
        open_real, open_made = open_real + int(r), open_made + int(s)
        if open_real == 0 or open_real >= RARE:
            kept.append((float(end), open_real, open_made))
            open_real = open_made = 0
    while open_real and len(kept) > 1:
        _, r, s = kept.pop()
        open_real, open_made = open_real + r, open_made + s
        if open_real >= RARE:
            break
    if open_real or open_made:
        kept.append((float(edges[-1]), open_real, open_made))
    ends, left, right = zip(*kept, strict=True)
    return np.array(ends), np.array(left[1:]), np.array(right[1:])


# ---- words ----------------------------------------------------------------------------------


def say(value: float, column: Any, span: float) -> str:
    """A position in the column's own words; `span` is the width of the axis it lies on."""
    if isinstance(column, Datetime):
        return _say_time(value, column, span)
    if column.kind == "duration":
        return str(timedelta(seconds=round(value))) if abs(value) < 8e13 else f"{value:.3g} s"
    if abs(value) >= 1e7 or (value and abs(value) < 1e-4):
        return f"{value:.4g}"
    text = f"{value:,.{0 if abs(value) >= 1000 else 4}f}" if value % 1 else f"{value:,.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _say_time(value: float, column: Datetime, span: float) -> str:
    if column.part == "time":
        clock = round(value)
        return f"{clock // 3600:02d}:{clock // 60 % 60:02d}" + (
            f":{clock % 60:02d}" if clock % 60 else ""
        )
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value)
    except OverflowError:
        return f"{value:.4g} s"
    if column.part == "date" or span > 5 * 86_400 or (span == 0 and value % 86_400 == 0):
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%Y-%m-%d %H:%M}"
