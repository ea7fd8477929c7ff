"""An entity and the tables whose rows belong to it: what several tables are within a budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from neotype.dp.budget import Budget
from neotype.errors import BudgetError, SchemaError
from neotype.links import parent_rows
from neotype.schema.schema import NUMBERED, Datetime, Identifier, Relationship, Schema, Table
from neotype.schema.storage import storage_dtype


@dataclass(frozen=True)
class Owned:
    """`entity` is the table of which one row is protected, `ties` say whose row each other is."""

    entity: str
    ties: Mapping[str, Relationship]

    @classmethod
    def of(cls, schema: Schema, entity: str) -> Owned:
        """The tables of a schema as one entity and what belongs to it.

        SchemaError names every table that is neither; it depends on the schema alone.
        """
        if entity not in schema.tables:
            raise SchemaError(
                f"several tables are learnt within a budget, and the unit is '{entity}'.",
                found=f"the tables are: {', '.join(schema.tables)}",
                mend="name the table of which one row, with all that belongs to it, is protected: "
                "unit='client' (--unit client)",
            )
        beside = list(_beside(schema))
        if beside:
            raise SchemaError(
                "of several tables less is learnt within a budget than of one.",
                found="\n  ".join(beside),
                mend="leave it out of the schema, or fit the table alone",
            )
        events = [name for name in schema.tables if name != entity]
        findings = [*_of_entity(schema, entity)]
        for name in events:
            findings += _of_events(schema, name, entity)
        if findings:
            raise SchemaError(
                f"within a budget, all tables but '{entity}' hold rows that belong to one of its.",
                found="\n  ".join(findings),
                mend="declare its foreign key in a schema, or leave the table out (without=, "
                "--without); a column whose foreign key is left out is one like others, say "
                "categorical and public",
            )
        return cls(entity, {name: schema.above(name)[0] for name in events})

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name an entity."""
        return next(iter(self.ties.values())).parent_key

    def bounded(self, budget: Budget) -> Budget:
        """The budget with how many rows of each table count; BudgetError where that is not said."""
        said = dict(budget.tables)
        strange = [name for name in said if name not in self.ties]
        lacking = [name for name in self.ties if said and name not in said]
        listed = ", ".join(f"{name!r}: 10" for name in self.ties)
        mend = f"say a number for all, at_most=10, or for each: at_most={{{listed}}}"
        if strange or lacking:
            raise BudgetError(
                f"at_most is about other tables than those whose rows belong to '{self.entity}'.",
                found="; ".join(
                    [f"'{name}' is none of them" for name in strange]
                    + [f"'{name}' is not named" for name in lacking]
                ),
                mend=mend,
            )
        if not said and budget.at_most == 1:
            raise BudgetError(
                f"at_most is 1, and how many rows of {', '.join(self.ties)} one row of "
                f"'{self.entity}' may have is not read from the data.",
                mend=f"{mend}; or 1, where it is meant",
            )
        return replace(
            budget, tables=tuple((name, said.get(name, budget.at_most)) for name in self.ties)
        )

    def drawn(
        self, frames: Mapping[str, pl.DataFrame], share: float, seed: int
    ) -> dict[str, NDArray[np.bool_]]:
        """The rows of about this share of the entities, as each one's own key decides."""
        names = frames[self.entity].select(pl.col(self.key).cast(pl.String))
        held = {self.entity: names.hash_rows(seed=seed).to_numpy() / 2.0**64 < share}
        for name, tie in self.ties.items():
            rows = parent_rows(tie, frames)
            held[name] = (rows >= 0) & np.append(held[self.entity], False)[np.maximum(rows, -1)]
        return held

    def keyed(self, schema: Schema) -> Schema:
        """The schema in which all keys are made anew: of none is a value read."""
        tables = {}
        for name, table in schema.tables.items():
            keys = {*table.primary_key, *(self.ties[name].child_key if name in self.ties else ())}
            keys |= set(self.key) if name == self.entity else set()
            columns = {
                column: _anew(one) if column in keys else one
                for column, one in table.columns.items()
            }
            tables[name] = table.model_copy(update={"columns": columns})
        return schema.model_copy(update={"tables": tables})


def order_of(table: Table) -> str | None:
    """The column that orders the rows of an owner: the declared one, or the first time."""
    if table.sequence is not None:
        return table.sequence
    timed = (
        name
        for name, column in table.columns.items()
        if isinstance(column, Datetime) and column.part != "time"
    )
    return next(timed, None)


def counts_up(table: Table) -> bool:
    """Whether the order is no more than a number of the row among those of its owner."""
    if table.sequence is None:
        return False
    column = table.columns[table.sequence]
    return isinstance(column, Identifier) and storage_dtype(column.storage).is_integer()


def _anew(column: Any) -> Any:
    if isinstance(column, NUMBERED):
        return column.model_copy(update={"nullable": False})
    return Identifier(storage=column.storage)


def _of_entity(schema: Schema, entity: str) -> Iterator[str]:
    for tie in schema.above(entity):
        yield f"'{entity}' is the unit, and refers to '{tie.parent}' itself ({tie.title})"
    if len({tie.parent_key for tie in schema.below(entity)}) > 1:
        yield f"'{entity}' is referred to by different keys, and one must name its rows"


def _beside(schema: Schema) -> Iterator[str]:
    """What is declared and cannot be kept."""
    if schema.constraints:
        yield f"constraints between tables are declared: {len(schema.constraints)}"
    for name, table in schema.tables.items():
        if table.constraints:
            yield f"table '{name}' has constraints"
        if table.public:
            yield f"table '{name}' is public: its rows belong to nobody"


def _of_events(schema: Schema, name: str, entity: str) -> Iterator[str]:
    ties = schema.above(name)
    if not any(tie.parent == entity for tie in ties):
        yield f"'{name}' has no foreign key to '{entity}'"
    elif len(ties) > 1:
        yield f"'{name}' has {len(ties)} foreign keys: {'; '.join(tie.title for tie in ties)}"
    elif ties[0].when:
        yield f"'{name}' refers to '{entity}' in some rows alone ({ties[0].title})"
