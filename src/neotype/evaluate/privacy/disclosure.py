"""The form of the output, as regulators ask for it: k-anonymity, l-diversity, t-closeness, k-map.

All were defined for tables whose rows are people. A synthetic row is nobody's, so that these say
how fine the table is and little about real people: they are shown beside equally many real rows,
and not judged. A policy may set thresholds on their values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints, Labels, View
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError
from neotype.evaluate.privacy.quasi import Classes, exact, secrets

SMALL = 5
"""A class of fewer rows than this is small: the usual threshold of statistical offices."""


@dataclass(frozen=True)
class KAnonymity(Measure):
    """The k of the output: the fewest synthetic rows that agree in all quasi-identifiers."""

    quasi_identifiers: tuple[str, ...] = ()
    ranges: int = 0

    name: ClassVar[str] = "k_anonymity"
    title: ClassVar[str] = "k-anonymity of the synthetic table"
    how: ClassVar[str] = (
        "Synthetic rows that agree in every quasi-identifier form a class; k is the size of the "
        "smallest. It is counted over the whole table, beside as many real rows."
    )
    reference: ClassVar[str] = "Sweeney 2002, k-anonymity: a model for protecting privacy"
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.0
    least_rows: ClassVar[int] = 1

    def look(self, tables: Comparison) -> Finding:
        """Count the smallest class; the floor is that of as many real rows."""
        classes = Classes.of(tables, self.quasi_identifiers, self.ranges)
        parts = {
            "synthetic": classes.sides.synthetic,
            "real": classes.people[classes.drawn],
            "train": classes.sides.train,
            "holdout": classes.sides.holdout,
        }
        told = {side: _sizes(classes.count(codes)) for side, codes in parts.items()}
        made, real = told["synthetic"], told["real"]
        rows = "1 row" if made["k"] == 1 else f"{made['k']:,} rows"
        return Finding(
            value=made["k"],
            interval=(made["k"], made["k"]),
            floor=real["k"],
            target=None,
            meaning=(
                f"The smallest group of synthetic rows that agree in {classes.words} has {rows}, "
                f"and {made['share_small']:.1%} of the rows agree with fewer than {SMALL - 1} "
                f"others; among real rows it is {real['k']:,} and {real['share_small']:.1%}. No "
                f"synthetic row is a person: this describes the form of the table."
            ),
            detail={
                "quasi_identifiers": classes.names,
                "small": SMALL,
                **told,
                "notes": classes.notes,
            },
        )


def _sizes(counts: Ints) -> dict[str, Any]:
    """k, the share of rows in small classes, and the shares of rows by the size of their class."""
    counts = counts[counts > 0]
    rows = int(counts.sum())
    ends = (1, 2, 5, 10, 20, 100)
    shares = {}
    for low, high in zip(ends, (*ends[1:], rows + 1), strict=True):
        name = str(low) if high == low + 1 else f"{low} to {high - 1}"
        name = name if low < ends[-1] else f"{low} or more"
        shares[name] = float(counts[(counts >= low) & (counts < high)].sum()) / rows
    return {
        "k": int(counts.min()),
        "classes": len(counts),
        "rows": rows,
        "share_small": float(counts[counts < SMALL].sum()) / rows,
        "rows_by_class_size": shares,
    }


@dataclass(frozen=True)
class SecretsInClasses(Measure):
    """How every secret is distributed within classes of equal quasi-identifiers."""

    quasi_identifiers: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    target: str | None = None
    ranges: int = 0

    axis: ClassVar[Axis] = "privacy"
    tolerance: ClassVar[float] = 0.0
    least_rows: ClassVar[int] = 1

    def described(
        self, tables: Comparison, describe: Callable[[View, Ints, Ints, int], dict[str, Any]]
    ) -> tuple[Classes, dict[str, dict[str, Any]], dict[str, Any]]:
        """The classes, what `describe` says of each secret on both sides, and the score's detail.

        `describe` is given a secret, its rows' classes and values, and the number of values.
        """
        classes = Classes.of(tables, self.quasi_identifiers, self.ranges)
        hidden, notes = secrets(tables, self.sensitive, self.target, classes.names)
        found = {}
        for item in hidden:
            codes, size = exact(tables, item)
            people = np.concatenate([codes.train, codes.holdout])[classes.drawn]
            found[item.name] = {
                "synthetic": describe(item, classes.sides.synthetic, codes.synthetic, size),
                "real": describe(item, classes.people[classes.drawn], people, size),
            }
        detail = {
            "quasi_identifiers": classes.names,
            "secrets": found,
            "rows": len(classes.sides.synthetic),
            "notes": [*classes.notes, *notes],
        }
        return classes, found, detail


@dataclass(frozen=True)
class LDiversity(SecretsInClasses):
    """The fewest different values of a secret within a class of equal quasi-identifiers."""

    name: ClassVar[str] = "l_diversity"
    title: ClassVar[str] = "l-diversity of the synthetic table"
    how: ClassVar[str] = (
        "Among synthetic rows that agree in every quasi-identifier, how many different values "
        "does a sensitive column have? l is the fewest over all classes."
    )
    reference: ClassVar[str] = (
        "Machanavajjhala et al. 2007, l-diversity: privacy beyond k-anonymity"
    )
    better: ClassVar[Better] = "higher"

    def look(self, tables: Comparison) -> Finding:
        """Distinct and entropy l of every secret; the value is the smallest distinct l."""
        classes, found, detail = self.described(tables, _diverse)
        worst = min(found, key=lambda name: found[name]["synthetic"]["distinct"])
        made = found[worst]["synthetic"]
        floor = min(each["real"]["distinct"] for each in found.values())
        values = "1 value" if made["distinct"] == 1 else f"{made['distinct']} different values"
        return Finding(
            value=made["distinct"],
            interval=(made["distinct"], made["distinct"]),
            floor=floor,
            target=None,
            meaning=(
                f"Among synthetic rows that agree in {classes.words}, '{worst}' has as few as "
                f"{values}; {made['share_uniform']:.1%} of the rows are in a class with only one, "
                f"and of real rows {found[worst]['real']['share_uniform']:.1%}."
            ),
            detail=detail,
        )


def _diverse(_item: View, classes: Ints, codes: Ints, size: int) -> dict[str, Any]:
    """Distinct l and entropy l, exp(entropy), of the least diverse class."""
    where, _, counts, rows = _pairs(classes, codes, size)
    share = counts / rows[where]
    distinct = np.bincount(where)
    entropy = np.bincount(where, -share * np.log(share))
    return {
        "distinct": int(distinct.min()),
        "entropy": float(np.exp(entropy.min())),
        "share_uniform": float(rows[distinct == 1].sum() / len(codes)),
    }


def _pairs(classes: Ints, codes: Ints, size: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Class, value and count of every pair that occurs, in this order, and rows by class.

    Classes are numbered anew: those that occur, from 0.
    """
    _, place = np.unique(classes, return_inverse=True)
    place = place.reshape(-1)
    pairs, counts = np.unique(place * size + codes, return_counts=True)
    return pairs // size, pairs % size, counts, np.bincount(place)


