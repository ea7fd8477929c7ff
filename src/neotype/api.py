"""The front desk: fit, sample, evaluate, run, with whatever kind of frame or file a user has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from neotype import pipeline
from neotype.data import Dataset, conform, conform_given
from neotype.encode.encoder import Protection
from neotype.errors import (
    DataError,
    ModelFileError,
    SamplingError,
    SchemaError,
)
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import evaluate as measure
from neotype.outputs import probe, publish, refuse_taken
from neotype.plan import PLAN_SUFFIXES, Plan, make_plan, make_synthesizer, read_plan, toward
from neotype.progress import Progress, silent
from neotype.report.report import Report, RunFacts, build
from neotype.rng import Rng
from neotype.schema import infer
from neotype.schema.file import write_schema
from neotype.schema.schema import Schema
from neotype.source import WRITABLE, FrameKind, Source, read, restore, write
from neotype.synth import model_file
from neotype.synth.synthesizer import Model

_VERSIONS = ("neotype", "polars", "numpy", "lightgbm", "scikit-learn")


@dataclass(frozen=True)
class FittedModel:
    """A learnt table: makes rows in the kind of frame that was learnt. It holds no rows itself.

    `facts` say what it was learnt from: origin, number of rows, target, and how a holdout was
    kept apart if one was.
    """

    model: Model
    kind: FrameKind
    single: bool
    facts: Mapping[str, Any]

    @property
    def schema(self) -> Schema:
        """What the columns are."""
        return self.model.schema

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was: rare labels, extremes."""
        return self.model.protections

    def describe(self) -> list[str]:
        """In words: which statistics the model holds."""
        return self.model.describe()

    def sample(self, rows: int | None = None, *, seed: int = 0, given: Any = None) -> Any:
        """`rows` new rows (as many as were learnt, if unsaid), or the rest of each row of `given`.

        `given` is a frame or a file with some of the columns: they are kept as they are, row by
        row. The same model, rows and seed give the same result. SamplingError when the rows
        cannot be made as asked; never fewer rows than asked.
        """
        return restore(self.draw(rows, seed=seed, given=given).frames, self.kind, self.single)

    def draw(self, rows: int | None = None, *, seed: int = 0, given: Any = None) -> Dataset:
        """What `sample` makes, as a data set."""
        stream = Rng(seed).child("sample")
        if given is None:
            return self.model.sample(
                check_rows(self.facts["rows"] if rows is None else rows), rng=stream
            )
        frame = pipeline.only_frame(read(given), self.schema)
        if rows is not None and rows != frame.height:
            raise SamplingError(
                f"{rows} rows are asked for, and {frame.height} are given.",
                mend="leave the number out: each given row becomes one row",
            )
        check_rows(frame.height)
        return self.model.sample(given=conform_given(frame, self.schema), rng=stream)

    def save(self, path: Path | str, *, force: bool = False) -> Path:
        """Write the model as one .neotype file; OutputExistsError unless `force`."""
        facts = {**self.facts, "kind": self.kind.to_facts(), "single": self.single}
        return model_file.save(self.model, path, facts=facts, force=force)


@dataclass(frozen=True)
class Result:
    """What a plan gave: the report, the model, the synthetic rows, and where each was written."""

    report: Report
    model: FittedModel
    synthetic: Any
    paths: Mapping[str, Path]


def check_rows(rows: int) -> int:
    """The number of rows, when it is one that can be made."""
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise SamplingError(
            f"{rows!r} rows cannot be made.", mend="ask for a whole number of 1 or more"
        )
    return rows


