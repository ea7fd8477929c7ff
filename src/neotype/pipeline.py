"""The journey on one page: read → schema → split → fit → sample → check."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from neotype.asking import roles, scorer_of, told
from neotype.data import Dataset, conform
from neotype.errors import DataError, SchemaError
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.metric import Score
from neotype.families import Families
from neotype.intake import (
    conformed,
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
from neotype.source import Source
from neotype.synth.learn import learn
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
    of the whole; None where the holdout came as a file of its own, or not at all. `treated` says
    what was done to real columns before anybody looked.
    """

    source: Source
    train: Dataset
    holdout: Dataset
    note: Mapping[str, Any] | None = None
    treated: Receipt | None = None


@dataclass(frozen=True)
class Run:
    """Everything that one plan gave; `timings` are seconds of each stage.

    `masked` are the real rows as the plan releases them, where it does.
    """

    plan: Plan
    split: Split
    recipe: Any
    model: Model
    synthetic: Dataset
    scores: tuple[Score, ...]
    timings: Mapping[str, float]
    masked: Masked | None = None


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
    with clock.stage("fit"):
        alone = len(train.schema.tables) == 1
        recipe = toward(plan.synthesizer.make(), plan.target if alone else None)
        model = learn(recipe, train, rng=rng.child("fit"), progress=progress)
    with clock.stage("sample"):
        stream = rng.child("sample")
        synthetic = drawn(model, plan.rows, plan.scale, rows_of(train), stream)
    with clock.stage("evaluate"):
        scores = evaluate(
            synthetic,
            train=train,
            holdout=holdout,
            asked=told(
                train=train,
                holdout=holdout,
                target=plan.target,
                sensitive=plan.sensitive,
                quasi_identifiers=plan.quasi_identifiers,
                scorer=plan.scorer,
                model=model,
                recipe=recipe,
                deep=plan.deep,
                shadows=plan.shadows,
                metrics=plan.metrics,
                rng=rng,
            ),
            metrics=plan.metrics,
            deep=plan.deep,
            rng=rng.child("evaluate"),
            progress=progress,
        )
    return Run(plan, split, recipe, model, synthetic, scores, clock.seconds, masked)


def read_split(plan: Plan, progress: Progress = silent) -> Split:
    """The plan's real data as train and holdout, checked against what the plan asks of them."""
    scorer_of(plan.scorer)
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
    if not 0 < share < 1:
        raise DataError(
            f"holdout {share!r} is no share of the rows.",
            mend="a share such as .25 keeps a quarter",
        )
    train, holdout = whole.split(share, Rng(seed).child("split"))
    check_comparable(train, holdout)
    note = {"share": share, "seed": seed, "of": whole.fingerprint()}
    if len(whole.schema.tables) > 1:
        note["families"] = Families.of(whole.schema, whole.frames).words
        log.warning(f"holdout: {note['families']}")
    return Split(source, train, holdout, note)


def _read_holdout(place: Path | Url, train: Dataset) -> Dataset:
    source = taken(place)
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
