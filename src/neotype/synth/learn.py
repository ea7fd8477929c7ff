"""A recipe meets data: constraints are learnt first, and the recipe learns what they leave."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any, cast

from neotype.data import Dataset
from neotype.errors import DataError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.constraint import Rule
from neotype.schema.schema import NUMBERED
from neotype.synth.reformed import Reformed
from neotype.synth.rewriting import Rewriting
from neotype.synth.synthesizer import Model, Synthesizer

_EXAMPLES = 3
log = logging.getLogger("neotype")


def learn(recipe: Synthesizer, data: Dataset, *, rng: Rng, progress: Progress = silent) -> Model:
    """The model of `data` in which the constraints of its schema hold.

    Several tables are learnt as a database, and a table that names its sequence as rows in order.
    What the schema says of drawing without data is left out: all comes from the data. DataError
    when rows of the data break a constraint: all that do, with examples.
    """
    if len(data.schema.tables) > 1:
        from neotype.synth.relational.database import Relational
        from neotype.synth.relational.held import hold

        _say_of_few(data, getattr(recipe, "protect", 5))

        def fit(inner: Dataset) -> Any:
            return Relational(recipe).fit(inner, rng=rng, progress=progress)

        return cast(Model, hold(fit, data, protect=getattr(recipe, "protect", 5)))
    data = undeclared(data)
    if data.table.sequence is not None:
        from neotype.synth.relational.panel_model import PanelModel

        return PanelModel.fit(recipe, data, rng=rng, progress=progress)
    rules = rules_of(data, protect=getattr(recipe, "protect", 5))
    if not rules:
        return recipe.fit(data, rng=rng, progress=progress)
    rewriting = Rewriting.of(rules, data.schema)
    inner = Dataset.of(rewriting.inner, rewriting.encode(data.frame))
    model: Any = _renamed(recipe, rewriting).fit(inner, rng=rng, progress=progress)
    return Reformed(model, rewriting)


def _say_of_few(data: Dataset, protect: int) -> None:
    """Say of which tables no value is kept, and what keeps them."""
    few = []
    for name, table in data.schema.tables.items():
        keys = {column for tie in data.schema.above(name) for column in tie.child_key}
        told = [
            column
            for column, one in table.columns.items()
            if column not in keys and not isinstance(one, NUMBERED) and not one.public
        ]
        if 0 < data.sizes[name] < protect and told and not table.public:
            few.append(name)
    if few:
        log.warning(
            "%s: fewer than %d rows, of which no value is stored: '*', 1, 2000-01-01 and the like "
            "stand in. Where the rows may be published, they are kept by --public %s (public: true "
            "in the schema).",
            ", ".join(f"'{name}'" for name in few),
            protect,
            ",".join(few),
        )


def undeclared(data: Dataset) -> Dataset:
    """The data with a schema that says nothing of how its columns are drawn."""
    table, columns = data.table, data.schema.columns
    bare = {name: column.bare() for name, column in columns.items()}
    if bare == dict(columns):
        return data
    plain = table.model_copy(update={"columns": bare, "correlations": {}})
    schema = data.schema.model_copy(update={"tables": {data.schema.name: plain}})
    return Dataset(schema, data.frames)


def rules_of(data: Dataset, *, protect: int) -> tuple[Rule, ...]:
    """The constraints of the schema as rules of this data, which obeys them."""
    rules, findings = [], []
    for constraint in data.table.constraints:
        rule = constraint.learn(data.table.columns, data.frame, protect=protect)
        rules.append(rule)
        if rule.shown:
            continue
        broken = (~rule.holds(data.frame)).arg_true()
        if len(broken):
            shown = data.frame.select(constraint.about)[broken[:_EXAMPLES].to_list()].to_dicts()
            findings.append(
                f"{constraint.title} does not hold in {len(broken):,} of {data.rows:,} rows, "
                f"such as {'; '.join(map(str, shown))}"
            )
    if findings:
        raise DataError(
            "the data breaks constraints of its schema.",
            findings,
            mend="correct these rows or leave them out, or take the constraint out of the schema",
        )
    return tuple(rules)


def _renamed(recipe: Any, rewriting: Rewriting) -> Any:
    """The recipe with the columns that it names as they are called once rewritten."""
    first = getattr(recipe, "first", ())
    if not first:
        return recipe
    told = dict.fromkeys(name for column in first for name in rewriting.stands_for(column))
    return dataclasses.replace(recipe, first=tuple(told))
