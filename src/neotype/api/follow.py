"""Follow a plan from the source to the report, and write all that it gives, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neotype import pipeline
from neotype.api.learn import FittedModel, fitted
from neotype.api.measure import ruled, versions
from neotype.encode.encoder import Protection
from neotype.masking.apply import Masked
from neotype.outputs import probe, publish, refuse_taken
from neotype.plan import PLAN_SUFFIXES, Plan, make_plan, read_plan
from neotype.policy.expectations import rehearse
from neotype.policy.policy import read_policy
from neotype.progress import Progress, silent
from neotype.report.report import Report, RunFacts, build
from neotype.schema.file import write_schema
from neotype.source import WRITABLE, restore, write
from neotype.source.url import Url, is_url


@dataclass(frozen=True)
class Result:
    """What a plan gave: the report, the model, the synthetic rows, and where each was written.

    `masked` are the real rows as the plan releases them, with a receipt, where it does.
    """

    report: Report
    model: FittedModel
    synthetic: Any
    paths: Mapping[str, Path]
    masked: Masked | None = None


def run(
    plan: Plan | Path | str | Mapping[str, Any], *, force: bool = False, progress: Progress = silent
) -> Result:
    """Follow a plan (a Plan, its YAML file, or its settings) and write all that it gives.

    Into the plan's output folder go synthetic.*, model.neotype, report.html, report.json,
    report.md, schema.yaml and plan.yaml (and masked.* and masking.json), all of them or none.
    OutputExistsError before any work when one of them is there already, unless `force`.
    """
    plan = as_plan(plan)
    policy = None if plan.policy is None else read_policy(plan.policy)
    names = output_names(plan)
    refuse_taken(*(plan.output / name for name in names.values()), force=force)
    probe(plan.output)
    done = pipeline.run(plan, progress, inspect=lambda split: rehearse(policy, split.train))
    split = done.split
    model = fitted(done.model, split, plan.target, done.recipe, plan.orphans)
    sides = {"synthetic": done.synthetic, "train": split.train, "holdout": split.holdout}
    report = build(
        done.scores,
        **sides,
        target=plan.target,
        facts=_run_facts(done),
        ruling=ruled(policy, done.scores, **sides),
    )

    def fill(folder: Path) -> None:
        write(done.synthetic.frame, folder / names["synthetic"], kind=split.source.kind)
        if done.masked is not None:
            write(done.masked.frame, folder / names["masked"])
            (folder / names["receipt"]).write_text(done.masked.receipt.to_json(), encoding="utf-8")
        model.save(folder / names["model"])
        report.to_html(folder / names["report"])
        report.to_json(folder / names["json"])
        report.to_markdown(folder / names["card"])
        write_schema(model.schema, folder / names["schema"])
        (folder / names["plan"]).write_text(plan.to_yaml(plan.output), encoding="utf-8")

    progress("write", 0, 1)
    publish(plan.output, fill)
    progress("write", 1, 1)
    synthetic = restore(done.synthetic.frames, split.source.kind, split.source.single)
    paths = {k: plan.output / name for k, name in names.items()}
    return Result(report, model, synthetic, paths, done.masked)


def as_plan(plan: Plan | Path | str | Mapping[str, Any]) -> Plan:
    """The plan that this is, or that it names: a YAML file, settings, or a data file alone."""
    if isinstance(plan, Plan):
        return plan
    if isinstance(plan, Mapping):
        return make_plan(plan, "the plan")
    if isinstance(plan, str) and is_url(plan):
        address = Url(plan)
        return make_plan({"source": address, "output": f"{address.name}-synthetic"}, "the plan")
    path = Path(plan)
    if path.suffix.lower() in PLAN_SUFFIXES:
        return read_plan(path)
    return Plan(source=path, output=Path(f"{path.stem}-synthetic"))


def output_names(plan: Plan, tables: Sequence[str] = ()) -> dict[str, str]:
    """The files that a run of the plan writes, by what they are.

    Of several `tables`, a file for each in the folder `synthetic`; none where they go elsewhere.
    """
    suffix = plan.source.suffix.lower() if isinstance(plan.source, Path) else ""
    suffix = suffix if suffix in WRITABLE else ".parquet"
    made = {"synthetic": f"synthetic{suffix}"}
    if len(tables) > 1:
        made = {f"synthetic {name}": f"synthetic/{name}{suffix}" for name in tables}
    released = {"masked": f"masked{suffix}", "receipt": "masking.json"}
    return {
        **({} if plan.destination is not None else made),
        **(released if plan.release is not None else {}),
        "model": "model.neotype",
        "report": "report.html",
        "json": "report.json",
        "card": "report.md",
        "schema": "schema.yaml",
        "plan": "plan.yaml",
    }


def _treated(split: pipeline.Split) -> tuple[Protection, ...]:
    """What was done to real columns before anything was learnt."""
    done = {} if split.treated is None else split.treated.columns
    note = "treated before anything was learnt: "
    return tuple(
        Protection(name, "all cells", one.changed, note + one.treatment)
        for name, one in done.items()
    )


def _run_facts(done: pipeline.Run) -> RunFacts:
    plan = done.plan.model_dump(mode="json", by_alias=True, exclude_none=True)
    return RunFacts(
        protections=(*_treated(done.split), *done.model.protections),
        statistics=tuple(done.model.describe()),
        plan=plan,
        versions=versions(),
        timings=done.timings,
        source=done.split.source.origin,
        synthesizer=done.plan.synthesizer.name,
    )