def fit(
    data: Any,
    target: str | None = None,
    *,
    synthesizer: str | Any = "trees",
    schema: Schema | Path | str | None = None,
    seed: int = 0,
    protect: int | None = None,
    holdout: float | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> FittedModel:
    """Learn `data`: a pandas, polars or pyarrow frame, a path, or a dict with one frame.

    `synthesizer` is a registered name, with its hyperparameters as `settings`, or an instance
    such as `nt.Trees(refine=2)`. No value of fewer than `protect` rows is stored. With `holdout`,
    that share of the rows (whole entities, where the schema names one) is not learnt;
    `nt.evaluate` compares with it. Raises SourceError, DataError, SchemaError or FitError.
    """
    recipe = _recipe(synthesizer, settings, protect)
    source = read(data)
    if not isinstance(schema, Schema):
        schema = pipeline.schema_of(source, None if schema is None else Path(schema))
    whole = pipeline.learnable(source, schema, target)
    if holdout is None:
        split = pipeline.Split(source, whole, whole.take(np.arange(0)))
    else:
        split = pipeline.split_off(source, whole, holdout, seed)
    recipe = toward(recipe, target)
    model = recipe.fit(split.train, rng=Rng(seed).child("fit"), progress=progress)
    return _fitted(model, split, target, recipe)


def _recipe(synthesizer: str | Any, settings: Mapping[str, Any], protect: int | None) -> Any:
    extra = {} if protect is None else {"protect": protect}
    if isinstance(synthesizer, str):
        return make_synthesizer(synthesizer, {**settings, **extra})
    if settings or extra:
        raise SchemaError(
            f"{type(synthesizer).__name__} is given with its hyperparameters, and so are: "
            f"{', '.join({**settings, **extra})}.",
            mend=f"write them inside {type(synthesizer).__name__}(...)",
        )
    return synthesizer


def _fitted(model: Model, split: pipeline.Split, target: str | None, recipe: Any) -> FittedModel:
    settings = asdict(recipe) if is_dataclass(recipe) and not isinstance(recipe, type) else {}
    facts = {
        "origin": split.source.origin,
        "rows": split.train.rows,
        "target": target,
        "synthesizer": type(recipe).__name__,
        "hyperparameters": settings,
        "holdout": split.note,
    }
    return FittedModel(model, split.source.kind, split.source.single, facts)


def load(path: Path | str) -> FittedModel:
    """The model in a .neotype file; ModelFileError when it is damaged, foreign or newer."""
    model, facts = model_file.load(path)
    try:
        kind = FrameKind.from_facts(facts.pop("kind"))
        single = bool(facts.pop("single"))
    except (KeyError, TypeError, ValueError) as cause:
        raise ModelFileError(f"'{path}' is damaged: it does not say what was learnt.") from cause
    return FittedModel(model, kind, single, facts)


def infer_schema(data: Any) -> Schema:
    """The schema of the data, each column's kind with the reason for it."""
    return infer.infer_schema(read(data).frames)


def evaluate(
    synthetic: Any,
    *,
    train: Any,
    holdout: Any = None,
    model: FittedModel | None = None,
    target: str | None = None,
    schema: Schema | Path | str | None = None,
    metrics: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Report:
    """Compare synthetic rows with the rows that were learnt and with real rows that were not.

    `holdout` must not have been learnt: fidelity, utility and copying are all read against it.
    In its place a `model` fitted with `holdout=.25` divides `train` as `fit` did. All tables are
    frames of any kind, or paths. DataError lists every column that does not fit.
    """
    if (holdout is None) == (model is None):
        raise DataError(
            "a comparison needs real rows that were not learnt, told in one way.",
            mend="give a holdout, or a model that was fitted with one kept apart",
        )
    if model is not None and schema is not None:
        raise SchemaError(
            "a model has a schema of its own, and another one is given.",
            mend="leave the schema out",
        )
    if model is not None:
        real, unseen = split_again(model, train)
        target = target or model.facts["target"]
        facts = _model_facts(model)
    else:
        source = read(train)
        if not isinstance(schema, Schema):
            schema = pipeline.schema_of(source, None if schema is None else Path(schema))
        real = pipeline.learnable(source, schema, target)
        unseen = _conform(read(holdout), schema, "holdout")
        facts = RunFacts(versions=versions(), source=source.origin)
    made = _conform(read(synthetic), real.schema, "synthetic")
    pipeline.check_target(target, real)
    pipeline.check_comparable(real, unseen)
    scores = measure(
        made,
        train=real,
        holdout=unseen,
        asked=Asked(target=target),
        metrics=metrics,
        rng=Rng(seed).child("evaluate"),
        progress=progress,
    )
    return build(scores, synthetic=made, train=real, holdout=unseen, target=target, facts=facts)


def _model_facts(model: FittedModel) -> RunFacts:
    return RunFacts(
        protections=model.protections,
        statistics=tuple(model.describe()),
        versions=versions(),
        source=model.facts["origin"],
        synthesizer=model.facts["synthesizer"],
    )


def split_again(model: FittedModel, data: Any) -> tuple[Dataset, Dataset]:
    """Train and holdout as `fit` divided `data` for this model; DataError when that is unknown."""
    noted = model.facts.get("holdout")
    if not isinstance(noted, dict):
        raise DataError(
            "the model was learnt from all of its data: no holdout was kept apart.",
            mend="give real rows that were not learnt as the holdout, or fit with --holdout .25",
        )
    source = read(data)
    whole = _conform(source, model.schema, source.origin)
    if whole.fingerprint() != noted["of"]:
        raise DataError(
            f"{source.origin} is not the data that the model was learnt from.",
            mend="give the same file, or give train and holdout rows as files of their own",
        )
    split = pipeline.split_off(source, whole, noted["share"], noted["seed"])
    return split.train, split.holdout


def _conform(source: Source, schema: Schema, what: str) -> Dataset:
    return conform(pipeline.only_frame(source, schema), schema, what=what)


def run(
    plan: Plan | Path | str | Mapping[str, Any], *, force: bool = False, progress: Progress = silent
) -> Result:
    """Follow a plan (a Plan, its YAML file, or its settings) and write all that it gives.

    Into the plan's output folder go synthetic.*, model.neotype, report.html, report.json,
    report.md, schema.yaml and plan.yaml, all of them or none. OutputExistsError before any work
    when one of them is there already, unless `force`.
    """
    plan = as_plan(plan)
    names = output_names(plan)
    refuse_taken(*(plan.output / name for name in names.values()), force=force)
    probe(plan.output)
    done = pipeline.run(plan, progress)
    split = done.split
    fitted = _fitted(done.model, split, plan.target, done.recipe)
    report = build(
        done.scores,
        synthetic=done.synthetic,
        train=split.train,
        holdout=split.holdout,
        target=plan.target,
        facts=_run_facts(done),
    )

    def fill(folder: Path) -> None:
        write(done.synthetic.frame, folder / names["synthetic"], kind=split.source.kind)
        fitted.save(folder / names["model"])
        report.to_html(folder / names["report"])
        report.to_json(folder / names["json"])
        report.to_markdown(folder / names["card"])
        write_schema(fitted.schema, folder / names["schema"])
        (folder / names["plan"]).write_text(plan.to_yaml(plan.output), encoding="utf-8")

    progress("write", 0, 1)
    publish(plan.output, fill)
    progress("write", 1, 1)
    synthetic = restore(done.synthetic.frames, split.source.kind, split.source.single)
    return Result(report, fitted, synthetic, {k: plan.output / name for k, name in names.items()})


def as_plan(plan: Plan | Path | str | Mapping[str, Any]) -> Plan:
    """The plan that this is, or that it names: a YAML file, settings, or a data file alone."""
    if isinstance(plan, Plan):
        return plan
    if isinstance(plan, Mapping):
        return make_plan(plan, "the plan")
    path = Path(plan)
    if path.suffix.lower() in PLAN_SUFFIXES:
        return read_plan(path)
    return Plan(source=path, output=Path(f"{path.stem}-synthetic"))


def output_names(plan: Plan) -> dict[str, str]:
    """The files that a run of the plan writes, by what they are."""
    suffix = plan.source.suffix.lower()
    return {
        "synthetic": f"synthetic{suffix if suffix in WRITABLE else '.parquet'}",
        "model": "model.neotype",
        "report": "report.html",
        "json": "report.json",
        "card": "report.md",
        "schema": "schema.yaml",
        "plan": "plan.yaml",
    }


def _run_facts(done: pipeline.Run) -> RunFacts:
    plan = done.plan.model_dump(mode="json", by_alias=True, exclude_none=True)
    return RunFacts(
        protections=done.model.protections,
        statistics=tuple(done.model.describe()),
        plan=plan,
        versions=versions(),
        timings=done.timings,
        source=done.split.source.origin,
        synthesizer=done.plan.synthesizer.name,
    )


def versions() -> dict[str, str]:
    """The versions of what a result depends on."""
    return {name: version(name) for name in _VERSIONS}
