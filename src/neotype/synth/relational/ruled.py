"""What must hold among the rows of a table: its keys, and its constraints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from neotype.constraints.keys import Unique
from neotype.data import Dataset
from neotype.schema.constraint import Rule
from neotype.schema.schema import Schema, Table
from neotype.synth.learn import rules_of
from neotype.synth.relational.part import Part


def keys_of(table: Table) -> tuple[tuple[str, ...], ...]:
    """The columns that differ in all rows: of the primary key, and of what is declared unique."""
    said = [rule.columns for rule in table.constraints if isinstance(rule, Unique)]
    return tuple(dict.fromkeys(key for key in (table.primary_key, *said) if key))


@dataclass(frozen=True)
class Ruled:
    """By table, the rules that have to be looked at once keys are settled.

    A table at the top obeys the rules about its content when it is drawn; those about its foreign
    keys are looked at here.
    """

    rules: Mapping[str, tuple[Rule, ...]]
    own: Mapping[str, tuple[Rule, ...]]
    """Those that no part of the table has learnt."""

    @classmethod
    def learn(cls, data: Dataset, parts: Mapping[str, Part], protect: int) -> Self:
        """The rules of this data. DataError where it breaks one."""
        own = {}
        for name in data.schema.tables:
            left = _left(data.schema, parts[name])
            if left:
                table = data.schema.tables[name].model_copy(update={"constraints": left})
                alone = data.schema.only(name).model_copy(update={"tables": {name: table}})
                own[name] = rules_of(Dataset.of(alone, data.frames[name]), protect=protect)
        return cls(_all(parts, own), own)

    def facts(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: [rule.facts() for rule in rules] for name, rules in self.own.items()}

    @classmethod
    def restore(cls, facts: Mapping[str, Any], schema: Schema, parts: Mapping[str, Part]) -> Self:
        """The inverse of `facts`."""
        own = {
            name: tuple(
                rule.restore(kept, schema.tables[name].columns)
                for rule, kept in zip(_left(schema, parts[name]), learnt, strict=True)
            )
            for name, learnt in facts.items()
        }
        return cls(_all(parts, own), own)


def _left(schema: Schema, part: Part) -> tuple[Any, ...]:
    """The constraints that speak of more than the part's content."""
    table = schema.tables[part.name]
    if table.public:
        return ()
    known = {rule.title for rule in part.content.table.constraints}
    return tuple(
        rule
        for rule in table.constraints
        if rule.title not in known and not isinstance(rule, Unique)
    )


def _all(
    parts: Mapping[str, Part], own: Mapping[str, tuple[Rule, ...]]
) -> dict[str, tuple[Rule, ...]]:
    """Those of parts that check what they draw, too."""
    found = {}
    for name, part in parts.items():
        learnt = part.rewriting.rules if part.rewriting is not None else ()
        plain = tuple(rule for rule in learnt if not isinstance(rule.constraint, Unique))
        if plain or own.get(name):
            found[name] = (*plain, *own.get(name, ()))
    return found
