"""Learn a table or a database: a model that makes rows, keeps none, and can be saved."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

import polars as pl

from neotype import intake, pipeline
from neotype.choice import Choice
from neotype.choose.select import Selection
from neotype.data import Dataset, Known, conform_given
from neotype.dp.budget import ROW, Budget, Neighbors
from neotype.encode.encoder import Protection
from neotype.errors import (
    BudgetError,
    ModelFileError,
    SamplingError,
    SchemaError,
)
from neotype.plan import DELTA, STRATEGY, Chosen, make_synthesizer, toward
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema import infer
from neotype.schema.constraint import Constraint
from neotype.schema.file import from_document
from neotype.schema.schema import Schema
from neotype.schema.wanted import Case, wanted
from neotype.source import FrameKind, Source, read, restore
from neotype.synth import model_file
from neotype.synth.learn import learn
from neotype.synth.sizes import (
    Rows,
    check_rows,
    check_sequential,
    drawn,
    follow_up,
    rows_of_one,
    sample_owners,
)
from neotype.synth.synthesizer import Model
from neotype.url import Orphans

log = logging.getLogger("neotype")

Asked = Mapping[str, Any] | Sequence[Case] | None
"""Conditions of all rows, or cases with a number of rows each."""


@dataclass(frozen=True)
class FittedModel:
    """A learnt table or database: makes rows in the kind of frame that was learnt, and holds none.

    `facts` say what it was learnt from: origin, number of rows (by table, where there are several),
    target, and how a holdout was kept apart if one was.
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

    @property
    def several(self) -> bool:
        """Whether it makes several tables."""
        return len(self.schema.tables) > 1

    def sample(
        self,
        rows: Rows = None,
        *,
        scale: float | None = None,
        owners: int | None = None,
        seed: int = 0,
        given: Any = None,
        where: Asked = None,
    ) -> Any:
        """`rows` new rows (as many as were learnt, if unsaid), or the rest of each row of `given`.

        Of several tables a dict of frames comes: `scale` times the rows that were learnt, or rows
        by table, `{"customer": 1000}`, and of the other tables as many as belong to those. Of a
        table whose owners have rows in an order, `owners` asks for so many of them with all their
        rows; `rows` counts rows, and may cut the last owner short.
        `given` is a frame or a file with some of the columns: they are kept as they are, row by
        row. `where` says what every row must meet: {"age": "60..", "sex": "Female", "education":
        ["Masters", "Doctorate"]}; or it is a list of `nt.Case`, each with its own number of rows.
        The same model, rows, seed and conditions give the same result. DataError for conditions
        that cannot be asked, SamplingError when the rows cannot be made as asked; never fewer rows
        than asked.
        """
        made = self.draw(rows, scale=scale, owners=owners, seed=seed, given=given, where=where)
        return restore(made.frames, self.kind, self.single)

    def draw(
        self,
        rows: Rows = None,
        *,
        scale: float | None = None,
        owners: int | None = None,
        seed: int = 0,
        given: Any = None,
        where: Asked = None,
    ) -> Dataset:
        """What `sample` makes, as a data set; its `support` says what conditional rows rest on."""
        stream = Rng(seed).child("sample")
        if owners is not None:
            beside = any(said is not None for said in (rows, scale, given, where))
            return sample_owners(self.model, owners, stream, beside=beside)
        if self.several:
            return self._draw_tables(rows, scale, stream, given is not None or where is not None)
        made = self._draw(rows, scale, stream, given, where)
        if made.support is not None:
            level = logging.WARNING if made.support.weak else logging.INFO
            log.log(level, made.support.words)
        return made

    def _draw_tables(self, rows: Rows, scale: float | None, stream: Rng, known: bool) -> Dataset:
        if known:
            raise SamplingError(
                f"conditions (given, where) are about rows of one table, and the model makes "
                f"{len(self.schema.tables)}: {', '.join(self.schema.tables)}.",
                mend="ask for sizes: scale=.1, or rows by table; or fit one table alone",
            )
        return drawn(self.model, rows, scale, self.facts["rows"], stream)

    def _draw(
        self, rows: Rows, scale: float | None, stream: Rng, given: Any, where: Any
    ) -> Dataset:
        if scale is not None and (given is not None or _is_cases(where)):
            raise SamplingError(
                "a scale is asked for, and how many rows come follows from what is given.",
                mend="leave the scale out",
            )
        if _is_cases(where):
            return self.model.sample(rng=stream, known=of_cases(where, rows, given, self.schema))
        asked = () if where is None else wanted(where, self.schema.columns)
        if given is None:
            return self.model.sample(
                rows_of_one(rows, scale, self.facts["rows"], self.schema),
                rng=stream,
                known=Known(where=asked) if asked else None,
            )
        frame = intake.only_frame(read(given), self.schema)
        if rows is not None and rows != frame.height:
            raise SamplingError(
                f"{rows} rows are asked for, and {frame.height} are given.",
                mend="leave the number out: each given row becomes one row",
            )
        check_rows(frame.height)
        return self.model.sample(rng=stream, known=conform_given(frame, self.schema, asked))

    def extend(self, history: Any, *, steps: int, paths: int = 1, seed: int = 0) -> Any:
        """What may come after the rows of `history`: the next `steps` rows of each owner.

        `history` is a frame or a file with all columns of a table whose owners have rows in an
        order. With several `paths` each is drawn on its own, and a column `path` numbers them: what
        they agree in is certain, what they differ in is not.
        """
        frame = self.draw_next(history, steps=steps, paths=paths, seed=seed)
        return restore({self.schema.name: frame}, self.kind, self.single)

    def draw_next(self, history: Any, *, steps: int, paths: int = 1, seed: int = 0) -> pl.DataFrame:
        """What `extend` makes, as a polars frame."""
        check_sequential(self.model, "what comes next")
        given = intake.conformed(read(history), self.schema, "the history")
        return follow_up(self.model, given, steps, paths, Rng(seed).child("extend"))

    def save(self, path: Path | str, *, force: bool = False) -> Path:
        """Write the model as one .neotype file; OutputExistsError unless `force`."""
        facts = {**self.facts, "kind": self.kind.to_facts(), "single": self.single}
        return model_file.save(self.model, path, facts=facts, force=force)


