"""The journey on one page: read → schema → split → fit → sample → check."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any

import polars as pl

from neotype.asking import roles, scorer_of, told
from neotype.data import Dataset, conform
from neotype.errors import ColumnNotFoundError, DataError, SchemaError, did_you_mean
from neotype.evaluate.evaluate import evaluate
from neotype.evaluate.metric import Score
from neotype.masking.apply import Masked, apply
from neotype.masking.before import before_learning
from neotype.masking.key import Key
from neotype.masking.receipt import ColumnReceipt, Receipt
from neotype.masking.treatment import Treatment
from neotype.plan import Plan, toward
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.file import read_schema
from neotype.schema.infer import infer_schema, settled
from neotype.schema.schema import Constant, Relationship, Schema, Table
from neotype.source import Source, read
from neotype.synth.learn import learn
from neotype.synth.synthesizer import Model

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
        split = read_split(plan)
        if inspect is not None:
            inspect(split)
    masked = None
    if plan.release is not None:
        with clock.stage("mask"):
            masked = _release(plan)
    train, holdout = split.train, split.holdout
    with clock.stage("fit"):
        recipe = toward(plan.synthesizer.make(), plan.target)
        model = learn(recipe, train, rng=rng.child("fit"), progress=progress)
    with clock.stage("sample"):
        synthetic = model.sample(plan.rows or train.rows, rng=rng.child("sample"))
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


def read_split(plan: Plan) -> Split:
    """The plan's real data as train and holdout, checked against what the plan asks of them."""
    scorer_of(plan.scorer)
    source = read(plan.source)
    whole = learnable(source, schema_of(source, plan.schema_file), plan.target)
    key = Key.of(file=None if plan.release is None else plan.release.key_file)
    if not isinstance(plan.holdout, Path):
        source, (whole,), receipt = treated(source, (whole,), plan.treat, key, plan.target)
        roles(whole, plan.sensitive, plan.quasi_identifiers)
        return replace(split_off(source, whole, plan.holdout, plan.seed), treated=receipt)
    sides = (whole, _read_holdout(plan.holdout, whole))
    source, (whole, holdout), receipt = treated(source, sides, plan.treat, key, plan.target)
    roles(whole, plan.sensitive, plan.quasi_identifiers)
    check_comparable(whole, holdout)
    return Split(source, whole, holdout, treated=receipt)


def treated(
    source: Source,
    sides: tuple[Dataset, ...],
    treat: Mapping[str, Treatment] = MappingProxyType({}),
    key: Key | None = None,
    target: str | None = None,
) -> tuple[Source, tuple[Dataset, ...], Receipt | None]:
    """Real rows whose columns were treated before anybody looks, as named or as the schema says.

    A column of one of several tables is named `table.column`.
    """
    schema, key = sides[0].schema, key or Key.of()
    if len(schema.tables) > 1:
        return _treated_tables(source, sides, treat, key)
    parts, receipt = before_learning(sides, treat, key)
    if receipt is None:
        return source, sides, None
    _say_treated(receipt)
    check_target(target, parts[0])
    return replace(source, kind=source.kind.changed(list(receipt.columns))), parts, receipt


def _treated_tables(
    source: Source, sides: tuple[Dataset, ...], treat: Mapping[str, Treatment], key: Key
) -> tuple[Source, tuple[Dataset, ...], Receipt | None]:
    """The same of several tables: each by itself, alike under one key."""
    schema = sides[0].schema
    named = _by_table(treat, schema)
    frames: list[dict[str, pl.DataFrame]] = [{} for _ in sides]
    tables: dict[str, Table] = {}
    columns: dict[str, ColumnReceipt] = {}
    notes, mark, kinds = [], None, dict(source.kind.tables)
    for name in schema.tables:
        parts, receipt = before_learning([side.only(name) for side in sides], named[name], key)
        tables[name] = parts[0].table
        for into, part in zip(frames, parts, strict=True):
            into[name] = part.frame
        if receipt is not None:
            columns |= {f"{name}.{column}": one for column, one in receipt.columns.items()}
            notes += [f"table '{name}': {note}" for note in receipt.notes]
            mark = receipt.key
            changed = source.kind.changed(list(receipt.columns)).tables
            kinds |= {name: changed[name]} if name in changed else {}
    if not columns:
        return source, sides, None
    ties = [tie for tie in schema.relationships if not _dropped(tie, tables)]
    after = Schema(tables=tables, relationships=tuple(ties))
    whole = Receipt(
        rows=sum(sum(side.sizes.values()) for side in sides),
        rows_left=sum(part.height for side in frames for part in side.values()),
        columns=columns,
        anonymity=None,
        notes=tuple(notes),
        key=mark,
    )
    _say_treated(whole)
    kind = replace(source.kind, tables=kinds)
    return replace(source, kind=kind), tuple(Dataset(after, one) for one in frames), whole


def _by_table(treat: Mapping[str, Treatment], schema: Schema) -> dict[str, dict[str, Treatment]]:
    """Treatments of `table.column` by table; SchemaError for what names none."""
    named: dict[str, dict[str, Treatment]] = {name: {} for name in schema.tables}
    for place, treatment in treat.items():
        table, _, column = place.partition(".")
        if table not in named or column not in schema.tables[table].columns:
            places = [f"{name}.{one}" for name, t in schema.tables.items() for one in t.columns]
            raise SchemaError(
                f"'{place}' is to be treated, and there is no such column.",
                mend=did_you_mean(place, places) or "name a column as table.column",
            )
        named[table][column] = treatment
    return named


