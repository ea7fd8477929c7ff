"""The journey on one page: read → schema → split → fit → sample → check."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl

from neotype.asking import looked_at, promised, roles, scorer_of, told
from neotype.choice import Choice
from neotype.choose.select import Selection, select
from neotype.data import Dataset, conform
from neotype.dp.budget import ROW, Budget
from neotype.dp.ledger import Ledger
from neotype.errors import DataError, SchemaError
from neotype.evaluate.asked import Asked, Claim
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.metric import Score
from neotype.families import Families
from neotype.intake import (
    budgeted,
    conformed,
    counted,
    declared,
    learnable,
    only_frame,
    rows_of,
    schema_of,
    taken,
    treated,
)
from neotype.masking.apply import Masked, apply
from neotype.masking.key import Key
from neotype.masking.receipt import Receipt
from neotype.plan import Plan, toward
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.places import places
from neotype.source import Source
from neotype.synth.learn import learn
from neotype.synth.private.again import Again
from neotype.synth.private.database import Learnt, fit_database
from neotype.synth.private.owned import Owned
from neotype.synth.private.rules import fit_ruled
from neotype.synth.private.strategy import ledger_of
from neotype.synth.sizes import drawn
from neotype.synth.synthesizer import Model
from neotype.url import Url

log = logging.getLogger("neotype")

FEWEST_ROWS = 20
"""The fewest rows, on each side of a split, of which a comparison says anything."""


@dataclass(frozen=True)
class Split:
    """Real data in two parts: `train` is learnt, `holdout` is only compared with.

    `note` says how the parts can be told apart again: the share, the seed, and the fingerprint
    of the whole (which is kept to itself under a budget); None where the holdout came as a file of
    its own, or not at all. `treated` says what was done to real columns before anybody looked, and
    `ledger` what was paid for reading them, where there is a budget.
    """

    source: Source
    train: Dataset
    holdout: Dataset
    note: Mapping[str, Any] | None = None
    treated: Receipt | None = None
    ledger: Ledger | None = None


@dataclass(frozen=True)
class Run:
    """Everything that one plan gave; `timings` are seconds of each stage.

    `masked` are the real rows as the plan releases them, where it does; `private` is what was
    learnt within the plan's budget, and `chosen` how the family was, where that was left open.
    """

    plan: Plan
    split: Split
    recipe: Any
    model: Model
    synthetic: Dataset
    scores: tuple[Score, ...]
    timings: Mapping[str, float]
    masked: Masked | None = None
    private: Learnt | None = None
    chosen: Selection | None = None


@dataclass
class _Clock:
    """Seconds by stage; tells the listener where a stage begins and ends."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.progress(name, 0, 1)
        begun = perf_counter()
        yield
        self.seconds[name] = perf_counter() - begun
        self.progress(name, 1, 1)


def run(
    plan: Plan, progress: Progress = silent, *, inspect: Callable[[Split], None] | None = None
) -> Run:
    """Follow the plan in memory; nothing is written. The same plan gives the same run.

    `inspect` sees the data before anything is learnt, and may refuse it.
    """
    clock, rng = _Clock(progress), Rng(plan.seed)
    with clock.stage("read"):
        split = read_split(plan, progress)
        if inspect is not None:
            inspect(split)
    masked = None
    if plan.release is not None:
        with clock.stage("mask"):
            masked = _release(plan)
    train, holdout = split.train, split.holdout
    recipe, chosen = plan.recipe(), None
    if isinstance(recipe, Choice):
        with clock.stage("choose"):
            recipe, chosen = settled(recipe, train, plan.target, plan.seed, progress)
    with clock.stage("fit"):
        recipe, model, private = _learnt(plan, recipe, split, rng.child("fit"), progress)
    with clock.stage("sample"):
        stream = rng.child("sample")
        learnt = rows_of(train) if private is None else private.rows
        synthetic = drawn(model, plan.rows, plan.scale, learnt, stream)
    with clock.stage("evaluate"):
        if private is not None:
            check_comparable(train, holdout)
        claim = _claim(plan, private)
        scores = evaluate(
            synthetic,
            train=train,
            holdout=holdout,
            asked=_asked(plan, split, model, _again(recipe, private, plan.target), claim, rng),
            metrics=plan.metrics,
            deep=plan.deep,
            rng=rng.child("evaluate"),
            progress=progress,
        )
    seconds = clock.seconds
    return Run(plan, split, recipe, model, synthetic, scores, seconds, masked, private, chosen)