@dataclass(frozen=True)
class TCloseness(SecretsInClasses):
    """The largest distance between a secret's distribution in a class and in the whole table."""

    name: ClassVar[str] = "t_closeness"
    title: ClassVar[str] = "t-closeness of the synthetic table"
    how: ClassVar[str] = (
        "For synthetic rows that agree in every quasi-identifier, the earth mover's distance "
        "between how a sensitive column is distributed among them and in the whole table (labels "
        "are equally far, quantities by their order); t is the largest over all classes."
    )
    reference: ClassVar[str] = (
        "Li et al. 2007, t-closeness: privacy beyond k-anonymity and l-diversity"
    )
    better: ClassVar[Better] = "lower"

    def look(self, tables: Comparison) -> Finding:
        """The distances of every secret; the value is the largest."""
        classes, found, detail = self.described(tables, _close)
        for item in tables.views:
            if item.name in found:
                found[item.name]["distance"] = "ordered" if _ordered(item) else "equal"
        worst = max(found, key=lambda name: found[name]["synthetic"]["t"])
        made, real = found[worst]["synthetic"], found[worst]["real"]
        return Finding(
            value=made["t"],
            interval=(made["t"], made["t"]),
            floor=max(each["real"]["t"] for each in found.values()),
            target=None,
            meaning=(
                f"Among synthetic rows that agree in {classes.words}, '{worst}' is distributed "
                f"up to {made['t']:.2f} away from the whole table (0 is alike, 1 is as far as can "
                f"be), {made['mean']:.2f} on average over rows; for real rows it is "
                f"{real['t']:.2f} and {real['mean']:.2f}."
            ),
            detail=detail,
        )


