"""Are rare values and rare combinations there, and as often as in the real data?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.fairness.groups import PARTS
from neotype.evaluate.features import WORDS, Floats, Ints, Labels, Sides, View, codes_of_common
from neotype.evaluate.interval import around, redraw, spread, tally
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.tables import Counter

LEAST = 5
"""What fewer train rows hold is no event: it is protected, and never named."""

MOST = 0.01
"""What a larger share of train rows hold is not rare."""

FACTOR = 2.0
"""A rate is kept when it is off by no more than this factor."""


class Column(NamedTuple):
    """A column as symbols of the sampled rows; 0 is missing, or a label beyond those told apart."""

    name: str
    says: tuple[str, ...]
    sides: Sides[Ints]
    labels: bool


class Events(NamedTuple):
    """The rare values of a column, or the rare pairs of two, and in how many rows each is.

    `holders` are the train rows, or the entities, that hold each.
    """

    columns: tuple[Column, ...]
    cells: Ints
    rows: Sides[Ints]
    holders: Ints
    kept: Floats
    """How many of them keep their rate in bootstrapped rows, (draws,)."""

    def says(self, place: int) -> str:
        """One event in words."""
        codes = np.unravel_index(self.cells[place], [len(one.says) for one in self.columns])
        parts = zip(self.columns, codes, strict=True)
        return " and ".join(f"{one.name} = {one.says[code]}" for one, code in parts)


@dataclass(frozen=True)
class RareEvents(Measure):
    """The share of rare events that occur at between half and twice their real rate: 1 is all.

    Events are labels and pairs of values (of two columns, one of labels at least; quantities in
    quarters) that at least 5 and less than 1 % of train rows hold, and of which one row at least
    is to be expected. Each counts alike. At most `most_pairs` pairs of columns, drawn at random.
    """

    most_pairs: int = 300

    name: ClassVar[str] = "rare_events"
    title: ClassVar[str] = "Rare values and combinations"
    how: ClassVar[str] = (
        "Labels, and pairs of values of two columns, that under 1% but at least 5 of the training "
        "rows hold; the share of them that synthetic rows hold at between half and twice that "
        "rate, beside what equally many real unseen rows reach. Values of fewer rows are protected "
        "on purpose and are not counted."
    )
    axis: ClassVar[Axis] = "fidelity"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.06

    def look(self, tables: Comparison) -> Finding:
        """Count every rare event of train in equally many synthetic and holdout rows."""
        counter = Counter.of(tables, self.name)
        whole = [item for item in tables.views if isinstance(item, Labels)]
        owners = tables.train.owners
        owners = None if owners is None else owners[tables.sample.train]
        found = [
            events((column(item, tables.sample, item.size),), counter, owners) for item in whole
        ]
        columns = [column(item, tables.sample, WORDS) for item in tables.views]
        pairs = [(a, b) for a, b in combinations(columns, 2) if a.labels or b.labels]
        notes = []
        if len(pairs) > self.most_pairs:
            generator = tables.rng.child("pairs of rare events").generator()
            chosen = np.sort(generator.permutation(len(pairs))[: self.most_pairs])
            notes.append(f"{self.most_pairs} of {len(pairs):,} pairs of columns, drawn at random")
            pairs = [pairs[k] for k in chosen]
        found += [events(pair, counter, owners) for pair in pairs]
        if not any(len(one.cells) for one in found):
            raise NotMeasurableError(
                f"no label and no pair of values is held by less than {MOST:.0%} but at least "
                f"{LEAST} of the train rows."
            )
        return _finding(found, Sides(*(len(rows) for rows in tables.sample)), notes)


def column(item: View, rows: Sides[Ints], most: int) -> Column:
    """A column's `most` commonest labels in train, others as 0; quantities in quarters."""
    if isinstance(item, Labels):
        shares = np.bincount(item.sides.train[rows.train], minlength=item.size)
        code = codes_of_common(shares.astype(np.float64), most)
        code[code > most] = 0
        says = [""] * (int(code.max(initial=0)) + 1)
        for old in np.flatnonzero(code):
            says[code[old]] = item.words[old - 1]
        sides = (code[side[here]] for side, here in zip(item.sides, rows, strict=True))
        return Column(item.name, tuple(says), Sides(*sides), True)
    known = item.sides.train[~np.isnan(item.sides.train)]
    cuts = np.quantile(known, [0.25, 0.5, 0.75], method="lower") if len(known) else [0.0]
    edges = np.unique(cuts)
    cut = (
        np.where(np.isnan(side[here]), 0, 1 + np.searchsorted(edges, side[here], side="left"))
        for side, here in zip(item.sides, rows, strict=True)
    )
    return Column(item.name, ("", *PARTS[len(edges)]), Sides(*cut), False)


