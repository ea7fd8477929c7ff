"""Linkability: does the synthetic table tell which two parts of a record belong to one person?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Sides
from neotype.evaluate.metric import Finding, NotMeasurableError
from neotype.evaluate.neighbors import Points, k_nearest, place
from neotype.evaluate.privacy.attack import (
    AttackMeasure,
    Ints,
    Mask,
    Side,
    Trials,
    aim,
    attempt,
    noted,
    take,
)

Halves = tuple[Ints, Ints]


@dataclass(frozen=True)
class Linking:
    """The attack: two parts of a record are linked where both lie near one synthetic row.

    Every target is linked across one pair of halves: targets are dealt to the pairs in turn.
    """

    points: Sides[Points]
    halves: Sequence[Halves]
    neighbors: int
    generator: Generator

    def guess(self, about: Side, *, blind: bool) -> Mask:
        """For which records the nearest rows of both parts have a row in common."""
        if blind:
            return self._blind(getattr(self.points, about).shape[1])
        return np.asarray(self.needed[about] <= self.neighbors)

    @cached_property
    def needed(self) -> dict[str, Ints]:
        """For every target the fewest neighbours of each part that share a row."""
        return {side: self._needed(getattr(self.points, side)) for side in ("train", "holdout")}

    def _needed(self, real: Points) -> Ints:
        needed = np.empty(real.shape[1], np.int64)
        for turn, halves in enumerate(self.halves):
            here = np.arange(turn, real.shape[1], len(self.halves))
            near = [
                k_nearest(real[half][:, here], self.points.synthetic[half], self.neighbors)[1]
                for half in halves
            ]
            needed[here] = met(*near)
        return needed

    def _blind(self, many: int) -> Mask:
        """Whether two random sets of as many rows have one in common."""
        rows, near = self.points.synthetic.shape[1], self.neighbors
        return np.asarray(self.generator.hypergeometric(near, rows - near, near, many) > 0)


def met(first: Ints, second: Ints) -> Ints:
    """The least k at which two rankings share a row among their first k, or one more than k."""
    width = first.shape[1]
    place = np.arange(1, width + 1)
    later = np.maximum(place[:, None], place)
    shared = first[:, :, None] == second[:, None, :]
    return np.asarray(np.where(shared, later, width + 1).min(axis=(1, 2)), np.int64)


@dataclass(frozen=True)
class Linkability(AttackMeasure):
    """Can two parts of a record be brought together again by the synthetic table?

    The parts are `quasi_identifiers` and all other columns, or random halves of the columns. A
    link is the claim that one synthetic row is among the nearest of both.
    """

    quasi_identifiers: tuple[str, ...] = ()
    neighbors: int = 10
    halvings: int = 5
    guesses: int = 5_000
    synthetic_rows: int = 100_000

    name: ClassVar[str] = "linkability"
    title: ClassVar[str] = "Linking two parts of a record"
    how: ClassVar[str] = (
        "An attacker holds two parts of a record without knowing that they belong together, and "
        "links them if one synthetic row is among the nearest of both. Risk is how much more "
        "often that succeeds for rows the model learnt from than for rows it never saw: "
        "(main - control) / (1 - control)."
    )
    reference: ClassVar[str] = (
        "Giomi et al. 2022, A unified framework for quantifying privacy risk in synthetic data; "
        "Article 29 Working Party, opinion 05/2014"
    )

    def look(self, tables: Comparison) -> Finding:
        """Link parts of train rows, and of as many holdout rows."""
        rng = tables.rng.child(self.name)
        halves, notes = self.parts(tables, rng.child("halves").generator())
        drawn = aim(tables, self.guesses, self.synthetic_rows, rng.child("rows"))
        points = take(place(tables.views), drawn)
        # More would make random sets meet as well.
        near = max(1, min(self.neighbors, len(drawn.synthetic) // 100))
        linking = Linking(points, halves, near, rng.child("blind guesses").generator())
        trials = attempt(linking)
        rates, risk = trials.rates, trials.risk[0]
        return self.conclude(
            trials,
            f"Two parts of a record are linked by way of the synthetic table for "
            f"{rates['main']:.1%} of the rows that the model learnt from and for "
            f"{rates['control']:.1%} of rows that it never saw: a linkability risk of {risk:.1%} "
            f"for the people in train.",
            {
                "neighbors": near,
                "by_neighbors": by_neighbors(linking, trials.guesses),
                "halves": [[names(tables, half) for half in pair] for pair in halves],
                "rows": Sides(*(len(side) for side in drawn))._asdict(),
                "notes": [*notes, *noted(tables, drawn)],
            },
        )

    def parts(self, tables: Comparison, generator: Generator) -> tuple[list[Halves], list[str]]:
        """The pairs of parts, by positions of columns, and what a reader must know of them."""
        columns = [item.name for item in tables.views]
        if len(columns) < 2:
            raise NotMeasurableError("a record has no two parts: linking needs two columns.")
        known = np.isin(columns, self.quasi_identifiers)
        if known.any() and not known.all():
            left_out = [name for name in self.quasi_identifiers if name not in columns]
            notes = [f"'{name}' is left out: {tables.left_out[name]}" for name in left_out]
            return [(np.flatnonzero(known), np.flatnonzero(~known))], notes
        half = len(columns) // 2
        deals = [generator.permutation(len(columns)) for _ in range(self.halvings)]
        pairs = [(np.sort(deal[:half]), np.sort(deal[half:])) for deal in deals]
        if self.quasi_identifiers:
            return pairs, ["the quasi-identifiers leave no two parts: columns were halved"]
        return pairs, ["no quasi-identifiers were named: columns were halved at random"]


def names(tables: Comparison, half: Ints) -> list[str]:
    """The columns at these positions."""
    return [tables.views[c].name for c in half]


def by_neighbors(linking: Linking, guesses: int) -> list[dict[str, float]]:
    """Main, control and risk by the number of neighbours that count as near."""
    found = []
    for near in range(1, linking.neighbors + 1):
        hits, others = (int((side <= near).sum()) for side in linking.needed.values())
        risk, (low, high) = Trials(hits, others, 0, guesses).risk
        rates = {"main": hits / guesses, "control": others / guesses}
        found.append({"neighbors": near, **rates, "risk": risk, "low": low, "high": high})
    return found
