"""Rows of a model in which groups have a good outcome equally often, and what that costs.

Reweighing (Kamiran and Calders 2012), done by sampling: rows are drawn for each group and outcome
in the numbers that make the two independent; within a group and outcome they are as the model has
them. Only the link of outcome and group is cut: other columns still tell the group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.errors import DataError, SchemaError
from neotype.evaluate import boosting
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.interval import auc
from neotype.evaluate.task import without
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.condition import Condition, Where
from neotype.tasks.dealing import Cell, deal, quotas
from neotype.tasks.gain import FEWEST, classifier
from neotype.tasks.shares import POOL, plain, words

MOST_VALUES = 30
"""Values of a column that names groups or strata, at most."""

FEW = 30
"""Rows of a group below which its rate is too coarse to decide the gap."""

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """A group, and how often it has the good outcome: in the model, and in the rows made."""

    name: str
    share: float
    before: float
    after: float


@dataclass(frozen=True)
class Trained:
    """A classifier that learnt synthetic rows, tested on real ones.

    `rates` are the shares of each group that it calls good, `gap` the highest less the lowest
    (demographic parity difference); `opportunity` the same among rows that are good (Hardt 2016).
    """

    learnt: str
    auc: float
    accuracy: float
    rates: dict[str, float]
    gap: float
    opportunity: float


@dataclass(frozen=True)
class Fair:
    """Rows with parity, the groups before and after, and what it costs a classifier."""

    data: Dataset
    outcome: str
    groups: tuple[Group, ...]
    cost: tuple[Trained, Trained] | None = None

    @property
    def small(self) -> tuple[Group, ...]:
        """Groups of too few rows for a rate."""
        return tuple(one for one in self.groups if one.share * self.data.rows < FEW)

    @property
    def gap(self) -> tuple[float, float]:
        """The demographic parity difference of the rows themselves, before and after.

        `small` groups do not decide it, unless fewer than two others are left.
        """
        large = [group for group in self.groups if group not in self.small]
        groups = large if len(large) > 1 else self.groups
        before, after = ([getattr(g, side) for g in groups] for side in ("before", "after"))
        return max(before) - min(before), max(after) - min(after)


def _named(column: str, value: Any, among: int) -> str:
    """What a group is called: its value, with the column where several make the group."""
    told = "missing" if value is None else str(value)
    return told if among == 1 else f"{column}={told}"


def fair(
    model: Any,
    rows: int,
    good: Condition,
    parity: Sequence[str],
    *,
    rng: Rng,
    within: Sequence[str] = (),
    rate: float | None = None,
    holdout: Dataset | None = None,
    progress: Progress = silent,
) -> Fair:
    """`rows` rows in which each group of the `parity` columns meets `good` equally often.

    With `within`, equally often among rows that agree in those columns (conditional parity). The
    common rate is that of the model (in each stratum), or `rate`. Sizes of groups and strata stay.
    """
    _check(model, good, parity, within, rate)
    keys = (*parity, *within)
    pool = Dataset.of(model.schema, plain(model, max(POOL, rows), rng.child("pool")))
    parts = _Parts.of(pool.frame, keys, len(parity))
    meets = good.holds(pool.frame[good.column]).to_numpy()
    cells = _cells(parts, parts.place(pool.frame), meets, good, rows, rate)

    def cell_of(frame: pl.DataFrame) -> Ints:
        place = parts.place(frame)
        yes = good.holds(frame[good.column]).to_numpy()
        return np.where(place < 0, -1, 2 * place + yes)

    made = deal(model, cells, cell_of, rng=rng.child("deal"), progress=progress)
    groups = _groups(parts, pool.frame.select(keys), meets, made.frame, good)
    cost = None
    if holdout is not None:
        some = Dataset.of(pool.schema, pool.frame.head(rows))
        cost = _cost(some, made, holdout, good, parity, rng.child("cost"))
    return Fair(made, words(good), groups, cost)


def _check(
    model: Any, good: Condition, parity: Sequence[str], within: Sequence[str], rate: float | None
) -> None:
    if not parity:
        raise SchemaError("no column names the groups.", mend="name one, such as sex")
    for name in (good.column, *parity, *within):
        model.schema.table.column(name, asked_by="parity")
    twice = {n for n in (*parity, *within) if (good.column, *parity, *within).count(n) > 1}
    if twice:
        raise SchemaError(
            f"'{', '.join(sorted(twice))}' cannot be a group and a stratum or the outcome at once.",
            mend="name each column once",
        )
    if rate is not None and not 0 < rate < 1:
        raise SchemaError(f"{rate:g} is no rate of a good outcome.", mend="0.25 is a quarter")


@dataclass(frozen=True)
class _Parts:
    """All combinations of groups and strata that occur; the first `groups` keys name the group."""

    keys: tuple[str, ...]
    groups: int
    rows: pl.DataFrame

    @classmethod
    def of(cls, frame: pl.DataFrame, keys: tuple[str, ...], groups: int) -> _Parts:
        many = {name: frame[name].n_unique() for name in keys}
        findings = [f"'{name}' has {n:,} values" for name, n in many.items() if n > MOST_VALUES]
        if findings:
            raise DataError(
                f"groups and strata are told by columns of {MOST_VALUES} values at most.",
                findings,
                mend="take a column that says it more coarsely",
            )
        rows = frame.select(keys).unique().sort(keys, nulls_last=True)
        return cls(keys, groups, rows.with_row_index("part"))

    def place(self, frame: pl.DataFrame) -> Ints:
        """The part of each row; −1 for a combination that the model's rows did not show."""
        found = frame.select(self.keys).join(
            self.rows, on=self.keys, how="left", nulls_equal=True, maintain_order="left"
        )
        return found["part"].cast(pl.Int64).fill_null(-1).to_numpy()

    def where(self, part: int) -> Where:
        """What rows of a part meet."""
        return tuple(Condition(name, values=(self.rows[name][part],)) for name in self.keys)

    @property
    def stratum(self) -> Ints:
        """The stratum of each part."""
        inner = self.keys[self.groups :]
        if not inner:
            return np.zeros(self.rows.height, dtype=np.int64)
        return (
            self.rows.select(pl.struct(inner).rank("dense"))[:, 0].to_numpy().astype(np.int64) - 1
        )


