"""What a user says beside the tables, turned into what an evaluation is told."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from time import perf_counter
from typing import Any

import numpy as np

from neotype.data import Dataset
from neotype.dp.guarantee import Guarantee
from neotype.errors import ColumnNotFoundError, SchemaError
from neotype.evaluate.asked import Asked, Claim, Likelihoods, Scorer
from neotype.evaluate.evaluate import suite
from neotype.plan import make_strategy, make_synthesizer
from neotype.registry import find, names
from neotype.rng import Rng
from neotype.schema.places import places
from neotype.synth.learn import learn
from neotype.synth.private.again import Again
from neotype.synth.synthesizer import Model, Synthesizer

log = logging.getLogger("neotype")

DENSITY_ROWS = 20_000
"""Rows of train, and of holdout, whose likelihood is computed at most."""

Claimed = float | tuple[float, float] | Claim


def told(
    *,
    train: Dataset,
    holdout: Dataset,
    target: str | None = None,
    sensitive: str | Sequence[str] = (),
    quasi_identifiers: str | Sequence[str] = (),
    copies: Sequence[Dataset] = (),
    scorer: str | Scorer | None = None,
    claim: Claimed | None = None,
    model: Model | None = None,
    recipe: Synthesizer | None = None,
    deep: bool = False,
    shadows: int = 16,
    metrics: Sequence[str] | None = None,
    rng: Rng,
) -> Asked:
    """Everything that is known, for the metrics that will be taken.

    Roles that are not given are those of the schema. The model's likelihoods are computed only
    when a metric wants them, of at most DENSITY_ROWS random rows of either side, equally many.
    ColumnNotFoundError for a role of no column, SchemaError for a claim that none can make, for a
    deep evaluation without a recipe, for a scorer that cannot be found, and for what is given but
    concerns none of the `metrics`.
    """
    wanted = _wanted(metrics or suite(deep))
    if deep and recipe is None:
        raise SchemaError(
            "a deep evaluation learns the recipe anew many times, and no recipe is known.",
            mend="name the synthesizer that made the rows (--recipe trees), or give its model",
        )
    if not isinstance(shadows, int) or shadows < 2:
        raise SchemaError(
            f"{shadows} shadow models show nothing.", mend="take 2 or more; 16 if unsaid"
        )
    if deep:
        log.info("%d shadow models learn anew; the first says how long all take", shadows)
    guarded, known = roles(train, sensitive, quasi_identifiers)
    claim, scorer = claim_of(claim), scorer_of(scorer)
    said = {"claim": claim, "scorer": scorer, "retrain": recipe if deep else None}
    _refuse_unused([name for name, what in said.items() if what is not None], wanted)
    density = None
    several = len(train.schema.tables) > 1
    if model is not None and "likelihoods" in wanted and not several:
        density = likelihoods(model, train, holdout, rng.child("likelihoods"))
    return Asked(
        target=target,
        sensitive=guarded,
        quasi_identifiers=known,
        copies=tuple(copies),
        scorer=scorer,
        claim=claim,
        likelihoods=density,
        retrain=None if recipe is None else Retraining(recipe, shadows),
        shadows=shadows,
    )


def _wanted(metrics: Sequence[str]) -> set[str]:
    """What these metrics have fields for."""
    classes = [find("metric", name) for name in metrics]
    return {field.name for cls in classes if is_dataclass(cls) for field in fields(cls)}


def looked_at(what: str, metrics: Sequence[str] | None, *, deep: bool) -> bool:
    """Whether any measure that will be taken has a field of this name."""
    return what in _wanted(metrics or suite(deep))


def promised(guarantee: Guarantee) -> Claim:
    """The claim that a model learnt within a budget makes."""
    return Claim(guarantee.epsilon, guarantee.delta, guarantee.unit, guarantee.neighbors)


_GIVEN = {
    "claim": "a claimed guarantee",
    "scorer": "a scorer",
    "retrain": "a recipe to learn anew",
}


def _refuse_unused(said: Sequence[str], wanted: set[str]) -> None:
    """SchemaError for what is given and would be passed over by the measures that are named."""
    for name in said:
        if name not in wanted:
            takers = [metric for metric in names("metric") if name in _wanted([metric])]
            raise SchemaError(
                f"{_GIVEN[name]} is given, and none of the measures that are named looks at it.",
                mend=f"name {' or '.join(takers)} too, or name no measures at all",
            )


def roles(
    data: Dataset, sensitive: str | Sequence[str], quasi_identifiers: str | Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns of both roles, the schema's own where none are given; all of them exist.

    Of several tables they are named `table.column`.
    """
    given = {"sensitive": sensitive, "quasi-identifiers": quasi_identifiers}
    known, tables = places(data.schema), data.schema.tables
    named = {place: name for name, place in known.items()}
    found = []
    for (role, asked), field in zip(given.items(), ("sensitive", "quasi_identifiers"), strict=True):
        columns = (asked,) if isinstance(asked, str) else tuple(dict.fromkeys(asked))
        for name in columns:
            if name not in known:
                raise ColumnNotFoundError(name, known, asked_by=role)
        own = (named[table, name] for table in tables for name in getattr(tables[table], field))
        found.append(columns or tuple(own))
    return found[0], found[1]


