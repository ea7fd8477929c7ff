"""Do columns go together as in the real data: correlation, information, k-way marginals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any, ClassVar, NamedTuple

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.correlation import Correlations
from neotype.evaluate.features import Floats, Labels, Numbers, Sides, View
from neotype.evaluate.fidelity.association import (
    Pair,
    corrected_v,
    grouped,
    information,
    labelled,
    ranking,
)
from neotype.evaluate.fidelity.marginals import chosen, views
from neotype.evaluate.interval import GROUPS, around, spread
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.tables import (
    BINS,
    Counter,
    Spread,
    Symbols,
    bins,
    mean,
    overlap,
    quantiles,
    together,
)
from neotype.rng import Rng

LABELS = 62
"""Labels of a column that pairs tell apart; the rest count as one."""

SHOWN = 60
"""Columns whose matrices are shown: those that are furthest off."""

Pairs = dict[tuple[int, int], Pair]


@dataclass(frozen=True)
class Correlation(Measure):
    """How far the strengths of association between columns are from the real ones: 0 is equal.

    Root mean square difference, over pairs of columns, of the mixed association matrix: Spearman's
    correlation (two quantities), the correlation ratio of ranks (quantity and label; corrected for
    chance, Kelley 1935), Cramér's V (two labels; corrected for chance, Bergsma 2013). The Pearson
    and Spearman matrices of the quantities come with it.
    """

    most_pairs: int = 2000

    name: ClassVar[str] = "correlation"
    title: ClassVar[str] = "Correlation matrices"
    how: ClassVar[str] = (
        "Every pair of columns has a strength of association on both sides: Spearman's correlation "
        "(two numbers), the correlation ratio of ranks (number and category) or Cramér's V (two "
        "categories), the latter two corrected for chance; the root mean square of the differences."
    )
    reference: ClassVar[str] = (
        "Spearman 1904; Kelley 1935, An unbiased correlation ratio measure; "
        "Bergsma 2013, A bias-correction for Cramér's V and Tschuprow's T"
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.03

    def look(self, tables: Comparison) -> Finding:
        """Compare each pair's association with train's."""
        items = views(tables, 2)
        counter = Counter.of(tables, self.name)
        sets = chosen(len(items), 2, self.most_pairs, tables.rng.child(self.name))
        numbers = {k: item for k, item in enumerate(items) if isinstance(item, Numbers)}
        ranked = {k: ranking(item, tables.sample) for k, item in numbers.items()}
        places = Sides(*(np.arange(len(side)) for side in tables.sample))
        spearman = Correlations.of(list(ranked.values()), places, counter)
        pearson = Correlations.of(list(numbers.values()), tables.sample, counter)
        found = defined(lines(spearman, list(numbers), sets))
        found |= defined(mixed(items, ranked, sets, tables, counter))
        if not found:
            raise NotMeasurableError("no pair of columns varies in train.")
        names, named = [item.name for item in items], [item.name for item in numbers.values()]
        value, drawn, floor = apart(list(found.values()))
        worst = worst_pairs(names, found)
        left, right = worst[0]["columns"]
        return Finding(
            value=value,
            interval=around(value, spread(drawn), high=2.0),
            floor=floor,
            target=floor + 0.02,
            meaning=(
                f"Associations between columns are {value:.3f} off on a scale from 0 to 1 (real "
                f"unseen rows: {floor:.3f}); most between '{left}' and '{right}', "
                f"{worst[0]['synthetic']:.2f} instead of {worst[0]['real']:.2f}."
            ),
            detail={
                **matrices(names, found),
                "pearson": square(named, pearson.plain),
                "spearman": square(named, spearman.plain),
                "worst": worst,
                "pairs": len(found),
                "rows": len(tables.sample.synthetic),
                "notes": capped(len(sets), comb(len(items), 2), "pairs"),
            },
        )


def capped(taken: int, there: int, what: str) -> list[str]:
    """What is said where not all sets of columns were looked at."""
    return [f"{taken:,} of {there:,} {what} of columns, drawn at random"] if taken < there else []


def lines(found: Correlations, at: Sequence[int], sets: Sequence[tuple[int, ...]]) -> Pairs:
    """The pairs of quantities, whose columns have the places `at`; drawn are their differences."""
    place = {k: spot for spot, k in enumerate(at)}
    out = {}
    for a, b in sets:
        if a in place and b in place:
            i, j = place[a], place[b]
            plain = Sides(*(float(side[i, j]) for side in found.plain))
            gaps = 2 * (1 - found.drawn[:, i, j])
            out[a, b] = Pair(plain, (gaps, np.zeros(len(gaps))))
    return out


def mixed(
    items: Sequence[View],
    ranked: Mapping[int, Numbers],
    sets: Sequence[tuple[int, ...]],
    tables: Comparison,
    counter: Counter,
) -> Pairs:
    """The pairs in which a label stands."""
    codes = {
        k: bins(item, tables.sample, common=True, most=LABELS)
        for k, item in enumerate(items)
        if isinstance(item, Labels)
    }
    out = {}
    for a, b in sets:
        if a in codes and b in codes:
            out[a, b] = labelled(codes[a], codes[b], counter, corrected_v)
        elif a in codes or b in codes:
            label, number = (a, b) if a in codes else (b, a)
            out[a, b] = grouped(ranked[number], codes[label], counter)
    return out


def defined(found: Pairs) -> Pairs:
    """Pairs that train has a strength of; another side that has none counts as 0."""
    return {
        key: Pair(
            Sides(*(float(np.nan_to_num(side)) for side in plain)),
            (np.nan_to_num(drawn[0]), np.nan_to_num(drawn[1])),
        )
        for key, (plain, drawn) in found.items()
        if not np.isnan(plain.train)
    }


def apart(found: Sequence[Pair]) -> tuple[float, Floats, float]:
    """Root mean square differences: of synthetic, of the bootstrap, and of the holdout."""
    plain = np.array([pair.plain for pair in found])
    gaps = plain - plain[:, [1]]
    value, _, floor = np.sqrt((gaps**2).mean(axis=0))
    drawn = np.array([pair.drawn[0] - pair.drawn[1] for pair in found])
    return float(value), np.asarray(np.sqrt((drawn**2).mean(axis=0))), float(floor)


def worst_pairs(names: Sequence[str], found: Pairs) -> list[dict[str, Any]]:
    """The ten pairs that are furthest off."""
    ranked = sorted(found.items(), key=lambda item: -abs(item[1].plain[0] - item[1].plain[1]))
    return [
        {
            "columns": [names[a], names[b]],
            "real": pair.plain.train,
            "synthetic": pair.plain.synthetic,
            "holdout": pair.plain.holdout,
        }
        for (a, b), pair in ranked[:10]
    ]


def matrices(names: Sequence[str], found: Pairs) -> dict[str, Any]:
    """Strengths in both tables, of the columns that are furthest off."""
    boards = np.full((2, len(names), len(names)), np.nan)
    for (a, b), pair in found.items():
        boards[:, a, b] = boards[:, b, a] = pair.plain.train, pair.plain.synthetic
    for board in boards:
        np.fill_diagonal(board, 1.0)
    return shown(names, *boards)


def square(names: Sequence[str], plain: Sides[Floats]) -> dict[str, Any]:
    """Correlation matrices of quantities, with the root mean square difference of their entries."""
    pairs = {
        (a, b): Pair(Sides(*(float(side[a, b]) for side in plain)), (np.zeros(1), np.zeros(1)))
        for a, b in combinations(range(len(names)), 2)
    }
    found = defined(pairs)
    if not found:
        return {}
    value, _, floor = apart(list(found.values()))
    return {"value": value, "floor": floor, **shown(names, plain.train, plain.synthetic)}


def shown(names: Sequence[str], real: Floats, synthetic: Floats) -> dict[str, Any]:
    """The rows and columns of two matrices that differ most."""
    gaps = np.nan_to_num((real - synthetic) ** 2).sum(axis=0)
    kept = np.sort(np.argsort(-gaps, kind="stable")[:SHOWN])
    return {
        "columns": [names[k] for k in kept],
        "real": np.round(real[np.ix_(kept, kept)], 4),
        "synthetic": np.round(synthetic[np.ix_(kept, kept)], 4),
    }


@dataclass(frozen=True)
class WeightedNMI(Measure):
    """How alike the mutual information of pairs of columns is: 1 is equal.

    wNMIS = 1 − Σ w |NMI_real − NMI_synthetic| / Σ w over pairs, w = NMI_real + NMI_synthetic, so
    that the many pairs that have nothing to do with each other do not hide those that have.
    Quantities in 10 bins of equal width of train's range, missing is a state.
    """

    most_pairs: int = 2000

    name: ClassVar[str] = "wnmis"
    title: ClassVar[str] = "Mutual information of pairs (wNMIS)"
    how: ClassVar[str] = (
        "The normalised mutual information of every pair of columns on both sides, numbers in 10 "
        "bins with edges from the real data; 1 minus the mean difference, in which a pair counts "
        "as much as it has in common."
    )
    reference: ClassVar[str] = (
        "normalised mutual information: Kvålseth 1987, Entropy and correlation: some comments"
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.03

    def look(self, tables: Comparison) -> Finding:
        """Compare each pair's information with train's."""
        items = views(tables, 2)
        counter = Counter.of(tables, self.name)
        codes = [bins(item, tables.sample, common=True, most=LABELS) for item in items]
        sets = chosen(len(items), 2, self.most_pairs, tables.rng.child(self.name))
        found = defined(
            {(a, b): labelled(codes[a], codes[b], counter, information) for a, b in sets}
        )
        if not found:
            raise NotMeasurableError("no column varies in train.")
        pairs = list(found.values())
        plain = np.array([pair.plain for pair in pairs]).T
        value, floor = (float(agreement(side, plain[1])) for side in (plain[0], plain[2]))
        drawn = agreement(*(np.array([pair.drawn[side] for pair in pairs]) for side in (0, 1)))
        names = [item.name for item in items]
        worst = worst_pairs(names, found)
        left, right = worst[0]["columns"]
        return Finding(
            value=value,
            interval=around(value, spread(drawn)),
            floor=floor,
            target=floor - 0.02,
            meaning=(
                f"What one column tells of another is {value:.1%} as in the real data (real unseen "
                f"rows: {floor:.1%}); most off between '{left}' and '{right}', "
                f"{worst[0]['synthetic']:.3f} instead of {worst[0]['real']:.3f}."
            ),
            detail={
                **matrices(names, found),
                "worst": worst,
                "pairs": len(found),
                "rows": len(tables.sample.synthetic),
                "notes": capped(len(sets), comb(len(items), 2), "pairs"),
            },
        )


def agreement(synthetic: Floats, real: Floats) -> Floats:
    """1 minus the weighted mean difference of strengths over the first axis, the pairs."""
    weights = synthetic + real
    whole = weights.sum(axis=0)
    error = (weights * np.abs(synthetic - real)).sum(axis=0)
    return np.asarray(1 - error / np.maximum(whole, 1e-12))


@dataclass(frozen=True)
class KMarginal(Measure):
    """The k-marginal score of NIST's synthetic data challenges: 1000 is equal, 0 nothing alike.

    1000 · (1 − mean total variation) over random sets of three columns (Ridgeway et al. 2021; Task
    et al. 2023, SDNist), quantities in train's deciles, labels as they are (train's `labels`
    commonest, the others as one), missing on its own. Pairs of columns come with it.
    """

    most_sets: int = 100
    labels: int = 50

    name: ClassVar[str] = "kmarginal"
    title: ClassVar[str] = "k-marginal score (NIST)"
    how: ClassVar[str] = (
        "Random triples of columns, numbers cut at the training deciles: 1000 times 1 minus the "
        "mean total variation between the real and synthetic shares of their joint values. As the "
        "3-way accuracy times 1000, but for rarer categories, which are not put together."
    )
    reference: ClassVar[str] = (
        "Ridgeway, Theofanos, Manley and Task 2021, Challenge design and lessons learned from the "
        "2018 differential privacy challenges (NIST TN 2151)"
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 20.0

    def look(self, tables: Comparison) -> Finding:
        """Score triples and pairs of columns."""
        items = views(tables, 3)
        counter = Counter.of(tables, self.name)
        rng = tables.rng.child(self.name)
        codes = [
            quantiles(item, tables.sample, parts=BINS, most=self._most(item)) for item in items
        ]
        triples = self._score(codes, 3, counter, rng.child("triples"))
        pairs = self._score(codes, 2, counter, rng.child("pairs"))
        value, floor = 1000 * triples.whole.value, 1000 * triples.whole.floor
        low, high = around(value, 1000 * spread(triples.whole.drawn), high=1000.0)
        share = triples.equivalent
        return Finding(
            value=value,
            interval=(low, high),
            floor=floor,
            target=floor - 10,
            meaning=(
                f"The k-marginal score is {value:.0f} of 1000 (as many real unseen rows: "
                f"{floor:.0f}); "
                + (
                    f"a random {share:.0%} of the real rows score as much against all of them."
                    if share < 1
                    else "no part of the real rows scores as much."
                )
            ),
            detail={
                "k3": 1000 * triples.whole.value,
                "k2": 1000 * pairs.whole.value,
                "k2_floor": 1000 * pairs.whole.floor,
                "equivalent_share": {"k3": share, "k2": pairs.equivalent},
                "worst": triples.worst,
                "sets": {"k3": triples.sets, "k2": pairs.sets},
                "rows": len(tables.sample.synthetic),
                "notes": capped(triples.sets, comb(len(items), 3), "triples")
                + capped(pairs.sets, comb(len(items), 2), "pairs"),
            },
        )

    def _most(self, item: View) -> int:
        return min(item.size - 1, self.labels) if isinstance(item, Labels) else 0

    def _score(self, codes: Sequence[Symbols], ways: int, counter: Counter, rng: Rng) -> Marginals:
        found, parts = {}, []
        for key in chosen(len(codes), ways, self.most_sets, rng):
            counts = counter.count([together([codes[k] for k in key])])
            found[tuple(codes[k].name for k in key)] = counter.similarity(counts)
            part = np.cumsum(counts.train, axis=0)
            parts.append(overlap(part, part[-1]))
        whole = mean(list(found.values()))
        # All rows together reach 1, and so any value.
        reached = int(np.argmax(np.mean(parts, axis=0) >= whole.value - 1e-12)) + 1
        ranked = sorted(found.items(), key=lambda item: item[1].value - item[1].floor)
        worst = [
            {"columns": names, "score": 1000 * one.value, "floor": 1000 * one.floor}
            for names, one in ranked[:10]
        ]
        return Marginals(whole, reached / GROUPS, worst, len(found))


class Marginals(NamedTuple):
    """The similarity of sets of columns, and the share of real rows that are as similar."""

    whole: Spread
    equivalent: float
    worst: list[dict[str, Any]]
    sets: int
