"""Several copies of one real table, which differ in the cells that were drawn and in no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.errors import DataError

Floats = NDArray[np.float64]
Estimate = Callable[[Any], tuple[Any, Any]]
"""From a copy to an estimate and its variance, each a number or several."""


@dataclass(frozen=True)
class Copies:
    """A real table and copies of it. `drawn` marks, for each column concerned, the drawn cells.

    `missing` says that these cells were missing before; else they were real and were replaced.
    `left` says of columns that stayed as they were although they were asked for, why.
    """

    real: Dataset
    copies: tuple[Dataset, ...]
    drawn: pl.DataFrame
    missing: bool
    left: Mapping[str, str] = field(default_factory=dict)

    def changes(self) -> pl.DataFrame:
        """For each column concerned: how many cells were drawn, and how many differ now."""
        rows = []
        for name in self.drawn.columns:
            mask = self.drawn[name]
            before = self.real.frame[name].filter(mask)
            differ = [
                int(before.ne_missing(copy.frame[name].filter(mask)).sum()) for copy in self.copies
            ]
            rows.append((name, int(mask.sum()), float(np.mean(differ))))
        kinds = {"column": pl.String, "drawn": pl.Int64, "changed": pl.Float64}
        return pl.DataFrame(rows, schema=kinds, orient="row")


@dataclass(frozen=True)
class Combined:
    """What several copies say together: estimates, their standard errors, 95 % intervals."""

    estimates: Floats
    errors: Floats
    low: Floats
    high: Floats
    drawn: Floats
    """The share of each variance that is there because cells were drawn."""


def combine(estimates: Sequence[Any], variances: Sequence[Any], *, missing: bool) -> Combined:
    """The estimates of m ≥ 2 copies as one, with what the drawing of cells adds to their variance.

    With q̄ the mean estimate, b the variance between copies and v̄ the mean variance: for cells
    that were missing T = v̄ + (1 + 1/m) b (Rubin 1987), for cells that were replaced T = v̄ + b/m
    (Reiter 2003); Student's t with (m − 1) (T / (T − v̄))² degrees of freedom in both.
    """
    from scipy.stats import t

    found, spread = (np.atleast_2d(np.array(each, float).T).T for each in (estimates, variances))
    copies = len(found)
    if copies < 2:
        raise DataError(
            "one copy alone does not say how much the drawn cells vary.", mend="ask for draws=5"
        )
    within = spread.mean(axis=0)
    added = found.var(axis=0, ddof=1) * ((1 + 1 / copies) if missing else 1 / copies)
    total = within + added
    ratio = np.divide(total, added, out=np.full_like(total, np.inf), where=added > 0)
    half = t.ppf(0.975, (copies - 1) * ratio**2) * np.sqrt(total)
    middle = found.mean(axis=0)
    share = np.divide(added, total, out=np.zeros_like(total), where=total > 0)
    return Combined(middle, np.sqrt(total), middle - half, middle + half, share)