def settled(
    choice: Choice, train: Dataset, target: str | None, seed: int, progress: Progress = silent
) -> tuple[Any, Selection]:
    """The recipe of the family that wins on rows of `train`, and how it won."""
    stream = Rng(seed).child("choose")
    chosen = select(train, choice, target=target, rng=stream, progress=progress)
    return chosen.recipe, chosen


def _again(recipe: Any, private: Learnt | None, target: str | None) -> Any:
    """The recipe as others learn it anew; a strategy with a budget of its own for each of them."""
    return recipe if private is None else Again(recipe, private.guarantee, target)


def _asked(
    plan: Plan, split: Split, model: Model, recipe: Any, claim: Claim | None, rng: Rng
) -> Asked:
    """What the plan says beside the tables that are compared."""
    return told(
        train=split.train,
        holdout=split.holdout,
        target=plan.target,
        sensitive=plan.sensitive,
        quasi_identifiers=plan.quasi_identifiers,
        scorer=plan.scorer,
        claim=claim,
        model=model,
        recipe=recipe,
        deep=plan.deep,
        shadows=plan.shadows,
        metrics=plan.metrics,
        rng=rng,
    )


def _learnt(
    plan: Plan, recipe: Any, split: Split, rng: Rng, progress: Progress
) -> tuple[Any, Model, Learnt | None]:
    """The recipe and its model, and beside them what was paid for under a budget."""
    train = split.train
    if split.ledger is not None:
        private = learn_within(split.ledger, recipe, train, plan.target, progress)
        return recipe, private.model, private
    alone = len(train.schema.tables) == 1
    recipe = toward(recipe, plan.target if alone else None)
    return recipe, learn(recipe, train, rng=rng, progress=progress), None


def learn_within(
    ledger: Ledger, strategy: Any, data: Dataset, target: str | None, progress: Progress = silent
) -> Learnt:
    """Learn what `intake.budgeted` gives; all that is left in the ledger is spent on it."""
    budget = ledger.budget
    if len(data.schema.tables) > 1:
        owned = Owned.of(data.schema, budget.unit)
        aim = None if target is None else places(data.schema)[target]
        whole = fit_database(
            strategy, data, ledger_of(strategy, owned.bounded(budget)), aim, progress
        )
        budget.check_rows(whole.rows[owned.entity])
        return whole
    learnt = fit_ruled(strategy, data, ledger, target, progress)
    budget.check_rows(learnt.rows)
    return learnt


def _claim(plan: Plan, private: Learnt | None) -> Claim | None:
    """The guarantee to audit, where a measure that will be taken looks at one."""
    wanted = private is not None and looked_at("claim", plan.metrics, deep=plan.deep)
    return promised(private.guarantee) if wanted and private is not None else None


def read_split(plan: Plan, progress: Progress = silent) -> Split:
    """The plan's real data as train and holdout, checked against what the plan asks of them."""
    scorer_of(plan.scorer)
    if plan.budget is not None:
        return _read_private(plan, plan.budget.budget(), progress)
    source = taken(plan.source, plan.tables, progress)
    schema = declared(
        schema_of(source, plan.schema_file),
        public=plan.public,
        entity=plan.entity,
        sequence=plan.sequence,
    )
    whole = learnable(source, schema, plan.target, plan.orphans)
    key = Key.of(file=None if plan.release is None else plan.release.key_file)
    if isinstance(plan.holdout, float):
        source, (whole,), receipt = treated(source, (whole,), plan.treat, key, plan.target)
        roles(whole, plan.sensitive, plan.quasi_identifiers)
        return replace(split_off(source, whole, plan.holdout, plan.seed), treated=receipt)
    sides = (whole, _read_holdout(plan.holdout, whole))
    source, (whole, holdout), receipt = treated(source, sides, plan.treat, key, plan.target)
    roles(whole, plan.sensitive, plan.quasi_identifiers)
    check_comparable(whole, holdout)
    return Split(source, whole, holdout, treated=receipt)


def _read_private(plan: Plan, budget: Budget, progress: Progress) -> Split:
    """The same for a budget: nothing is inferred, and the holdout is apart before any noise."""
    source = taken(plan.source, plan.tables, progress, plain=True)
    ledger = ledger_of(plan.recipe(), budget)
    whole = budgeted(source, plan.schema_file, budget, plan.target, ledger=ledger)
    roles(whole, plan.sensitive, plan.quasi_identifiers)
    if isinstance(plan.holdout, float):
        split = split_apart(source, whole, plan.holdout, plan.seed, budget)
        return replace(split, ledger=ledger)
    return Split(source, whole, _read_holdout(plan.holdout, whole, budget), ledger=ledger)