def _cells(
    parts: _Parts, place: Ints, meets: Bools, good: Condition, rows: int, rate: float | None
) -> list[Cell]:
    """For each part the rows without and with the good outcome."""
    size = np.bincount(place, minlength=parts.rows.height)
    yes = np.bincount(place, meets, minlength=parts.rows.height)
    stratum = parts.stratum
    among = np.bincount(stratum, yes) / np.bincount(stratum, size)
    wanted = np.full(len(size), rate) if rate is not None else among[stratum]
    many = quotas(size / size.sum(), rows)
    # Remainders of a half are carried along a stratum, so that its rate is met as a whole.
    cells = []
    rest = np.zeros(len(among))
    for k, n in enumerate(many.tolist()):
        exact = n * float(wanted[k]) + rest[stratum[k]]
        with_it = min(n, max(0, round(exact)))
        rest[stratum[k]] = exact - with_it
        where = parts.where(k)
        name = ", ".join(map(words, where))
        cells.append(Cell(n - with_it, where, f"{name} and not {words(good)}"))
        cells.append(Cell(with_it, (*where, good), f"{name} and {words(good)}"))
    return cells


def _groups(
    parts: _Parts, plain: pl.DataFrame, meets: Bools, made: pl.DataFrame, good: Condition
) -> tuple[Group, ...]:
    """How often each group has the good outcome."""
    keys = list(parts.keys[: parts.groups])
    yes = good.holds(made[good.column])
    before = plain.with_columns(yes=pl.Series(meets)).group_by(keys).agg(pl.col("yes").mean())
    after = (
        made.with_columns(yes=yes)
        .group_by(keys)
        .agg(pl.col("yes").mean().alias("after"), n=pl.len())
    )
    both = after.join(before, on=keys, how="left", nulls_equal=True).sort(keys, nulls_last=True)
    return tuple(
        Group(
            " and ".join(_named(k, row[k], len(keys)) for k in keys),
            row["n"] / made.height,
            float(row["yes"]),
            float(row["after"]),
        )
        for row in both.iter_rows(named=True)
    )


def _cost(
    plain: Dataset,
    made: Dataset,
    holdout: Dataset,
    good: Condition,
    parity: Sequence[str],
    rng: Rng,
) -> tuple[Trained, Trained]:
    """Classifiers that learnt the plain and the fair rows, both tested on real rows."""
    truth = [good.holds(data.frame[good.column]).to_numpy() for data in (plain, made, holdout)]
    if min(truth[2].sum(), (~truth[2]).sum()) < FEWEST:
        raise DataError(
            f"the holdout has {int(truth[2].sum())} rows with {words(good)}: too few.",
            mend="give a holdout with both outcomes, or none",
        )
    shown = Comparison(made, plain, holdout, rng).features
    kept, categorical = without(shown, good.column)
    seed = rng.child("trees").number()
    sides = ((shown.sides.train, truth[0]), (shown.sides.synthetic, truth[1]))

    def told(side: Any) -> Any:
        cells, yes = side
        learnt = classifier(cells[:, kept], yes, None, categorical, seed)
        return learnt(shown.sides.holdout[:, kept])

    rows = holdout.frame.select(parity).iter_rows(named=True)
    named = (" and ".join(_named(k, row[k], len(parity)) for k in parity) for row in rows)
    names = pl.Series(named, dtype=pl.String)
    plain_told, fair_told = boosting.side_by_side(told, sides)
    return (
        _trained("plain rows", plain_told, truth[2], names),
        _trained("rows with parity", fair_told, truth[2], names),
    )


def _trained(learnt: str, chance: Any, truth: Bools, names: pl.Series) -> Trained:
    called = chance > 0.5
    rates, found = {}, []
    for name in names.unique().sort().to_list():
        here = (names == name).to_numpy()
        if here.sum() < FEWEST:
            continue
        rates[name] = float(called[here].mean())
        if truth[here].sum() >= FEWEST:
            found.append(float(called[here & truth].mean()))
    spread = max(rates.values()) - min(rates.values()) if rates else float("nan")
    return Trained(
        learnt,
        auc(chance[truth], chance[~truth])[0],
        float((called == truth).mean()),
        rates,
        spread,
        max(found) - min(found) if found else float("nan"),
    )
