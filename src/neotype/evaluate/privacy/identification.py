"""Can somebody who knows quasi-identifiers of real people find them, and learn their secrets?

Every risk to train people is set beside the same risk to holdout people, whom the model never saw:
what is true of both is knowledge about the population, what is true of train alone is disclosure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Floats, Ints, Numbers, Sides, View
from neotype.evaluate.interval import clopper_pearson, wilson
from neotype.evaluate.metric import Axis, Better, Finding, Interval, Measure, NotMeasurableError
from neotype.evaluate.privacy.quasi import Classes, exact, secrets
from neotype.evaluate.tables import deciles

ABOVE = 0.09
"""A risk that regulators of health data call too high (European Medicines Agency 2016)."""

FEWEST = 30
"""Fewer people than this prove nothing."""


@dataclass(frozen=True)
class Uniqueness(Measure):
    """The share of synthetic rows whose quasi-identifiers no other synthetic row has."""

    quasi_identifiers: tuple[str, ...] = ()
    ranges: int = 0
    larger: tuple[int, ...] = (10, 100)

    name: ClassVar[str] = "uniqueness"
    title: ClassVar[str] = "Unique combinations of quasi-identifiers"
    how: ClassVar[str] = (
        "The share of synthetic rows that are alone with their quasi-identifiers, beside that of "
        "as many real rows. How many real people are still alone in a larger population is "
        "estimated from the sizes of their classes."
    )
    reference: ClassVar[str] = (
        "Zayatz 1991, Estimation of the percent of unique population elements; Dankar et al. "
        "2012, Estimating the re-identification risk of clinical data sets"
    )
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.0
    least_rows: ClassVar[int] = 1

    def look(self, tables: Comparison) -> Finding:
        """Count rows that are alone, in the synthetic table and among real people."""
        classes = Classes.of(tables, self.quasi_identifiers, self.ranges)
        made = classes.count(classes.sides.synthetic)
        drawn = classes.count(classes.people[classes.drawn])
        train, people = classes.count(classes.sides.train), classes.count(classes.people)
        alone, rows = int((made == 1).sum()), len(classes.sides.synthetic)
        floor = float((drawn == 1).sum()) / len(classes.drawn)
        ours = train == 1
        still = float((people[ours] == 1).mean()) if ours.any() else None
        return Finding(
            value=alone / rows,
            interval=clopper_pearson(alone, rows),
            floor=floor,
            target=None,
            meaning=(
                f"{alone / rows:.1%} of synthetic rows have a combination of {classes.words} that "
                f"no other synthetic row has; among real rows it is {floor:.1%}."
            ),
            detail={
                "quasi_identifiers": classes.names,
                "rows": rows,
                "unique_rows": alone,
                "sample_uniqueness": {
                    "train": _alone(train),
                    "holdout": _alone(classes.count(classes.sides.holdout)),
                },
                "population": {
                    "people": len(classes.people),
                    "uniqueness": _alone(people),
                    "train_uniques_that_stay_unique": still,
                    "estimated_in_larger": {
                        f"{times} times as many": zayatz(people, 1 / times) for times in self.larger
                    },
                },
                "notes": classes.notes,
            },
        )


def _alone(counts: Ints) -> float:
    return float((counts == 1).sum() / max(1, counts.sum()))


def zayatz(counts: Ints, fraction: float) -> float:
    """The estimated share of people who are unique in a population of which these are a sample.

    P(unique there | unique here) = c₁ / Σ_F c_F F (1 − π)^(F − 1), with c_F classes of F people
    here standing for those of the population and π the sampling fraction (Zayatz 1991).
    """
    counts = counts[counts > 0]
    sizes, many = np.unique(counts, return_counts=True)
    seen_once = float((many * sizes * (1 - fraction) ** (sizes - 1.0)).sum())
    alone = float((counts == 1).sum())
    return alone / float(counts.sum()) * alone / seen_once if alone else 0.0


@dataclass(frozen=True)
class Reidentification(Measure):
    """The risk that a real person is found in the synthetic table by the quasi-identifiers.

    An attacker who knows that a person is in train (*prosecutor*) and finds the person's
    combination in the synthetic table is right once in as many times as train has people with it.
    The value is the mean of that over train people, the floor the same for holdout people.
    """

    quasi_identifiers: tuple[str, ...] = ()
    ranges: int = 100

    name: ClassVar[str] = "reidentification"
    title: ClassVar[str] = "Re-identification by quasi-identifiers"
    how: ClassVar[str] = (
        "For each real person whose combination of quasi-identifiers occurs in the synthetic "
        "table, one over the number of real people who share it; the mean over train people, "
        "beside the mean over equally many holdout people, whom the model never saw."
    )
    reference: ClassVar[str] = (
        "El Emam et al. 2020, Evaluating identity disclosure risk in fully synthetic health "
        "data; Dankar and El Emam 2010 (marketer); El Emam and Dankar 2008 (prosecutor, "
        "journalist)"
    )
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.01
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Risks of equally many train and holdout people, and those of the other attackers."""
        classes = Classes.of(tables, self.quasi_identifiers, self.ranges)
        equal = min(tables.train.rows, tables.holdout.rows)
        made, people = classes.count(classes.sides.synthetic), classes.count(classes.people)

        def prosecutor(side: str) -> tuple[Floats, Interval]:
            codes = getattr(classes.sides, side)
            generator = tables.rng.child(f"people of {side}").generator()
            mine = codes[generator.permutation(len(codes))[:equal]]
            risks = (made[mine] > 0) / np.bincount(mine)[mine]
            return risks, _interval(float(risks.mean()), getattr(tables.datasets, side), equal)

        (risks, interval), (others, control) = prosecutor("train"), prosecutor("holdout")
        value, floor = float(risks.mean()), float(others.mean())
        learnt = classes.sides.train
        return Finding(
            value=value,
            interval=interval,
            floor=floor,
            target=min(1.0, control[1] + 0.002),
            meaning=(
                f"An attacker who knows {classes.words} of a person whose row was learnt finds "
                f"this combination in the synthetic table, and picks the right one of the people "
                f"who share it, in {value:.1%} of cases; with people whose rows were never learnt "
                f"he does in {floor:.1%}."
            ),
            detail={
                "quasi_identifiers": classes.names,
                "prosecutor": {**_risk(risks), "control": _risk(others)},
                "journalist": _risk((made[learnt] > 0) / people[learnt]),
                "marketer": _marketer(people[classes.sides.synthetic]),
                "replicated_uniques": {
                    side: _replicated(classes.count(codes), made)
                    for side, codes in classes.sides._asdict().items()
                    if side != "synthetic"
                },
                "floor_interval": control,
                "rows": {"train": equal, "holdout": equal, "synthetic": tables.synthetic.rows},
                "people": len(classes.people),
                "notes": classes.notes,
            },
        )