def _is_cases(where: Any) -> TypeGuard[Sequence[Case]]:
    return isinstance(where, Sequence) and not isinstance(where, str | Mapping)


def of_cases(cases: Sequence[Case], rows: Rows, given: Any, schema: Schema) -> Known:
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
    synthesizer: str | Any | None = None,
    schema: Schema | Path | str | None = None,
    constraints: Sequence[Constraint | Mapping[str, Any]] = (),
    seed: int = 0,
    protect: int | None = None,
    holdout: float | None = None,
    orphans: Orphans | None = None,
    public: str | Sequence[str] = (),
    tables: str | Sequence[str] = (),
    without: str | Sequence[str] = (),
    entity: str | None = None,
    sequence: str | None = None,
    epsilon: float | None = None,
    delta: float | None = None,
    neighbors: Neighbors = "add-remove",
    unit: str = ROW,
    at_most: int | Mapping[str, int] = 1,
    budget: str | float | None = None,
    objective: str | None = None,
    families: str | Sequence[str] = (),
    progress: Progress = silent,
    **settings: Any,
) -> FittedModel:
    """Learn `data`: a pandas, polars or pyarrow frame, a path, or a dict of frames.

    A dict of several frames, a folder of files or a workbook is a database: its keys are inferred,
    or those of the `schema`, and all tables are learnt at once; `tables` takes some of them alone,
    `without` leaves some out. Foreign keys that refer to no row are refused, unless `orphans` says
    "drop" (the row), "null" (the key) or "keep". `public` names reference tables that are kept as
    they are. Of one table, `entity` is the column whose owner has several rows,
    and `sequence` the one that orders them.

    `synthesizer` is a registered name, with its hyperparameters as `settings`, or an instance
    such as `nt.Trees(refine=2)`; "auto" tries `families` (all unless said) and learns the best
    in `objective`, "fidelity" or "utility", in about a `budget` ("5m" unless said). `constraints`,
    such as `nt.constraints.Inequality(low="a", high="b")`, hold in every row, as do those of the
    schema. No value of fewer than `protect` rows is stored. With `epsilon` the model is
    differentially private (docs/differential-privacy.md): what touches a row is paid for, `delta`
    (1e-6 unless said; 0: pure) is the chance that the bound fails, a `unit` is a row or all rows
    of one entity (its column, or its table), `at_most` says how many rows of it count, and
    `synthesizer` names a strategy. With `holdout`, that share of the rows (whole entities, where
    the schema names one) is not learnt; `nt.evaluate` compares with it. Raises SourceError,
    DataError, SchemaError or FitError.
    """
    chosen = Chosen(include=_listed(tables), exclude=_listed(without))
    source = intake.taken(data, chosen, progress, plain=epsilon is not None)
    said = _Said(constraints, protect, holdout, orphans, public, entity, sequence)
    paid = _budget(epsilon, delta, neighbors, unit, at_most)
    auto = synthesizer if paid is None else None
    recipe: Any = Choice.of(auto, budget, objective, _listed(families), protect)
    if paid is not None:
        return _within(paid, source, schema, target, synthesizer, settings, said, seed, progress)
    if recipe is None:
        recipe = _recipe("trees" if synthesizer is None else synthesizer, settings, protect)
    return _learnt(source, schema, target, recipe, said, seed, progress)


