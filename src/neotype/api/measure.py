"""Measure synthetic tables, whoever made them, and let a policy decide."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from neotype import intake, pipeline
from neotype.api.learn import FittedModel, load
from neotype.asking import Claimed, looked_at, made_by, promised, told
from neotype.data import Dataset
from neotype.dp.guarantee import Guarantee
from neotype.errors import (
    DataError,
    SchemaError,
)
from neotype.evaluate.asked import Asked, Claim, Scorer
from neotype.evaluate.evaluate import evaluate as measure
from neotype.evaluate.metric import Score
from neotype.plan import make_synthesizer
from neotype.policy.expectations import check, rehearse
from neotype.policy.judge import judge
from neotype.policy.policy import Policy, read_policy
from neotype.policy.ruling import Outcome, Ruling
from neotype.progress import Progress, silent
from neotype.report.report import Report, RunFacts, build
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.source import Source, read

log = logging.getLogger("neotype")
_VERSIONS = ("neotype", "polars", "numpy", "lightgbm", "scikit-learn")


def evaluate(
    synthetic: Any,
    *,
    train: Any = None,
    holdout: Any = None,
    public: Any = None,
    model: FittedModel | Path | str | None = None,
    target: str | None = None,
    schema: Schema | Path | str | None = None,
    sensitive: str | Sequence[str] = (),
    quasi_identifiers: str | Sequence[str] = (),
    copies: Sequence[Any] = (),
    scorer: str | Scorer | None = None,
    claim: Claimed | None = None,
    deep: bool = False,
    recipe: str | Any | None = None,
    shadows: int = 16,
    policy: Policy | Mapping[str, Any] | Path | str | None = None,
    metrics: str | Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Report:
    """Compare synthetic rows with the rows that were learnt and with real rows that were not.

    `holdout` must not have been learnt. Without one, a `model` fitted with `holdout=.25` divides
    `train` as `fit` did; beside one, the model lends its likelihoods and its recipe. Tables are
    frames of any kind, or paths; of a list of them the first is measured, the others are `copies`.
    Roles are the schema's if unsaid. `scorer` is a utility of your own, a function or
    "module:function"; `claim` a guarantee to audit, epsilon or (epsilon, delta), the model's if
    unsaid. `deep` learns the `recipe` (a name or an instance; the model's if unsaid) anew for each
    of the `shadows`. `report.ruling` is what `policy` (preset or file) says. DataError: faults.
    `public` rows, of which none was learnt, replace train and holdout in a report for everybody.
    """
    if public is not None:
        return _on_public(dict(locals()))
    chosen = None if policy is None else read_policy(policy)
    metrics = _each_once(metrics)
    model = load(model) if isinstance(model, str | Path) else model
    target = _aim(target, model)
    real, unseen, facts = real_sides(train, holdout, model, schema, target)
    made, *others = _synthetic_sides(synthetic, copies, real.schema)
    rehearse(chosen, real)
    asked = told(
        train=real,
        holdout=unseen,
        target=target,
        sensitive=sensitive,
        quasi_identifiers=quasi_identifiers,
        copies=others,
        scorer=scorer,
        claim=_audited(claim, model, metrics, deep=deep),
        model=None if model is None else model.model,
        recipe=_known_recipe(recipe, model, needed=deep or metrics is not None),
        deep=deep,
        shadows=shadows,
        metrics=metrics,
        rng=Rng(seed),
    )
    taken = _Taken(metrics, deep, Rng(seed).child("evaluate"), progress)
    return _judged(made, real, unseen, asked, taken, facts, chosen, _promise(model))


@dataclass(frozen=True)
class _Taken:
    """Which measures are taken, and how."""

    metrics: Sequence[str] | None
    deep: bool
    rng: Rng
    progress: Progress


def _judged(
    made: Dataset,
    train: Dataset,
    holdout: Dataset,
    asked: Asked,
    taken: _Taken,
    facts: RunFacts,
    policy: Policy | None,
    promise: Claim | None,
) -> Report:
    """The scores of a table, what the policy makes of them, and the report on both."""
    scores = measure(
        made,
        train=train,
        holdout=holdout,
        asked=asked,
        metrics=taken.metrics,
        deep=taken.deep,
        rng=taken.rng,
        progress=taken.progress,
    )
    sides = {"synthetic": made, "train": train, "holdout": holdout}
    ruling = ruled(policy, scores, asked.claim or promise, **sides)
    return build(scores, **sides, target=asked.target, facts=facts, ruling=ruling)


def _on_public(said: Mapping[str, Any]) -> Report:
    """The same beside public rows, with all that was said, by name."""
    from neotype.api.public import Looks, evaluated

    names = ("train", "holdout", "claim", "recipe", "copies", "deep")
    beside = [name for name in names if not any(said[name] is none for none in (None, (), False))]
    if beside:
        raise DataError(
            f"public rows are given, and so {'is' if len(beside) == 1 else 'are'}: "
            f"{', '.join(beside)}.",
            mend="give public rows alone: no score on them asks who was learnt",
        )
    model = load(said["model"]) if isinstance(said["model"], str | Path) else said["model"]
    target = _aim(said["target"], model)
    roles = (said["sensitive"], said["quasi_identifiers"], said["scorer"])
    policy = None if said["policy"] is None else read_policy(said["policy"])
    looks = Looks(target, *roles, _each_once(said["metrics"]), policy, said["seed"])
    where = (said["synthetic"], said["public"], model, said["schema"])
    return evaluated(*where, looks, said["progress"])


def _aim(target: str | None, model: FittedModel | None) -> str | None:
    """The target that is named, or the model's own."""
    return target or (model.facts["target"] if model is not None else None)


def _guarantee(model: FittedModel | None) -> Guarantee | None:
    """What is promised of a model that was learnt within a budget."""
    facts = None if model is None else model.facts.get("privacy")
    return None if facts is None else Guarantee.restore(facts)


def _audited(
    claim: Claimed | None, model: FittedModel | None, metrics: Sequence[str] | None, *, deep: bool
) -> Claimed | None:
    """The claim that is stated, or the model's own where a measure that is taken looks at one."""
    unheard = claim is None and not looked_at("claim", metrics, deep=deep)
    return None if unheard else _promise(model) if claim is None else claim


def _promise(model: FittedModel | None) -> Claim | None:
    """The claim that such a model makes."""
    own = _guarantee(model)
    return None if own is None else promised(own)


def _each_once(metrics: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """The measures that are named, each once; None where all are meant."""
    if metrics is None:
        return None
    named = tuple(dict.fromkeys([metrics] if isinstance(metrics, str) else metrics))
    if not named:
        raise SchemaError("no measure is named.", mend="name one, or leave metrics out for all")
    return named


def _known_recipe(recipe: str | Any | None, model: FittedModel | None, *, needed: bool) -> Any:
    """The recipe that is named, or the one by which the model was fitted, or None."""
    if recipe is None:
        return None if model is None else made_by(model.facts)
    if not needed:
        raise SchemaError(
            "a recipe is for a deep evaluation.", mend="ask for it (--deep, deep=True), or leave it"
        )
    if isinstance(recipe, str):
        return make_synthesizer(recipe, {})
    if not hasattr(recipe, "fit"):
        raise SchemaError(
            f"{recipe!r} is no synthesizer.", mend="give a name, or an instance such as nt.Trees()"
        )
    return recipe


def _synthetic_sides(synthetic: Any, copies: Sequence[Any], schema: Schema) -> list[Dataset]:
    """The table to measure, then its copies; each has the columns of the real rows."""
    tables = [table for given in (synthetic, copies) for table in _listed(given)]
    if not tables:
        raise DataError("there is no synthetic table to measure.", mend="give one or more")
    named = [f"synthetic table {k + 1}" if k else "synthetic" for k in range(len(tables))]
    return [_conform(read(table), schema, name) for table, name in zip(tables, named, strict=True)]


def _listed(tables: Any) -> Sequence[Any]:
    """Several tables as they are; one table, which may itself be iterable, as the only one."""
    return tables if isinstance(tables, list | tuple) else [tables]


def real_sides(
    train: Any,
    holdout: Any,
    model: FittedModel | None,
    schema: Schema | Path | str | None,
    target: str | None,
) -> tuple[Dataset, Dataset, RunFacts]:
    """The real rows that were learnt, those that were not, and what is known of the run.

    Checked: they can be compared, and the target varies.
    """
    real, unseen, facts = _read_sides(train, holdout, model, schema, target)
    intake.check_target(target, real)
    pipeline.check_comparable(real, unseen)
    return real, unseen, facts


def _read_sides(
    train: Any,
    holdout: Any,
    model: FittedModel | None,
    schema: Schema | Path | str | None,
    target: str | None,
) -> tuple[Dataset, Dataset, RunFacts]:
    if train is None:
        raise DataError(
            "a comparison needs the real rows that were learnt, as train.",
            mend="give them; or public rows, of which none was learnt, as public",
        )
    if holdout is None and model is None:
        raise DataError(
            "a comparison needs real rows that were not learnt.",
            mend="give a holdout, or a model that was fitted with one kept apart",
        )
    if model is not None and schema is not None:
        raise SchemaError(
            "a model has a schema of its own, and another one is given.",
            mend="leave the schema out",
        )
    if model is not None and (treated := _treated(model)):
        log.warning(
            "%s before they were learnt: train and holdout are compared as given, and have to be "
            "treated alike",
            treated,
        )
    if model is not None and holdout is None:
        return *split_again(model, train), model_facts(model)
    own = _guarantee(model)
    source = _counted_rows(train, own)
    if model is not None:
        schema, facts = model.schema, model_facts(model)
    else:
        facts = RunFacts(versions=versions(), source=source.origin)
    if not isinstance(schema, Schema):
        schema = intake.schema_of(source, None if schema is None else Path(schema))
    orphans = None if model is None else model.facts.get("orphans")
    if own is None:
        real = intake.learnable(source, schema, target, orphans)
    else:
        real = intake.conformed(source, schema, source.origin, silent=True)
    if model is not None and own is None and intake.rows_of(real) != model.facts["rows"]:
        raise DataError(
            f"the model was learnt from {_counted(model.facts['rows'])}, and train has "
            f"{_counted(intake.rows_of(real))}.",
            mend="give the very rows that were learnt; or, of a model fitted with --holdout, "
            "all of its data and no holdout",
        )
    kept = _counted_rows(holdout, own)
    sides = (real, intake.conformed(kept, schema, "holdout", silent=own is not None))
    _, (real, unseen), _ = intake.treated(source, sides, target=target)
    return real, unseen, facts


def _counted_rows(data: Any, guarantee: Guarantee | None) -> Source:
    """The rows that a budget lets count, read as they were learnt: no more of a unit."""
    source = read(data, plain=guarantee is not None)
    if guarantee is None:
        return source
    budget = guarantee.budget
    return replace(source, frames={k: intake.counted(f, budget) for k, f in source.frames.items()})


def _counted(rows: int | Mapping[str, int]) -> str:
    if isinstance(rows, int):
        return f"{rows:,} rows"
    return ", ".join(f"{count:,} rows of {name}" for name, count in rows.items())


def ruled(
    policy: Policy | None,
    scores: Sequence[Score],
    promise: Claim | None = None,
    *,
    synthetic: Dataset,
    train: Dataset,
    holdout: Dataset,
) -> Ruling | None:
    """What the policy decides; without one, only a refuted claim is decided on.

    `promise` is the guarantee that comes with the table.
    """
    found: tuple[Outcome, ...] = ()
    if policy is not None:
        found = check(policy, synthetic=synthetic, train=train, holdout=holdout)
    return judge(policy, scores, found, promise)


def model_facts(model: FittedModel) -> RunFacts:
    """What a report says of a model."""
    return RunFacts(
        protections=model.protections,
        statistics=tuple(model.describe()),
        versions=versions(),
        source=model.facts["origin"],
        synthesizer=model.facts["synthesizer"],
        privacy=model.facts.get("privacy") or {},
        chosen=model.facts.get("chosen") or {},
    )


def _treated(model: FittedModel) -> str:
    """What was done to columns before the model saw them; nothing where nothing was."""
    done = model.facts.get("treated") or {}
    listed = ", ".join(f"'{name}' ({how})" for name, how in done.items())
    return f"columns were treated ({listed})" if done else ""


def split_again(model: FittedModel, data: Any) -> tuple[Dataset, Dataset]:
    """Train and holdout as `fit` divided `data` for this model; DataError when that is unknown."""
    noted = model.facts.get("holdout")
    if not isinstance(noted, dict):
        raise DataError(
            "the model was learnt from all of its data: no holdout was kept apart.",
            mend="give real rows that were not learnt as the holdout, or fit with --holdout .25",
        )
    own = _guarantee(model)
    source = _counted_rows(data, own)
    whole = intake.conformed(source, model.schema, source.origin, silent=own is not None)
    if own is not None:
        # Nothing is noted by which the data could be known again: whoever asks has to.
        split = pipeline.split_apart(source, whole, noted["share"], noted["seed"], own.budget)
        return split.train, split.holdout
    whole = intake.closed(whole, model.facts.get("orphans"), log.debug)
    if whole.fingerprint() != noted["of"]:
        raise DataError(
            f"{source.origin} is not the data that the model was learnt from.",
            found=_treated(model) or None,
            mend="give the same file, or give train and holdout rows as files of their own",
        )
    split = pipeline.split_off(source, whole, noted["share"], noted["seed"])
    return split.train, split.holdout


def _conform(source: Source, schema: Schema, what: str) -> Dataset:
    return intake.conformed(source, schema, what)


def versions() -> dict[str, str]:
    """The versions of what a result depends on."""
    return {name: version(name) for name in _VERSIONS}
