"""What may leave the house of a private model: its rows, itself, and a report without free reads.

Scores on private rows are not covered by any ε, so a public report has none of them: it says what
is promised and how the rows were made, and scores only what public rows can score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neotype import intake, pipeline
from neotype.api.destination import FILES
from neotype.api.learn import FittedModel, load
from neotype.api.measure import model_facts, ruled, versions
from neotype.asking import promised, told
from neotype.data import Dataset
from neotype.dp.guarantee import Guarantee
from neotype.errors import BudgetError, OutputExistsError, SchemaError
from neotype.evaluate.asked import Scorer
from neotype.evaluate.evaluate import evaluate as measure
from neotype.evaluate.evaluate import suite
from neotype.outputs import probe, refuse_taken
from neotype.outputs import publish as written
from neotype.policy.expectations import rehearse
from neotype.policy.policy import Policy
from neotype.progress import Progress, silent
from neotype.registry import find
from neotype.report.report import Report, RunFacts, build, unscored
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.source import WRITABLE, read, restore, write, write_tables
from neotype.synth.sizes import Rows


@dataclass(frozen=True)
class Publication:
    """What was written to be published: the rows, the report on them, and where each is."""

    report: Report
    synthetic: Any
    paths: dict[str, Path]


@dataclass(frozen=True)
class Looks:
    """What an evaluation on public rows is asked to look at."""

    target: str | None = None
    sensitive: str | Sequence[str] = ()
    quasi_identifiers: str | Sequence[str] = ()
    scorer: str | Scorer | None = None
    metrics: Sequence[str] | None = None
    policy: Policy | None = None
    seed: int = 0


def publish(
    model: FittedModel | Path | str,
    output: Path | str,
    *,
    rows: Rows = None,
    seed: int = 0,
    public: Any = None,
    target: str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Publication:
    """Write all that a private model allows to be published into a folder: all of it or nothing.

    synthetic.* (`rows` of them; as many as were learnt, by the noisy count), model.neotype, and a
    report that says what is promised and holds no number that has read a private row for free. With
    `public` rows, real ones that may be published and that were not learnt, it has scores on those.
    BudgetError for a model that was not learnt within a budget.
    """
    model = load(model) if isinstance(model, str | Path) else model
    if "privacy" not in model.facts:
        raise BudgetError(
            "this model was not learnt within a privacy budget: nothing is promised of it.",
            mend="learn with an epsilon (neotype fit --epsilon 1); rows of other models are made "
            "by `neotype sample` and judged by `neotype evaluate`",
        )
    output = Path(output)
    names = _names(model)
    _refuse_taken(output, names.values(), force)
    probe(output)
    made = model.draw(rows, seed=seed)
    facts = replace(model_facts(model), plan=_how(model, seed, sum(made.sizes.values())))
    report = published(
        made, facts, public, Looks(target or model.facts["target"], seed=seed), progress
    )

    def fill(folder: Path) -> None:
        if model.several:
            place, suffix = folder / names["synthetic"], _suffix(model)
            write_tables(made.frames, place, kind=model.kind, suffix=suffix)
        else:
            write(made.frame, folder / names["synthetic"], kind=model.kind)
        model.save(folder / names["model"])
        write_report(report, folder, names["report"], names["json"], names["card"])

    written(output, fill)
    paths = {what: output / name for what, name in names.items()}
    return Publication(report, restore(made.frames, model.kind, model.single), paths)


def write_report(report: Report, folder: Path, page: str, facts: str, card: str) -> None:
    """The three forms of a report under these names."""
    report.to_html(folder / page)
    report.to_json(folder / facts)
    report.to_markdown(folder / card)


def published(
    made: Dataset, facts: RunFacts, rows: Any, looks: Looks, progress: Progress = silent
) -> Report:
    """The report on synthetic rows that may be published: with scores where `rows` are public."""
    facts = replace(facts, public=True)
    if rows is None:
        return unscored(made, facts, looks.target)
    if not isinstance(rows, Dataset):
        rows = intake.conformed(read(rows), made.schema, "the public table")
    return on_public(made, rows, facts, looks, progress)


def on_public(
    made: Dataset,
    rows: Dataset,
    facts: RunFacts,
    looks: Looks,
    progress: Progress = silent,
) -> Report:
    """Synthetic rows beside public ones, of which none was learnt.

    Half of them stands where learnt rows stand in other reports, and the other half says what real
    rows score. Who was learnt is not asked: that is what a guarantee is about.
    """
    intake.check_target(looks.target, rows)
    train, holdout = rows.split(0.5, Rng(looks.seed).child("public halves"))
    pipeline.check_comparable(train, holdout)
    rehearse(looks.policy, train)
    metrics = _of_public(looks.metrics, several=len(rows.schema.tables) > 1)
    rng = Rng(looks.seed)
    asked = told(
        train=train,
        holdout=holdout,
        target=looks.target,
        sensitive=looks.sensitive,
        quasi_identifiers=looks.quasi_identifiers,
        scorer=looks.scorer,
        metrics=metrics,
        rng=rng,
    )
    scores = measure(
        made,
        train=train,
        holdout=holdout,
        asked=asked,
        metrics=metrics,
        rng=rng.child("evaluate"),
        progress=progress,
    )
    scores = tuple(score for score in scores if score.axis != "privacy")
    facts = replace(facts, public=True)
    promise = promised(Guarantee.restore(facts.privacy)) if facts.privacy else None
    ruling = ruled(looks.policy, scores, promise, synthetic=made, train=train, holdout=holdout)
    report = build(
        scores,
        synthetic=made,
        train=train,
        holdout=holdout,
        target=looks.target,
        facts=facts,
        ruling=ruling,
    )
    counts = {"synthetic": sum(made.sizes.values()), "public": sum(rows.sizes.values())}
    return replace(report, rows=counts)


def evaluated(
    synthetic: Any,
    public: Any,
    model: FittedModel | None,
    schema: Schema | Path | str | None,
    looks: Looks,
    progress: Progress,
) -> Report:
    """What `evaluate` gives where real rows are public."""
    source = read(public)
    if model is not None:
        schema, facts = model.schema, model_facts(model)
    else:
        facts = RunFacts(versions=versions(), source=source.origin)
    if not isinstance(schema, Schema):
        schema = intake.schema_of(source, None if schema is None else Path(schema))
    rows = intake.conformed(source, schema, "the public table")
    made = intake.conformed(read(synthetic), schema, "synthetic")
    return on_public(made, rows, facts, looks, progress)


def _of_public(named: Sequence[str] | None, *, several: bool) -> Sequence[str] | None:
    """The measures that public rows can take; SchemaError where one asks who was learnt."""
    if named is None:
        return None if several else without_attacks(suite())
    asking = [name for name in named if name not in (without_attacks(named) or ())]
    if asking:
        raise SchemaError(
            f"{', '.join(asking)}: asks who was learnt, and of public rows none was.",
            mend="name measures of fidelity, utility or fairness; attacks need train and holdout",
        )
    return named


def without_attacks(named: Sequence[str] | None) -> tuple[str, ...] | None:
    """Of these measures, those that do not ask who was learnt."""
    if named is None:
        return None
    return tuple(name for name in named if find("metric", name).axis != "privacy")


def _names(model: FittedModel) -> dict[str, str]:
    made = "synthetic/" if model.several else f"synthetic{_suffix(model)}"
    return {
        "synthetic": made,
        "model": "model.neotype",
        "report": "report.html",
        "json": "report.json",
        "card": "report.md",
    }


def _suffix(model: FittedModel) -> str:
    suffix = Path(str(model.facts["origin"])).suffix.lower()
    return suffix if suffix in WRITABLE else FILES


def _refuse_taken(output: Path, names: Any, force: bool) -> None:
    for name in names:
        path = output / name
        if not name.endswith("/"):
            refuse_taken(path, force=force)
        elif path.exists() and (not path.is_dir() or (any(path.iterdir()) and not force)):
            raise OutputExistsError(path)


def _how(model: FittedModel, seed: int, rows: int) -> dict[str, Any]:
    """How these rows come again from the model, and the model from a budget."""
    noted = ("synthesizer", "hyperparameters", "target", "holdout")
    learnt = {name: model.facts[name] for name in noted if model.facts.get(name)}
    return {**learnt, "rows": rows, "seed": seed}