def _interval(share: float, data: Dataset, rows: int) -> Interval:
    """Wilson's interval of a mean of numbers from 0 to 1, which is wide enough for any such.

    Rows of one entity stand for one trial.
    """
    owners = data.owners
    people = data.rows if owners is None else len(np.unique(owners))
    trials = rows * people / data.rows
    return wilson(share * trials, trials)


def _risk(risks: Floats) -> dict[str, float]:
    """Mean and largest risk, and the share of people whose risk is above the threshold."""
    return {
        "mean": float(risks.mean()),
        "largest": float(risks.max()),
        f"share_above_{ABOVE}": float((risks > ABOVE).mean()),
    }


def _marketer(people: Ints) -> float:
    """The expected share of synthetic rows tied to one person by linking all of them at once."""
    return float(np.where(people > 0, 1 / np.maximum(people, 1), 0.0).mean())


def _replicated(here: Ints, made: Ints) -> float:
    """The share of people who are unique, and whose combination is so in the synthetic table."""
    return float(((here == 1) & (made == 1)).sum() / max(1, here.sum()))


@dataclass(frozen=True)
class Attribution(Measure):
    """How often the synthetic table tells the right secret of a real person who is unique.

    People are unique when nobody else of all real people has their quasi-identifiers. The value
    is the share of such train people whose combination occurs in the synthetic table and whose
    secret is the most frequent one there; the floor is that of holdout people.
    """

    quasi_identifiers: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    target: str | None = None
    ranges: int = 100

    name: ClassVar[str] = "attribution"
    title: ClassVar[str] = "Right secrets of unique people (attribution)"
    how: ClassVar[str] = (
        "Of people who are alone with their quasi-identifiers among all real people: how many "
        "have their combination in the synthetic table, and the right secret beside it? The same "
        "for people whom the model never saw shows what anybody could infer."
    )
    reference: ClassVar[str] = (
        "Taub et al. 2018, Differential correct attribution probability for synthetic data; "
        "El Emam et al. 2020, Evaluating identity disclosure risk in fully synthetic health "
        "data; Raab et al. 2024, Practical privacy metrics for synthetic data"
    )
    axis: ClassVar[Axis] = "privacy"
    better: ClassVar[Better] = "lower"
    tolerance: ClassVar[float] = 0.01
    least_rows: ClassVar[int] = 50

    def look(self, tables: Comparison) -> Finding:
        """Attack the unique people of train and of the holdout; the worst secret is the value."""
        classes = Classes.of(tables, self.quasi_identifiers, self.ranges)
        hidden, notes = secrets(tables, self.sensitive, self.target, classes.names)
        alone = classes.count(classes.people) == 1
        unique = {side: alone[getattr(classes.sides, side)] for side in ("train", "holdout")}
        least = min(int(who.sum()) for who in unique.values())
        if least < FEWEST:
            raise NotMeasurableError(
                f"fewer than {FEWEST} people of train or of the holdout are unique in "
                f"{classes.words}."
            )
        found = {}
        for item in hidden:
            book = Book.of(classes, *_secret(tables, item))
            found[item.name] = {
                side: _attack(book.read(side), getattr(tables.datasets, side), who)
                for side, who in unique.items()
            }
        # The worst is the one that most surely exceeds its control.
        worst = max(
            found,
            key=lambda n: found[n]["train"]["interval"][0] - found[n]["holdout"]["interval"][1],
        )
        main, control = found[worst]["train"], found[worst]["holdout"]
        return Finding(
            value=main["right"],
            interval=main["interval"],
            floor=control["right"],
            target=min(1.0, control["interval"][1] + 0.005),
            meaning=(
                f"Of people who are the only one with their {classes.words}, the synthetic table "
                f"shows that combination and tells the right '{worst}' for {main['right']:.1%} of "
                f"those whose rows were learnt, and for {control['right']:.1%} of those whose "
                f"rows were not."
            ),
            detail={
                "quasi_identifiers": classes.names,
                "secrets": found,
                "rows": {s: len(who) for s, who in unique.items()},
                "notes": [*classes.notes, *notes],
            },
        )


