"""What people do with a table beyond copying its shape, with whatever kind of frame they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl

from neotype import intake, pipeline
from neotype.api.learn import FittedModel
from neotype.data import Dataset, conform
from neotype.errors import SchemaError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.constraint import Constraint
from neotype.schema.schema import Schema
from neotype.schema.wanted import wanted
from neotype.source import FrameKind, Source, read, restore
from neotype.synth.sizes import check_rows
from neotype.synth.trees import Trees
from neotype.tasks import balance as balancing
from neotype.tasks import fairness, partial
from neotype.tasks import impute as imputing
from neotype.tasks import scenario as worlds
from neotype.tasks.copies import Combined, Copies, combine
from neotype.tasks.shares import Aim, Mean, Share

T = TypeVar("T")
SchemaLike = Schema | Path | str | None
Constraints = Sequence[Constraint | Mapping[str, Any]]


@dataclass(frozen=True)
class Made(Generic[T]):
    """Rows that were made, and what is to be said `about` them."""

    data: Dataset
    about: T
    kind: FrameKind
    single: bool

    @property
    def frame(self) -> Any:
        """The rows in the kind of frame that came in."""
        return restore(self.data.frames, self.kind, self.single)


@dataclass(frozen=True)
class Completed:
    """Copies of a real table in which some cells were drawn; `about` says which."""

    about: Copies
    kind: FrameKind
    single: bool

    @property
    def frames(self) -> list[Any]:
        """The copies, in the kind of frame that came in."""
        return [restore(copy.frames, self.kind, self.single) for copy in self.about.copies]

    @property
    def frame(self) -> Any:
        """The first copy."""
        return self.frames[0]

    @property
    def left(self) -> Mapping[str, str]:
        """Columns that stayed as they were, each with the reason."""
        return self.about.left

    def changes(self) -> pl.DataFrame:
        """For each column concerned: how many cells were drawn, and how many differ now."""
        return self.about.changes()

    def combine(self, estimate: Callable[[Any], tuple[Any, Any]]) -> Combined:
        """What all copies say together, with honest 95 % intervals.

        `estimate` gives of one copy an estimate and its variance (numbers, or several of each):
        `done.combine(lambda f: (f["age"].mean(), f["age"].var() / len(f)))`.
        """
        found = [estimate(frame) for frame in self.frames]
        values, variances = zip(*found, strict=True)
        return combine(values, variances, missing=self.about.missing)


def replace_columns(
    data: Any,
    columns: str | Sequence[str],
    *,
    draws: int = 1,
    where: Mapping[str, Any] | None = None,
    schema: SchemaLike = None,
    constraints: Constraints = (),
    seed: int = 0,
    progress: Progress = silent,
    **settings: Any,
) -> Completed:
    """Copies of a real table in which `columns` are synthetic and every other cell is real.

    Each cell is drawn given the rest of its row; `where` replaces only in rows that meet it. With
    several `draws`, `combine` says what the copies tell of the real rows. `constraints` hold in
    the result, as they do in the data. `settings` are
    hyperparameters of `nt.Trees`. The result still holds real cells: it is not anonymous.
    """
    source, whole = _real(data, schema, constraints)
    done = partial.replace_columns(
        whole,
        _names(columns),
        recipe=Trees(**settings),
        draws=_many(draws),
        where=wanted(where or {}, whole.table.columns),
        rng=Rng(seed).child("replace"),
        progress=progress,
    )
    return Completed(done, source.kind, source.single)


def impute(
    data: Any,
    columns: str | Sequence[str] = (),
    *,
    draws: int = 1,
    rounds: int = imputing.ROUNDS,
    schema: SchemaLike = None,
    constraints: Constraints = (),
    seed: int = 0,
    progress: Progress = silent,
) -> Completed:
    """Copies of a real table whose missing cells are filled; cells that are known stay.

    Every missing cell in `columns` (all if unsaid) is drawn given the rest of its row, `rounds`
    times. With several `draws` the copies differ by as much as is not known (multiple imputation):
    analyse each and let `combine` put the results together. `left` names columns that could not be
    filled.
    """
    source, whole = _real(data, schema, constraints)
    done = imputing.impute(
        whole,
        _names(columns),
        draws=_many(draws),
        rounds=_many(rounds, "rounds"),
        rng=Rng(seed).child("impute"),
        progress=progress,
    )
    return Completed(done, source.kind, source.single)


def augment(
    data: Any,
    target: str,
    share: Mapping[str, float] | str = "equal",
    *,
    holdout: Any = 0.25,
    synthetic_only: bool = False,
    rows: int | None = None,
    seen: int = balancing.SEEN,
    schema: SchemaLike = None,
    constraints: Constraints = (),
    seed: int = 0,
    progress: Progress = silent,
    **settings: Any,
) -> Made[balancing.Augmented]:
    """The real rows and as many synthetic ones as give classes of `target` their share.

    `share` is {">50K": 0.5}, or "equal" for all classes. `about.gain` says what the synthetic rows
    gain a classifier, measured on real rows that nothing was learnt from: those of `holdout`, or a
    share of the data (the model is then learnt twice; None measures nothing). `about.warnings` name
    classes of fewer than `seen` real rows.
    """
    source, whole = _real(data, schema, constraints, target)
    source, (whole,), _ = intake.treated(source, (whole,), target=target)
    asked = balancing.classes_of(whole, target, share)
    if rows is not None and not synthetic_only:
        raise SchemaError(
            f"{rows} rows are asked for, and how many are added follows from the shares.",
            mend="leave the number out, or ask for synthetic rows only",
        )
    stream = Rng(seed).child("augment")
    shared: dict[str, Any] = {
        "recipe": Trees(**settings),
        "keep": not synthetic_only,
        "rows": None if rows is None else check_rows(rows),
        "seen": seen,
        "progress": progress,
    }
    apart = None
    if isinstance(holdout, float):
        split = pipeline.split_off(source, whole, holdout, seed)
        trial = balancing.augment(
            split.train, asked, holdout=split.holdout, rng=stream.child("trial"), **shared
        )
        gain = trial.gain
        made = balancing.augment(whole, asked, rng=stream, **shared)
    else:
        apart = _holdout(holdout, whole.schema)
        made = balancing.augment(whole, asked, holdout=apart, rng=stream, **shared)
        gain = made.gain
    about = balancing.Augmented(made.data, made.synthetic, made.classes, made.warnings, gain)
    return Made(made.data, about, source.kind, source.single)


def balance(
    model: FittedModel,
    outcome: Mapping[str, Any],
    parity: str | Sequence[str],
    *,
    within: str | Sequence[str] = (),
    rate: float | None = None,
    rows: int | None = None,
    holdout: Any = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Made[fairness.Fair]:
    """Rows in which the groups of the `parity` columns have the `outcome` equally often.

    `outcome` is the good one, {"income": ">50K"}; `within` asks for parity among rows that agree
    in those columns. With real rows as `holdout`, `about.cost` says what parity costs a classifier.
    """
    asked = wanted(outcome, model.schema.columns)
    if len(asked) != 1:
        raise SchemaError(f"{len(asked)} outcomes are named.", mend='name one: {"income": ">50K"}')
    found = fairness.fair(
        model.model,
        check_rows(model.facts["rows"] if rows is None else rows),
        asked[0],
        _names(parity),
        within=_names(within),
        rate=rate,
        holdout=_holdout(holdout, model.schema),
        rng=Rng(seed).child("balance"),
        progress=progress,
    )
    return Made(found.data, found, model.kind, model.single)


def scenario(
    model: FittedModel,
    shares: Mapping[str, Mapping[Any, float]] | None = None,
    means: Mapping[str, float] | None = None,
    *,
    rows: int | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Made[worlds.Scenario]:
    """Rows of a world with other shares and means: what if 40 % are over 65?

    `shares` is {"age": {"65..": 0.4}}, `means` is {"hours": 35}; the rest follows, with the least
    change that there is. `about.reached` has what was asked beside what was, `about.moved` the
    other columns that moved. SamplingError where no rows are like that.
    """
    aims = _aims(shares or {}, means or {}, model.schema)
    found = worlds.scenario(
        model.model,
        check_rows(model.facts["rows"] if rows is None else rows),
        aims,
        rng=Rng(seed).child("scenario"),
        progress=progress,
    )
    return Made(found.data, found, model.kind, model.single)


def _aims(
    shares: Mapping[str, Mapping[Any, float]], means: Mapping[str, float], schema: Schema
) -> list[Aim]:
    aims: list[Aim] = []
    for column, parts in shares.items():
        if not isinstance(parts, Mapping):
            raise SchemaError(
                f"'{column}' has no shares: {parts!r}.", mend='write {"age": {"65..": 0.4}}'
            )
        for what, share in parts.items():
            (one,) = wanted({column: what}, schema.columns)
            aims.append(Share(one, _number(share, f"the share of '{column}'")))
    aims += [Mean(name, _number(mean, f"the mean of '{name}'")) for name, mean in means.items()]
    return aims


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SchemaError(f"{what} is {value!r}, which is no number.", mend="such as 0.4")
    return float(value)


def _names(columns: str | Sequence[str]) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else tuple(dict.fromkeys(columns))


def _many(number: int, what: str = "draws") -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise SchemaError(f"{what} is {number!r}.", mend="a whole number of 1 or more")
    return number


def _real(
    data: Any, schema: SchemaLike, constraints: Constraints, target: str | None = None
) -> tuple[Source, Dataset]:
    source = read(data)
    if not isinstance(schema, Schema):
        schema = intake.schema_of(source, None if schema is None else Path(schema))
    return source, intake.the_table(source, schema, target, constraints)


def _holdout(data: Any, schema: Schema) -> Dataset | None:
    if data is None:
        return None
    source = read(data)
    return conform(intake.only_frame(source, schema), schema, what=f"holdout {source.origin}")