def claim_of(claim: Claimed | None) -> Claim | None:
    """The guarantee that somebody states: an epsilon, (epsilon, delta), or a whole Claim."""
    if claim is None:
        return None
    if not isinstance(claim, Claim):
        parts = claim if isinstance(claim, tuple) else (claim, 0.0)
        numbers = all(isinstance(n, int | float) and not isinstance(n, bool) for n in parts)
        if len(parts) != 2 or not numbers:
            raise SchemaError(f"{claim!r} is no claim.", mend="give epsilon, or (epsilon, delta)")
        claim = Claim(epsilon=float(parts[0]), delta=float(parts[1]))
    if not (math.isfinite(claim.epsilon) and claim.epsilon > 0):
        raise SchemaError(
            f"epsilon {claim.epsilon:g} cannot be claimed.", mend="give a number above 0"
        )
    if not 0 <= claim.delta < 1:
        raise SchemaError(
            f"delta {claim.delta:g} cannot be claimed: it is a probability.",
            mend="give a number of 0 or more and far below 1, such as 1e-6",
        )
    return claim


def scorer_of(scorer: str | Scorer | None) -> Scorer | None:
    """A user's own measure of utility: itself, or what `module:function` names."""
    if scorer is not None and not isinstance(scorer, str) and not callable(scorer):
        raise SchemaError(
            f"{scorer!r} is no scorer.", mend="give a function of two tables, or 'module:function'"
        )
    if not isinstance(scorer, str):
        return scorer
    from neotype.evaluate.utility.custom import load_scorer

    return load_scorer(scorer)


def likelihoods(model: Model, train: Dataset, holdout: Dataset, rng: Rng) -> Likelihoods | None:
    """The model's own log-probability of random rows of both sides; None where it has none."""
    most = min(train.rows, holdout.rows, DENSITY_ROWS)
    sides = []
    for name, data in (("train", train), ("holdout", holdout)):
        rows = np.sort(rng.child(name).generator().permutation(data.rows)[:most])
        found = model.log_density(data.take(rows))
        if found is None:
            return None
        sides.append(found)
    return Likelihoods(*sides)


@dataclass
class Retraining:
    """The recipe as a function of rows alone; its first use says how long the others will take."""

    recipe: Synthesizer
    shadows: int
    timed: bool = False

    def __call__(self, data: Dataset, rows: int, rng: Rng) -> Dataset:
        """`rows` synthetic rows of a model that has learnt `data`."""
        begun = perf_counter()
        made = learn(self.recipe, data, rng=rng.child("fit")).sample(rows, rng=rng.child("sample"))
        if not self.timed:
            self.timed = True
            took = perf_counter() - begun
            others = self.shadows - 1
            left = took * others
            about = f"{left / 60:.0f} minutes" if left >= 90 else f"{left:.0f} seconds"
            log.info(
                "the first took %.1f s; the other %d take about %s", took, self.shadows - 1, about
            )
        return made


def made_by(facts: Any) -> Synthesizer | None:
    """The recipe of a fitted model from its facts; None when that family is not registered.

    Of a model that was learnt within a budget it spends the same budget again on what it is given.
    """
    private = "privacy" in facts
    what, make = ("strategy", make_strategy) if private else ("synthesizer", make_synthesizer)
    for name in names(what):
        if find(what, name).__name__ == facts.get("synthesizer"):
            made = make(name, facts.get("hyperparameters", {}))
            recipe: Synthesizer = Again.of(made, facts) if private else made
            return recipe
    return None