def _ordered(item: View) -> bool:
    return not isinstance(item, Labels) and item.kind not in ("text", "json")


def _close(item: View, classes: Ints, codes: Ints, size: int) -> dict[str, Any]:
    """The largest distance of a class from the whole table, and the mean over rows."""
    _, codes = np.unique(codes, return_inverse=True)
    codes = codes.reshape(-1)
    where, value, counts, rows = _pairs(classes, codes, size)
    whole = np.bincount(codes) / len(codes)
    share = counts / rows[where]
    if _ordered(item) and len(whole) > 1:
        far = _moved(where, value, share, whole) / (len(whole) - 1)
    else:
        far = (1 + np.bincount(where, np.abs(share - whole[value]) - whole[value])) / 2
    return {"t": float(far.max()), "mean": float((far * rows).sum() / len(codes))}


def _moved(where: Ints, value: Ints, share: Floats, whole: Floats) -> Floats:
    """Σ over values i of |F_class(i) − F(i)|, for every class.

    A class's F changes only at its own values, and F grows: between two of them the sum splits
    where F passes the class's level, and both parts come from running sums.
    """
    reach = np.cumsum(whole)
    sums = np.r_[0.0, np.cumsum(reach)]
    first = np.r_[True, where[1:] != where[:-1]]
    total = np.cumsum(share)
    level = np.minimum(total - (total - share)[first][where], 1.0)
    stop = np.r_[np.where(first[1:], len(whole), value[1:]), len(whole)]
    middle = np.clip(np.searchsorted(reach, level, side="left"), value, stop)
    below = level * (middle - value) - (sums[middle] - sums[value])
    above = (sums[stop] - sums[middle]) - level * (stop - middle)
    before = sums[value] * first
    steps = np.maximum(below, 0) + np.maximum(above, 0) + before
    return np.bincount(where, steps).astype(np.float64)


@dataclass(frozen=True)
class KMap(Measure):
    """The fewest real people who share their quasi-identifiers with a synthetic row."""

    quasi_identifiers: tuple[str, ...] = ()
    ranges: int = 0

    name: ClassVar[str] = "k_map"
    title: ClassVar[str] = "k-map to the real people"
    how: ClassVar[str] = (
        "Every combination of quasi-identifiers in the synthetic table is looked up among all "
        "real people, train and holdout; k is the fewest that share one, of those that occur."
    )
    reference: ClassVar[str] = (
        "Sweeney 2001, Computational disclosure control; El Emam and Dankar 2008, Protecting "
        "privacy using k-anonymity"
    )
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.0
    least_rows: ClassVar[int] = 1

    def look(self, tables: Comparison) -> Finding:
        """Look up the synthetic classes; the floor looks up those of the holdout in train."""
        classes = Classes.of(tables, self.quasi_identifiers, self.ranges)
        people, learnt = classes.count(classes.people), classes.count(classes.sides.train)
        made = _mapped(people[classes.sides.synthetic])
        held = _mapped(learnt[classes.sides.holdout])
        if made["k"] is None:
            raise NotMeasurableError(
                "no real person has a combination of quasi-identifiers of the synthetic table."
            )
        who = "1 real person" if made["k"] == 1 else f"{made['k']:,} real people"
        return Finding(
            value=made["k"],
            interval=(made["k"], made["k"]),
            floor=held["k"],
            target=None,
            meaning=(
                f"Of the combinations of {classes.words} in the synthetic table, the rarest that "
                f"occurs among {len(classes.people):,} real people belongs to {who}; "
                f"{made['share_one']:.1%} of the rows fit exactly one person and "
                f"{made['share_none']:.1%} fit nobody."
            ),
            detail={
                "quasi_identifiers": classes.names,
                "synthetic": made,
                "holdout_in_train": held,
                "people": len(classes.people),
                "notes": classes.notes,
            },
        )


def _mapped(people: Ints) -> dict[str, Any]:
    """Of the number of people that each row fits: the smallest, and shares of rows."""
    return {
        "k": int(people[people > 0].min()) if people.any() else None,
        "rows": len(people),
        "share_none": float((people == 0).mean()),
        "share_one": float((people == 1).mean()),
        "share_small": float(((people > 0) & (people < SMALL)).mean()),
    }
