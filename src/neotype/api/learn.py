"""Learn a table: a model that makes rows, keeps none, and can be saved."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from neotype import pipeline
from neotype.data import Dataset, Known, conform_given
from neotype.encode.encoder import Protection
from neotype.errors import (
    ModelFileError,
    SamplingError,
    SchemaError,
)
from neotype.plan import make_synthesizer, toward
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema import infer
from neotype.schema.constraint import Constraint
from neotype.schema.file import from_document
from neotype.schema.schema import Schema
from neotype.schema.wanted import Case, wanted
from neotype.source import FrameKind, read, restore
from neotype.synth import model_file
from neotype.synth.learn import learn
from neotype.synth.synthesizer import Model

log = logging.getLogger("neotype")

Asked = Mapping[str, Any] | Sequence[Case] | None
"""Conditions of all rows, or cases with a number of rows each."""


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

    def sample(
        self, rows: int | None = None, *, seed: int = 0, given: Any = None, where: Asked = None
    ) -> Any:
        """`rows` new rows (as many as were learnt, if unsaid), or the rest of each row of `given`.

        `given` is a frame or a file with some of the columns: they are kept as they are, row by
        row. `where` says what every row must meet: {"age": "60..", "sex": "Female", "education":
        ["Masters", "Doctorate"]}; or it is a list of `nt.Case`, each with its own number of rows.
        The same model, rows, seed and conditions give the same result. DataError for conditions
        that cannot be asked, SamplingError when the rows cannot be made as asked; never fewer rows
        than asked.
        """
        made = self.draw(rows, seed=seed, given=given, where=where)
        return restore(made.frames, self.kind, self.single)

    def draw(
        self, rows: int | None = None, *, seed: int = 0, given: Any = None, where: Asked = None
    ) -> Dataset:
        """What `sample` makes, as a data set; its `support` says what conditional rows rest on."""
        made = self._draw(rows, Rng(seed).child("sample"), given, where)
        if made.support is not None:
            level = logging.WARNING if made.support.weak else logging.INFO
            log.log(level, made.support.words)
        return made

    def _draw(self, rows: int | None, stream: Rng, given: Any, where: Asked) -> Dataset:
        if isinstance(where, Sequence) and not isinstance(where, str | Mapping):
            return self.model.sample(rng=stream, known=of_cases(where, rows, given, self.schema))
        asked = () if where is None else wanted(where, self.schema.columns)
        if given is None:
            return self.model.sample(
                check_rows(self.facts["rows"] if rows is None else rows),
                rng=stream,
                known=Known(where=asked) if asked else None,
            )
        frame = pipeline.only_frame(read(given), self.schema)
        if rows is not None and rows != frame.height:
            raise SamplingError(
                f"{rows} rows are asked for, and {frame.height} are given.",
                mend="leave the number out: each given row becomes one row",
            )
        check_rows(frame.height)
        return self.model.sample(rng=stream, known=conform_given(frame, self.schema, asked))

    def save(self, path: Path | str, *, force: bool = False) -> Path:
        """Write the model as one .neotype file; OutputExistsError unless `force`."""
        facts = {**self.facts, "kind": self.kind.to_facts(), "single": self.single}
        return model_file.save(self.model, path, facts=facts, force=force)


def check_rows(rows: int) -> int:
    """The number of rows, when it is one that can be made."""
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise SamplingError(
            f"{rows!r} rows cannot be made.", mend="ask for a whole number of 1 or more"
        )
    return rows


def of_cases(cases: Sequence[Case], rows: int | None, given: Any, schema: Schema) -> Known:
    """Cases as what is known of rows. SamplingError where their numbers cannot be."""
    if rows is not None or given is not None:
        raise SamplingError(
            f"{'rows' if given is None else 'given'} is said beside cases, which say how many "
            "rows they are.",
            mend="leave it out",
        )
    if not cases or not all(isinstance(case, Case) for case in cases):
        raise SamplingError(
            "where is a list, and not one of cases.",
            mend='write where={"fraud": 1}, or where=[nt.Case({"fraud": 1}, rows=500)]',
        )
    told = [(wanted(case.where, schema.columns), check_rows(case.rows)) for case in cases]
    return Known.of_cases(told, schema)


def fit(
    data: Any,
    target: str | None = None,
    *,
    synthesizer: str | Any = "trees",
    schema: Schema | Path | str | None = None,
    constraints: Sequence[Constraint | Mapping[str, Any]] = (),
    seed: int = 0,
    protect: int | None = None,
    holdout: float | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> FittedModel:
    """Learn `data`: a pandas, polars or pyarrow frame, a path, or a dict with one frame.

    `synthesizer` is a registered name, with its hyperparameters as `settings`, or an instance
    such as `nt.Trees(refine=2)`. `constraints`, such as `nt.constraints.Inequality(low="a",
    high="b")`, hold in every row, as do those of the schema. No value of fewer than `protect` rows
    is stored. With `holdout`, that share of the rows (whole entities, where the schema names one)
    is not learnt; `nt.evaluate` compares with it. Raises SourceError, DataError, SchemaError or
    FitError.
    """
    recipe = _recipe(synthesizer, settings, protect)
    source = read(data)
    if not isinstance(schema, Schema):
        schema = pipeline.schema_of(source, None if schema is None else Path(schema))
    schema = schema.constrained(constraints) if constraints else schema
    whole = pipeline.learnable(source, schema, target)
    source, (whole,), receipt = pipeline.treated(source, (whole,), target=target)
    if holdout is None:
        split = pipeline.Split(source, whole, whole.take(np.arange(0)))
    else:
        split = pipeline.split_off(source, whole, holdout, seed)
    split = replace(split, treated=receipt)
    recipe = toward(recipe, target)
    _warn_of_few(split.train.rows, getattr(recipe, "protect", 1))
    model = learn(recipe, split.train, rng=Rng(seed).child("fit"), progress=progress)
    return fitted(model, split, target, recipe)


def _warn_of_few(rows: int, protect: int) -> None:
    """Say what is lost of a table that has hardly more rows than a value needs to be stored."""
    if rows < 2 * protect:
        log.warning(
            "only %d rows are learnt, and no value of fewer than %d is stored: most cells will be "
            "missing, '*' or alike. Give %d rows or more, or fit with protect=1 if nobody's secret "
            "is in them.",
            rows,
            protect,
            4 * protect,
        )


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


def fitted(model: Model, split: pipeline.Split, target: str | None, recipe: Any) -> FittedModel:
    """The model with the facts of where it came from."""
    settings = asdict(recipe) if is_dataclass(recipe) and not isinstance(recipe, type) else {}
    facts = {
        "origin": split.source.origin,
        "rows": split.train.rows,
        "target": target,
        "synthesizer": type(recipe).__name__,
        "hyperparameters": settings,
        "holdout": split.note,
    }
    if split.treated is not None:
        done = split.treated.columns.items()
        facts["treated"] = {name: one.treatment for name, one in done}
    return FittedModel(model, split.source.kind, split.source.single, facts)


def from_spec(spec: Schema | Mapping[str, Any] | Path | str) -> FittedModel:
    """A model of what a schema declares, where there is no data to learn from.

    `spec` is a schema, its file, or what such a file holds. SchemaError lists every column of which
    nothing says how it is drawn.
    """
    if isinstance(spec, Path | str):
        return load(spec)
    schema = spec if isinstance(spec, Schema) else from_document(spec)
    return _opened("the schema", *model_file.declared(schema, "a schema"))


def load(path: Path | str) -> FittedModel:
    """The model in a .neotype file, or of a schema (YAML, JSON) that says how its columns fall.

    ModelFileError when it is damaged, foreign or newer.
    """
    return _opened(path, *model_file.load(path))


def _opened(path: Path | str, model: Model, facts: dict[str, Any]) -> FittedModel:
    try:
        kind = FrameKind.from_facts(facts.pop("kind"))
        single = bool(facts.pop("single"))
    except (KeyError, TypeError, ValueError) as cause:
        raise ModelFileError(f"'{path}' is damaged: it does not say what was learnt.") from cause
    return FittedModel(model, kind, single, facts)


def infer_schema(data: Any, *, personal: bool = True) -> Schema:
    """The schema of the data, each column's kind with the reason for it.

    With `personal=False` columns about persons get the kind that their cells have otherwise, and
    are learnt.
    """
    return infer.infer_schema(read(data).frames, personal=personal)
