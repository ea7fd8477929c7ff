"""Running totals: a balance is the balance before plus what came in or less what went out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.schema.schema import Boolean, Categorical, Column, Numeric, Ordinal

_HOLDS = 0.95
"""Share of rows in which the total must follow."""
_HINT = 0.4
"""Share in which it does before rows of one time are brought into the right order."""
_SAMPLE = 20_000
_RARE = 0.004


@dataclass(frozen=True)
class Running:
    """`total` grows by `amount`, or falls by it where the label of `kind` is in `falls`.

    Without a `kind` it always grows. Owners begin at 0.
    """

    total: str
    amount: str
    kind: str | None
    falls: tuple[object, ...]
    unit: float
    """The last decimal of the total, to which it may be rounded."""
    floor: float = -np.inf
    """What hardly a total falls below."""

    @classmethod
    def learn(
        cls,
        frame: pl.DataFrame,
        columns: dict[str, Column],
        owner: NDArray[np.int64],
        ticks: NDArray[np.int64],
    ) -> Self | None:
        """Look for one among rows sorted by owner and time."""
        numbers = [
            name
            for name, column in columns.items()
            if isinstance(column, Numeric)
            and not frame[name].null_count()
            and frame[name].n_unique() > _HOLDS * 2
        ]
        kinds = [n for n, c in columns.items() if isinstance(c, Categorical | Boolean | Ordinal)]
        best: tuple[float, Self] | None = None
        part = slice(0, _SAMPLE)
        for total in numbers:
            values = frame[total].cast(pl.Float64).to_numpy()[part]
            unit = 10.0 ** -(getattr(columns[total], "decimals", None) or 0)
            grown = np.diff(values, prepend=0.0)
            begins = np.append(True, owner[part][1:] != owner[part][:-1])[: len(values)]
            grown[begins] = values[begins]
            for amount in numbers:
                if amount == total:
                    continue
                by = frame[amount].cast(pl.Float64).to_numpy()[part]
                near = _near(values, unit)
                held = (np.abs(np.abs(grown) - by) <= near) & (by > near)
                if held.mean() < _HINT:
                    continue
                found = cls._signed(total, amount, unit, frame[part], kinds, held, grown)
                if found is not None and (best is None or held.mean() > best[0]):
                    best = (float(held.mean()), found)
        if best is None:
            return None
        order = best[1].ordered(frame, owner, ticks)
        if best[1].holds(frame[order], owner).mean() < _HOLDS:
            return None
        floor = float(frame[best[1].total].cast(pl.Float64).quantile(_RARE, "lower") or 0.0)
        return replace(best[1], floor=floor)

    @classmethod
    def _signed(
        cls,
        total: str,
        amount: str,
        unit: float,
        frame: pl.DataFrame,
        kinds: list[str],
        held: NDArray[np.bool_],
        grown: NDArray[np.float64],
    ) -> Self | None:
        """The column whose labels say whether the total grows or falls."""
        falls = grown[held] < 0
        if falls.mean() < 1 - _HOLDS:
            return cls(total, amount, None, (), unit)
        for kind in kinds:
            labels = frame[kind].filter(pl.Series(held))
            share = (
                pl.DataFrame({"label": labels, "falls": falls})
                .group_by("label")
                .agg(pl.col("falls").mean(), pl.len())
                .sort("label")
            )
            sure = share["falls"].to_numpy()
            wrong = (np.minimum(sure, 1 - sure) * share["len"].to_numpy()).sum()
            if wrong <= (1 - _HOLDS) * len(falls):
                down = share.filter(pl.col("falls") > 0.5)["label"]
                return cls(total, amount, kind, tuple(down.to_list()), unit)
        return None

    def signs(self, frame: pl.DataFrame) -> NDArray[np.float64]:
        """+1 where the total grows, −1 where it falls."""
        if self.kind is None:
            return np.ones(frame.height)
        cells = frame[self.kind]
        down = cells.is_in([label for label in self.falls if label is not None])
        down = down.fill_null(None in self.falls)
        return np.where(down.to_numpy(), -1.0, 1.0)

    def ordered(
        self, frame: pl.DataFrame, owner: NDArray[np.int64], ticks: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Rows of one owner and time in the order in which each total follows from the last."""
        after = frame[self.total].cast(pl.Float64).to_numpy()
        by = frame[self.amount].cast(pl.Float64).to_numpy() * self.signs(frame)
        before = after - by
        order = np.arange(frame.height)
        edges = np.flatnonzero((owner[1:] != owner[:-1]) | (ticks[1:] != ticks[:-1])) + 1
        bounds = np.concatenate([[0], edges, [frame.height]])
        for low, high in pairwise(bounds.tolist()):
            if high - low < 2:
                continue
            now = after[order[low - 1]] if low and owner[low - 1] == owner[low] else 0.0
            left = list(range(low, high))
            for place in range(low, high):
                fits = (k for k in left if abs(before[k] - now) <= 1.01 * self.unit)
                nxt = next(fits, left[0])
                left.remove(nxt)
                order[place] = nxt
                now = after[nxt]
        return order

    def holds(self, frame: pl.DataFrame, owner: NDArray[np.int64]) -> NDArray[np.bool_]:
        """In which rows the total follows from the one before."""
        after = frame[self.total].cast(pl.Float64).to_numpy()
        by = frame[self.amount].cast(pl.Float64).to_numpy() * self.signs(frame)
        begins = np.append(True, owner[1:] != owner[:-1])[: len(owner)]
        before = np.where(begins, 0.0, np.append(0.0, after[:-1])[: len(after)])
        return np.asarray(np.abs(after - before - by) <= _near(after, self.unit))


def _near(values: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """How far rounding may take a total from what it should be."""
    return np.asarray(1.01 * unit + 1e-9 * np.abs(values))
