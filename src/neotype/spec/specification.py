"""A table as its schema declares it, ready to be drawn: parents first, then what follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

from neotype.errors import SchemaError
from neotype.rng import Rng
from neotype.schema.distribution import Distribution
from neotype.schema.schema import Schema, Table
from neotype.schema.specification import computed, drawing_order, inputs
from neotype.schema.storage import storage_dtype
from neotype.spec.cells import cell_numbers
from neotype.spec.columns import Drawn, emptied
from neotype.spec.copula import Copula, left_by_ties
from neotype.spec.people import people, unmade

Issuer = Callable[[int, int], pl.Series]
"""Makes the cells of a column from the number of the first row and how many there are."""

NUMBERED = frozenset(("identifier", "personal"))
"""Kinds whose cells are made from the number of their row."""
_EQUATION = "ColumnFormula"
"""The constraint that makes a column of which nothing else is said."""
_TRIAL = 8192
_NEAR = 0.005


@dataclass(frozen=True)
class Specification:
    """The columns of a table, each ready to be drawn."""

    table: Table
    drawn: Mapping[str, Drawn]
    formulas: Mapping[str, pl.Expr]
    order: tuple[str, ...]
    """Columns that are drawn whatever the number of a row is."""
    late: tuple[str, ...]
    """Columns that are made from the number of a row, and what follows from these."""
    copula: Copula | None

    @classmethod
    def of(cls, schema: Schema) -> Self:
        """From a schema; SchemaError lists the columns of which nothing says how to draw them."""
        table = schema.table
        rules: tuple[Any, ...] = table.constraints
        equal = {rule.column: rule.expression for rule in rules if rule.type == _EQUATION}
        columns = {n: completed(c, equal.get(n)) for n, c in table.columns.items()}
        lacking = [
            f"- {schema.name}.{name}: {_needs(column)}"
            for name, column in columns.items()
            if column.distribution is None
            and column.formula is None
            and column.kind not in NUMBERED
            and not _empty(column)
        ]
        personal = [(name, c) for name, c in columns.items() if c.kind == "personal"]
        lacking += [f"- {schema.name}.{n}: {why}" for n, c in personal if (why := unmade(c))]
        if lacking:
            raise SchemaError(
                f"{len(lacking)} of {len(columns)} columns cannot be drawn.",
                found="\n  ".join(lacking),
                mend="add a distribution, depends_on or a formula; or learn the table from data",
            )
        drawn = {n: Drawn.of(c, columns) for n, c in columns.items() if c.distribution is not None}
        formulas = {
            name: computed(column.formula)
            for name, column in columns.items()
            if column.formula is not None
        }
        late: dict[str, None] = {}
        for name in (order := drawing_order(columns)):
            numbered = columns[name].kind in NUMBERED and columns[name].formula is None
            if numbered or any(other in late for other in inputs(columns[name])):
                late[name] = None
        early = tuple(name for name in order if name not in late)
        settled = table.model_copy(update={"columns": columns})
        plain = cls(settled, drawn, formulas, early, tuple(late), None)
        return plain._correlated() if table.correlations else plain

    def _correlated(self) -> Self:
        """The same with its correlations, for which a trial shows how many cells are ties."""
        names = {n for one, of in self.table.correlations.items() for n in (one, *of)}
        trial = self.draw(_TRIAL, Rng(0).child("trial"), None)
        ties = {}
        for name in names & set(trial.columns):
            column = self.table.columns[name]
            cells = trial[name].drop_nulls()
            numbers = (
                cells.rank("dense").to_numpy()
                if column.kind == "ordinal"
                else cell_numbers(column, cells)
            )
            ties[name] = left_by_ties(numbers)
        copula = Copula.of(self.table.correlations, ties)
        return type(self)(self.table, self.drawn, self.formulas, self.order, self.late, copula)

    def equal(self, constraint: Any) -> str | None:
        """The column of which the constraint is the formula, where it is one."""
        if constraint.type != _EQUATION:
            return None
        same = self.table.columns[constraint.column].formula == constraint.expression
        return str(constraint.column) if same else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the declaration could not be kept, in sentences."""
        if self.copula is None or self.copula.bent < _NEAR:
            return ()
        return (
            "the declared correlations cannot hold together: the nearest that can are used, "
            f"up to {self.copula.bent:.2f} away",
        )

    def draw(self, rows: int, rng: Rng, given: pl.DataFrame | None) -> pl.DataFrame:
        """`rows` rows of all columns but the late ones; given columns as they are."""
        beside: dict[str, Any] = {}
        if self.copula is not None:
            beside = self.copula.normals(rng.child("correlations").generator(), rows)
        frame = pl.DataFrame(height=rows)
        return self._with(frame, self.order, rows, rng, given, beside)

    def finish(
        self,
        frame: pl.DataFrame,
        rng: Rng,
        first_row: int,
        rows: int,
        issuers: Mapping[str, Issuer],
        given: pl.DataFrame | None = None,
    ) -> pl.DataFrame:
        """The `rows` rows with the columns that belong to the number of each."""
        frame = frame.drop(self.late, strict=False) if self.order else pl.DataFrame(height=rows)
        made = {name: issue(first_row, rows) for name, issue in issuers.items()}
        made |= people(self.table.columns, frame, rng, first_row, rows)
        frame = self._with(frame, self.late, rows, rng, given, {}, made)
        return frame.select(list(self.table.columns))

    def _with(
        self,
        frame: pl.DataFrame,
        order: tuple[str, ...],
        rows: int,
        rng: Rng,
        given: pl.DataFrame | None,
        beside: Mapping[str, Any],
        made: Mapping[str, pl.Series] = {},
    ) -> pl.DataFrame:
        for name in order:
            if given is not None and name in given.columns:
                frame = frame.with_columns(given[name])
                continue
            column = self.table.columns[name]
            generator = rng.child(name).generator()
            if _empty(column):
                nothing = pl.Series([None], dtype=storage_dtype(column.storage))
                cells = nothing.new_from_index(0, rows)
            elif name in self.formulas:
                cells = self._computed(name, frame)
            elif name in made:
                cells = made[name]
            else:
                cells = self.drawn[name].draw(generator, rows, frame, beside.get(name))
            if 0 < column.missing < 1:
                cells = emptied(cells, generator.random(rows) < column.missing)
            frame = frame.with_columns(cells.alias(name))
        return frame

    def _computed(self, name: str, frame: pl.DataFrame) -> pl.Series:
        """The cells of a formula, in the dtype of the column."""
        column: Any = self.table.columns[name]
        dtype = storage_dtype(column.storage)
        try:
            cells = frame.select(self.formulas[name].alias(name)).to_series()
            if len(cells) == 1 and frame.height != 1:
                cells = cells.new_from_index(0, frame.height)
            if dtype.is_integer() and cells.dtype.is_float():
                cells = cells.round()
            elif getattr(column, "decimals", None) and cells.dtype.is_float():
                cells = cells.round(column.decimals)
            return cells.cast(dtype)
        except pl.exceptions.PolarsError as fault:
            first = str(fault).strip().partition("\n")[0]
            raise SchemaError(
                f"the formula of column '{name}' gives no cells of {column.storage}: {first}.",
                found=str(column.formula),
                mend="mend the formula, or write the storage that it gives",
            ) from None


