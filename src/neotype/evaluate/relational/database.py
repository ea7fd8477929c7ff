"""All measures of one synthetic database: of each table, and of how tables are tied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from neotype.data import Dataset
from neotype.errors import ColumnNotFoundError
from neotype.evaluate.asked import Asked
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.fidelity.detection import C2ST
from neotype.evaluate.metric import Judged, Measure, NotMeasurableError, Score
from neotype.evaluate.relational.aggregates import with_children
from neotype.evaluate.relational.between import Between
from neotype.evaluate.relational.databases import Databases
from neotype.evaluate.sequential.owner import series
from neotype.evaluate.suites import OF_RECORDS, between, build, ordered, suite_between, suite_of
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema

DETECTED = 4_000
"""Rows of a side that a detector is shown of each table of a database."""


def evaluate_database(
    synthetic: Dataset,
    *,
    train: Dataset,
    holdout: Dataset,
    asked: Asked,
    metrics: Sequence[str] | None = None,
    rng: Rng,
    progress: Progress = silent,
) -> tuple[Score, ...]:
    """The scores of each table, in the schema's order, and then those between tables.

    As `evaluate.evaluate`. Measures that learn a recipe anew, or ask a model, need a single table.
    """
    databases = Databases(synthetic, train, holdout, rng)
    databases.refuse_shared()
    roles = {name: asked_of(asked, name, databases) for name in train.schema.tables}
    whole = suite_between() if metrics is None else [name for name in metrics if between(name)]
    heads = people(databases)
    scores: list[Score] = []
    steps = len(roles) + len(whole)
    for done, (table, said) in enumerate(roles.items()):
        progress("check", done, steps)
        if metrics is None:
            scores += by_default(databases, table, said, table in heads)
            continue
        wanted = [name for name in metrics if not between(name)]
        scores += [measured(databases, table, name, said) for name in wanted]
    for done, name in enumerate(whole, len(roles)):
        progress("check", done, steps)
        metric = build(name, asked)
        if isinstance(metric, Between):
            scores += metric.measure(databases)
        else:
            scores.append(metric.score(synthetic, train=train, holdout=holdout, rng=rng))
    progress("check", steps, steps)
    return tuple(scores)


def by_default(databases: Databases, table: str, asked: Asked, people: bool) -> list[Score]:
    """The usual measures of a table; one score with the reason where nothing can be measured."""
    sequence = databases.schema.tables[table].sequence is not None
    names = suite_of(asked, people, sequence)
    first = build(names[0], asked)
    assert isinstance(first, Measure)
    try:
        sides = databases.table(table).datasets
    except NotMeasurableError as reason:
        return [replace(first.blank(reason.problem), table=table)]
    if min(data.rows for data in sides) < first.least_rows:
        return [replace(first.measure(databases.table(table)), table=table)]
    return [measured(databases, table, name, asked) for name in names]


def measured(databases: Databases, table: str, name: str, asked: Asked) -> Score:
    """A measure of single tables of one of the tables, or the reason why there is none."""
    metric = build(name, asked)
    if isinstance(metric, C2ST):
        metric = replace(metric, rows=min(metric.rows, DETECTED))
    if not isinstance(metric, Measure):
        sides = (databases.datasets[k].only(table) for k in range(3))
        made, train, holdout = sides
        rng = databases.rng.child(f"table {table}")
        return replace(metric.score(made, train=train, holdout=holdout, rng=rng), table=table)
    try:
        comparison = seen(databases, table, name)
        refuse_unseen(metric, databases, table)
    except NotMeasurableError as reason:
        return replace(metric.blank(reason.problem), table=table)
    return replace(metric.measure(comparison), table=table)


def seen(databases: Databases, table: str, name: str) -> Comparison:
    """What a measure is shown of a table: its rows, in their order, or with what is below them.

    Of a person an attacker knows more than the row with the name: what the person did is in other
    tables. So those who stand for somebody are attacked with aggregates of all below them.
    """
    if ordered(name):
        return series(databases, table)
    below = databases.schema.below(table)
    if name in OF_RECORDS and below and table in people(databases):
        return databases.kept(("below", table), lambda: with_children(databases, table))
    return databases.table(table)


def refuse_unseen(metric: Judged, databases: Databases, table: str) -> None:
    """NotMeasurableError for a measure of copying where all rows were learnt: none is unseen."""
    if metric.axis == "privacy" and table in databases.shared:
        raise NotMeasurableError(
            "all families share the rows of this table, so that none is unseen and nothing says "
            "how often rows repeat by chance."
        )


def people(databases: Databases) -> frozenset[str]:
    """Tables whose rows stand for somebody: with personal columns or roles, or head of families."""
    found = {
        name
        for name in databases.divided
        if databases.schema.tables[name].sensitive
        or databases.schema.tables[name].quasi_identifiers
        or any(one.kind == "personal" for one in databases.schema.tables[name].columns.values())
    }
    if found:
        return frozenset(found)
    return frozenset(name for name in databases.divided if name in databases.families.train.roots)


def asked_of(asked: Asked, table: str, databases: Databases) -> Asked:
    """What is asked of one table: its own columns of those that are named "table.column".

    Roles that nobody gives are those of the schema. ColumnNotFoundError for a column of no table.
    """
    schema = databases.schema
    sensitive, known, target = (
        {column for of, column in located(names, schema, role) if of == table}
        for names, role in (
            (asked.sensitive, "sensitive"),
            (asked.quasi_identifiers, "quasi-identifiers"),
            ((asked.target,) if asked.target is not None else (), "target"),
        )
    )
    mine = schema.tables[table]
    ordered = (
        [name for name in mine.columns if name in sensitive],
        [name for name in mine.columns if name in known],
    )
    return replace(
        asked,
        target=next(iter(target), None),
        sensitive=tuple(ordered[0]) or ((), mine.sensitive)[not asked.sensitive],
        quasi_identifiers=tuple(ordered[1])
        or ((), mine.quasi_identifiers)[not asked.quasi_identifiers],
        copies=tuple(copy.only(table) for copy in asked.copies),
        likelihoods=None,
        retrain=None,
    )


def located(names: Sequence[str], schema: Schema, role: str) -> list[tuple[str, str]]:
    """The table and column of each name: "table.column", or a column that one table alone has."""
    found = []
    for name in names:
        places = [
            (table, column)
            for table, one in schema.tables.items()
            for column in one.columns
            if name in (f"{table}.{column}", column)
        ]
        exact = [place for place in places if name == ".".join(place)]
        if not exact and len(places) != 1:
            known = [
                f"{table}.{column}"
                for table, one in schema.tables.items()
                for column in one.columns
            ]
            raise ColumnNotFoundError(name, known, asked_by=role)
        found.append((exact or places)[0])
    return found
