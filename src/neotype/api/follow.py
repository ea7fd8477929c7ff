"""Follow a plan from the source to the report, and write all that it gives, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neotype import pipeline
from neotype.api.destination import FILES, Destination
from neotype.api.learn import FittedModel, fitted
from neotype.api.measure import ruled, versions
from neotype.api.private import private
from neotype.api.public import Looks, published, without_attacks, write_report
from neotype.asking import promised
from neotype.encode.encoder import Protection
from neotype.errors import NeotypeError, OutputExistsError, SourceError
from neotype.masking.apply import Masked
from neotype.outputs import probe, publish, refuse_taken
from neotype.plan import PLAN_SUFFIXES, Plan, make_plan, read_plan
from neotype.policy.expectations import rehearse
from neotype.policy.policy import read_policy
from neotype.policy.ruling import Ruling
from neotype.progress import Progress, silent
from neotype.report.report import Report, RunFacts, build
from neotype.schema.file import write_schema
from neotype.source import WRITABLE, restore, write, write_tables
from neotype.url import Url, is_url

OPENED = {"public": "public.html", "public_json": "public.json", "public_card": "public.md"}
"""The report that may be published, of a run within a budget."""


@dataclass(frozen=True)
class Result:
    """What a plan gave: the report, the model, the synthetic rows, and where each was written.

    `masked` are the real rows as the plan releases them, with a receipt, where it does; `sent`
    says what became of rows that have a destination.
    """

    report: Report
    model: FittedModel
    synthetic: Any
    paths: Mapping[str, Path]
    masked: Masked | None = None
    sent: str | None = None


def run(
    plan: Plan | Path | str | Mapping[str, Any], *, force: bool = False, progress: Progress = silent
) -> Result:
    """Follow a plan (a Plan, its YAML file, or its settings) and write all that it gives.

    Into the plan's output folder go synthetic.* (of several tables a folder with a file for each),
    model.neotype, report.html, report.json, report.md, schema.yaml and plan.yaml (and masked.* and
    masking.json; under a budget public.*, the report for everybody), all of them or none. Where the
    plan has a destination, the rows go there in one transaction, unless its policy refuses them.
    OutputExistsError or SourceError before anything is learnt when one of the files, or a table of
    the destination, is there already, unless `force` or `if_exists` says so.
    """
    plan = as_plan(plan)
    policy = None if plan.policy is None else read_policy(plan.policy)
    there = Destination.of(plan)
    _refuse_taken(plan, output_names(plan), force)
    probe(plan.output)

    def inspect(split: pipeline.Split) -> None:
        rehearse(policy, split.train)
        several = len(split.train.schema.tables) > 1
        _refuse_taken(plan, output_names(plan, several=several), force)
        if there is not None:
            there.refuse_taken(split.train.schema)

    done = pipeline.run(plan, progress, inspect=inspect)
    split = done.split
    model = _model(done)
    sides = {"synthetic": done.synthetic, "train": split.train, "holdout": split.holdout}
    promise = None if done.private is None else promised(done.private.guarantee)
    ruling = ruled(policy, done.scores, promise, **sides)
    report = build(done.scores, **sides, target=plan.target, facts=_run_facts(done), ruling=ruling)
    names = output_names(plan, several=model.several)
    opened = _opened(done, progress)

    def fill(folder: Path) -> None:
        if there is None:
            _write_made(done, folder / names["synthetic"], _suffix(plan))
        else:
            note = there.note(done.synthetic, written=False, why="it was not reached")
            (folder / names["destination"]).write_text(note, encoding="utf-8")
        if done.masked is not None:
            write(done.masked.frame, folder / names["masked"])
            (folder / names["receipt"]).write_text(done.masked.receipt.to_json(), encoding="utf-8")
        model.save(folder / names["model"])
        write_report(report, folder, names["report"], names["json"], names["card"])
        if opened is not None:
            write_report(opened, folder, *(names[form] for form in OPENED))
        write_schema(model.schema, folder / names["schema"])
        (folder / names["plan"]).write_text(plan.to_yaml(plan.output), encoding="utf-8")

    progress("write", 0, 1)
    publish(plan.output, fill)
    progress("write", 1, 1)
    note = None
    if there is not None:
        note = _send(there, done, plan.output / names["destination"], ruling, progress)
    synthetic = restore(done.synthetic.frames, split.source.kind, split.source.single)
    paths = {k: plan.output / name for k, name in names.items()}
    return Result(report, model, synthetic, paths, done.masked, note)


def _opened(done: pipeline.Run, progress: Progress) -> Report | None:
    """The report that may be published, of a model that was learnt within a budget."""
    if done.private is None:
        return None
    plan = done.plan
    looks = Looks(
        plan.target,
        plan.sensitive,
        plan.quasi_identifiers,
        plan.scorer,
        without_attacks(plan.metrics),
        seed=plan.seed,
    )
    rows = done.split.holdout if plan.holdout_public and looks.metrics != () else None
    facts = replace(_run_facts(done), timings={})
    return published(done.synthetic, facts, rows, looks, progress)


def _model(done: pipeline.Run) -> FittedModel:
    """The model with the facts of where it came from; under a budget, of those that are paid."""
    plan, split = done.plan, done.split
    if done.private is not None:
        return private(done.private, split.source, done.recipe, plan.target, split.note)
    return fitted(done.model, split, plan.target, done.recipe, plan.orphans, done.chosen)


def _send(
    there: Destination, done: pipeline.Run, record: Path, ruling: Ruling | None, progress: Progress
) -> str:
    """The rows to their destination, and what became of that, in words and on record."""
    made, kind = done.synthetic, done.split.source.kind
    if ruling is not None and not ruling.allowed:
        record.write_text(there.note(made, written=False, why=ruling.headline), encoding="utf-8")
        return f"nothing was written to {there.place}: {ruling.headline}"
    again = _again(done.plan, record.parent / "model.neotype")
    try:
        there.write(made, kind, progress=progress)
    except NeotypeError as fault:
        record.write_text(there.note(made, written=False, why=fault.problem), encoding="utf-8")
        raise SourceError(
            f"the rows did not reach {there.place}, where nothing was changed: {fault.problem}",
            found=fault.found,
            mend=f"{fault.mend + '; ' if fault.mend else ''}the model and the report are in "
            f"'{record.parent}', and once it can be written: {again}",
        ) from fault
    record.write_text(there.note(made, written=True), encoding="utf-8")
    return f"{sum(made.sizes.values()):,} rows of {len(made.sizes)} tables are in {there.place}"


def _again(plan: Plan, model: Path) -> str:
    """The command that makes the rows of this plan once more, and sends them."""
    words = [f"neotype sample {model} -o '{plan.destination}' --seed {plan.seed}"]
    if plan.scale is not None:
        words.append(f"--scale {plan.scale:g}")
    if isinstance(plan.rows, Mapping):
        words += [f"-n '{name}={rows}'" for name, rows in plan.rows.items()]
    elif plan.rows is not None:
        words.append(f"-n {plan.rows}")
    if plan.if_exists != "refuse":
        words.append(f"--if-exists {plan.if_exists}")
    return " ".join(words)


def _write_made(done: pipeline.Run, place: Path, suffix: str) -> None:
    kind = done.split.source.kind
    if len(done.synthetic.schema.tables) == 1:
        write(done.synthetic.frame, place, kind=kind)
    else:
        write_tables(done.synthetic.frames, place, kind=kind, suffix=suffix)


def _refuse_taken(plan: Plan, names: Mapping[str, str], force: bool) -> None:
    """OutputExistsError for the first file that is there, or a folder that is not empty."""
    for name in names.values():
        path = plan.output / name
        if not name.endswith("/"):
            refuse_taken(path, force=force)
        elif path.exists() and (not path.is_dir() or (any(path.iterdir()) and not force)):
            raise OutputExistsError(path)


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


def output_names(plan: Plan, *, several: bool = False) -> dict[str, str]:
    """The files that a run of the plan writes, by what they are.

    Of `several` tables a folder, which ends in /; no rows where they have a destination.
    """
    suffix = _suffix(plan)
    made = "synthetic/" if several else f"synthetic{suffix}"
    rows = {"synthetic": made} if plan.destination is None else {"destination": "destination.json"}
    released = {"masked": f"masked{suffix}", "receipt": "masking.json"}
    return {
        **rows,
        **(released if plan.release is not None else {}),
        "model": "model.neotype",
        "report": "report.html",
        "json": "report.json",
        "card": "report.md",
        **(OPENED if plan.budget is not None else {}),
        "schema": "schema.yaml",
        "plan": "plan.yaml",
    }


def _suffix(plan: Plan) -> str:
    suffix = plan.source.suffix.lower() if isinstance(plan.source, Path) else ""
    return suffix if suffix in WRITABLE else FILES


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
    chosen = done.chosen
    return RunFacts(
        protections=(*_treated(done.split), *done.model.protections),
        statistics=tuple(done.model.describe()),
        plan=plan,
        versions=versions(),
        timings=done.timings,
        source=done.split.source.origin,
        synthesizer=done.plan.synthesizer.name if chosen is None else chosen.winner.family,
        chosen={} if chosen is None else chosen.facts(),
        privacy={} if done.private is None else done.private.guarantee.facts(),
    )