@dataclass(frozen=True)
class Told:
    """What the synthetic table says of each person of one table, (people,).

    `shown`: the combination occurs; `certain`: with one secret only; `share` of the rows there
    that have the person's own secret; `right`: the most frequent secret there is the person's (a
    tie counts in part); `common`: the most frequent secret of the whole table is.
    """

    shown: NDArray[np.bool_]
    certain: NDArray[np.bool_]
    share: Floats
    right: Floats
    common: NDArray[np.bool_]


@dataclass(frozen=True)
class Book:
    """The synthetic table as an attacker reads it: secrets by class of quasi-identifiers."""

    classes: Classes
    codes: Sides[Ints]
    size: int
    pairs: Ints
    counts: Ints

    @classmethod
    def of(cls, classes: Classes, codes: Sides[Ints], size: int) -> Book:
        """Count which secrets occur beside which combination."""
        pairs, counts = np.unique(
            classes.sides.synthetic * size + codes.synthetic, return_counts=True
        )
        return cls(classes, codes, size, pairs, counts)

    def read(self, side: str) -> Told:
        """Look every person of this table up."""
        classes, codes = getattr(self.classes.sides, side), getattr(self.codes, side)
        where = self.pairs // self.size
        rows = self.classes.count(self.classes.sides.synthetic)
        most = np.zeros(self.classes.size, np.int64)
        np.maximum.at(most, where, self.counts)
        ties = np.bincount(where, self.counts == most[where], minlength=self.classes.size)
        wanted = classes * self.size + codes
        place = np.minimum(np.searchsorted(self.pairs, wanted), len(self.pairs) - 1)
        own = np.where(self.pairs[place] == wanted, self.counts[place], 0)
        shown = rows[classes] > 0
        right = (own > 0) & (own == most[classes])
        return Told(
            shown=shown,
            certain=shown & (most[classes] == rows[classes]),
            share=own / np.maximum(rows[classes], 1),
            right=right / np.maximum(ties[classes], 1),
            common=codes == np.argmax(np.bincount(self.codes.synthetic, minlength=self.size)),
        )


def _secret(tables: Comparison, item: View) -> tuple[Sides[Ints], int]:
    """Labels and texts as they are; quantities are right within a tenth of train's rows."""
    if isinstance(item, Numbers) and item.kind not in ("text", "json"):
        rows = Sides(*(np.arange(data.rows) for data in tables.datasets))
        cut = deciles(item, rows)
        return cut.sides, cut.size
    return exact(tables, item)


def _attack(told: Told, data: Dataset, unique: NDArray[np.bool_]) -> dict[str, Any]:
    """What the attack on the unique people yields, and the published measures over everybody."""
    right = float(told.right[unique].mean())
    sure = int(told.certain.sum())
    return {
        "right": right,
        "interval": _interval(right, data, int(unique.sum())),
        "unique_people": int(unique.sum()),
        "shown": float(told.shown[unique].mean()),
        "guessing_the_commonest": float(told.common[unique].mean()),
        "tcap": float(told.right[told.certain].mean()) if sure else None,
        "dcap": float(told.share.mean()),
        "disco": float((told.certain & (told.right > 0)).mean()),
    }