def _release(plan: Plan) -> Masked:
    """The real rows, all of the source, as the plan wants them shown."""
    assert plan.release is not None
    source = taken(plan.source, plan.tables)
    schema = schema_of(source, plan.schema_file)
    if len(schema.tables) > 1:
        raise SchemaError(
            "a masked release is of one table, and the source has "
            f"{len(schema.tables)}: {', '.join(schema.tables)}.",
            mend="mask tables one at a time: neotype mask FILE; under one key their keys agree",
        )
    data = conform(only_frame(source, schema), schema, what=source.origin)
    table = data.table.model_copy(
        update={
            "quasi_identifiers": plan.quasi_identifiers or data.table.quasi_identifiers,
            "sensitive": plan.sensitive or data.table.sensitive,
        }
    )
    return apply(data.frame, table, plan.release, Key.of(file=plan.release.key_file))


def split_off(source: Source, whole: Dataset, share: float, seed: int) -> Split:
    """Keep a share of the rows apart: a pure function of the rows, the share and the seed."""
    _check_share(share)
    train, holdout = whole.split(share, Rng(seed).child("split"))
    check_comparable(train, holdout)
    note = {"share": share, "seed": seed, "of": whole.fingerprint()}
    if len(whole.schema.tables) > 1:
        note["families"] = Families.of(whole.schema, whole.frames).words
        log.warning(f"holdout: {note['families']}")
    return Split(source, train, holdout, note)


def _check_share(share: float) -> None:
    number = isinstance(share, int | float) and not isinstance(share, bool)
    if not number or not 0 < share < 1:
        raise DataError(
            f"holdout {share!r} is no share of the rows.",
            mend="a share such as .25 keeps a quarter",
        )


def split_apart(source: Source, whole: Dataset, share: float, seed: int, budget: Budget) -> Split:
    """Keep about a share of the rows apart so that the guarantee is for those of both sides.

    On which side a row is follows from the row (or its unit) and the seed alone: another table that
    differs by one unit has the same rows on either side, but for that unit. A shuffle would deal
    all rows anew. Of rows that are equal, each has a side of its own. How many there are is not
    told, not even by an error: whoever compares the sides checks first that they can be.
    """
    _check_share(share)
    note = {"share": share, "seed": seed}
    if len(whole.schema.tables) > 1:
        held = Owned.of(whole.schema, budget.unit).drawn(whole.frames, share, seed)
        train = whole.where({name: ~rows for name, rows in held.items()})
        return Split(source, train, whole.where(held), note)
    if budget.unit == ROW:
        cells = whole.frame.hash_rows(seed=seed).alias("cells")
        keys = pl.DataFrame(cells).with_columns(which=pl.int_range(pl.len()).over("cells"))
    else:
        keys = whole.frame.select(budget.unit)
    coins = keys.hash_rows(seed=seed).to_numpy() / 2.0**64
    train, holdout = (whole.take(np.flatnonzero(on)) for on in (coins >= share, coins < share))
    return Split(source, train, holdout, note)


def _read_holdout(place: Path | Url, train: Dataset, budget: Budget | None = None) -> Dataset:
    source = taken(place)
    if budget is not None:
        source = replace(source, frames={k: counted(v, budget) for k, v in source.frames.items()})
    return conformed(source, train.schema, f"holdout {source.origin}")


def check_comparable(train: Dataset, holdout: Dataset) -> None:
    """DataError when either side is too small, or both are the same rows."""
    sides = {"train": train, "holdout": holdout}
    most = {name: max(part.sizes.values()) for name, part in sides.items()}
    findings = [
        f"{name} has {rows} row{'' if rows == 1 else 's'}"
        for name, rows in most.items()
        if rows < FEWEST_ROWS
    ]
    if findings:
        raise DataError(
            f"too few rows to learn from and to compare with: at least {FEWEST_ROWS} on each side.",
            findings,
            mend="give more rows; where the holdout is a share of them, one nearer to .5",
        )
    if all(holdout.frames[name].equals(train.frames[name]) for name in train.schema.tables):
        raise DataError(
            "the holdout holds the very rows that are to be learnt, so it can show no copying.",
            mend="give other real rows, or a share such as .25",
        )