def _dropped(tie: Relationship, tables: Mapping[str, Table]) -> bool:
    """Whether a column of the foreign key is there no longer."""
    return not (
        set(tie.child_key) <= set(tables[tie.child].columns)
        and set(tie.parent_key) <= set(tables[tie.parent].columns)
    )


def _say_treated(receipt: Receipt) -> None:
    for note in receipt.notes:
        log.warning(note)
    for name, one in receipt.columns.items():
        log.info("'%s' is treated before it is learnt: %s", name, one.treatment)


def _release(plan: Plan) -> Masked:
    """The real rows, all of the source, as the plan wants them shown."""
    assert plan.release is not None
    source = read(plan.source)
    schema = schema_of(source, plan.schema_file)
    data = conform(only_frame(source, schema), schema, what=source.origin)
    table = data.table.model_copy(
        update={
            "quasi_identifiers": plan.quasi_identifiers or data.table.quasi_identifiers,
            "sensitive": plan.sensitive or data.table.sensitive,
        }
    )
    return apply(data.frame, table, plan.release, Key.of(file=plan.release.key_file))


def schema_of(source: Source, path: Path | None) -> Schema:
    """The schema in the file, or the inferred one where there is no file."""
    return infer_schema(source.frames) if path is None else read_schema(path, frames=source.frames)


def learnable(source: Source, schema: Schema, target: str | None) -> Dataset:
    """The source as a data set: its only table, whose target (if one is named) varies, or all.

    What reading had to decide (an encoding, a name, which words mean missing) is said on the way.
    """
    for note in source.notes:
        log.warning(note)
    data = conformed(source, schema, source.origin)
    data = Dataset(settled(schema, data.frames), data.frames)
    check_target(target, data)
    return data


def conformed(source: Source, schema: Schema, what: str) -> Dataset:
    """The source as a data set of this schema, be it of one table or of several.

    DataError lists every fault of every table.
    """
    if len(schema.tables) == 1:
        return conform(only_frame(source, schema), schema, what=what)
    frames, findings = {}, []
    for name in schema.tables:
        if name not in source.frames:
            near = did_you_mean(name, source.frames)
            findings.append(f"table '{name}' is missing" + (f"; {near}" if near else ""))
            continue
        try:
            frames[name] = conform(source.frames[name], schema.only(name), what=name).frame
        except DataError as fault:
            findings += [f"table '{name}': {finding}" for finding in fault.findings]
    if findings:
        raise DataError(
            f"{what} does not have the tables of its schema.",
            findings,
            mend="give every table of the schema, with its columns and kinds of value",
        )
    return Dataset(schema, frames)


def declared(
    schema: Schema,
    *,
    public: str | Sequence[str] = (),
    entity: str | None = None,
    sequence: str | None = None,
) -> Schema:
    """The schema with these tables public, and with the owner and the order of the only table."""
    tables = dict(schema.tables)
    for name in (public,) if isinstance(public, str) else public:
        if name not in tables or len(tables) == 1:
            raise SchemaError(
                f"table '{name}' is to be public, and there is no such table beside others.",
                found=f"there are: {', '.join(tables)}",
                mend=did_you_mean(name, tables) if len(tables) > 1 else None,
            )
        tables[name] = tables[name].model_copy(update={"public": True})
    said = {"entity": entity, "sequence": sequence}
    said = {role: column for role, column in said.items() if column is not None}
    if said:
        if len(tables) > 1:
            raise SchemaError(
                f"{' and '.join(said)} are said of one table, and the data has {len(tables)}: "
                f"{', '.join(tables)}.",
                mend="write them into the table of a schema file: neotype inspect DATA -o "
                "schema.yaml, then --schema schema.yaml",
            )
        ((name, table),) = tables.items()
        tables[name] = Table(**{**dict(table), **said})
    if tables == dict(schema.tables):
        return schema
    return schema.model_copy(update={"tables": tables})


def rows_of(data: Dataset) -> int | dict[str, int]:
    """The number of rows of the only table, or by table."""
    return data.rows if len(data.schema.tables) == 1 else dict(data.sizes)


def without_rows(data: Dataset) -> Dataset:
    """The same tables, with no row in them."""
    return Dataset(data.schema, {name: data.frames[name].clear() for name in data.schema.tables})


def only_frame(source: Source, schema: Schema) -> pl.DataFrame:
    """The frame of a source that has one table."""
    if len(source.frames) == 1:
        return next(iter(source.frames.values()))
    if schema.name not in source.frames:
        raise SchemaError(
            f"the schema is of table '{schema.name}', which {source.origin} does not have.",
            found=f"it has: {', '.join(source.frames)}",
            mend=did_you_mean(schema.name, source.frames),
        )
    return source.frames[schema.name]


def check_target(target: str | None, data: Dataset) -> None:
    """ColumnNotFoundError when the target does not exist, DataError when it never varies."""
    if target is None:
        return
    if len(data.schema.tables) > 1:
        raise SchemaError(
            f"target '{target}' is of one table, and the data has {len(data.schema.tables)}: "
            f"{', '.join(data.schema.tables)}.",
            mend="leave the target out: a database is learnt as a whole",
        )
    column = data.table.columns.get(target)
    if column is None:
        raise ColumnNotFoundError(target, data.table.columns, asked_by="target")
    if isinstance(column, Constant) or data.frame[target].drop_nulls().n_unique() < 2:
        raise DataError(
            f"target '{target}' has the same value in every row: there is nothing to predict.",
            mend="name another target, or leave it out",
        )


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
    return Split(source, train, holdout, note)


def _read_holdout(path: Path, train: Dataset) -> Dataset:
    source = read(path)
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