def events(columns: tuple[Column, ...], counter: Counter, owners: Ints | None = None) -> Events:
    """What is rare in a column, or in two together, counted on all sides.

    `owners` are the entities of the train rows: what one of them holds in five rows is no event.
    """
    shape = [len(one.says) for one in columns]
    size = int(np.prod(shape))
    joint = []
    for side in zip(*(one.sides for one in columns), strict=True):
        known = np.all([codes > 0 for codes in side], axis=0)
        joint.append(np.where(known, np.ravel_multi_index(side, shape), 0))
    held = np.bincount(joint[1], minlength=size)
    total = Sides(*(len(codes) for codes in joint))
    held[0] = 0
    holders = held
    if owners is not None:
        holders = np.bincount(np.unique(owners * size + joint[1]) % size, minlength=size)
    due = held / total.train * total.synthetic
    cells = np.flatnonzero((holders >= LEAST) & (held < MOST * total.train) & (due >= 1))
    place = np.zeros(size, dtype=np.int64)
    place[cells] = np.arange(1, len(cells) + 1)
    counts = Sides(
        *(
            tally(place[codes], len(cells) + 1, groups)
            for codes, groups in zip(joint, counter.groups, strict=True)
        )
    )
    drawn = Sides(*(redraw(w, table) for w, table in zip(counter.weights, counts, strict=True)))
    rates = [side[:, 1:] / np.maximum(side.sum(axis=1, keepdims=True), 1) for side in drawn]
    return Events(
        columns=columns,
        cells=cells,
        rows=Sides(*(side.sum(axis=0)[1:].astype(np.int64) for side in counts)),
        holders=holders[cells],
        kept=keeps(rates[0], rates[1]).sum(axis=1).astype(np.float64),
    )


def keeps(rate: Floats, real: Floats) -> NDArray[np.bool_]:
    """Whether a rate is between half and twice the real one."""
    return np.asarray((rate >= real / FACTOR) & (rate <= real * FACTOR))


def expected(held: Ints, total: Sides[int]) -> float:
    """The share of events that fresh real rows would keep at their rate.

    Of an event in t of T rows, n others hold a negative binomial number (t, T / (T + n)): Poisson,
    of a rate that is itself known from t rows only.
    """
    from scipy.special import bdtr

    share, rate = total.train / (total.train + total.synthetic), held / total.train
    low = np.ceil(rate * total.synthetic / FACTOR - 1e-9)
    high = np.floor(rate * total.synthetic * FACTOR + 1e-9)
    # Up to k others before the t-th: at most k others among the first t + k.
    within = bdtr(high, (held + high).astype(np.int64), 1 - share)
    below = bdtr(low - 1, (held + low - 1).astype(np.int64), 1 - share)
    return float(np.mean(within - np.where(low > 0, below, 0.0)))


def _finding(found: list[Events], total: Sides[int], notes: list[str]) -> Finding:
    rows = Sides(*(np.concatenate([one.rows[k] for one in found]) for k in range(3)))
    rates = Sides(*(side / all_of for side, all_of in zip(rows, total, strict=True)))
    kept, held = keeps(rates.synthetic, rates.train), keeps(rates.holdout, rates.train)
    value, floor, many = float(kept.mean()), float(held.mean()), len(kept)
    gone = int((rows.synthetic == 0).sum())
    error = spread(np.sum([one.kept for one in found], axis=0) / many)
    # One event more or less is the least that chance can do.
    low, high = around(value, max(error, 0.5 / many))
    off = _ranked(rows, total, found)
    usual = expected(np.concatenate([one.holders for one in found]), total)
    return Finding(
        value=value,
        interval=(low, high),
        floor=floor,
        target=min(floor, usual) - 0.04,
        meaning=(
            f"{value:.1%} of {many:,} rare values and combinations occur at between half and twice "
            f"their real rate (in equally many real unseen rows: {floor:.1%}); missing altogether: "
            f"{gone:,}. Furthest off: {off[0]['event']}, in {off[0]['synthetic']:.2%} of the rows "
            f"instead of {off[0]['real']:.2%}."
        ),
        detail={
            "events": many,
            "expected": usual,
            "values": sum(len(one.cells) for one in found if len(one.columns) == 1),
            "synthetic": _counted(rates.synthetic, rates.train),
            "holdout": _counted(rates.holdout, rates.train),
            "most_off": off,
            "least_train_rows": LEAST,
            "rows": total._asdict(),
            "notes": notes,
        },
    )


def _counted(rate: Floats, real: Floats) -> dict[str, float]:
    """How many events are there, missing, too rare, too common, and how far off on average."""
    there = rate > 0
    return {
        "missing": int((~there).sum()),
        "present": float(there.mean()),
        "under_half": int((there & (rate < real / FACTOR)).sum()),
        "over_twice": int((rate > real * FACTOR).sum()),
        "mean_log2_ratio_of_present": float(np.abs(np.log2(rate[there] / real[there])).mean())
        if there.any()
        else 0.0,
    }


def _ranked(
    rows: Sides[Ints], total: Sides[int], found: list[Events], most: int = 20
) -> list[dict[str, Any]]:
    """The events whose rate is most surely off, by the difference over its Poisson error."""
    real, made, held = rows.train / total.train, rows.synthetic / total.synthetic, rows.holdout
    error = np.sqrt(real / total.train + real / total.synthetic)
    order = np.argsort(-np.abs(made - real) / error, kind="stable")[:most]
    starts = np.cumsum([0, *(len(one.cells) for one in found)])
    told = []
    for k in order:
        where = int(np.searchsorted(starts, k, side="right")) - 1
        told.append(
            {
                "event": found[where].says(int(k - starts[where])),
                "real": real[k],
                "synthetic": made[k],
                "holdout": held[k] / total.holdout,
                "train_rows": rows.train[k],
            }
        )
    return told
