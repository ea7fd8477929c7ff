"""Rank synthetic tables of one real table: those that came from elsewhere, and those of recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from neotype import intake
from neotype.api.learn import load
from neotype.api.measure import evaluate, real_sides
from neotype.choice import seconds_of
from neotype.choose.recipes import Cost, make, named
from neotype.data import Dataset
from neotype.errors import DataError, NeotypeError, did_you_mean
from neotype.progress import Progress, silent
from neotype.registry import find
from neotype.report.report import Report
from neotype.rng import Rng
from neotype.source import read
from neotype.url import place

if TYPE_CHECKING:
    from neotype.report.compare import ComparisonReport

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def compare(
    synthetics: Mapping[str, Any] | Sequence[Any] = (),
    *,
    recipes: Mapping[str, Any] | Sequence[Any] = (),
    train: Any,
    holdout: Any,
    models: Mapping[str, Any] = _NOTHING,
    seconds: Mapping[str, float | str] = _NOTHING,
    **asked: Any,
) -> ComparisonReport:
    """Rank several synthetic tables of one real table, each measured alike.

    `synthetics` are frames or paths by name, or a list of paths, which name themselves. `recipes`
    learn `train` one after another, and make as many rows: registered names, texts such as
    "vae(refine=0, hidden=128)" or instances, in a list or by name; what each takes is measured.
    `seconds` says how long the others took, by name, where that is known. `asked` is what
    `evaluate` takes. `models` are those of the tables, by their names: what is promised of a model
    that was learnt within a budget is told. A recipe that fails is named, and the others go on.
    DataError when there are fewer than two, when two have one name, or when all recipes fail.
    """
    from neotype.report.compare import build_comparison

    progress, seed = asked.pop("progress", silent), asked.get("seed", 0)
    tables = _named(synthetics)
    tried = named(recipes, list(tables))
    _check_number(tables, tried)
    for metric in _listed(asked.get("metrics") or ()):
        find("metric", metric)
    costs = {name: Cost(seconds_of(said)) for name, said in seconds.items()}
    for what, about in (("a model", models), ("a time", costs)):
        _check_known(what, about, tables, tried if what == "a time" else {})
    if isinstance(asked.get("model"), str | Path):
        asked["model"] = load(asked["model"])
    of = {key: asked.get(key) for key in ("model", "schema", "target")}
    real, unseen, _ = real_sides(train, holdout, **of)
    _check_made(tables, {"train": real, "holdout": unseen})
    failed, reports = {}, {}
    for name, recipe in tried.items():
        heard = _as_one(progress, name)
        try:
            made = make(recipe, real, of["target"], Rng(seed), heard)
        except NeotypeError as fault:
            failed[name] = fault.line
            continue
        finally:
            heard("", 1, 1)
        rows, costs[name] = made.rows, made.cost
        tables[name] = rows.frame if len(rows.schema.tables) == 1 else dict(rows.frames)
    if failed and len(failed) == len(tried):
        raise DataError("every recipe failed.", [f"{name}: {why}" for name, why in failed.items()])
    for done, (name, table) in enumerate(tables.items()):
        progress("compare", done, len(tables), note=name)
        report = evaluate(table, train=train, holdout=holdout, progress=progress, **asked)
        reports[name] = _promising(report, models.get(name))
    progress("compare", len(tables), len(tables))
    return build_comparison(reports, costs=costs, made=tuple(tried), failed=failed)


def _as_one(progress: Progress, name: str) -> Progress:
    """All that a recipe does as the one stage of its name."""

    def heard(stage: str, done: int, total: int, note: str = "") -> None:
        progress(
            name, done if not stage else min(done, total - 1), total, note=f"{stage} {note}".strip()
        )

    return heard


def _check_number(tables: Mapping[str, Any], recipes: Mapping[str, Any]) -> None:
    count = len(tables) + len(recipes)
    if count < 2:
        what = "recipe" if recipes else "synthetic table"
        raise DataError(
            f"{count} {what} cannot be compared with others.",
            mend="give two or more, tables or recipes; `evaluate` measures one",
        )


def _check_known(
    what: str, said: Mapping[str, Any], tables: Mapping[str, Any], recipes: Mapping[str, Any]
) -> None:
    """DataError where something is said of a table that is not there, or of one we make."""
    for name in said:
        if name in recipes:
            raise DataError(
                f"{what} of '{name}' is given, and it is measured.", mend="leave it out"
            )
        if name not in tables:
            raise DataError(
                f"{what} of '{name}' is given, and there is no such table.",
                found=f"there are: {', '.join(tables)}",
                mend=did_you_mean(name, list(tables)),
            )


def _check_made(tables: Mapping[str, Any], real: Mapping[str, Dataset]) -> None:
    """DataError where a table is none of this schema, or is a real one itself."""
    for name, table in tables.items():
        schema = real["train"].schema
        made = intake.conformed(read(table), schema, f"'{name}'")
        for side, rows in real.items():
            if all(made.frames[one].equals(rows.frames[one]) for one in schema.tables):
                raise DataError(
                    f"'{name}' is the {side} table itself, row by row.",
                    mend="give synthetic tables alone; real ones are compared as train and holdout",
                )


def _promising(report: Report, model: Any) -> Report:
    """The report with what is promised of this model."""
    if model is None:
        return report
    model = load(model) if isinstance(model, str | Path) else model
    return replace(report, facts=replace(report.facts, privacy=model.facts.get("privacy") or {}))


def _named(synthetics: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    """Tables by the name that a reader will see: of a file its stem, or more where stems agree."""
    if isinstance(synthetics, Mapping):
        return dict(synthetics)
    listed = _listed(synthetics)
    paths: list[Path | None] = [
        Path(str(place(t))) if isinstance(t, str | Path) else None for t in listed
    ]
    stems = [path.stem if path else f"table {k + 1}" for k, path in enumerate(paths)]
    unique = len(set(stems)) == len(stems)
    labels = stems if unique else [str(p) if p else s for p, s in zip(paths, stems, strict=True)]
    found = dict(zip(labels, listed, strict=True))
    if len(found) < len(listed):
        raise DataError("one synthetic table is given twice.", mend="give each table once")
    return found


def _listed(given: Any) -> Sequence[Any]:
    """Several as they are; one, which may itself be iterable, as the only one."""
    return given if isinstance(given, list | tuple) else [given]