def completed(column: Any, formula: str | None = None) -> Any:
    """A column with the distribution, or the formula, that its declaration implies."""
    if column.distribution is None and column.formula is None:
        found = {"formula": formula} if formula else {"distribution": _implied(column)}
        column = column.model_copy(update=found)
    leaks = column.missing > 0 or bool(column.depends_on) or column.formula is not None
    leaks = leaks or _empty(column)
    return column.model_copy(update={"nullable": True}) if leaks else column


def _empty(column: Any) -> bool:
    """Whether all cells are missing."""
    return bool(column.missing == 1) or (column.kind == "constant" and column.value is None)


def _implied(column: Any) -> Distribution | None:  # noqa: PLR0911 (one return a kind)
    match column.kind:
        case "categorical" | "ordinal" if column.values:
            return Distribution(weights=(1.0,) * len(column.values))
        case "boolean":
            return Distribution(probability=0.5)
        case "numeric" if column.minimum is not None and column.maximum is not None:
            return Distribution(uniform=(column.minimum, column.maximum))
        case "geo":
            edge = 90.0 if column.axis == "latitude" else 180.0
            return Distribution(uniform=(-edge, edge))
        case "text":
            return Distribution(words=(4, 12))
        case "constant":
            return Distribution(constant=column.value) if column.value is not None else None
    return None


def _needs(column: Any) -> str:
    """What a column of this kind could be given."""
    examples = {
        "numeric": "distribution: {normal: [40, 12]}, or minimum and maximum",
        "categorical": "distribution: {first: 3, second: 1}, or values",
        "datetime": "distribution: {uniform: [2023-01-01, 2024-12-31]}",
        "duration": "distribution: {exponential: 2d}",
    }
    return f"{column.kind}, needs {examples.get(column.kind, 'a distribution')}"