@dataclass(frozen=True)
class _Said:
    """What is said of how a source is to be read and learnt."""

    constraints: Sequence[Constraint | Mapping[str, Any]]
    protect: int | None
    holdout: float | None
    orphans: Orphans | None
    public: str | Sequence[str]
    entity: str | None
    sequence: str | None


def _learnt(
    source: Source,
    schema: Schema | Path | str | None,
    target: str | None,
    recipe: Any,
    said: _Said,
    seed: int,
    progress: Progress,
) -> FittedModel:
    """The model of all rows, or of those that are not held out."""
    if not isinstance(schema, Schema):
        schema = intake.schema_of(source, None if schema is None else Path(schema))
    schema = schema.constrained(said.constraints) if said.constraints else schema
    schema = intake.declared(schema, public=said.public, entity=said.entity, sequence=said.sequence)
    whole = intake.learnable(source, schema, target, said.orphans)
    source, (whole,), receipt = intake.treated(source, (whole,), target=target)
    if said.holdout is None:
        split = pipeline.Split(source, whole, intake.without_rows(whole))
    else:
        split = pipeline.split_off(source, whole, said.holdout, seed)
    split, chosen = replace(split, treated=receipt), None
    if isinstance(recipe, Choice):
        recipe, chosen = pipeline.settled(recipe, split.train, target, seed, progress)
    recipe = toward(recipe, target if len(whole.schema.tables) == 1 else None)
    _warn_of_few(max(split.train.sizes.values()), getattr(recipe, "protect", 1))
    model = learn(recipe, split.train, rng=Rng(seed).child("fit"), progress=progress)
    return fitted(model, split, target, recipe, said.orphans, chosen)


def _budget(
    epsilon: float | None,
    delta: float | None,
    neighbors: Neighbors,
    unit: str,
    at_most: int | Mapping[str, int],
) -> Budget | None:
    """The budget, if an epsilon is said; BudgetError where one is described without."""
    if epsilon is not None:
        delta = DELTA if delta is None else delta
        return Budget.of(epsilon, delta or None, neighbors, unit, at_most)
    if delta is not None or unit != ROW or at_most != 1:
        raise BudgetError(
            "delta, unit and at_most are said of a privacy budget, and no epsilon is.",
            mend="add epsilon=1, or leave them out",
        )
    return None


def _within(
    budget: Budget,
    source: Source,
    schema: Schema | Path | str | None,
    target: str | None,
    synthesizer: Any,
    settings: Mapping[str, Any],
    beside: _Said,
    seed: int,
    progress: Progress,
) -> FittedModel:
    """A model that is paid for from a budget; what cannot be had with one is refused."""
    from neotype.api.private import fit_within

    said = [field.name for field in fields(beside) if getattr(beside, field.name)]
    said = [name for name in said if name not in ("holdout", "constraints")]
    if said:
        raise BudgetError(
            f"{', '.join(said)}: not with an epsilon so far, since it would read rows for free.",
            mend="leave them out; rows of one person count as one by unit= and at_most=",
        )
    return fit_within(
        budget,
        source,
        schema,
        strategy=STRATEGY if synthesizer is None else synthesizer,
        settings=settings,
        target=target,
        constraints=beside.constraints,
        holdout=beside.holdout,
        seed=seed,
        progress=progress,
    )


def _listed(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


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


def fitted(
    model: Model,
    split: pipeline.Split,
    target: str | None,
    recipe: Any,
    orphans: Orphans | None = None,
    chosen: Selection | None = None,
) -> FittedModel:
    """The model with the facts of where it came from, and of how its family was chosen."""
    settings = asdict(recipe) if is_dataclass(recipe) and not isinstance(recipe, type) else {}
    facts = {
        "origin": split.source.origin,
        "rows": intake.rows_of(split.train),
        "target": target,
        "synthesizer": type(recipe).__name__,
        "hyperparameters": settings,
        "holdout": split.note,
    }
    if orphans is not None:
        facts["orphans"] = orphans
    if chosen is not None:
        facts["chosen"] = chosen.facts()
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
    source = read(data)
    return infer.infer_schema(source.frames, personal=personal, keys=source.keys)
